import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../core/formats/column.ts';
import { batchesOf, columnsOf, plainBytes, type Value } from '../../../support/batches.ts';
import { arbitraries, kinds } from './kinds.ts';
import { duckdb, encode, type Judge } from './readers.ts';
import { chunksOf, readFooter, type ThriftStruct } from './thrift-reader.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await duckdb();
});
afterAll(() => judge.close());

/** The statistics of a file of one column. */
async function statisticsOf(type: ColumnType, values: readonly Value[], batchRows = 1000) {
  const columns = columnsOf({ c: [type] });
  const batches = batchesOf(
    columns,
    values.map((value) => [value]),
    batchRows,
  );
  const file = await encode(columns, batches, { compression: 'none' });
  const statistics = chunksOf(readFooter(file).struct)[0]![0]![12] as ThriftStruct;
  return {
    nulls: statistics[3],
    max: statistics[5] as Buffer | undefined,
    min: statistics[6] as Buffer | undefined,
    maxExact: statistics[7],
    minExact: statistics[8],
    nans: statistics[9],
  };
}

/** A value as it stands in statistics: PLAIN, without a length. */
const bare = (type: ColumnType, value: Exclude<Value, null>): Buffer => {
  const plain = plainBytes(type, value);
  return ['string', 'json', 'bytes'].includes(type.kind) ? plain.subarray(4) : plain;
};

/** The order of values that the format defines for a type. */
const compare = (type: ColumnType) => (a: Exclude<Value, null>, b: Exclude<Value, null>) =>
  typeof a === 'string' || Buffer.isBuffer(a)
    ? Buffer.compare(bare(type, a), bare(type, b))
    : a < b
      ? -1
      : a > b
        ? 1
        : 0;

describe.each(Object.entries(arbitraries))('%s', (name, arbitrary) => {
  const { type, values: extremes } = kinds[name]!;
  const short = (value: Value) =>
    !(typeof value === 'string' || Buffer.isBuffer(value)) || bare(type, value).length <= 64;
  const wanted = fc
    .oneof(arbitrary, fc.constantFrom(...extremes))
    .filter((value) => short(value) && !Number.isNaN(value));

  test('the least, the greatest, and how many NULLs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wanted, { minLength: 1, maxLength: 40 }),
        fc.nat(10),
        // often enough for a dictionary, or not
        fc.constantFrom(1, 30),
        async (values, nulls, times) => {
          const all: Value[] = Array.from({ length: times }, () => values).flat();
          for (let index = 0; index < nulls; index++) all.splice(index * 3, 0, null);
          const statistics = await statisticsOf(type, all, 37);
          const sorted = [...values].sort(compare(type));
          const zeros = (value: Value, zero: number) =>
            (value === 0 && type.kind === 'float' ? zero : value)!;
          const [min, max] = [zeros(sorted[0]!, -0), zeros(sorted.at(-1)!, 0)];
          expect(statistics).toEqual({
            nulls: BigInt(nulls),
            min: bare(type, min),
            max: bare(type, max),
            minExact: !(type.kind === 'float' && min === 0),
            maxExact: !(type.kind === 'float' && max === 0),
            nans: type.kind === 'float' ? 0n : undefined,
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  test('only NULLs', async () => {
    const statistics = await statisticsOf(type, [null, null, null]);
    expect(statistics).toMatchObject({ nulls: 3n, min: undefined, max: undefined });
  });
});

test('each row group has bounds of its own, also where it has a dictionary', async () => {
  const columns = columnsOf({ n: { kind: 'int', bits: 32 }, word: { kind: 'string' } });
  const rows = Array.from({ length: 4000 }, (_, index): Value[] => {
    const group = Math.floor(index / 1000);
    return [group * 10 + (index % 3), `word ${group} ${index % 3}`];
  });
  const file = await encode(columns, batchesOf(columns, rows, 500), { rowGroupRows: 1000 });
  const bounds = chunksOf(readFooter(file).struct).map((chunks) =>
    chunks.map((chunk) => {
      expect(chunk[11], 'a dictionary').toBeDefined();
      const statistics = chunk[12] as ThriftStruct;
      return [statistics[6], statistics[5]];
    }),
  );
  const int = (value: number) => plainBytes(columns[0]!.type, value);
  expect(bounds).toEqual(
    [0, 1, 2, 3].map((group) => [
      [int(group * 10), int(group * 10 + 2)],
      [Buffer.from(`word ${group} 0`), Buffer.from(`word ${group} 2`)],
    ]),
  );
});

describe('filters are pushed down to the right row groups', () => {
  const groupRows = 3;

  test.each(Object.entries(kinds))('%s', async (name, { type, values }) => {
    // each value in a row group of its own, so that DuckDB skips the others by their statistics
    const rows = values.flatMap((value, index): Value[][] => [
      [index, value],
      [index, null],
      [index, value],
    ]);
    const columns = columnsOf({ id: { kind: 'int', bits: 32 }, c: [type] });
    const file = judge.store(
      await encode(columns, batchesOf(columns, rows, groupRows), { rowGroupRows: groupRows }),
    );
    await judge.query(`CREATE OR REPLACE TABLE copied AS SELECT * FROM '${file}'`);
    const [typed] = await judge.query('SELECT typeof(c) AS type FROM copied LIMIT 1');
    for (const { literal } of await judge.query(
      'SELECT DISTINCT c::VARCHAR AS literal FROM copied WHERE c IS NOT NULL',
    )) {
      // a literal of a million characters only slows the test down, and SQL cannot write a NUL
      if (String(literal).length > 1000 || String(literal).includes('\u0000')) continue;
      const constant = `'${String(literal).replaceAll("'", "''")}'::${typed!.type}`;
      for (const operator of ['=', '<', '>=', '<>']) {
        const count = `SELECT count(*)::int AS n, sum(id)::int AS ids`;
        const condition = `WHERE c ${operator} ${constant}`;
        const [inFile, inTable] = [
          await judge.query(`${count} FROM '${file}' ${condition}`),
          await judge.query(`${count} FROM copied ${condition}`),
        ];
        expect(inFile, `${name}: ${condition.slice(0, 200)}`).toEqual(inTable);
      }
    }
    const nulls = await judge.query(`SELECT count(*)::int AS n FROM '${file}' WHERE c IS NULL`);
    expect(nulls).toEqual([{ n: values.length }]);
    if (name === 'json') return;
    const extremes = 'SELECT min(c)::VARCHAR AS least, max(c)::VARCHAR AS greatest';
    expect(await judge.query(`${extremes} FROM '${file}'`)).toEqual(
      await judge.query(`${extremes} FROM copied`),
    );
  });

  test('DuckDB sees the bounds, and skips by them', async () => {
    const columns = columnsOf({
      id: { kind: 'int', bits: 64 },
      c: [{ kind: 'decimal', precision: 30, scale: 2 }],
    });
    const rows = Array.from({ length: 100 }, (_, index): Value[] => [
      BigInt(index),
      index % 2 ? null : BigInt(index - 50),
    ]);
    const file = judge.store(await encode(columns, batchesOf(columns, rows, 10), { rowGroupRows: 10 }));
    const bounds = await judge.query(
      `SELECT stats_min_value AS min, stats_max_value AS max, stats_null_count::int AS nulls
       FROM parquet_metadata('${file}') WHERE path_in_schema = 'c' AND row_group_id IN (0, 9) ORDER BY row_group_id`,
    );
    expect(bounds).toEqual([
      { min: '-0.50', max: '-0.42', nulls: 5 },
      { min: '0.40', max: '0.48', nulls: 5 },
    ]);
  });
});

describe('floating point', () => {
  const float: ColumnType = { kind: 'float', bits: 64 };

  test('a NaN is counted, and takes the bounds away', async () => {
    // DuckDB takes NaN for the greatest value and would skip it by a maximum that leaves it out
    for (const values of [
      [1, Number.NaN, 2, null, Number.NaN],
      [Number.NaN, Number.NaN],
    ]) {
      expect(await statisticsOf(float, values)).toMatchObject({ min: undefined, max: undefined, nans: 2n });
    }
    const columns = columnsOf({ c: float });
    const file = judge.store(await encode(columns, batchesOf(columns, [[1], [Number.NaN], [3]], 3)));
    const counts = await judge.query(
      `SELECT (SELECT count(*)::int FROM '${file}' WHERE c > 100) AS above,
              (SELECT count(*)::int FROM '${file}' WHERE c = 'nan') AS nans`,
    );
    expect(counts).toEqual([{ above: 1, nans: 1 }]);
  });

  test('NaNs of a column with a dictionary are all counted', async () => {
    const values = Array.from({ length: 5000 }, (_, index) => (index % 4 === 0 ? Number.NaN : index % 4));
    expect((await statisticsOf(float, values)).nans).toBe(1250n);
  });
});

describe('long values', () => {
  const text: ColumnType = { kind: 'string' };
  const bytes: ColumnType = { kind: 'bytes' };
  const bounds = async (type: ColumnType, value: Value) => {
    const { min, max, minExact, maxExact } = await statisticsOf(type, [value]);
    return { min, max, minExact, maxExact };
  };

  test('64 bytes are kept whole', async () => {
    const value = 'x'.repeat(64);
    const whole = Buffer.from(value);
    expect(await bounds(text, value)).toEqual({ min: whole, max: whole, minExact: true, maxExact: true });
  });

  test('text is cut between characters, and the greatest is raised', async () => {
    const letters = 'x'.repeat(63);
    expect(await bounds(text, `${letters}xx`)).toEqual({
      min: Buffer.from(`${letters}x`),
      max: Buffer.from(`${letters}y`),
      minExact: false,
      maxExact: false,
    });
    // € has three bytes, of which only one would fit
    expect(await bounds(text, `${letters}€€`)).toMatchObject({
      min: Buffer.from(letters),
      max: Buffer.from(`${'x'.repeat(62)}y`),
    });
    // the character after the last one before the surrogates, and after the last one of all
    expect((await bounds(text, `${'x'.repeat(61)}\ud7ff!`)).max!.toString()).toBe(`${'x'.repeat(61)}\ue000`);
    expect((await bounds(text, `${'x'.repeat(60)}\u{10ffff}!`)).max!.toString()).toBe(`${'x'.repeat(59)}y`);
    // a character that grows by a byte
    expect((await bounds(text, `${letters}\u007f!`)).max!.toString()).toBe(`${letters}\u0080`);
  });

  test('there is none where nothing greater can be written', async () => {
    const none = { max: undefined, maxExact: undefined, minExact: false };
    expect(await bounds(text, '\u{10ffff}'.repeat(20))).toMatchObject(none);
    expect(await bounds(bytes, Buffer.alloc(65, 0xff))).toMatchObject({
      ...none,
      min: Buffer.alloc(64, 0xff),
    });
  });

  test('bytes are cut anywhere', async () => {
    const value = Buffer.concat([Buffer.alloc(62, 1), Buffer.of(0xff, 0xff, 0)]);
    expect(await bounds(bytes, value)).toEqual({
      min: value.subarray(0, 64),
      max: Buffer.concat([Buffer.alloc(61, 1), Buffer.of(2)]),
      minExact: false,
      maxExact: false,
    });
  });

  test('a long JSON document has no bound: a piece of it would be no JSON', async () => {
    const { min, max, minExact, maxExact } = await statisticsOf({ kind: 'json' }, [
      '{}',
      `["${'x'.repeat(70)}"]`,
    ]);
    expect([min, minExact, max, maxExact]).toEqual([undefined, undefined, Buffer.from('{}'), true]);
  });

  test('text that is not UTF-8 has none either', async () => {
    expect(await bounds(text, Buffer.alloc(70, 0xfe))).toMatchObject({ min: undefined, max: undefined });
  });

  test('bounds hold for values with long common beginnings', async () => {
    const value = fc
      .tuple(
        fc.integer({ min: 55, max: 70 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'é', '𝄞', '\u{10ffff}'), maxLength: 20 }),
      )
      .map(([length, end]) => 'p'.repeat(length) + end);
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 20 }), async (values) => {
        const { min, max, minExact, maxExact } = await statisticsOf(text, values);
        const sorted = values.map((each) => Buffer.from(each)).sort(Buffer.compare);
        const [least, greatest] = [sorted[0]!, sorted.at(-1)!];
        expect(Buffer.compare(min!, least)).toBe(minExact ? 0 : -1);
        expect(least.length <= 64).toBe(minExact);
        expect(Buffer.compare(max!, greatest)).toBe(maxExact ? 0 : 1);
        expect(greatest.length <= 64).toBe(maxExact);
      }),
    );
  });
});
