/** A table's past: which snapshots there are, going back to one of them, tags that keep them. */
import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { TableHead, Totals } from '../ledger/ledger.ts';
import type { TableName } from '../sources/source.ts';
import type { HeadChange, LoadedTable } from './catalogs/catalog.ts';
import { catalogOf, type PublishPlaces } from './catalogs/catalog-of.ts';
import type { Long } from './iceberg/avro.ts';
import { type Reference, type Snapshot, snapshotOf, type TableMetadata } from './iceberg/metadata.ts';
import { countsOf, mainBranch, nextTime, ours, withCurrent, withPrevious } from './iceberg/table.ts';
import { finishTable } from './publish-table.ts';

/** Somebody else changes the table all the time. */
const triesMax = 20;

export type PastSnapshot = {
  /** decimal: other programs' ids have up to 63 bits */
  readonly id: string;
  /** null: another program's */
  readonly run: string | null;
  /** ISO 8601, UTC */
  readonly committedAt: string;
  readonly operation: string;
  /** of the whole table; null: another program's, which does not say it */
  readonly totals: Totals | null;
  readonly isCurrent: boolean;
  /** names of tags, and of branches other than main */
  readonly references: readonly string[];
};

export type TableHistory = {
  readonly head: TableHead;
  /** newest first */
  readonly snapshots: readonly PastSnapshot[];
};

const totalsOf = (snapshot: Snapshot): Totals | null =>
  snapshot.summary['total-records'] === undefined ? null : countsOf(snapshot);

const pastOf = (metadata: TableMetadata): PastSnapshot[] =>
  [...(metadata.snapshots ?? [])]
    .sort((a, b) => b['sequence-number'] - a['sequence-number'])
    .map((snapshot) => ({
      id: String(snapshot['snapshot-id']),
      run: snapshot.summary[ours.run] ?? null,
      committedAt: new Date(snapshot['timestamp-ms']).toISOString(),
      operation: snapshot.summary.operation,
      totals: totalsOf(snapshot),
      isCurrent: snapshot['snapshot-id'] === metadata['current-snapshot-id'],
      references: Object.entries(metadata.refs ?? {})
        .filter(
          ([name, reference]) => name !== mainBranch && reference['snapshot-id'] === snapshot['snapshot-id'],
        )
        .map(([name]) => name),
    }));

type Loaded = { readonly head: TableHead; readonly loaded: LoadedTable };

/** @throws TidemarkError UsageWrong where the table has no snapshot yet */
async function load(places: PublishPlaces, sync: string, table: TableName): Promise<Loaded> {
  const name = formatTableName(table);
  const head = await places.ledger.tableHead(sync, name);
  const loaded = head && (await catalogOf(places, sync).load(table, head));
  if (head?.snapshot && loaded) return { head, loaded };
  throw new TidemarkError('UsageWrong', `table ${name} of sync ${sync} has no snapshot yet`, {
    next: '`tidemark run` makes the first one; `tidemark status` shows which tables have one.',
  });
}

export async function history(places: PublishPlaces, sync: string, table: TableName): Promise<TableHistory> {
  const { head, loaded } = await load(places, sync, table);
  return { head, snapshots: pastOf(loaded.metadata) };
}

/**
 * The snapshot that people mean by its id, its run, or the name of a tag.
 * @throws TidemarkError UsageWrong, with what there is
 */
function meant(metadata: TableMetadata, table: TableName, what: string): Snapshot {
  const tagged = metadata.refs?.[what]?.['snapshot-id'];
  const found = (metadata.snapshots ?? []).find(
    (snapshot) =>
      snapshot['snapshot-id'] === tagged ||
      String(snapshot['snapshot-id']) === what ||
      snapshot.summary[ours.run] === what,
  );
  if (found) return found;
  const known = pastOf(metadata).map(({ id, run }) => (run ? `${id} (run ${run})` : id));
  throw new TidemarkError(
    'UsageWrong',
    `table ${formatTableName(table)} has no snapshot ${JSON.stringify(what)}; it has ${known.slice(0, 10).join(', ')}${known.length > 10 ? `, and ${known.length - 10} older ones` : ''}`,
    { next: `\`tidemark snapshots ${formatTableName(table)}\` lists them, with their tags.` },
  );
}

/** Commits a change of a table's metadata on whatever the table is by then. @param change null: it is so already */
async function commit(
  places: PublishPlaces,
  sync: string,
  table: TableName,
  nowMs: () => number,
  change: (
    metadata: TableMetadata,
    head: TableHead,
    atMs: number,
  ) => { readonly next: TableMetadata; readonly head: HeadChange } | null,
): Promise<TableHead> {
  const catalog = catalogOf(places, sync);
  for (let tries = 1; tries <= triesMax; tries++) {
    const { head, loaded } = await load(places, sync, table);
    const { metadata, file } = loaded;
    const atMs = nextTime(metadata, nowMs());
    const changed = change(metadata, head, atMs);
    if (!changed) return head;
    const next = withPrevious(
      { ...changed.next, 'last-updated-ms': atMs },
      file,
      metadata['last-updated-ms'],
    );
    const committed = await catalog.commit(table, loaded, next, changed.head);
    if (committed !== 'changed') return committed;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `table ${formatTableName(table)} is being changed by others all the time`,
  );
}

/** The run of ours whose rows are in a snapshot, be it another program's that has only moved them. */
function runOf(metadata: TableMetadata, snapshot: Snapshot): string | null {
  for (let one: Snapshot | undefined = snapshot; one; one = snapshotOf(metadata, one['parent-snapshot-id']))
    if (one.summary[ours.run] !== undefined) return one.summary[ours.run]!;
  return null;
}

/** What the head shows after going back to a snapshot. The columns are the table's, which stay as they are. */
function headShowing(metadata: TableMetadata, head: TableHead, snapshot: Snapshot): HeadChange {
  const run = runOf(metadata, snapshot);
  if (!run)
    throw new TidemarkError(
      'UsageWrong',
      `snapshot ${snapshot['snapshot-id']} is another program's, with nothing of this sync's in it`,
      { next: 'Go back to it with that program; `tidemark snapshots` lists the others.' },
    );
  const parent = snapshotOf(metadata, snapshot['parent-snapshot-id']);
  const { summary } = snapshot;
  const added = (name: string): number => Number(summary[name] ?? 0);
  const isAllItsOwn = summary[ours.run] === run && summary.operation === 'overwrite';
  return {
    kind: 'show',
    snapshot: {
      ...head.snapshot!,
      run,
      publishedAt: new Date(snapshot['timestamp-ms']).toISOString(),
      rows: added('added-records'),
      bytes: added('added-files-size'),
      files: added('added-data-files'),
      appended: isAllItsOwn
        ? undefined
        : {
            to: summary[ours.run] === run ? (parent?.summary[ours.run] ?? null) : null,
            total: countsOf(snapshot),
          },
    },
  };
}

/**
 * Makes an older snapshot the one that readers see; the newer ones stay until they expire. The next run that is published
 * shows its own.
 * @param to a snapshot's id, its run, or a tag
 * @returns the head; `changed`: another one, `before`, was the current one until now
 */
export async function rollBack(
  places: PublishPlaces,
  sync: string,
  table: TableName,
  to: string,
  nowMs: () => number = Date.now,
): Promise<{
  readonly head: TableHead;
  readonly id: Long;
  readonly before: Long;
  readonly changed: boolean;
}> {
  let id: Long = 0;
  let before: Long = 0;
  let changed = false;
  const head = await commit(places, sync, table, nowMs, (metadata, seen, atMs) => {
    const snapshot = meant(metadata, table, to);
    id = snapshot['snapshot-id'];
    if (metadata['current-snapshot-id'] === id) return null;
    before = metadata['current-snapshot-id']!;
    changed = true;
    return { next: withCurrent(metadata, id, atMs), head: headShowing(metadata, seen, snapshot) };
  });
  await finishTable(places, sync, head);
  return { head, id, before, changed };
}

/** What names of tags are taken: as query engines take them without quotes. */
const tagName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/**
 * Gives a snapshot a name, which keeps it from expiring.
 * @param what a snapshot's id, its run, or a tag; null: the current one
 * @param move whether a tag that is there already may be taken from its snapshot, which then may expire
 * @throws TidemarkError UsageWrong where the name is no name for a tag, or is taken
 */
export async function tag(
  places: PublishPlaces,
  sync: string,
  table: TableName,
  name: string,
  what: string | null,
  move = false,
  nowMs: () => number = Date.now,
): Promise<{ readonly id: Long; readonly changed: boolean }> {
  if (!tagName.test(name))
    throw new TidemarkError(
      'UsageWrong',
      `${JSON.stringify(name)} is no name for a tag; allowed: letters, digits and _, no digit first, at most 128`,
    );
  let id: Long = 0;
  let changed = false;
  await commit(places, sync, table, nowMs, (metadata) => {
    const before = metadata.refs?.[name];
    if (before) refuseBranch(before, name, table);
    id = what ? meant(metadata, table, what)['snapshot-id'] : metadata['current-snapshot-id']!;
    if (before?.['snapshot-id'] === id) return null;
    if (before && !move) throw taken(metadata, table, name, before);
    changed = true;
    const refs = { ...metadata.refs, [name]: { ...before, 'snapshot-id': id, type: 'tag' as const } };
    return { next: { ...metadata, refs }, head: { kind: 'keep' } };
  });
  return { id, changed };
}

function taken(metadata: TableMetadata, table: TableName, name: string, before: Reference): TidemarkError {
  const snapshot = snapshotOf(metadata, before['snapshot-id']);
  const run = snapshot?.summary[ours.run];
  return new TidemarkError(
    'UsageWrong',
    `the tag ${name} of table ${formatTableName(table)} is there already, at snapshot ${before['snapshot-id']}${run ? ` (run ${run})` : ''}, which it keeps; allowed: another name, or --move`,
    { next: 'Choose another name; with --move the tag goes over, and that snapshot may expire.' },
  );
}

/** Takes a tag away; its snapshot stays until it expires. @throws TidemarkError UsageWrong where there is no such tag */
export async function untag(
  places: PublishPlaces,
  sync: string,
  table: TableName,
  name: string,
  nowMs: () => number = Date.now,
): Promise<void> {
  let isTried = false;
  await commit(places, sync, table, nowMs, (metadata) => {
    const { [name]: before, ...refs } = metadata.refs ?? {};
    // taken away by this very call, whose answer was lost
    if (!before && isTried) return null;
    if (!before)
      throw new TidemarkError(
        'UsageWrong',
        `table ${formatTableName(table)} has no tag ${JSON.stringify(name)}`,
        {
          next: `\`tidemark snapshots ${formatTableName(table)}\` lists them.`,
        },
      );
    refuseBranch(before, name, table);
    isTried = true;
    return { next: { ...metadata, refs }, head: { kind: 'keep' } };
  });
}

function refuseBranch({ type }: Reference, name: string, table: TableName): void {
  if (type === 'branch')
    throw new TidemarkError('UsageWrong', `${name} is a branch of table ${formatTableName(table)}, no tag`);
}
