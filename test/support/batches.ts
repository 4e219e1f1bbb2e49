/**
 * Builds `Batch`es from plain JavaScript values, for tests of whatever takes batches.
 *
 * | column type | value |
 * |---|---|
 * | boolean | boolean |
 * | int 16 and 32, float, date (days since 1970-01-01) | number |
 * | int 64, time and timestamp (µs), decimal (unscaled) | bigint |
 * | string, json, uuid (with hyphens) | string |
 * | bytes | Buffer |
 * | any, where it is NULL | null |
 */
import {
  type Batch,
  type Column,
  type ColumnType,
  type ColumnVector,
  layoutOf,
} from '../../core/formats/column.ts';

export type Value = null | boolean | number | bigint | string | Buffer;

/** Columns with ids from 1 on; a type in brackets is nullable: `columnsOf({ id: int64, note: [text] })`. */
export function columnsOf(types: Readonly<Record<string, ColumnType | readonly [ColumnType]>>): Column[] {
  return Object.entries(types).map(([name, type], index) => {
    const nullable = Array.isArray(type);
    return { id: index + 1, name, type: nullable ? type[0] : type, nullable } as Column;
  });
}

/** @param rows each with a value a column, in the columns' order; the first column's become the batch's keys */
export function batchOf(columns: readonly Column[], rows: readonly (readonly Value[])[]): Batch {
  return {
    rows: rows.length,
    columns: columns.map(({ type }, index) =>
      vectorOf(
        type,
        rows.map((row) => row[index]!),
      ),
    ),
    firstKey: String(rows[0]?.[0] ?? ''),
    lastKey: String(rows.at(-1)?.[0] ?? ''),
  };
}

export function vectorOf(type: ColumnType, values: readonly Value[]): ColumnVector {
  const encoded = values.filter((value) => value !== null).map((value) => plainBytes(type, value));
  const data = Buffer.concat(encoded);
  return {
    data,
    bytes: data.length,
    values: encoded.length,
    present: Uint8Array.from(values, (value) => (value === null ? 0 : 1)),
  };
}

/** Cuts rows into batches of at most so many. */
export function batchesOf(
  columns: readonly Column[],
  rows: readonly (readonly Value[])[],
  batchRows: number,
): Batch[] {
  const batches: Batch[] = [];
  for (let at = 0; at < rows.length; at += batchRows)
    batches.push(batchOf(columns, rows.slice(at, at + batchRows)));
  return batches;
}

/** One value as `Layout` describes it. */
export function plainBytes(type: ColumnType, value: Exclude<Value, null>): Buffer {
  const { of } = layoutOf(type);
  switch (of) {
    case 'bool':
      return Buffer.of(value ? 1 : 0);
    case 'int32': {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(Number(value));
      return bytes;
    }
    case 'int64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value as bigint));
      return bytes;
    }
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value as number);
      return bytes;
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value as number);
      return bytes;
    }
    case 'fixed':
      return type.kind === 'uuid'
        ? Buffer.from(String(value).replaceAll('-', ''), 'hex')
        : int128(value as bigint);
    case 'binary': {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value), 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    }
  }
}

/** Two's complement, big-endian. */
function int128(value: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value >> 64n), 0);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 8);
  return bytes;
}
