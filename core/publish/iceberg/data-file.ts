/** A part's file as a manifest tells of it. */
import type { Column, ColumnType } from '../../formats/column.ts';
import type { ColumnStatistics, FileStatistics } from '../../formats/file-statistics.ts';
import { shortestFrom } from '../../formats/partition/truncated-numbers.ts';
import type { DataFile } from './manifest.ts';

/**
 * A bound in Iceberg's binary form (the specification's Appendix D): as Parquet has it, save for decimals, which
 * are big-endian, as short as they can be.
 */
export function boundOf(type: ColumnType, value: Uint8Array): Buffer {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (type.kind !== 'decimal') return bytes;
  const bigEndian = type.precision > 18 ? bytes : Buffer.from(bytes).reverse();
  return bigEndian.subarray(shortestFrom(bigEndian, 0, bigEndian.length));
}

/**
 * @param statistics null: nothing more is known of the file (an older version copied it)
 * @param partition its values, by the names of the plan's fields
 */
export function dataFile(
  file: { readonly path: string; readonly format: string; readonly rows: number; readonly bytes: number },
  columns: readonly Column[],
  statistics: FileStatistics | null,
  partition: DataFile['partition'] = {},
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
    partition,
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
