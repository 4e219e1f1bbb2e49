import { expect, test } from 'vitest';
import { drawChart } from '../../bench/chart.ts';
import { type Measure, median, summarize } from '../../bench/measure.ts';
import { type Results, table } from '../../bench/results.ts';

const measure = (rowsPerSecond: number, peakMB: number | null = 100): Measure => ({
  rowsPerSecond,
  cpuSecondsPerMillionRows: 0.5,
  peakMB,
  bytesPerRow: null,
});
const prepare = async () => ({ works: [], folder: null });

test('the median', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('a ratio is taken within each round: a machine that slows down for one round does not count', () => {
  const limit = [measure(1000), measure(500), measure(1000)];
  const ours = [measure(900), measure(450), measure(900)];
  const contestant = { name: 'one chunk', role: 'tidemark', rows: 10, prepare } as const;
  expect(summarize(contestant, ours, limit)).toMatchObject({ ofLimit: 0.9, rowsPerSecond: 900, peakMB: 100 });
  const unknown = summarize(
    contestant,
    ours.map(({ rowsPerSecond }) => measure(rowsPerSecond, null)),
    limit,
  );
  expect(unknown.peakMB).toBeNull();
});

test('the table and the picture say what was measured', () => {
  const limit = [measure(1_000_000)];
  const results: Results = {
    at: '2026-01-01T00:00:00.000Z',
    node: 'v24.1.0',
    compression: 'zstd',
    machine: { processor: 'P', cores: 2, memoryGB: 24 },
    rounds: 1,
    tables: [
      {
        name: 'lineitem',
        rows: 3_000_000,
        contestants: [
          summarize({ name: 'read and discarded', role: 'limit', rows: 3e6, prepare }, limit, limit),
          summarize({ name: 'one chunk', role: 'tidemark', rows: 3e6, prepare }, [measure(2_000_000)], limit),
        ],
      },
    ],
  };
  const printed = table(results, results.tables[0]!);
  expect(printed).toContain(
    '| **one chunk function**, to Parquet on S3 | 2,000,000 | 2.00 | 0.50 | 100 MB | – |',
  );
  const picture = drawChart(results);
  expect(picture).toContain('2,000,000 rows/s');
  // a bar that would leave the picture ends before the numbers
  const bars = [...picture.matchAll(/<rect class="\w+" x="(\d+)" y="\d+" width="([\d.]+)"/g)];
  const numbersAt = Number(/class="value" x="(\d+)"/.exec(picture)![1]);
  expect(bars).toHaveLength(2);
  for (const [, x, width] of bars) expect(Number(x) + Number(width)).toBeLessThan(numbersAt);
});
