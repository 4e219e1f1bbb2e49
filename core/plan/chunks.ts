import type { KeyRange, TableStatistics } from '../sources/source.ts';

export type PlannedChunk = KeyRange & {
  /** an estimate */
  readonly rows: number;
  /** of which of the tables that become one; absent: the table is one itself */
  readonly member?: number;
};

/** A Distributed Map walks at most this many children at once anyway; larger tables get larger chunks. */
export const chunksMax = 10_000;

/**
 * Cuts a table into key ranges of about `chunkRows` rows: the quantiles of the sampled keys are the boundaries, so
 * gaps and skew in the keys make neither empty nor giant chunks. The ranges touch and cover every key up to the
 * greatest that was seen, which ends the last one: rows above it are the next run's.
 *
 * How even they are is up to the sample: from s keys a chunk, about 1/√s of its size.
 *
 * @returns in key order; none for an empty table
 */
export function planChunks(statistics: TableStatistics, chunkRows: number): PlannedChunk[] {
  const { rows, sample, max } = statistics;
  if (max === null) return [];
  const wanted = Math.min(chunksMax, Math.max(1, Math.round(rows / chunkRows)));
  const rowsOf = (keys: number) => Math.max(1, Math.round((rows * keys) / (sample.length + 1)));

  const chunks: PlannedChunk[] = [];
  let after: string | null = null;
  let keysBefore = 0;
  for (let i = 1; i < wanted; i++) {
    const at = Math.floor((i * sample.length) / wanted);
    const boundary = sample[at];
    if (boundary === undefined || boundary === after) continue;
    chunks.push({ after, upTo: boundary, rows: rowsOf(at - keysBefore) });
    after = boundary;
    keysBefore = at;
  }
  chunks.push({ after, upTo: max, rows: rowsOf(sample.length + 1 - keysBefore) });
  return chunks;
}
