import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newRunId } from '../../../core/plan/run-id.ts';

const at = Date.parse('2026-11-20T07:01:02.999Z');

test('says when the run began, in UTC', () => {
  expect(newRunId(null, at)).toMatch(/^20261120T070102Z-[0-9a-f]{4}$/);
});

test('ids grow as text, whatever the clocks say', () => {
  const clock = fc.integer({ min: 0, max: Date.parse('2100-01-01') });
  fc.assert(
    fc.property(fc.array(clock, { minLength: 2, maxLength: 30 }), (clocks) => {
      let previous: string | null = null;
      for (const ms of clocks) {
        const id = newRunId(previous, ms);
        if (previous !== null) expect(id > previous).toBe(true);
        previous = id;
      }
    }),
  );
});

test('two runs of the same second, or after the clock went back, are a second apart', () => {
  const first = newRunId(null, at);
  const second = newRunId(first, at);
  expect(second.slice(0, 16)).toBe('20261120T070103Z');
  expect(newRunId(second, at - 3_600_000).slice(0, 16)).toBe('20261120T070104Z');
  expect(newRunId('20261231T235959Z-ffff', at).slice(0, 16)).toBe('20270101T000000Z');
});
