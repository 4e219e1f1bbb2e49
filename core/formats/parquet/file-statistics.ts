import type { Column } from '../column.ts';
import { type ColumnStatistics, compareValues, type FileStatistics } from '../file-statistics.ts';
import type { PlacedChunk, RowGroup } from './footer.ts';

/** What the footer says of each row group, said of the whole file. */
export function fileStatistics(columns: readonly Column[], rowGroups: readonly RowGroup[]): FileStatistics {
  return {
    splits: rowGroups.map(({ chunks }) => chunks[0]!.offset),
    columns: columns.map((column, at) =>
      ofColumn(
        column,
        rowGroups.map(({ chunks }) => chunks[at]!),
      ),
    ),
  };
}

function ofColumn({ id, type }: Column, chunks: readonly PlacedChunk[]): ColumnStatistics {
  let bytes = 0;
  let nulls = 0;
  let nans: number | null = null;
  let min: Uint8Array | null = null;
  let max: Uint8Array | null = null;
  let isBounded = true;
  for (const { rows, compressedBytes, statistics } of chunks) {
    bytes += compressedBytes;
    nulls += statistics.nulls;
    if (statistics.nans !== null) nans = (nans ?? 0) + statistics.nans;
    if (statistics.nulls === rows) continue;
    if (statistics.min === null || statistics.max === null) {
      isBounded = false;
      continue;
    }
    if (min === null || compareValues(type, statistics.min.value, min) < 0) min = statistics.min.value;
    if (max === null || compareValues(type, statistics.max.value, max) > 0) max = statistics.max.value;
  }
  return { id, bytes, nulls, nans, min: isBounded ? min : null, max: isBounded ? max : null };
}
