/**
 * What the transforms make of the values of a vector: numbers of 32 bits, or bytes. No value becomes an object.
 * Source: https://iceberg.apache.org/spec/#partition-transforms and Appendix B
 */
import { TidemarkError } from '../../errors.ts';
import { batchRowsMax, type ColumnType, type ColumnVector, layoutOf } from '../column.ts';
import { daysOf, hoursOf, monthsOfDays, yearsOfDays } from './calendar.ts';
import { hashBytes, hashLong } from './murmur3.ts';
import type { PartitionField } from './partition.ts';
import { shortestFrom, truncate32, truncate64, truncate128 } from './truncated-numbers.ts';

/** Of the vector's values that are not NULL, in order. */
export type Results =
  | { readonly kind: 'numbers'; read(vector: ColumnVector, out: Int32Array): void }
  | { readonly kind: 'slices'; read(vector: ColumnVector, out: Slices): void };

/** Value i lies in `data` from `starts[i]` up to `ends[i]`. */
export type Slices = { data: Buffer; readonly starts: Int32Array; readonly ends: Int32Array };

export const emptySlices = (): Slices => ({
  data: Buffer.alloc(0),
  starts: new Int32Array(batchRowsMax),
  ends: new Int32Array(batchRowsMax),
});

/** Where the values lie, save those with a length. */
function fixedSlices({ data, values }: ColumnVector, width: number, out: Slices): void {
  out.data = data;
  for (let i = 0, at = 0; i < values; i++, at += width) {
    out.starts[i] = at;
    out.ends[i] = at + width;
  }
}

/** Of values with a length before them. */
function binarySlices({ data, values }: ColumnVector, out: Slices): void {
  out.data = data;
  for (let i = 0, at = 0; i < values; i++) {
    const length = data.readUInt32LE(at);
    out.starts[i] = at + 4;
    at += 4 + length;
    out.ends[i] = at;
  }
}

/** @param where for messages: the table, and the field as the definition spells it */
export function resultsOf(field: PartitionField, type: ColumnType, where: string): Results {
  const argument = field.argument ?? 1;
  switch (field.transform) {
    case 'identity':
      return identityOf(type);
    case 'bucket':
      return bucketsOf(type, argument);
    case 'truncate':
      return truncationsOf(type, argument, where);
    case 'year':
      return timesOf(type, yearsOfDays);
    case 'month':
      return timesOf(type, monthsOfDays);
    case 'day':
      return timesOf(type, (days) => days);
    case 'hour':
      return hoursIn(where);
  }
}

// --- identity ----------------------------------------------------------------------------------------------------

function identityOf(type: ColumnType): Results {
  const { of } = layoutOf(type);
  switch (of) {
    case 'bool':
      return {
        kind: 'numbers',
        read({ data, values }, out) {
          for (let i = 0; i < values; i++) out[i] = data[i]!;
        },
      };
    case 'int32':
    case 'float':
      return {
        kind: 'numbers',
        read({ data, values }, out) {
          for (let i = 0; i < values; i++) out[i] = data.readInt32LE(i * 4);
        },
      };
    case 'int64':
    case 'double':
      return { kind: 'slices', read: (vector, out) => fixedSlices(vector, 8, out) };
    case 'fixed':
      return { kind: 'slices', read: (vector, out) => fixedSlices(vector, 16, out) };
    case 'binary':
      return { kind: 'slices', read: binarySlices };
  }
}

// --- buckets -----------------------------------------------------------------------------------------------------

/** @param hash of the value that begins at `at` of the vector, and is so long */
const buckets = (
  count: number,
  width: number,
  hash: (data: Buffer, at: number, to: number) => number,
): Results => ({
  kind: 'numbers',
  read({ data, values }, out) {
    for (let i = 0, at = 0; i < values; i++, at += width)
      out[i] = (hash(data, at, at + width) & 0x7fffffff) % count;
  },
});

/** Numbers of 32 bits are hashed as those of 64 are, decimals as their shortest big-endian bytes. */
function bucketsOf(type: ColumnType, count: number): Results {
  const { of } = layoutOf(type);
  if (of === 'binary')
    return {
      kind: 'numbers',
      read({ data, values }, out) {
        for (let i = 0, at = 0; i < values; i++) {
          const to = at + 4 + data.readUInt32LE(at);
          out[i] = (hashBytes(data, at + 4, to) & 0x7fffffff) % count;
          at = to;
        }
      },
    };
  if (type.kind === 'decimal') {
    const bigEndian = Buffer.alloc(8);
    if (of === 'fixed')
      return buckets(count, 16, (data, at, to) => hashBytes(data, shortestFrom(data, at, to), to));
    const width = of === 'int32' ? 4 : 8;
    return buckets(count, width, (data, at) => {
      for (let i = 0; i < width; i++) bigEndian[i] = data[at + width - 1 - i]!;
      return hashBytes(bigEndian, shortestFrom(bigEndian, 0, width), width);
    });
  }
  if (of === 'fixed') return buckets(count, 16, hashBytes);
  if (of === 'int32')
    return buckets(count, 4, (data, at) => {
      const value = data.readInt32LE(at);
      return hashLong(value, value >> 31);
    });
  return buckets(count, 8, (data, at) => hashLong(data.readInt32LE(at), data.readInt32LE(at + 4)));
}

// --- truncation --------------------------------------------------------------------------------------------------

function truncationsOf(type: ColumnType, width: number, where: string): Results {
  const { of } = layoutOf(type);
  if (of === 'binary') return type.kind === 'bytes' ? firstBytes(width) : firstCodePoints(width);
  const digits = type.kind === 'decimal' ? type.precision : null;
  const fail = (): never => {
    throw new TidemarkError(
      'ValueNotRepresentable',
      `${where}: what a value is rounded down to does not fit its type`,
    );
  };
  if (of === 'int32') return truncate32(width, digits, fail);
  return of === 'int64' ? truncate64(width, digits, fail) : truncate128(width, digits ?? 38, fail);
}

const firstBytes = (length: number): Results => ({
  kind: 'slices',
  read(vector, out) {
    binarySlices(vector, out);
    const { starts, ends } = out;
    for (let i = 0; i < vector.values; i++) ends[i] = Math.min(ends[i]!, starts[i]! + length);
  },
});

/** Code points of UTF-8: a byte 10xxxxxx begins none. */
const firstCodePoints = (length: number): Results => ({
  kind: 'slices',
  read(vector, out) {
    binarySlices(vector, out);
    const { data, starts, ends } = out;
    for (let i = 0; i < vector.values; i++) {
      const start = starts[i]!;
      const end = ends[i]!;
      if (end - start <= length) continue;
      let at = start;
      for (let left = length; at < end; at++) if ((data[at]! & 0xc0) !== 0x80 && left-- === 0) break;
      ends[i] = at;
    }
  },
});

// --- times -------------------------------------------------------------------------------------------------------

/** @param ofDays what to count, of days since 1970-01-01 */
function timesOf(type: ColumnType, ofDays: (days: number) => number): Results {
  if (type.kind === 'date')
    return {
      kind: 'numbers',
      read({ data, values }, out) {
        for (let i = 0; i < values; i++) out[i] = ofDays(data.readInt32LE(i * 4));
      },
    };
  return {
    kind: 'numbers',
    read({ data, values }, out) {
      for (let i = 0, at = 0; i < values; i++, at += 8)
        out[i] = ofDays(daysOf(data.readUInt32LE(at), data.readInt32LE(at + 4)));
    },
  };
}

const hoursIn = (where: string): Results => ({
  kind: 'numbers',
  read({ data, values }, out) {
    for (let i = 0, at = 0; i < values; i++, at += 8) {
      const hours = hoursOf(data.readUInt32LE(at), data.readInt32LE(at + 4));
      if (hours !== (hours | 0))
        throw new TidemarkError(
          'ValueNotRepresentable',
          `${where}: a time after the year 246952 has no 32-bit number of its hour`,
        );
      out[i] = hours;
    }
  },
});
