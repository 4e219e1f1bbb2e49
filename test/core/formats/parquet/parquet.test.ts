import zlib from 'node:zlib';
import fc from 'fast-check';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../../core/errors.ts';
import type { Column, ColumnType } from '../../../../core/formats/column.ts';
import { createdBy } from '../../../../core/formats/parquet/footer.ts';
import { defaultCompression, parquetFormat } from '../../../../core/formats/parquet/parquet.ts';
import packageJson from '../../../../package.json' with { type: 'json' };
import { batchesOf, batchOf, columnsOf, type Value } from '../../../support/batches.ts';
import { duckdb, encode, hyparquetRows, type Judge } from './readers.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await duckdb();
});
afterAll(() => judge.close());

/** Buffers as text: comparing them byte by byte takes a test runner very long. */
const comparable = (rows: readonly (readonly Value[])[]): unknown[][] =>
  rows.map((row) =>
    row.map((value) => (Buffer.isBuffer(value) ? `bytes ${value.toString('latin1')}` : value)),
  );

/** Both readers find exactly these rows. */
async function expectRows(file: Buffer, columns: readonly Column[], rows: readonly (readonly Value[])[]) {
  const expected = comparable(rows);
  expect(comparable(await judge.rows(file))).toEqual(expected);
  expect(comparable(await hyparquetRows(file, columns))).toEqual(expected);
}

const compressions =
  typeof zlib.zstdCompressSync === 'function'
    ? (['zstd', 'snappy', 'none'] as const)
    : (['snappy', 'none'] as const);

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const nines = (digits: number): bigint => 10n ** BigInt(digits) - 1n;
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });

/** Each type with its extremes and some usual values. */
const kinds: Record<string, { type: ColumnType; values: Exclude<Value, null>[] }> = {
  boolean: { type: { kind: 'boolean' }, values: [true, false, false, true, true] },
  int16: { type: { kind: 'int', bits: 16 }, values: [-32768, 32767, 0, -1, 7] },
  int32: { type: { kind: 'int', bits: 32 }, values: [-2147483648, 2147483647, 0, -1, 1000] },
  int64: { type: { kind: 'int', bits: 64 }, values: [int64Min, int64Max, 0n, -1n, 4294967295n, 4294967296n] },
  float32: {
    type: { kind: 'float', bits: 32 },
    values: [0, -0, Number.NaN, Infinity, -Infinity, 1.5, 2 ** -149, 3.4028234663852886e38],
  },
  float64: {
    type: { kind: 'float', bits: 64 },
    values: [
      0,
      -0,
      Number.NaN,
      Infinity,
      -Infinity,
      0.1,
      Number.MIN_VALUE,
      Number.MAX_VALUE,
      -Number.MAX_VALUE,
    ],
  },
  'decimal(1,1)': { type: decimal(1, 1), values: [-9n, 9n, 0n] },
  'decimal(9,0)': { type: decimal(9, 0), values: [-nines(9), nines(9), 0n, 1n] },
  'decimal(10,10)': { type: decimal(10, 10), values: [-nines(10), nines(10), 0n, 1n] },
  'decimal(18,4)': { type: decimal(18, 4), values: [-nines(18), nines(18), 0n, -1n] },
  'decimal(19,2)': { type: decimal(19, 2), values: [-nines(19), nines(19), 0n, -1n] },
  'decimal(38,10)': {
    type: decimal(38, 10),
    values: [-nines(38), nines(38), 0n, -1n, 2n ** 64n, -(2n ** 64n)],
  },
  // 4713 BC and 5874897 AD are PostgreSQL's limits
  date: { type: { kind: 'date' }, values: [-2440588, 2145031948, 0, -1, 20000] },
  time: { type: { kind: 'time' }, values: [0n, 86_399_999_999n, 86_400_000_000n, 1n] },
  timestamp: {
    type: { kind: 'timestamp', utc: false },
    values: [-210_866_803_200_000_000n, int64Max, 0n, -1n],
  },
  timestamptz: {
    type: { kind: 'timestamp', utc: true },
    values: [-210_866_803_200_000_000n, int64Max, 0n, -1n],
  },
  uuid: {
    type: { kind: 'uuid' },
    values: [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '80000000-0000-0000-8000-000000000001',
      '123e4567-e89b-12d3-a456-426614174000',
    ],
  },
  string: {
    type: { kind: 'string' },
    values: ['', 'a', 'äöü €', '𝄞🎼', 'x'.repeat(1_000_000), '\u0000\u0001', 'tide'],
  },
  json: { type: { kind: 'json' }, values: ['{}', '[1, 2.50]', '"é"', 'null', '{"a": {"b": [true, null]}}'] },
  bytes: {
    type: { kind: 'bytes' },
    values: [Buffer.alloc(0), Buffer.of(0), Buffer.of(255, 254), Buffer.alloc(1_000_000, 0xff)],
  },
};

describe.each(Object.entries(kinds))('%s', (_name, { type, values }) => {
  const columns = columnsOf({
    id: { kind: 'int', bits: 32 },
    required: type,
    optional: [type],
    empty: [type],
  });
  const some = values.map((value, index): Value[] => [index, value, index % 3 === 1 ? null : value, null]);

  test.each(compressions)('without, with some and with only NULLs, %s', async (compression) => {
    // pages that begin, continue and end with NULLs, and one that has nothing else
    const rows = [...some, ...some.map(([id, value]): Value[] => [id!, value!, null, null]), ...some];
    await expectRows(
      await encode(columns, batchesOf(columns, rows, values.length), { compression }),
      columns,
      rows,
    );
  });

  test('in a dictionary, then beyond its limit', async () => {
    const small = values.filter((value) => typeof value !== 'string' || value.length < 100);
    const rows: Value[][] = [];
    for (let index = 0; index < 600; index++)
      rows.push([index, small[index % 3]!, index % 7 === 0 ? null : small[index % 3]!, null]);
    for (let index = 0; index < 300; index++)
      rows.push([index, small[index % small.length]!, small[index % small.length]!, null]);
    const file = await encode(columns, batchesOf(columns, rows, 300), {
      compression: 'snappy',
      dictionaryEntries: 3,
    });
    await expectRows(file, columns, rows);
    if (type.kind === 'boolean') return;
    const [group] = parquetMetadata(new Uint8Array(file).buffer).row_groups;
    const pages = group!.columns[1]!.meta_data!.encoding_stats!;
    expect(pages.map(({ page_type, encoding, count }) => [page_type, encoding, Number(count)])).toEqual([
      ['DICTIONARY_PAGE', 'PLAIN', 1],
      ['DATA_PAGE', 'RLE_DICTIONARY', small.length > 3 ? 2 : 3],
      ...(small.length > 3 ? [['DATA_PAGE', 'PLAIN', 1]] : []),
    ]);
  });

  test('in buffers that lie at odd addresses', async () => {
    const batch = batchOf(columns, some);
    const shifted = batch.columns.map((vector) => {
      const data = Buffer.alloc(vector.bytes + 11, 0xaa).subarray(1);
      vector.data.copy(data);
      return { ...vector, data };
    });
    expect(shifted[1]!.data.byteOffset % 2).toBe(1);
    await expectRows(
      await encode(columns, [{ ...batch, columns: shifted }], { compression: 'none' }),
      columns,
      some,
    );
  });
});

describe('files', () => {
  const columns = columnsOf({
    id: { kind: 'int', bits: 64 },
    word: [{ kind: 'string' }],
    when: { kind: 'timestamp', utc: true },
  });
  const rowsOf = (count: number): Value[][] =>
    Array.from({ length: count }, (_, index) => [
      BigInt(index),
      index % 10 === 9 ? null : `word ${index % 50}`,
      BigInt(index * 1e6),
    ]);

  test('no rows', async () => {
    const file = await encode(columns, [], {}, { sync: 'shop' });
    await expectRows(file, columns, []);
    const path = judge.store(file);
    expect(await judge.query(`SELECT count(*)::int AS n, min(id) AS id FROM '${path}'`)).toEqual([
      { n: 0, id: null },
    ]);
    expect(await encode(columns, [batchOf(columns, [])], {}, { sync: 'shop' })).toEqual(file);
  });

  test.each(compressions)('several row groups by rows, %s', async (compression) => {
    const rows = rowsOf(25_000);
    const file = await encode(columns, batchesOf(columns, rows, 1000), { compression, rowGroupRows: 10_000 });
    await expectRows(file, columns, rows);
    const groups = parquetMetadata(new Uint8Array(file).buffer).row_groups;
    expect(groups.map(({ num_rows }) => Number(num_rows))).toEqual([10_000, 10_000, 5_000]);
  });

  test('row groups by bytes', async () => {
    const rows = rowsOf(1000).map(([id, , when]): Value[] => [id!, 'w'.repeat(500) + id, when!]);
    const file = await encode(columns, batchesOf(columns, rows, 100), { rowGroupBytes: 100_000 });
    await expectRows(file, columns, rows);
    expect(parquetMetadata(new Uint8Array(file).buffer).row_groups.length).toBe(5);
  });

  test('many columns and names of any kind', async () => {
    const names = Array.from(
      { length: 300 },
      (_, index) => `Column ${index} "ä" 'x' ${'.'.repeat(index % 3)}`,
    );
    const wide = columnsOf(Object.fromEntries(names.map((name) => [name, [{ kind: 'int', bits: 32 }]])));
    const rows = [names.map((_, index) => index), names.map((_, index) => (index % 2 === 0 ? null : -index))];
    await expectRows(await encode(wide, [batchOf(wide, rows)]), wide, rows);
  });

  test('every size in the footer is what its pages add up to', async () => {
    const rows = rowsOf(30_000);
    const file = await encode(columns, batchesOf(columns, rows, 777), { rowGroupRows: 12_000 });
    const metadata = parquetMetadata(new Uint8Array(file).buffer);
    let position = 4;
    for (const group of metadata.row_groups) {
      expect(Number(group.file_offset)).toBe(position);
      let uncompressed = 0;
      let compressed = 0;
      for (const { meta_data: chunk } of group.columns) {
        const first = Number(chunk!.dictionary_page_offset ?? chunk!.data_page_offset);
        expect(first).toBe(position);
        expect(Number(chunk!.num_values)).toBe(Number(group.num_rows));
        position += Number(chunk!.total_compressed_size);
        compressed += Number(chunk!.total_compressed_size);
        uncompressed += Number(chunk!.total_uncompressed_size);
      }
      expect(Number(group.total_compressed_size)).toBe(compressed);
      expect(Number(group.total_byte_size)).toBe(uncompressed);
    }
    expect(position + metadata.metadata_length + 8).toBe(file.length);
  });

  test('the footer says who wrote the file and what it is told', async () => {
    const file = await encode(columns, [], {}, { 'tidemark.sync': 'shop', 'tidemark.run': 'r-1 ü' });
    const path = judge.store(file);
    const pairs = await judge.query(
      `SELECT decode(key) AS k, decode(value) AS v FROM parquet_kv_metadata('${path}')`,
    );
    expect(pairs).toEqual([
      { k: 'tidemark.sync', v: 'shop' },
      { k: 'tidemark.run', v: 'r-1 ü' },
    ]);
    expect(createdBy).toContain(` version ${packageJson.version} `);
    expect(parquetMetadata(new Uint8Array(file).buffer).created_by).toBe(createdBy);
  });

  test('the schema: column ids, logical and converted types', async () => {
    const all = columnsOf(
      Object.fromEntries(Object.entries(kinds).map(([name, { type }]) => [name, [type]])),
    );
    const path = judge.store(await encode(all, []));
    const schema = await judge.query(
      `SELECT name, type, repetition_type AS r, converted_type AS c, logical_type AS l, field_id::int AS id, type_length AS n
       FROM parquet_schema('${path}') WHERE num_children IS NULL`,
    );
    expect(schema.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    expect(Object.fromEntries(schema.map(({ name, type, c, l }) => [name, [type, c, l]]))).toMatchSnapshot();
    const types = await judge.query(`DESCRIBE SELECT * FROM '${path}'`);
    expect(
      Object.fromEntries(types.map(({ column_name, column_type }) => [column_name, column_type])),
    ).toMatchSnapshot();
  });
});

describe('what is refused', () => {
  const code = (wanted: string) => (error: unknown) =>
    error instanceof TidemarkError && error.code === wanted;
  const int32: ColumnType = { kind: 'int', bits: 32 };
  const caught = (action: () => unknown): unknown => {
    try {
      return action();
    } catch (error) {
      return error;
    }
  };

  test('a NULL in a column that has none', async () => {
    const columns = columnsOf({ id: int32 });
    const encoder = (await parquetFormat()).encoder(columns, {});
    const error = caught(() => encoder.write(batchOf(columns, [[1], [null]])));
    expect(error).toSatisfy(code('ProtocolViolation'));
    expect(String(error)).toContain('column 1 (id)');
  });

  test('vectors that contradict themselves', async () => {
    const columns = columnsOf({ id: [int32], word: [{ kind: 'string' }] });
    const good = batchOf(columns, [
      [1, 'one'],
      [null, 'two'],
    ]);
    const [id, word] = good.columns;
    const bad = [
      { ...good, columns: [id!] },
      { ...good, columns: [{ ...id!, values: 2 }, word!] },
      { ...good, columns: [{ ...id!, present: Uint8Array.of(1, 1) }, word!] },
      { ...good, columns: [{ ...id!, bytes: 40 }, word!] },
      { ...good, columns: [id!, { ...word!, bytes: word!.bytes - 1 }] },
      {
        ...good,
        columns: [id!, { ...word!, data: Buffer.concat([word!.data, word!.data]), bytes: word!.bytes * 2 }],
      },
    ];
    for (const batch of bad) {
      const encoder = (await parquetFormat({ compression: 'none' })).encoder(columns, {});
      expect(caught(() => encoder.write(batch))).toSatisfy(code('ProtocolViolation'));
    }
  });

  test('a finished encoder', async () => {
    const encoder = (await parquetFormat()).encoder([], {});
    encoder.finish();
    expect(caught(() => encoder.finish())).toSatisfy(code('ProtocolViolation'));
  });

  test('zstd where Node has none', async () => {
    if (defaultCompression() === 'zstd') return;
    await expect(parquetFormat({ compression: 'zstd' })).rejects.toSatisfy(code('DefinitionInvalid'));
  });
});

describe('random files', () => {
  const arbitraryOf: Record<string, fc.Arbitrary<Value>> = {
    boolean: fc.boolean(),
    int16: fc.integer({ min: -32768, max: 32767 }),
    int32: fc.integer(),
    int64: fc.bigInt({ min: int64Min, max: int64Max }),
    float32: fc.float(),
    float64: fc.double(),
    'decimal(9,0)': fc.bigInt({ min: -nines(9), max: nines(9) }),
    'decimal(18,4)': fc.bigInt({ min: -nines(18), max: nines(18) }),
    'decimal(38,10)': fc.bigInt({ min: -nines(38), max: nines(38) }),
    date: fc.integer({ min: -2440588, max: 2145031948 }),
    time: fc.bigInt({ min: 0n, max: 86_400_000_000n }),
    timestamp: fc.bigInt({ min: -210_866_803_200_000_000n, max: int64Max }),
    uuid: fc.uuid(),
    string: fc.string({ unit: 'binary', maxLength: 90 }),
    bytes: fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
  };
  type Plan = { name: string; nullable: boolean; pool: Value[]; picks: number[] };
  const plan = fc.constantFrom(...Object.keys(arbitraryOf)).chain((name) =>
    fc.record({
      name: fc.constant(name),
      nullable: fc.boolean(),
      // few values make runs and dictionaries, many make PLAIN pages
      pool: fc.oneof(
        fc.array(arbitraryOf[name]!, { minLength: 1, maxLength: 3 }),
        fc.array(arbitraryOf[name]!, { minLength: 1, maxLength: 400 }),
      ),
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 60 }),
    }),
  );

  /** Rows are drawn from each column's pool in steps and runs, so that a few numbers make many rows. */
  const cell = ({ nullable, pool, picks }: Plan, row: number): Value => {
    const pick = picks[row % picks.length]!;
    if (nullable && pick % 5 === 0) return null;
    return pool[(pick % 3 === 0 ? pick + row : pick + (row >> 5)) % pool.length]!;
  };

  test('are read by DuckDB and hyparquet as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 1200 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(1, 20, 65_536),
        fc.constantFrom(...compressions),
        async (plans, count, batchRows, rowGroupRows, dictionaryEntries, compression) => {
          const columns = plans.map(
            ({ name, nullable }, index): Column => ({
              id: index + 1,
              name: `c${index}`,
              type: kinds[name]!.type,
              nullable,
            }),
          );
          const rows = Array.from({ length: count }, (_, row) => plans.map((each) => cell(each, row)));
          const file = await encode(columns, batchesOf(columns, rows, batchRows), {
            rowGroupRows,
            dictionaryEntries,
            compression,
          });
          await expectRows(file, columns, rows);
        },
      ),
      { numRuns: 150 },
    );
  });
});
