import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../../core/errors.ts';
import type { ColumnType } from '../../../../core/formats/column.ts';
import { parquetFormat } from '../../../../core/formats/parquet/parquet.ts';
import { batchesOf, batchOf, columnsOf, type Value } from '../../../support/batches.ts';
import { randomFrom } from '../../../support/random.ts';
import { kinds } from './kinds.ts';
import { compressionsHere, duckdb, encode, expectRows, type Judge } from './readers.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await duckdb();
});
afterAll(() => judge.close());

describe.each(Object.entries(kinds))('%s', (_name, { type, values }) => {
  const columns = columnsOf({
    id: { kind: 'int', bits: 32 },
    required: type,
    optional: [type],
    empty: [type],
  });
  const some = values.map((value, index): Value[] => [index, value, index % 3 === 1 ? null : value, null]);

  test.each(compressionsHere)('without, with some and with only NULLs, %s', async (compression) => {
    // pages that begin, continue and end with NULLs, and one that has nothing else
    const rows = [...some, ...some.map(([id, value]): Value[] => [id!, value!, null, null]), ...some];
    await expectRows(
      judge,
      await encode(columns, batchesOf(columns, rows, values.length), { compression }),
      columns,
      rows,
    );
  });

  test('in a dictionary, then beyond its limit', async () => {
    const small = values.filter(
      (value) => !(typeof value === 'string' || Buffer.isBuffer(value)) || value.length < 100,
    );
    const rows: Value[][] = [];
    for (let index = 0; index < 600; index++)
      rows.push([index, small[index % 3]!, index % 7 === 0 ? null : small[index % 3]!, null]);
    for (let index = 0; index < 300; index++)
      rows.push([index, small[index % small.length]!, small[index % small.length]!, null]);
    const file = await encode(columns, batchesOf(columns, rows, 300), {
      compression: 'snappy',
      dictionaryEntries: 3,
    });
    await expectRows(judge, file, columns, rows);
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
      judge,
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
    await expectRows(judge, file, columns, []);
    const path = judge.store(file);
    expect(await judge.query(`SELECT count(*)::int AS n, min(id) AS id FROM '${path}'`)).toEqual([
      { n: 0, id: null },
    ]);
    expect(await encode(columns, [batchOf(columns, [])], {}, { sync: 'shop' })).toEqual(file);
  });

  test.each(compressionsHere)('several row groups by rows, %s', async (compression) => {
    const rows = rowsOf(25_000);
    const file = await encode(columns, batchesOf(columns, rows, 1000), { compression, rowGroupRows: 10_000 });
    await expectRows(judge, file, columns, rows);
    const groups = parquetMetadata(new Uint8Array(file).buffer).row_groups;
    expect(groups.map(({ num_rows }) => Number(num_rows))).toEqual([10_000, 10_000, 5_000]);
  });

  test('row groups by bytes', async () => {
    const rows = rowsOf(1000).map(([id, , when]): Value[] => [id!, 'w'.repeat(500) + id, when!]);
    const file = await encode(columns, batchesOf(columns, rows, 100), { rowGroupBytes: 100_000 });
    await expectRows(judge, file, columns, rows);
    expect(parquetMetadata(new Uint8Array(file).buffer).row_groups.length).toBe(5);
  });

  test('many columns and names of any kind', async () => {
    const names = Array.from(
      { length: 300 },
      (_, index) => `Column ${index} "ä" 'x' ${'.'.repeat(index % 3)}`,
    );
    const wide = columnsOf(Object.fromEntries(names.map((name) => [name, [{ kind: 'int', bits: 32 }]])));
    const rows = [names.map((_, index) => index), names.map((_, index) => (index % 2 === 0 ? null : -index))];
    await expectRows(judge, await encode(wide, [batchOf(wide, rows)]), wide, rows);
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
});

describe('pages', () => {
  const columns = columnsOf({
    id: { kind: 'int', bits: 32 },
    body: { kind: 'string' },
    note: [{ kind: 'bytes' }],
  });
  const chunk = (file: Buffer, column: number) =>
    parquetMetadata(new Uint8Array(file).buffer).row_groups[0]!.columns[column]!.meta_data!;
  const dataPages = (file: Buffer, column: number): number =>
    chunk(file, column)
      .encoding_stats!.filter(({ page_type }) => page_type === 'DATA_PAGE')
      .reduce((sum, { count }) => sum + Number(count), 0);

  test.each(compressionsHere)('large values fill several, %s', async (compression) => {
    // a value that is a page of its own, values whose page ends with the batch's last row, NULLs at both ends
    const large = (index: number): number => (index === 7 ? 3_000_000 : 60_000);
    const random = randomFrom(2);
    const nulls = Array.from({ length: 60 }, () => random() < 0.3);
    const rows = Array.from({ length: 60 }, (_, index): Value[] => [
      index,
      String.fromCharCode(97 + (index % 26)).repeat(large(index)) + index,
      nulls[index] || index > 56 ? null : Buffer.alloc(90_000, index),
    ]);
    const file = await encode(columns, batchesOf(columns, rows, 40), { compression });
    await expectRows(judge, file, columns, rows);
    expect(dataPages(file, 0)).toBe(2);
    expect(dataPages(file, 1)).toBeGreaterThanOrEqual(5);
    expect(dataPages(file, 2)).toBeGreaterThanOrEqual(4);
  });

  test('what snappy does not make smaller is stored, until it does', async () => {
    const random = randomFrom(1);
    const noise = (): Buffer => Buffer.from(Uint8Array.from({ length: 2_000 }, () => random() * 256));
    const rows = Array.from({ length: 1_000 }, (_, index): Value[] => [
      index,
      `row ${index}`,
      index < 300 ? noise() : Buffer.alloc(2_000, index),
    ]);
    const file = await encode(columns, batchesOf(columns, rows, 50), { compression: 'snappy' });
    await expectRows(judge, file, columns, rows);
    // 6 pages of noise; the seventh and eighth are still stored untried, the 12 that follow are compressed
    const { total_compressed_size, total_uncompressed_size } = chunk(file, 2);
    expect(Number(total_uncompressed_size)).toBeGreaterThan(2_000_000);
    expect(Number(total_compressed_size)).toBeGreaterThan(8 * 100_000);
    expect(Number(total_compressed_size)).toBeLessThan(9 * 100_000 + 120_000);
  });
});
