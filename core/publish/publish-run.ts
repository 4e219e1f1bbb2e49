import { isAsCommitted, renamePart } from '../copy/rename.ts';
import { parseTableName } from '../definition/table-name.ts';
import { type ErrorCode, TidemarkError } from '../errors.ts';
import { knownRun } from '../ledger/known-run.ts';
import type { Ledger, Part, Run, TableHead, Totals } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import { inParallel } from '../parallel.ts';
import { readTablePlan, type TablePlan } from '../plan/table-plan.ts';
import { toManifest, writeManifest } from './manifest.ts';
import { rollForward } from './pointer.ts';
import { sweepOldData, sweepStagingOf } from './sweep.ts';

export type PublishPlaces = { readonly ledger: Ledger; readonly store: ObjectStore; readonly keys: Keys };

export type PublishedRun =
  | ({
      readonly status: 'published';
      readonly sync: string;
      readonly run: string;
      readonly tables: number;
    } & Totals)
  /** over: the run was published or abandoned before. go-again: as asked */
  | { readonly status: 'over' | 'go-again'; readonly sync: string; readonly run: string };

/** Requests to the store at once, while files are held against the ledger. */
const requestsMax = 16;

/** A message names this many tables; `tidemark show` lists them all. */
const namedMax = 20;

/** What is wrong with one table does not hold back the others. */
const ofOneTable: ReadonlySet<ErrorCode> = new Set(['ProtocolViolation', 'DefinitionInvalid']);

type Log = ReadonlyMap<number, readonly Part[]>;

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
 * The parts of a table in key order, or null while a chunk's log has not reached its end.
 * @throws TidemarkError ProtocolViolation where a log has a gap or does not cover its chunk
 */
function completeParts(plan: TablePlan, log: Log | undefined, table: string): Part[] | null {
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
async function settleFiles(store: ObjectStore, parts: readonly Part[]): Promise<void> {
  await inParallel(parts, requestsMax, async (part) => {
    const { file } = part;
    if (!file) return;
    let found = await store.head(file.final);
    if (!found && (await renamePart(store, part))) found = await store.head(file.final);
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

/**
 * Publishes each table of a run whose log is complete, and ends the run when that is all of them.
 *
 * A table at a time: hold its files against the ledger → write the manifest → move the table's head, the one
 * conditional write in which readers' truth changes → roll the pointer forward → sweep what nothing shows any more.
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

/** @returns null while the table is not complete */
async function publishTable(
  { ledger, store, keys }: PublishPlaces,
  { sync, run }: Run,
  index: number,
  table: string,
  log: Log | undefined,
  nowMs: () => number,
): Promise<TableHead | 'superseded' | null> {
  let head = await ledger.tableHead(sync, table);
  if (head?.snapshot?.run !== run) {
    const plan = await readTablePlan(store, keys, run, index);
    const parts = plan && completeParts(plan, log, table);
    if (!parts) return null;
    await settleFiles(store, parts);
    const { description } = plan;
    const schema = description.columns.map(({ id, name, type, nullable }) => ({ id, name, type, nullable }));
    const manifest = toManifest({
      sync,
      run,
      table,
      schema,
      files: parts.flatMap(({ file, rows }) =>
        file
          ? {
              key: file.final,
              rows,
              bytes: file.size,
              checksum: `sha256:${file.sha256}`,
              firstKey: file.firstKey,
              lastKey: file.lastKey,
            }
          : [],
      ),
    });
    await writeManifest(store, keys, description, manifest);
    head = await ledger.publishTable(sync, table, {
      run,
      publishedAt: new Date(nowMs()).toISOString(),
      rows: manifest.rows,
      bytes: manifest.bytes,
      files: manifest.files.length,
      schema,
    });
    if (head.snapshot?.run !== run) return 'superseded';
  }
  if (!(await rollForward(store, keys, sync, head))) {
    throw new TidemarkError(
      'ProtocolViolation',
      `s3://${store.bucket}/${keys.manifest(parseTableName(table)!, run)} is gone: somebody has deleted it`,
    );
  }
  await sweepOldData(store, keys, head);
  return head;
}
