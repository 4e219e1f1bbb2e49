/**
 * What is known of a finished file without reading it: a catalog of files keeps it, so that readers can leave files out.
 * It travels with the part through the ledger, as text.
 */
import type { ColumnType } from './column.ts';

export type ColumnStatistics = {
  /** the column's */
  readonly id: number;
  /** of its pages in the file, compressed */
  readonly bytes: number;
  readonly nulls: number;
  /** null: the type has none */
  readonly nans: number | null;
  /**
   * The least and the greatest value, or what comes before and after them where they are long: little-endian and as
   * they lie in a file's PLAIN encoding (`layoutOf`), text and bytes without their length. null: there is none.
   */
  readonly min: Uint8Array | null;
  readonly max: Uint8Array | null;
};

export type FileStatistics = {
  /** where the file may be cut: the offsets at which its row groups begin */
  readonly splits: readonly number[];
  readonly columns: readonly ColumnStatistics[];
};

/** Bounds are kept of so many columns of a wide table, the first ones: an item of the ledger is small. */
const boundedColumnsMax = 100;

type Row = [id: number, bytes: number, nulls: number, nans: number | null, min?: string, max?: string];

/** @param bytesMax of the text; null: not even the splits are that short. Of the columns the first ones stand in it */
export function statisticsText(statistics: FileStatistics): string;
export function statisticsText(statistics: FileStatistics, bytesMax: number): string | null;
export function statisticsText({ splits, columns }: FileStatistics, bytesMax = Infinity): string | null {
  const rows = columns.map(({ id, bytes, nulls, nans, min, max }, at): Row => {
    if (min === null || max === null || at >= boundedColumnsMax) return [id, bytes, nulls, nans];
    return [id, bytes, nulls, nans, base64(min), base64(max)];
  });
  const whole = JSON.stringify([splits, rows]);
  if (whole.length <= bytesMax) return whole;
  let left = bytesMax - JSON.stringify([splits, []]).length;
  if (left < 0) return null;
  const kept: Row[] = [];
  for (const row of rows) {
    // with the comma after it
    left -= JSON.stringify(row).length + 1;
    if (left < 0) break;
    kept.push(row);
  }
  return JSON.stringify([splits, kept]);
}

export function parseStatistics(text: string): FileStatistics {
  const [splits, rows]: [number[], Row[]] = JSON.parse(text);
  return {
    splits,
    columns: rows.map(([id, bytes, nulls, nans, min, max]) => ({
      ...{ id, bytes, nulls, nans },
      min: min === undefined ? null : Buffer.from(min, 'base64'),
      max: max === undefined ? null : Buffer.from(max, 'base64'),
    })),
  };
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Below, at or above 0 as `a` comes before, with or after `b` in the type's order; both as `ColumnStatistics` has them. */
export function compareValues(type: ColumnType, a: Uint8Array, b: Uint8Array): number {
  const left = Buffer.from(a.buffer, a.byteOffset, a.byteLength);
  const right = Buffer.from(b.buffer, b.byteOffset, b.byteLength);
  switch (type.kind) {
    case 'boolean':
      return left.readUInt8() - right.readUInt8();
    case 'float':
      return type.bits === 64
        ? left.readDoubleLE() - right.readDoubleLE()
        : left.readFloatLE() - right.readFloatLE();
    case 'decimal':
      if (type.precision > 18)
        return sign(left.readBigInt64BE() - right.readBigInt64BE()) || left.compare(right);
      return compareIntegers(left, right);
    case 'int':
    case 'date':
    case 'time':
    case 'timestamp':
      return compareIntegers(left, right);
    case 'uuid':
    case 'string':
    case 'json':
    case 'bytes':
      return left.compare(right);
  }
}

const compareIntegers = (a: Buffer, b: Buffer): number =>
  a.length === 4 ? a.readInt32LE() - b.readInt32LE() : sign(a.readBigInt64LE() - b.readBigInt64LE());

const sign = (difference: bigint): number => (difference < 0n ? -1 : difference > 0n ? 1 : 0);
