/** A part's file as a manifest tells of it. */
import type { Column, ColumnType } from '../../formats/column.ts';
import type { ColumnStatistics, FileStatistics } from '../../formats/file-statistics.ts';
import type { DataFile } from './manifest.ts';

/**
 * A bound in Iceberg's binary form (the specification's Appendix D): as Parquet has it, save for decimals, which
 * are big-endian, as short as they can be.
 */
export function boundOf(type: ColumnType, value: Uint8Array): Buffer {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (type.kind !== 'decimal') return bytes;
  return shortest(type.precision > 18 ? bytes : Buffer.from(bytes).reverse());
}

/** Two's complement, big-endian, without the bytes that only repeat the sign. */
function shortest(bytes: Buffer): Buffer {
  let from = 0;
  while (from < bytes.length - 1) {
    const isSign =
      bytes[from] === 0x00 ? bytes[from + 1]! < 0x80 : bytes[from] === 0xff && bytes[from + 1]! >= 0x80;
    if (!isSign) break;
    from++;
  }
  return bytes.subarray(from);
}

/** @param statistics null: nothing more is known of the file (an older version copied it) */
export function dataFile(
  file: { readonly path: string; readonly format: string; readonly rows: number; readonly bytes: number },
  columns: readonly Column[],
  statistics: FileStatistics | null,
): DataFile {
  const types = new Map(columns.map(({ id, type }) => [id, type]));
  const known = statistics?.columns ?? [];
  const entries = <V>(of: (column: ColumnStatistics) => V | null) => {
    const found = known.flatMap((column) => {
      const value = of(column);
      return value === null ? [] : [{ key: column.id, value }];
    });
    return found.length > 0 ? found : null;
  };
  const bound = (of: 'min' | 'max') =>
    entries((column) => {
      const type = types.get(column.id);
      const value = column[of];
      return type === undefined || value === null ? null : boundOf(type, value);
    });
  return {
    content: 0,
    file_path: file.path,
    file_format: file.format,
    partition: {},
    record_count: file.rows,
    file_size_in_bytes: file.bytes,
    column_sizes: entries(({ bytes }) => bytes),
    value_counts: entries(() => file.rows),
    null_value_counts: entries(({ nulls }) => nulls),
    nan_value_counts: entries(({ nans }) => nans),
    lower_bounds: bound('min'),
    upper_bounds: bound('max'),
    split_offsets: statistics?.splits ?? null,
    // the commit says it
    sort_order_id: null,
  };
}
