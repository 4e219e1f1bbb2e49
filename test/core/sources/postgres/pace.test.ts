import { expect, test } from 'vitest';
import { pace, statementBytes } from '../../../../core/sources/postgres/pace.ts';

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
    steps.took(steps.rows, steps.rows * 200, steps.rows / 1000);
    rows.push(steps.rows);
  }
  // a thousand rows a millisecond: 160,000 rows would take 160 ms, 83,886 rows are 16 MiB
  expect(rows).toEqual([20_000, 40_000, 80_000, 83_886, 83_886, 83_886]);
  steps.took(steps.rows, steps.rows * 200, 5_000);
  expect(steps.rows).toBe(41_943);
  // in the end about 80 % of the time that is allowed
  for (let i = 0; i < 10; i++) steps.took(steps.rows, steps.rows * 200, steps.rows / 10);
  expect(steps.rows).toBe(1_600);
});

test('wide rows shrink it at once', () => {
  const steps = pace(limits, 200);
  steps.took(64, 64 * 1_000_000, 90);
  expect(steps.rows).toBe(Math.floor(statementBytes / 1_000_000));
  steps.took(1, 200_000_000, 900);
  expect(steps.rows).toBe(1);
});
