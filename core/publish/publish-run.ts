import { type ErrorCode, TidemarkError } from '../errors.ts';
import { knownRun } from '../ledger/known-run.ts';
import type { Ledger, Part, Run, TableHead, Totals } from '../ledger/ledger.ts';
import { forTables } from '../plan/tables-at-once.ts';
import type { PublishPlaces } from './catalogs/catalog-of.ts';
import type { Keep } from './iceberg/table.ts';
import { commitTables, finishTable } from './publish-table.ts';
import { type ReadyTable, readyTable } from './ready-table.ts';
import type { Log } from './settled-parts.ts';
import { sweepStagingOf } from './sweep.ts';

export type { PublishPlaces } from './catalogs/catalog-of.ts';

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
const ofOneTable: ReadonlySet<ErrorCode> = new Set([
  'ProtocolViolation',
  'DefinitionInvalid',
  'CatalogDenied',
  'CatalogRefused',
]);

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

/** How the definition wants a run to be published. */
export type PublishOptions = {
  /** which snapshots of a table stay */
  readonly keep: Keep;
  /** a table's group, by its name; null: it is published by itself */
  readonly groupOf?: (table: string) => string | null;
};

const defaults: PublishOptions = { keep: { snapshots: 2, days: 0 } };

type Place = { readonly index: number; readonly table: string };
type Incomplete = Place & { readonly broken?: string; readonly heldBackBy?: readonly string[] };

/** The tables that are published with one another, in the order of the run. */
function groupsOf(tables: readonly string[], groupOf: (table: string) => string | null): Place[][] {
  const found = new Map<string, Place[]>();
  for (const [index, table] of tables.entries()) {
    const group = groupOf(table);
    const name = group ? `group ${group}` : `table ${index}`;
    found.set(name, [...(found.get(name) ?? []), { index, table }]);
  }
  return [...found.values()];
}

/** What `action` says is wrong with one table; other errors are the run's. */
async function brokenBy(action: () => Promise<void>): Promise<string | null> {
  try {
    await action();
    return null;
  } catch (error) {
    if (!(error instanceof TidemarkError) || !ofOneTable.has(error.code)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** @returns superseded: another run has claimed a table */
async function publishGroup(
  places: PublishPlaces,
  owner: Run,
  group: readonly Place[],
  logs: ReadonlyMap<number, Log>,
  keep: Keep,
  nowMs: () => number,
): Promise<{ readonly heads: TableHead[]; readonly incomplete: Incomplete[] } | 'superseded'> {
  const ready: { readonly place: Place; readonly found: ReadyTable }[] = [];
  const heads: TableHead[] = [];
  const incomplete: Incomplete[] = [];
  for (const place of group) {
    const { index, table } = place;
    const broken = await brokenBy(async () => {
      const found = await readyTable(places, owner, index, table, logs.get(index));
      if (found === null) incomplete.push(place);
      else if ('parts' in found) ready.push({ place, found });
      else heads.push(found);
    });
    if (broken) incomplete.push({ ...place, broken });
  }
  if (incomplete.length > 0) {
    const heldBackBy = incomplete.map(({ table }) => table);
    incomplete.push(...ready.map(({ place }) => ({ ...place, heldBackBy })));
  } else if (ready.length > 0) {
    let isSuperseded = false;
    const broken = await brokenBy(async () => {
      const tables = ready.map(({ found }) => found);
      const committed = await commitTables(places, owner, tables, keep, nowMs);
      if (committed === 'superseded') isSuperseded = true;
      else heads.push(...committed);
    });
    if (isSuperseded) return 'superseded';
    if (broken) incomplete.push(...ready.map(({ place }) => ({ ...place, broken })));
  }
  const finished: TableHead[] = [];
  for (const head of heads) {
    const broken = await brokenBy(() => finishTable(places, owner.sync, head));
    if (broken) incomplete.push({ ...group.find(({ table }) => table === head.table)!, broken });
    else finished.push(head);
  }
  return { heads: finished, incomplete };
}

/**
 * Publishes each table of a run whose log is complete, and ends the run when that is all of them. Tables of one group are
 * published when all of them are complete.
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
  { keep, groupOf = () => null }: PublishOptions = defaults,
): Promise<PublishedRun> {
  const { ledger, store, keys } = places;
  const found = await knownRun(ledger, sync, run);
  if (found.status !== 'running') return { status: 'over', sync, run };
  if (goAgain) return { status: 'go-again', sync, run };

  const logs = await readLogs(ledger, sync, run);
  const heads: TableHead[] = [];
  const incomplete: Incomplete[] = [];
  let isSuperseded = false;
  await forTables(groupsOf(found.tables, groupOf), async (group) => {
    if (isSuperseded) return;
    const published = await publishGroup(places, found, group, logs, keep, nowMs);
    if (published === 'superseded') {
      isSuperseded = true;
      return;
    }
    heads.push(...published.heads);
    incomplete.push(...published.incomplete);
  });
  if (isSuperseded) return { status: 'over', sync, run };
  if (incomplete.length > 0) {
    // abandoned meanwhile: what is missing was swept, and nobody waits for it any more
    if ((await knownRun(ledger, sync, run)).status !== 'running') return { status: 'over', sync, run };
    throw incompleteRun(found, heads.length, incomplete, await reasons());
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

function incompleteRun(
  { sync, run, tables }: Run,
  published: number,
  incomplete: readonly Incomplete[],
  reasons: ReadonlyMap<number, string>,
): TidemarkError {
  const named = [...incomplete]
    .sort((a, b) => a.index - b.index)
    .slice(0, namedMax)
    .map(({ index, table, broken, heldBackBy }) => {
      if (heldBackBy) return `${table}: complete, and held back with its group (${heldBackBy.join(', ')})`;
      return `${table}: ${broken ?? reasons.get(index) ?? 'not all of its chunks are done'}`;
    });
  const more = incomplete.length - named.length;
  return new TidemarkError(
    'RunIncomplete',
    `run ${run} of ${sync}: ${published} of ${tables.length} tables are published. Not complete: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
  );
}
