import { inParallel } from '../parallel.ts';

/** Waiting for the ledger, the store and the source takes most of a table's time. */
const atOnceMax = 8;
/** With fewer there is little to gain: they come one after the other, in an order that is easy to follow. */
const fewTables = 32;

/**
 * Does `work` for each of a run's tables, for several at once where they are many. Nothing that is done for one table
 * depends on another's: each write is a conditional one on an item or an object of the table's own.
 */
export const forTables = <T>(
  tables: readonly T[],
  work: (table: T, index: number) => Promise<void>,
): Promise<void> =>
  inParallel(tables.entries(), tables.length < fewTables ? 1 : atOnceMax, ([index, table]) =>
    work(table, index),
  );
