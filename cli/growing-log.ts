import type { ChunkPlace, Ledger, Part } from '../core/ledger/ledger.ts';

/**
 * Reads the parts of a run again and again, while they become more. A chunk whose log has reached its end never
 * changes: the ones before the first chunk that has not are kept, and not read again. The Map walks chunks in their
 * order, so that what is read each time is about what is under way, not all that there is.
 */
export function growingLog(
  ledger: Ledger,
  sync: string,
  run: string,
): {
  /**
   * All that are committed by now.
   * @param chunksOf how many chunks the table at a place of the run has; null: not known yet
   */
  read(chunksOf: (table: number) => number | null): Promise<readonly Part[]>;
} {
  const kept: Part[] = [];
  let open: ChunkPlace = { table: 0, chunk: 0 };
  const isOpen = ({ table, chunk }: Part): boolean =>
    table > open.table || (table === open.table && chunk >= open.chunk);

  return {
    async read(chunksOf) {
      const newer: Part[] = [];
      const complete = new Set<string>();
      for await (const part of ledger.partsOfRun(sync, run, open)) {
        newer.push(part);
        if (part.last) complete.add(`${part.table}.${part.chunk}`);
      }
      const all = [...kept, ...newer];
      let { table, chunk } = open;
      for (let chunks = chunksOf(table); chunks !== null; chunks = chunksOf(table)) {
        while (chunk < chunks && complete.has(`${table}.${chunk}`)) chunk++;
        if (chunk < chunks) break;
        table++;
        chunk = 0;
      }
      open = { table, chunk };
      for (const part of newer) if (!isOpen(part)) kept.push(part);
      return all;
    },
  };
}
