/** How many rows the next statement asks for: pure arithmetic over what the last ones took. */
import type { ReadLimits } from '../source.ts';

/** What a statement should bring at most; two of them fit in memory while the consumer works. */
export const statementBytes = 16 * 1024 * 1024;
/** Where a statement that brings more than expected is cut off: its rows so far count, the rest is asked for again. */
export const statementBytesMax = 4 * statementBytes;

export type Pace = {
  /** of the next statement */
  readonly rows: number;
  /**
   * Whether a statement is better cut off, at the cost of its connection: its rows have come for twice its time, and at
   * their pace would come for as long again. The time before the first ones does not count: it may have been
   * a lock, a cold cache, or one slow row.
   * @param ms since its first rows
   * @param came rows that have come after those
   */
  isLate(ms: number, came: number, toGo: number): boolean;
  /** after a statement that brought so much, in so long. @param cut it was late, and was cut off */
  took(rows: number, bytes: number, ms: number, cut: boolean): void;
};

/** After a cut the next one must be so much later; each statement that ends in time takes half of it back. */
const patience = 4;

/** @param rowBytes a guess of a row's width, null: unknown */
export function pace(limits: ReadLimits, rowBytes: number | null): Pace {
  const within = (rows: number): number => Math.max(1, Math.min(limits.statementRows, Math.floor(rows)));
  // no ANALYZE yet: 128 rows of 100 KB would still be less than a statement's bytes
  let rows = within(rowBytes === null ? 128 : Math.min(10_000, statementBytes / 4 / Math.max(rowBytes, 1)));
  const cutMsMin = 2 * limits.statementMs;
  let cutMs = cutMsMin;
  return {
    get rows() {
      return rows;
    },
    isLate(ms, came, toGo) {
      return ms >= cutMs && came > 0 && (ms / came) * toGo >= cutMs;
    },
    took(got, bytes, ms, cut) {
      if (cut) cutMs *= patience;
      else if (ms < cutMsMin) cutMs = Math.max(cutMsMin, cutMs / 2);
      if (got === 0) return;
      // a statement may have found less than it asked for; its costs are those of the rows it found
      const byTime = (got * limits.statementMs * 0.8) / Math.max(ms, 0.1);
      const byBytes = (got * statementBytes) / Math.max(bytes, 1);
      // one slow statement is an accident, and takes no more than half; one that was cut has shown its pace
      const least = cut ? 1 : rows / 2;
      rows = within(Math.min(byBytes, Math.max(least, Math.min(rows * 2, byTime))));
    },
  };
}
