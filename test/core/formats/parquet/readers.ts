/**
 * The two independent judges of the encoder's files, both giving values as test/support/batches.ts takes them:
 * DuckDB with all its types, hyparquet with the physical values that lie beneath them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { parquetMetadata, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { expect } from 'vitest';
import type { Batch, Column } from '../../../../core/formats/column.ts';
import { type ParquetOptions, parquetFormat } from '../../../../core/formats/parquet/parquet.ts';
import type { Value } from '../../../support/batches.ts';

/** Encodes the batches and checks what the encoder says of the file's size on the way. */
export async function encode(
  columns: readonly Column[],
  batches: Iterable<Batch>,
  options: Partial<ParquetOptions> = {},
  keyValues: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const encoder = (await parquetFormat(options)).encoder(columns, keyValues);
  let rows = 0;
  for (const batch of batches) {
    encoder.write(batch);
    rows += batch.rows;
  }
  const bound = encoder.bytes;
  const file = encoder.finish();
  const whole = Buffer.concat(file.pieces);
  if (file.bytes !== whole.length) throw new Error(`says ${file.bytes} bytes, has ${whole.length}`);
  if (file.rows !== rows || encoder.rows !== rows) throw new Error(`says ${file.rows} rows, has ${rows}`);
  if (bound < whole.length) throw new Error(`promised at most ${bound} bytes, has ${whole.length}`);
  return whole;
}

export type Judge = {
  /** A file in a folder of its own, to be named in SQL. */
  store(file: Uint8Array): string;
  query(sql: string): Promise<Record<string, DuckDBValue>[]>;
  /** All rows of a file by DuckDB. */
  rows(file: Uint8Array): Promise<Value[][]>;
  close(): void;
};

export async function duckdb(): Promise<Judge> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-parquet-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection: DuckDBConnection = await instance.connect();
  let files = 0;
  const judge: Judge = {
    store(file) {
      const path = join(folder, `${++files}.parquet`);
      writeFileSync(path, file);
      return path;
    },
    async query(sql) {
      return (await connection.runAndReadAll(sql)).getRowObjects();
    },
    async rows(file) {
      const path = judge.store(file);
      const rows = (await connection.runAndReadAll(`SELECT * FROM read_parquet('${path}')`)).getRows();
      rmSync(path);
      return rows.map((row) => row.map(readValue));
    },
    close() {
      connection.closeSync();
      instance.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return judge;
}

function readValue(value: DuckDBValue): Value {
  if (value instanceof DuckDBDateValue) return value.days;
  if (value instanceof DuckDBTimeValue) return value.micros;
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return value.micros;
  if (value instanceof DuckDBDecimalValue) return value.value;
  if (value instanceof DuckDBUUIDValue) return value.toString();
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes);
  if (value === null || typeof value !== 'object') return value;
  throw new Error(`unexpected value of DuckDB: ${String(value)}`);
}

/** All rows of a file by hyparquet, from the physical values: its own conversions go through doubles. */
export async function hyparquetRows(file: Uint8Array, columns: readonly Column[]): Promise<Value[][]> {
  const buffer = new Uint8Array(file).buffer;
  const metadata = parquetMetadata(buffer, { geoparquet: false });
  const physical = metadata.schema.map(({ converted_type: _, logical_type: __, ...element }) => element);
  let rows: unknown[][] = [];
  await parquetRead({
    file: buffer,
    metadata: { ...metadata, schema: physical },
    compressors,
    utf8: false,
    rowFormat: 'array',
    onComplete(read) {
      rows = read;
    },
  });
  return rows.map((row) => row.map((value, index) => physicalValue(columns[index]!, value)));
}

function physicalValue({ type }: Column, value: unknown): Value {
  if (value === undefined || value === null) return null;
  switch (type.kind) {
    case 'decimal':
      if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
      return BigInt.asIntN(128, BigInt(`0x${Buffer.from(value).toString('hex')}`));
    case 'uuid': {
      const hex = Buffer.from(value as Uint8Array).toString('hex');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    }
    case 'string':
    case 'json':
      return Buffer.from(value as Uint8Array).toString('utf8');
    case 'bytes':
      return Buffer.from(value as Uint8Array);
    default:
      return value as Value;
  }
}

/** Buffers as text: comparing them byte by byte takes a test runner very long. */
const comparable = (rows: readonly (readonly Value[])[]): unknown[][] =>
  rows.map((row) =>
    row.map((value) => (Buffer.isBuffer(value) ? `bytes ${value.toString('latin1')}` : value)),
  );

/** Both judges find exactly these rows. */
export async function expectRows(
  judge: Judge,
  file: Buffer,
  columns: readonly Column[],
  rows: readonly (readonly Value[])[],
): Promise<void> {
  const expected = comparable(rows);
  expect(comparable(await judge.rows(file))).toEqual(expected);
  expect(comparable(await hyparquetRows(file, columns))).toEqual(expected);
}

/** Those that this Node can do. */
export const compressionsHere =
  typeof zlib.zstdCompressSync === 'function'
    ? (['zstd', 'snappy', 'none'] as const)
    : (['snappy', 'none'] as const);
