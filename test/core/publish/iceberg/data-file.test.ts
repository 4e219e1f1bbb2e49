/**
 * What a manifest tells of a file, against the values that went into it: the least and the greatest are computed here, and
 * serialised by a few lines of the specification's Appendix D that share nothing with the product.
 */
import fc from 'fast-check';
import { parquetMetadata } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../core/formats/column.ts';
import { parseStatistics, statisticsText } from '../../../../core/formats/file-statistics.ts';
import { parquetFormat } from '../../../../core/formats/parquet/parquet.ts';
import { boundOf, dataFile } from '../../../../core/publish/iceberg/data-file.ts';
import type { DataFile } from '../../../../core/publish/iceberg/manifest.ts';
import { batchesOf, columnsOf, type Value } from '../../../support/batches.ts';
import { arbitraries, kinds } from '../../formats/parquet/kinds.ts';
import { meaning, serialised } from './appendix-d.ts';

type Known = Exclude<Value, null>;

const decimal = (precision: number): ColumnType => ({ kind: 'decimal', precision, scale: 2 });
const unscaled = (precision: number) =>
  fc.bigInt({ min: 1n - 10n ** BigInt(precision), max: 10n ** BigInt(precision) - 1n });
const text: ColumnType = { kind: 'string' };

const types: Record<string, { type: ColumnType; value: fc.Arbitrary<Known> }> = {
  ...Object.fromEntries(
    Object.entries(arbitraries).map(([name, arbitrary]) => {
      const { type, values } = kinds[name]!;
      return [name, { type, value: fc.oneof(arbitrary, fc.constantFrom(...values)) }];
    }),
  ),
  'decimal(5)': { type: decimal(5), value: unscaled(5) },
  'decimal(15)': { type: decimal(15), value: unscaled(15) },
  'decimal(30)': { type: decimal(30), value: unscaled(30) },
  // around the ends of 1, 2, … 16 bytes, where the shortest form is one byte longer
  'decimal(38) near powers of two': {
    type: decimal(38),
    value: fc
      .tuple(fc.integer({ min: 0, max: 125 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
      .map(([bits, more, negative]) => (2n ** BigInt(bits) + BigInt(more)) * (negative ? -1n : 1n)),
  },
  timestamptz: { type: { kind: 'timestamp', utc: true }, value: arbitraries.timestamp! },
  json: { type: { kind: 'json' }, value: fc.json({ maxDepth: 1 }) },
  'long text': { type: text, value: fc.string({ unit: 'binary', minLength: 40, maxLength: 120 }) },
};

const groupRows = 4;

/** A file of one column in row groups of four rows, through the ledger's text, as a manifest tells of it. */
async function fileOf(type: ColumnType, values: readonly Value[]): Promise<{ told: DataFile; body: Buffer }> {
  const columns = columnsOf({ c: [type] }).map((column) => ({ ...column, id: 7 }));
  const format = await parquetFormat({ compression: 'none', rowGroupRows: groupRows });
  const encoder = format.encoder(columns, {});
  const rows = values.map((value) => [value]);
  for (const batch of batchesOf(columns, rows, groupRows)) encoder.write(batch);
  const file = encoder.finish();
  const statistics = parseStatistics(statisticsText(file.statistics));
  const path = 's3://lake/t/data/1.parquet';
  const told = dataFile({ path, format: 'PARQUET', rows: file.rows, bytes: file.bytes }, columns, statistics);
  return { told, body: Buffer.concat(file.pieces) };
}

const only = <V>(entries: readonly { key: number; value: V }[] | null): V | null => {
  if (entries === null) return null;
  expect(entries.map(({ key }) => key)).toEqual([7]);
  return entries[0]!.value;
};

const bytesOf = (type: ColumnType, value: Known): number => serialised(type, value).length;
/** Longer values have bounds that are shorter than they, or none. */
const boundBytesMax = 64;
const hasLength = ({ kind }: ColumnType): boolean => kind === 'string' || kind === 'json' || kind === 'bytes';

describe.each(Object.entries(types))('%s', (_, { type, value }) => {
  const some = fc.array(fc.option(value, { freq: 6 }), { minLength: 1, maxLength: 14 });

  test('the bounds hold for every value, and are the least and the greatest where those are short', async () => {
    await fc.assert(
      fc.asyncProperty(some, async (values) => {
        const { told } = await fileOf(type, values);
        const [lower, upper] = [only(told.lower_bounds), only(told.upper_bounds)];
        const known = values.filter((one) => one !== null);
        const hasNaN = known.some(Number.isNaN);
        if (known.length === 0 || hasNaN) {
          // no value is less than a NaN, nor greater: engines disagree, so nothing is said
          expect([lower, upper]).toEqual([null, null]);
          return;
        }
        expect(lower === null).toBe(upper === null);
        if (lower === null || upper === null) {
          // only where a long value cannot be shortened
          expect(hasLength(type) && known.some((one) => bytesOf(type, one) > boundBytesMax)).toBe(true);
          return;
        }
        const meanings = known.map((one) => ({ one, means: meaning(type, serialised(type, one)) }));
        for (const { means } of meanings) {
          expect(meaning(type, lower) <= means).toBe(true);
          expect(means <= meaning(type, upper)).toBe(true);
        }
        const sorted = meanings.toSorted((a, b) => (a.means < b.means ? -1 : a.means > b.means ? 1 : 0));
        const least = sorted[0]!.one;
        const greatest = sorted.at(-1)!.one;
        // zeros: −0 below and +0 above hold for both
        const zero = (one: Known, written: number) => (type.kind === 'float' && one === 0 ? written : one);
        if (!hasLength(type) || bytesOf(type, least) <= boundBytesMax) {
          expect(lower.toString('hex')).toBe(serialised(type, zero(least, -0)).toString('hex'));
        }
        if (!hasLength(type) || known.every((one) => bytesOf(type, one) <= boundBytesMax)) {
          expect(upper.toString('hex')).toBe(serialised(type, zero(greatest, 0)).toString('hex'));
        }
        if (hasLength(type)) {
          expect(Math.max(lower.length, upper.length)).toBeLessThanOrEqual(boundBytesMax);
        }
        // bounds of text are text
        if (type.kind === 'string') {
          for (const bound of [lower, upper]) expect(Buffer.from(bound.toString('utf8'))).toEqual(bound);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('counts, sizes and offsets are the footer’s', async () => {
    await fc.assert(
      fc.asyncProperty(some, async (values) => {
        const { told, body } = await fileOf(type, values);
        const footer = parquetMetadata(new Uint8Array(body).buffer, { geoparquet: false });
        const chunks = footer.row_groups.map((group) => group.columns[0]!.meta_data!);
        expect(chunks).toHaveLength(Math.ceil(values.length / groupRows));
        const total = (numbers: readonly (bigint | undefined)[]) =>
          Number(numbers.reduce<bigint>((a, b) => a + b!, 0n));
        const nans = values.filter(Number.isNaN).length;
        expect(told).toMatchObject({
          record_count: values.length,
          file_size_in_bytes: body.length,
          sort_order_id: null,
          partition: {},
          split_offsets: chunks.map((chunk) =>
            Number(chunk.dictionary_page_offset ?? chunk.data_page_offset),
          ),
        });
        expect(only(told.column_sizes)).toBe(total(chunks.map((chunk) => chunk.total_compressed_size)));
        expect(only(told.value_counts)).toBe(total(chunks.map((chunk) => chunk.num_values)));
        expect(only(told.value_counts)).toBe(values.length);
        expect(only(told.null_value_counts)).toBe(total(chunks.map((chunk) => chunk.statistics?.null_count)));
        expect(only(told.null_value_counts)).toBe(values.filter((one) => one === null).length);
        expect(only(told.nan_value_counts)).toBe(type.kind === 'float' ? nans : null);
      }),
      { numRuns: 15 },
    );
  });
});

describe('text that is too long for a bound', () => {
  const boundsOf = async (values: Value[]) => {
    const { told } = await fileOf(text, values);
    return [only(told.lower_bounds)?.toString('utf8'), only(told.upper_bounds)?.toString('utf8')];
  };

  test('is cut below, and raised above', async () => {
    expect(await boundsOf(['b'.repeat(100)])).toEqual(['b'.repeat(64), `${'b'.repeat(63)}c`]);
  });

  test('never within a character', async () => {
    // 63 bytes and the first of two
    expect(await boundsOf([`${'b'.repeat(63)}ä${'b'.repeat(9)}`])).toEqual([
      'b'.repeat(63),
      `${'b'.repeat(62)}c`,
    ]);
  });

  test('has none where nothing comes after it: not for any row group of the file', async () => {
    const last = '\u{10ffff}'.repeat(30);
    expect(await boundsOf(['a', 'b', 'c', 'd', last])).toEqual([undefined, undefined]);
  });

  test('a short one in another row group does not hide it', async () => {
    const [lower, upper] = await boundsOf(['a', 'a', 'a', 'a', 'z'.repeat(80), 'b']);
    expect([lower, upper]).toEqual(['a', `${'z'.repeat(63)}{`]);
  });
});

test.each([
  [0n, '00'],
  [127n, '7f'],
  [128n, '0080'],
  [-128n, '80'],
  [-129n, 'ff7f'],
  [-1n, 'ff'],
  [255n, '00ff'],
  [256n, '0100'],
])('the decimal %s is %s, in each of the layouts', (value, hex) => {
  const four = Buffer.alloc(4);
  four.writeInt32LE(Number(value));
  const eight = Buffer.alloc(8);
  eight.writeBigInt64LE(value);
  const sixteen = Buffer.from(BigInt.asUintN(128, value).toString(16).padStart(32, '0'), 'hex');
  for (const [precision, bytes] of [
    [9, four],
    [18, eight],
    [38, sixteen],
  ] as const) {
    // a view into something larger, and not a Buffer
    const view = new Uint8Array(Buffer.concat([Buffer.of(9), bytes, Buffer.of(9)])).subarray(1, -1);
    expect(boundOf(decimal(precision), view).toString('hex')).toBe(hex);
    expect(Buffer.from(view)).toEqual(bytes);
  }
});

test('a file of which nothing more is known has neither counts nor bounds', () => {
  const told = dataFile(
    { path: 's3://b/k', format: 'PARQUET', rows: 3, bytes: 9 },
    columnsOf({ c: text }),
    null,
  );
  expect(told).toEqual({
    content: 0,
    file_path: 's3://b/k',
    file_format: 'PARQUET',
    partition: {},
    record_count: 3,
    file_size_in_bytes: 9,
    column_sizes: null,
    value_counts: null,
    null_value_counts: null,
    nan_value_counts: null,
    lower_bounds: null,
    upper_bounds: null,
    split_offsets: null,
    sort_order_id: null,
  });
});

test('a file of several columns: each by its own id, those without a bound left out', async () => {
  const columns = columnsOf({ id: { kind: 'int', bits: 64 }, none: [text], f: { kind: 'float', bits: 64 } });
  const encoder = (await parquetFormat({ compression: 'none' })).encoder(columns, {});
  for (const batch of batchesOf(
    columns,
    [
      [1n, null, 0.5],
      [2n, null, Number.NaN],
    ],
    2,
  ))
    encoder.write(batch);
  const { statistics, rows, bytes } = encoder.finish();
  const told = dataFile({ path: 'p', format: 'PARQUET', rows, bytes }, columns, statistics);
  const keys = (entries: readonly { key: number }[] | null) => entries?.map(({ key }) => key);
  expect([keys(told.column_sizes), keys(told.value_counts), keys(told.null_value_counts)]).toEqual(
    Array.from({ length: 3 }, () => [1, 2, 3]),
  );
  expect(told.null_value_counts!.map(({ value }) => value)).toEqual([0, 2, 0]);
  expect(told.nan_value_counts).toEqual([{ key: 3, value: 1 }]);
  expect([keys(told.lower_bounds), keys(told.upper_bounds)]).toEqual([[1], [1]]);
});
