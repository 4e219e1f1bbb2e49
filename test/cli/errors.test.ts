import { expect, test } from 'vitest';
import { shown } from '../../cli/errors.ts';
import { nextStepOf } from '../../core/errors.ts';

test('a full disk is named as such, through whatever was writing', () => {
  const message = 'map-runs/1/children.ndjson cannot be written: ENOSPC: no space left on device, write';
  expect(shown('States.Runtime', message)).toEqual({
    code: 'CloudFull',
    message,
    next: nextStepOf('CloudFull'),
  });
  expect(shown('CloudBroken', message, 'something else')).toMatchObject({ code: 'CloudFull' });
  // a run says it of each table
  expect(shown('RunIncomplete', message).code).toBe('RunIncomplete');
});

test('an unknown code is shown with the step for what should not happen', () => {
  expect(shown('States.Runtime', 'so it is')).toEqual({
    code: 'States.Runtime',
    message: 'so it is',
    next: nextStepOf('Unexpected'),
  });
});
