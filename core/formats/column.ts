/**
 * Columns between a source and a format. A source decodes rows straight into `ColumnVector`s, a format
 * encodes them as they are: no row ever becomes an object, no value a string or a BigInt on the way.
 */

/** What a column holds in the lake. Every type that a source knows maps to one of these, or is refused. */
export type ColumnType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'int'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  /** precision 1..38, scale 0..precision */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' }
  /** `utc`: an instant (timestamptz); otherwise a local date and time without a zone */
  | { readonly kind: 'timestamp'; readonly utc: boolean }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'string' }
  | { readonly kind: 'json' }
  | { readonly kind: 'bytes' };

export type Column = {
  /** 1, 2, 3 … in the order of the table; written into the file, so that a table format can name columns by it */
  readonly id: number;
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
};

/**
 * How a value lies in `ColumnVector.data`: little-endian, the bytes of Parquet's PLAIN encoding, save for
 * booleans, which take one byte each here.
 *
 * | layout | bytes a value | of |
 * |---|---|---|
 * | bool | 1 (0 or 1) | boolean |
 * | int32 | 4 | int 16 and 32, date (days since 1970-01-01), decimal of precision ≤ 9 (unscaled) |
 * | int64 | 8 | int 64, time (µs since midnight), timestamp (µs since 1970-01-01), decimal ≤ 18 (unscaled) |
 * | float | 4 | float 32 |
 * | double | 8 | float 64 |
 * | fixed | `width` | uuid (16), decimal ≤ 38 (16; unscaled, two's complement, big-endian) |
 * | binary | 4 + n | string, json (UTF-8), bytes: the length n as uint32, then the bytes |
 */
export type Layout =
  | { readonly of: 'bool' | 'int32' | 'int64' | 'float' | 'double' | 'binary' }
  | { readonly of: 'fixed'; readonly width: 16 };

export function layoutOf(type: ColumnType): Layout {
  switch (type.kind) {
    case 'boolean':
      return { of: 'bool' };
    case 'int':
      return { of: type.bits === 64 ? 'int64' : 'int32' };
    case 'float':
      return { of: type.bits === 64 ? 'double' : 'float' };
    case 'decimal':
      if (type.precision <= 9) return { of: 'int32' };
      if (type.precision <= 18) return { of: 'int64' };
      return { of: 'fixed', width: 16 };
    case 'date':
      return { of: 'int32' };
    case 'time':
    case 'timestamp':
      return { of: 'int64' };
    case 'uuid':
      return { of: 'fixed', width: 16 };
    case 'string':
    case 'json':
    case 'bytes':
      return { of: 'binary' };
  }
}

/** The values of one column in a batch. The buffers belong to the source and are used again: see `Batch`. */
export type ColumnVector = {
  /** the non-null values one after the other, by `layoutOf(type)`; only the first `bytes` bytes count */
  data: Buffer;
  bytes: number;
  /** how many non-null values `data` holds */
  values: number;
  /** one byte a row: 1 where there is a value, 0 where the row is NULL; only the first `rows` count */
  present: Uint8Array;
};

/**
 * Up to `batchRowsMax` consecutive rows in key order. Its vectors are valid until the next batch is asked for;
 * then the source writes over them.
 */
export type Batch = {
  readonly rows: number;
  /** in the order of the columns that were asked for */
  readonly columns: readonly ColumnVector[];
  /** the keys of the first and the last row, as text that the database reads back as exactly these keys */
  readonly firstKey: string;
  readonly lastKey: string;
};

/** A batch becomes a page of each column: at most this many rows … */
export const batchRowsMax = 16_384;
/**
 * … and it is closed early when its vectors hold this many bytes (one row may still be larger): while a batch is encoded
 * nothing is read, and a server that has ended its statement waits for the next one.
 */
export const batchBytesMax = 2 * 1024 * 1024;
