/** How many rows the next statement asks for: pure arithmetic over what the last ones took. */
import type { ReadLimits } from '../source.ts';

/** What a statement should bring at most; two of them fit in memory while the consumer works. */
export const statementBytes = 16 * 1024 * 1024;
/** Where a statement that brings more than expected is cut off: its rows so far count, the rest is asked for again. */
export const statementBytesMax = 4 * statementBytes;

export type Pace = {
  /** of the next statement */
  readonly rows: number;
  /** When a statement has run this long, and brought a row, it is cut off. */
  readonly cutMs: number;
  /** after a statement that brought so much, in so long */
  took(rows: number, bytes: number, ms: number): void;
};

/** @param rowBytes a guess of a row's width, null: unknown */
export function pace(limits: ReadLimits, rowBytes: number | null): Pace {
  const within = (rows: number): number => Math.max(1, Math.min(limits.statementRows, Math.floor(rows)));
  // no ANALYZE yet: 128 rows of 100 KB would still be less than a statement's bytes
  let rows = within(rowBytes === null ? 128 : Math.min(10_000, statementBytes / 4 / Math.max(rowBytes, 1)));
  return {
    get rows() {
      return rows;
    },
    cutMs: 2 * limits.statementMs,
    took(got, bytes, ms) {
      if (got === 0) return;
      // a statement may have found less than it asked for; its costs are those of the rows it found
      const byTime = (got * limits.statementMs * 0.8) / Math.max(ms, 0.1);
      const byBytes = (got * statementBytes) / Math.max(bytes, 1);
      rows = within(Math.min(byBytes, Math.max(rows / 2, Math.min(rows * 2, byTime))));
    },
  };
}
