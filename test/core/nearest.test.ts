import { expect, test } from 'vitest';
import { nearestWord } from '../../core/nearest.ts';

test('the nearest known word', () => {
  const known = ['source', 'tables', 'target', 'concurrency'];
  expect(nearestWord('tabels', known)).toBe('tables');
  expect(nearestWord('SOURCE', known)).toBe('source');
  expect(nearestWord('concurency', known)).toBe('concurrency');
  expect(nearestWord('x', known)).toBeNull();
  expect(nearestWord('nothing', known)).toBeNull();
});
