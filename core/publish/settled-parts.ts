import { isAsCommitted, renameFile } from '../copy/rename.ts';
import { TidemarkError } from '../errors.ts';
import type { Part } from '../ledger/ledger.ts';
import type { ObjectStore } from '../objects/store.ts';
import { inParallel } from '../parallel.ts';
import type { TablePlan } from '../plan/table-plan.ts';

/** Requests to the store at once, while files are held against the ledger. */
const requestsMax = 16;

/** The committed parts of a table: chunk → parts in order. */
export type Log = ReadonlyMap<number, readonly Part[]>;

/**
 * The parts of a table in key order, or null while a chunk's log has not reached its end.
 * @throws TidemarkError ProtocolViolation where a log has a gap or does not cover its chunk
 */
export function completeParts(plan: TablePlan, log: Log | undefined, table: string): Part[] | null {
  const ranges = plan.chunks.length > 0 ? plan.chunks : [{ after: null, upTo: null }];
  const all: Part[] = [];
  for (const [chunk, range] of ranges.entries()) {
    const parts = log?.get(chunk) ?? [];
    if (!parts.at(-1)?.last) return null;
    let offset = range.after;
    for (const [n, part] of parts.entries()) {
      if (part.n !== n || part.from !== offset || (part.last && n !== parts.length - 1)) {
        throw new TidemarkError(
          'ProtocolViolation',
          `table ${table}, chunk ${chunk}: the log has a gap or a fork at part ${n}`,
        );
      }
      offset = part.to;
    }
    if (offset !== range.upTo) {
      throw new TidemarkError(
        'ProtocolViolation',
        `table ${table}, chunk ${chunk}: the log ends before its range`,
      );
    }
    all.push(...parts);
  }
  return all;
}

/** Sees to it that every committed file has its final name and is, by size and checksum, what was committed. */
export async function settleFiles(store: ObjectStore, parts: readonly Part[]): Promise<void> {
  const files = parts.flatMap((part) => part.files.map((file) => ({ part, file })));
  await inParallel(files, requestsMax, async ({ part, file }) => {
    let found = await store.head(file.final);
    if (!found && (await renameFile(store, part, file))) found = await store.head(file.final);
    if (!found || !isAsCommitted(found, part, file)) {
      throw new TidemarkError(
        'ProtocolViolation',
        found
          ? `s3://${store.bucket}/${file.final} is not the file that was committed`
          : `s3://${store.bucket}/${file.final} is gone`,
      );
    }
  });
}
