import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunksMax, planChunks } from '../../../core/plan/chunks.ts';
import type { TableStatistics } from '../../../core/sources/source.ts';

/** Statistics of a table with these keys, every `step`-th of them sampled. */
function statistics(keys: readonly number[], step = 1): TableStatistics {
  const sorted = [...keys].sort((a, b) => a - b);
  return {
    rows: sorted.length,
    bytes: 0,
    min: sorted.length > 0 ? String(sorted[0]) : null,
    max: sorted.length > 0 ? String(sorted.at(-1)) : null,
    sample: sorted
      .slice(0, -1)
      .filter((_, i) => i % step === 0)
      .map(String),
  };
}

const keysOf = fc.uniqueArray(fc.integer({ min: -1000, max: 1_000_000 }), { minLength: 1, maxLength: 300 });

/** How many of the keys fall into each chunk. */
function counts(keys: readonly number[], chunks: ReturnType<typeof planChunks>): number[] {
  return chunks.map(
    ({ after, upTo }) =>
      keys.filter((key) => (after === null || key > Number(after)) && key <= Number(upTo)).length,
  );
}

describe('whatever the keys', () => {
  test('the ranges touch, ascend, and end at the greatest key: every key is in exactly one', () => {
    fc.assert(
      fc.property(
        keysOf,
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 7 }),
        (keys, size, step) => {
          const chunks = planChunks(statistics(keys, step), size);
          expect(chunks[0]!.after).toBeNull();
          expect(chunks.at(-1)!.upTo).toBe(String(Math.max(...keys)));
          for (const [i, chunk] of chunks.entries()) {
            if (i > 0) expect(chunk.after).toBe(chunks[i - 1]!.upTo);
            if (chunk.after !== null) expect(Number(chunk.upTo)).toBeGreaterThan(Number(chunk.after));
          }
          expect(counts(keys, chunks).reduce((sum, n) => sum + n, 0)).toBe(keys.length);
        },
      ),
    );
  });

  test('never more chunks than needed, and none without rows where the sample is whole', () => {
    fc.assert(
      fc.property(keysOf, fc.integer({ min: 1, max: 400 }), (keys, size) => {
        const chunks = planChunks(statistics(keys), size);
        expect(chunks.length).toBeLessThanOrEqual(Math.ceil(keys.length / size));
        expect(Math.min(...counts(keys, chunks))).toBeGreaterThan(0);
      }),
    );
  });

  test('the estimates add up to the table', () => {
    fc.assert(
      fc.property(keysOf, fc.integer({ min: 5, max: 400 }), (keys, size) => {
        const chunks = planChunks(statistics(keys), size);
        const sum = chunks.reduce((total, { rows }) => total + rows, 0);
        expect(Math.abs(sum - keys.length)).toBeLessThanOrEqual(chunks.length);
      }),
    );
  });
});

describe('chunks are of even size', () => {
  const count = 100_000;
  const index = Array.from({ length: count }, (_, i) => i);
  test.for([
    ['keys without gaps', index],
    ['two islands with a gap of billions', index.map((i) => (i < 30_000 ? i : i + 9_000_000_000))],
    ['keys that grow exponentially', index.map((i) => Math.round(1.0003 ** i * 1000) + i)],
    ['nine tenths of the rows in a thousandth of the range', index.map((i) => (i < 90_000 ? i : i * 1000))],
  ] as const)('%s', ([, keys]) => {
    const sizes = counts(keys, planChunks(statistics(keys, 10), 5000));
    expect(sizes).toHaveLength(20);
    expect(Math.max(...sizes)).toBeLessThan(5500);
    expect(Math.min(...sizes)).toBeGreaterThan(4500);
  });
});

test('an empty table has no chunk, a row one', () => {
  expect(planChunks(statistics([]), 10)).toEqual([]);
  expect(planChunks(statistics([7]), 10)).toEqual([{ after: null, upTo: '7', rows: 1 }]);
});

test('keys that the sample holds several times make no empty chunk', () => {
  const sample = ['1', '1', '1', '1', '2', '2', '2', '3'];
  const chunks = planChunks({ rows: 90, bytes: 0, min: '1', max: '9', sample }, 10);
  expect(chunks.map(({ after, upTo }) => [after, upTo])).toEqual([
    [null, '1'],
    ['1', '2'],
    ['2', '3'],
    ['3', '9'],
  ]);
});

test('estimates that are wrong do no harm', () => {
  const one = [{ after: null, upTo: '9', rows: expect.any(Number) }];
  expect(planChunks({ rows: 0, bytes: 0, min: '1', max: '9', sample: ['1', '2'] }, 10)).toEqual(one);
  expect(planChunks({ rows: 1e9, bytes: 0, min: '1', max: '9', sample: [] }, 10)).toEqual(one);
});

test('a table of any size has at most 10,000 chunks', () => {
  const sample = Array.from({ length: 30_000 }, (_, i) => String(i));
  const chunks = planChunks({ rows: 1e12, bytes: 0, min: '0', max: '30000', sample }, 1_000_000);
  expect(chunks.length).toBe(chunksMax);
});

test('keys are compared by the database alone: texts stay as they are', () => {
  const sample = ['ä', 'Z', 'a b', "o'clock"];
  const chunks = planChunks({ rows: 50, bytes: 0, min: 'ä', max: 'ω', sample }, 10);
  expect(chunks.map(({ upTo }) => upTo)).toEqual(
    ['ä', 'Z', 'a b', "o'clock", 'ω'].slice(0, chunks.length - 1).concat('ω'),
  );
});
