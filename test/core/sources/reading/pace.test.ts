import { expect, test } from 'vitest';
import { pace, statementBytes } from '../../../../core/sources/reading/pace.ts';

const limits = { statementMs: 200, statementRows: 100_000, batchRows: 16_384 };

test('begins small, by what is known of the rows', () => {
  expect(pace(limits, null).rows).toBe(128);
  expect(pace(limits, 200).rows).toBe(10_000);
  expect(pace(limits, 100_000).rows).toBe(41);
  expect(pace(limits, 1e9).rows).toBe(1);
  expect(pace({ ...limits, statementRows: 50 }, 200).rows).toBe(50);
});

test('grows and shrinks by at most two towards the time, never above the limits', () => {
  const steps = pace(limits, 200);
  const rows: number[] = [];
  for (let i = 0; i < 6; i++) {
    steps.took(steps.rows, steps.rows * 200, steps.rows / 1000, false);
    rows.push(steps.rows);
  }
  // a thousand rows a millisecond: 160,000 rows would take 160 ms, 83,886 rows are 16 MiB
  expect(rows).toEqual([20_000, 40_000, 80_000, 83_886, 83_886, 83_886]);
  steps.took(steps.rows, steps.rows * 200, 5_000, false);
  expect(steps.rows).toBe(41_943);
  // in the end about 80 % of the time that is allowed
  for (let i = 0; i < 10; i++) steps.took(steps.rows, steps.rows * 200, steps.rows / 10, false);
  expect(steps.rows).toBe(1_600);
});

test('wide rows shrink it at once', () => {
  const steps = pace(limits, 200);
  steps.took(64, 64 * 1_000_000, 90, false);
  expect(steps.rows).toBe(Math.floor(statementBytes / 1_000_000));
  steps.took(1, 200_000_000, 900, false);
  expect(steps.rows).toBe(1);
});

test('late is what has many rows to go, by the pace of those that came', () => {
  const steps = pace(limits, 200);
  expect(steps.isLate(30_000, 0, 9_000)).toBe(false); // one slow row
  expect(steps.isLate(5_000, 50_000, 900)).toBe(false); // the rest comes in 90 ms
  expect(steps.isLate(1_000, 100, 30)).toBe(false); // in 300 ms: a connection costs as much
  expect(steps.isLate(399, 40, 9_000)).toBe(false); // too early to tell
  expect(steps.isLate(400, 40, 9_000)).toBe(true);
});

test('a cut tells the pace at once, and the next one comes later; statements in time bring it back', () => {
  const steps = pace(limits, 200);
  const late = (ms: number): boolean => steps.isLate(ms, 10, 1_000_000);
  steps.took(40, 8_000, 400, true);
  expect(steps.rows).toBe(16);
  expect([late(1_599), late(1_600)]).toEqual([false, true]);
  steps.took(16, 3_200, 1_600, true);
  expect([late(6_399), late(6_400)]).toEqual([false, true]);
  steps.took(2, 400, 1_000, false); // slow, but let go on: no sign that it is quick again
  expect(late(6_399)).toBe(false);
  for (let i = 0; i < 3; i++) steps.took(2, 400, 160, false);
  expect([late(799), late(800)]).toEqual([false, true]);
  for (let i = 0; i < 9; i++) steps.took(2, 400, 160, false);
  expect([late(399), late(400)]).toEqual([false, true]);
});
