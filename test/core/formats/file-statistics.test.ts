import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../core/formats/column.ts';
import {
  type ColumnStatistics,
  compareValues,
  type FileStatistics,
  parseStatistics,
  statisticsText,
} from '../../../core/formats/file-statistics.ts';
import { parquetFormat } from '../../../core/formats/parquet/parquet.ts';
import { batchesOf, columnsOf, plainBytes, type Value } from '../../support/batches.ts';
import { arbitraries, kinds } from './parquet/kinds.ts';

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const columnStatistics: fc.Arbitrary<ColumnStatistics> = fc
  .record({
    id: count,
    bytes: count,
    nulls: count,
    nans: fc.option(count),
    bounds: fc.option(fc.tuple(bytes, bytes)),
  })
  .map(({ bounds, ...rest }) => ({ ...rest, min: bounds?.[0] ?? null, max: bounds?.[1] ?? null }));

describe('through the ledger, as text', () => {
  test('everything comes back', () => {
    fc.assert(
      fc.property(fc.array(count), fc.array(columnStatistics, { maxLength: 20 }), (splits, columns) => {
        const statistics: FileStatistics = { splits, columns };
        expect(parseStatistics(statisticsText(statistics))).toEqual(statistics);
      }),
    );
  });

  test('an empty bound is a bound: the least text there is', () => {
    const column = { id: 1, bytes: 9, nulls: 0, nans: null, min: Buffer.alloc(0), max: Buffer.alloc(0) };
    expect(parseStatistics(statisticsText({ splits: [4], columns: [column] })).columns).toEqual([column]);
  });

  test('views into something larger: only what they show', () => {
    const whole = Uint8Array.of(1, 2, 3, 4);
    const column = {
      id: 1,
      bytes: 9,
      nulls: 0,
      nans: null,
      min: whole.subarray(1, 2),
      max: whole.subarray(2, 3),
    };
    const [read] = parseStatistics(statisticsText({ splits: [], columns: [column] })).columns;
    expect([read!.min, read!.max]).toEqual([Buffer.of(2), Buffer.of(3)]);
  });

  test('the first 100 columns have bounds; the others keep their counts', () => {
    const columns = Array.from({ length: 130 }, (_, at) => ({
      ...{ id: at + 1, bytes: at, nulls: at, nans: at, min: Buffer.of(at), max: Buffer.of(at) },
    }));
    const read = parseStatistics(statisticsText({ splits: [4], columns }));
    expect(read.columns.slice(0, 100)).toEqual(columns.slice(0, 100));
    expect(read.columns.slice(100)).toEqual(
      columns.slice(100).map((one) => ({ ...one, min: null, max: null })),
    );
  });

  test('the widest table’s are small: an item of the ledger has 400 KB', () => {
    const bound = Buffer.alloc(64, 0xff);
    const columns = Array.from({ length: 1_600 }, (_, at) => ({
      ...{ id: at + 1, bytes: 2 ** 40, nulls: 2 ** 40, nans: 2 ** 40, min: bound, max: bound },
    }));
    expect(statisticsText({ splits: [4], columns }).length).toBeLessThan(100_000);
  });
});

/** As `ColumnStatistics` has it: PLAIN, without a length. */
const bare = (type: ColumnType, value: Exclude<Value, null>): Buffer => {
  const plain = plainBytes(type, value);
  return ['string', 'json', 'bytes'].includes(type.kind) ? plain.subarray(4) : plain;
};

describe('the order of values', () => {
  test.each(Object.entries(arbitraries))('%s', (name, arbitrary) => {
    const { type, values } = kinds[name]!;
    const value = fc.oneof(arbitrary, fc.constantFrom(...values)).filter((one) => !Number.isNaN(one));
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [left, right] = [bare(type, a), bare(type, b)];
        const isBytes = typeof a === 'string' || Buffer.isBuffer(a);
        const before = isBytes ? Buffer.compare(left, right) : a < b ? -1 : a > b ? 1 : 0;
        // an Infinity less itself is no number, and no order either
        expect(Math.sign(compareValues(type, left, right)) || 0).toBe(before);
        expect(Math.sign(compareValues(type, right, left)) || 0).toBe(-before || 0);
      }),
      { numRuns: 300 },
    );
  });

  test('decimals whose upper halves are the same', () => {
    const type: ColumnType = { kind: 'decimal', precision: 38, scale: 0 };
    const ascending = [
      -(2n ** 64n) - 1n,
      -(2n ** 64n),
      -(2n ** 63n) - 1n,
      -1n,
      0n,
      2n ** 63n,
      2n ** 64n - 1n,
      2n ** 64n,
    ];
    for (const [at, a] of ascending.entries()) {
      for (const [other, b] of ascending.entries()) {
        expect(Math.sign(compareValues(type, bare(type, a), bare(type, b)))).toBe(Math.sign(at - other));
      }
    }
  });
});

describe('of a file', () => {
  const int: ColumnType = { kind: 'int', bits: 32 };
  const float: ColumnType = { kind: 'float', bits: 64 };
  const json: ColumnType = { kind: 'json' };

  /** Row groups of two rows. */
  async function statisticsOf(types: Parameters<typeof columnsOf>[0], rows: readonly (readonly Value[])[]) {
    const columns = columnsOf(types);
    const encoder = (await parquetFormat({ compression: 'none', rowGroupRows: 2 })).encoder(columns, {});
    for (const batch of batchesOf(columns, rows, 2)) encoder.write(batch);
    return encoder.finish().statistics;
  }
  const numbers = (bound: Uint8Array | null) => bound && Buffer.from(bound).readInt32LE();

  test('no rows: no row groups, nothing known of any value', async () => {
    expect(await statisticsOf({ a: int, b: [float] }, [])).toMatchObject({
      splits: [],
      columns: [
        { id: 1, bytes: 0, nulls: 0, min: null, max: null },
        { id: 2, bytes: 0, nulls: 0, min: null, max: null },
      ],
    });
  });

  test('the least and the greatest of all row groups, wherever they are', async () => {
    for (const rows of [
      [-5, 1, 2, 3, 4, 9],
      [9, 1, 2, 3, 4, -5],
      [1, 2, -5, 9, 3, 4],
    ]) {
      const { columns, splits } = await statisticsOf(
        { a: int },
        rows.map((row) => [row]),
      );
      expect(columns.map(({ min, max }) => [numbers(min), numbers(max)])).toEqual([[-5, 9]]);
      expect(splits).toHaveLength(3);
      expect(splits[0]).toBe(4);
      expect(splits).toEqual(splits.toSorted((a, b) => a - b));
    }
  });

  test('a row group of NULLs changes no bound', async () => {
    const { columns } = await statisticsOf({ a: [int] }, [
      [null],
      [null],
      [3],
      [null],
      [null],
      [null],
      [-4],
      [7],
    ]);
    expect(columns).toMatchObject([{ nulls: 5 }]);
    expect([numbers(columns[0]!.min), numbers(columns[0]!.max)]).toEqual([-4, 7]);
  });

  test('a NaN in one row group: no bounds for the file, and it is counted', async () => {
    for (const rows of [
      [[1], [2], [Number.NaN], [3]],
      [[Number.NaN], [Number.NaN], [2], [3]],
      [[1], [2], [3], [Number.NaN]],
    ]) {
      const { columns } = await statisticsOf({ a: float }, rows);
      expect(columns).toMatchObject([
        { min: null, max: null, nans: rows.flat().filter(Number.isNaN).length },
      ]);
    }
  });

  test('a value that is too long for a bound, and cannot be shortened: no bounds for the file', async () => {
    const long = JSON.stringify('x'.repeat(100));
    const { columns } = await statisticsOf({ a: json }, [['1'], ['2'], [long], ['3'], ['4'], ['5']]);
    expect(columns).toMatchObject([{ min: null, max: null, nans: null }]);
  });

  test('infinities are bounds; zeros are −0 below and +0 above, whichever they were', async () => {
    const bounds = async (values: number[]) => {
      const { columns } = await statisticsOf(
        { a: float },
        values.map((value) => [value]),
      );
      const { min, max } = columns[0]!;
      return [Buffer.from(min!).readDoubleLE(), Buffer.from(max!).readDoubleLE()];
    };
    expect(await bounds([Infinity, 1, -Infinity, 2, Infinity, -Infinity])).toEqual([-Infinity, Infinity]);
    for (const zeros of [
      [0, 0, -0, -0],
      [-0, -0, 0, 0],
      [0, 0, 0],
      [-0, -0, -0],
    ]) {
      const [min, max] = await bounds(zeros);
      expect([Object.is(min, -0), Object.is(max, 0)]).toEqual([true, true]);
    }
  });
});
