import { type ErrorCode, TidemarkError } from '../errors.ts';
import { knownRun } from '../ledger/known-run.ts';
import type { Ledger, Part, TableHead, Totals } from '../ledger/ledger.ts';
import { type PublishPlaces, publishTable } from './publish-table.ts';
import { sweepStagingOf } from './sweep.ts';

export type { PublishPlaces } from './publish-table.ts';

export type PublishedRun =
  | ({
      readonly status: 'published';
      readonly sync: string;
      readonly run: string;
      readonly tables: number;
    } & Totals)
  /** over: the run was published or abandoned before. go-again: as asked */
  | { readonly status: 'over' | 'go-again'; readonly sync: string; readonly run: string };

/** A message names this many tables; `tidemark show` lists them all. */
const namedMax = 20;

/** What is wrong with one table does not hold back the others. */
const ofOneTable: ReadonlySet<ErrorCode> = new Set(['ProtocolViolation', 'DefinitionInvalid']);

/** The committed parts of the whole run: table → chunk → parts in order. */
async function readLogs(
  ledger: Ledger,
  sync: string,
  run: string,
): Promise<Map<number, Map<number, Part[]>>> {
  const tables = new Map<number, Map<number, Part[]>>();
  for await (const part of ledger.partsOfRun(sync, run)) {
    const chunks = tables.get(part.table) ?? new Map<number, Part[]>();
    const parts = chunks.get(part.chunk) ?? [];
    parts.push(part);
    tables.set(part.table, chunks.set(part.chunk, parts));
  }
  return tables;
}

/**
 * Publishes each table of a run whose log is complete, and ends the run when that is all of them.
 *
 * A table at a time: hold its files against the ledger → write the manifests → move the table's head, the one
 * conditional write in which readers' truth changes → roll what readers open forward → sweep what nothing shows any more.
 * Whatever died on the way, the next call goes on there.
 *
 * @param goAgain the chunks are to be planned and walked once more, unless the run is over
 * @param reasons why tables are incomplete, by their place in the run; asked for only where some are
 * @throws TidemarkError RunIncomplete naming the tables that are not complete; those that are have been published
 */
export async function publishRun(
  places: PublishPlaces,
  sync: string,
  run: string,
  goAgain: boolean,
  reasons: () => Promise<ReadonlyMap<number, string>>,
  nowMs: () => number = Date.now,
): Promise<PublishedRun> {
  const { ledger, store, keys } = places;
  const found = await knownRun(ledger, sync, run);
  if (found.status !== 'running') return { status: 'over', sync, run };
  if (goAgain) return { status: 'go-again', sync, run };

  const logs = await readLogs(ledger, sync, run);
  const heads: TableHead[] = [];
  const incomplete: { index: number; table: string; broken?: string }[] = [];
  for (const [index, table] of found.tables.entries()) {
    try {
      const head = await publishTable(places, found, index, table, logs.get(index), nowMs);
      if (head === 'superseded') return { status: 'over', sync, run };
      if (head) heads.push(head);
      else incomplete.push({ index, table });
    } catch (error) {
      if (!(error instanceof TidemarkError) || !ofOneTable.has(error.code)) throw error;
      incomplete.push({ index, table, broken: `${error.code}: ${error.message}` });
    }
  }
  if (incomplete.length > 0) {
    // abandoned meanwhile: what is missing was swept, and nobody waits for it any more
    if ((await knownRun(ledger, sync, run)).status !== 'running') return { status: 'over', sync, run };
    const known = await reasons();
    const named = incomplete
      .slice(0, namedMax)
      .map(
        ({ index, table, broken }) =>
          `${table}: ${broken ?? known.get(index) ?? 'not all of its chunks are done'}`,
      );
    const more = incomplete.length - named.length;
    throw new TidemarkError(
      'RunIncomplete',
      `run ${run} of ${sync}: ${heads.length} of ${found.tables.length} tables are published. Not complete: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    );
  }

  const totals = heads.reduce(
    (sum, { snapshot }) => ({
      rows: sum.rows + snapshot!.rows,
      bytes: sum.bytes + snapshot!.bytes,
      files: sum.files + snapshot!.files,
    }),
    { rows: 0, bytes: 0, files: 0 },
  );
  const endedAt = new Date(nowMs()).toISOString();
  const ended = await ledger.endRun(sync, run, { status: 'published', endedAt, totals });
  if (ended.status !== 'published') return { status: 'over', sync, run };
  await sweepStagingOf(store, keys, run);
  return { status: 'published', sync, run, tables: heads.length, ...totals };
}
