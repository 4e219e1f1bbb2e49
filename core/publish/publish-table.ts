import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import { humanPartition } from '../formats/partition/values.ts';
import type { Part, Run, Snapshot, TableHead, Totals } from '../ledger/ledger.ts';
import { readTablePlan, type TablePlan } from '../plan/table-plan.ts';
import type { TableDescription } from '../sources/source.ts';
import type { LoadedTable } from './catalogs/catalog.ts';
import { catalogOf, type PublishPlaces } from './catalogs/catalog-of.ts';
import { standingOf } from './catalogs/standing.ts';
import { type Addition, withAddition } from './iceberg/commit.ts';
import { dataFile } from './iceberg/data-file.ts';
import {
  type Snapshot as IcebergSnapshot,
  snapshotOf as icebergSnapshot,
  type SortField,
  type TableMetadata,
} from './iceberg/metadata.ts';
import { partitionRecord } from './iceberg/partition-avro.ts';
import { icebergFields } from './iceberg/schema.ts';
import { countsOf, type Keep, ours } from './iceberg/table.ts';
import { type Manifest, toManifest, writeManifest } from './manifest.ts';
import { showHead } from './projections.ts';
import { completeParts, type Log, settleFiles } from './settled-parts.ts';
import { sweepTable } from './sweep-table.ts';

/** Somebody else changed the table between our look and our commit: this often in a row is no coincidence. */
const commitsMax = 20;

/** A table of which every chunk is copied, and every file stands where it belongs. */
export type ReadyTable = {
  readonly head: TableHead | null;
  readonly plan: TablePlan;
  readonly parts: readonly Part[];
  readonly manifest: Manifest;
};

/** The order of the rows in each file, where Iceberg orders values as the database does; text it may order otherwise. */
function sortOf({ columns, key }: TableDescription): SortField | null {
  const column = columns.find(({ name }) => name === key.column)!;
  if (!['int', 'decimal', 'date', 'timestamp'].includes(column.type.kind)) return null;
  return { 'source-id': column.id, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' };
}

function manifestOf(
  { sync, run }: Run,
  table: string,
  { description: { columns }, partition }: TablePlan,
  parts: readonly Part[],
): Manifest {
  return toManifest({
    sync,
    run,
    table,
    schema: columns.map(({ id, name, type, nullable }) => ({ id, name, type, nullable })),
    files: parts.flatMap(({ files }) =>
      files.map((file) => ({
        key: file.final,
        rows: file.rows,
        bytes: file.size,
        checksum: `sha256:${file.sha256}`,
        firstKey: file.firstKey,
        lastKey: file.lastKey,
        ...(file.partition && { partition: humanPartition(partition, columns, file.partition) }),
      })),
    ),
  });
}

const operationOf = ({ mode }: TablePlan): Addition['operation'] => mode ?? 'overwrite';

/**
 * All that can be done for a table before its snapshot is committed.
 * @returns the head where the run has published the table already; null while the table is not complete
 */
export async function readyTable(
  { ledger, store, keys }: PublishPlaces,
  owner: Run,
  index: number,
  table: string,
  log: Log | undefined,
): Promise<TableHead | ReadyTable | null> {
  const head = await ledger.tableHead(owner.sync, table);
  if (head?.publishedRun === owner.run) return head;
  const plan = await readTablePlan(store, keys, owner.run, index);
  const parts = plan && completeParts(plan, log, table);
  if (!parts) return null;
  await settleFiles(store, parts);
  const manifest = manifestOf(owner, table, plan, parts);
  await writeManifest(store, keys, plan.description, manifest);
  return { head, plan, parts, manifest };
}

/** A snapshot whose manifests are written, and which nobody knows of yet. */
export type StagedSnapshot = {
  readonly table: TableDescription;
  readonly seen: LoadedTable | null;
  readonly next: TableMetadata;
  readonly change: { readonly kind: 'publish'; readonly snapshot: Snapshot };
};

type Before = { readonly run: string | null; readonly total: Totals } | null;

const asBefore = (snapshot: IcebergSnapshot | undefined): Before =>
  snapshot ? { run: snapshot.summary[ours.run] ?? null, total: countsOf(snapshot) } : null;

/** What a run's snapshot was added to, as far as the table's metadata still says it. */
function beforeOf(metadata: TableMetadata, run: string): Before {
  const own = metadata.snapshots?.find(({ summary }) => summary[ours.run] === run);
  const parent = own?.['parent-snapshot-id'];
  if (own && parent === undefined) return null;
  return asBefore(icebergSnapshot(metadata, parent)) ?? { run: null, total: { rows: 0, bytes: 0, files: 0 } };
}

/** What the head says of a table with this run's files. */
function snapshotOf(
  { plan, manifest, head }: ReadyTable,
  run: string,
  before: Before,
  publishedAt: string,
): Snapshot {
  const { identity, columns } = plan.description;
  const added = { rows: manifest.rows, bytes: manifest.bytes, files: manifest.files.length };
  return {
    ...{ run, publishedAt, ...added, identity },
    schema: columns.map(({ id, name, type, nullable, number }) => ({
      ...{ id, name, type, nullable },
      ...(number !== undefined && { number }),
    })),
    lastColumnId: Math.max(head?.snapshot?.lastColumnId ?? 0, ...columns.map(({ id }) => id)),
    ...(operationOf(plan) === 'append' &&
      before && {
        appended: {
          to: before.run,
          total: {
            rows: before.total.rows + added.rows,
            bytes: before.total.bytes + added.bytes,
            files: before.total.files + added.files,
          },
        },
      }),
  };
}

/** @returns the head where there is nothing to commit any more: the run's snapshot is, or a later run's */
async function stageSnapshot(
  places: PublishPlaces,
  { sync, run }: Run,
  ready: ReadyTable,
  keep: Keep,
  nowMs: () => number,
): Promise<StagedSnapshot | TableHead | 'superseded'> {
  const { store, keys } = places;
  const { head, plan, parts } = ready;
  const { description, partition } = plan;
  const { columns } = description;
  const operation = operationOf(plan);
  const catalog = catalogOf(places, sync);
  const seen = await catalog.load(description, head);
  const publishedRun = head?.publishedRun ?? null;
  const standing = standingOf(seen, { sync, run, publishedRun, operation });
  if (standing === 'superseded') return 'superseded';
  const isPublished = standing === 'published';
  const before = isPublished ? beforeOf(seen!.metadata, run) : asBefore(standing.parent);
  const snapshot = snapshotOf(ready, run, before, new Date(nowMs()).toISOString());
  const change = { kind: 'publish', snapshot } as const;
  if (isPublished) return catalog.follow(description, change);
  const files = parts
    .flatMap((part) => part.files)
    .map((file) => ({
      rows: file.rows,
      bytes: file.size,
      dataFile: () => {
        const path = `s3://${store.bucket}/${file.final}`;
        const record = partitionRecord(partition, columns, file.partition);
        const { rows, size: bytes, statistics } = file;
        return dataFile({ path, format: 'PARQUET', rows, bytes }, columns, statistics, record);
      },
    }));
  const addition = {
    ...{ sync, run, table: description, sort: sortOf(description), files, operation, keep },
    partition: { fields: partition, columns },
    fields: icebergFields(columns),
  };
  const next = await withAddition({ store, keys }, seen, addition, nowMs(), standing.parent);
  return { table: description, seen, next, change };
}

/**
 * Commits the snapshots of tables that are ready, one after the other without delay: all that can be written before is. In
 * one commit, where the catalog can do that.
 * @returns their heads; superseded: a later run has claimed one of them
 */
export async function commitTables(
  places: PublishPlaces,
  owner: Run,
  tables: readonly ReadyTable[],
  keep: Keep,
  nowMs: () => number,
): Promise<TableHead[] | 'superseded'> {
  const { ledger } = places;
  const { sync, run } = owner;
  const catalog = catalogOf(places, sync);
  const heads = new Map<ReadyTable, TableHead>();
  const settle = (ready: ReadyTable, head: TableHead): boolean => {
    heads.set(ready, head);
    return head.publishedRun === run;
  };
  let open: readonly ReadyTable[] = tables;
  for (let tries = 1; open.length > 0; tries++) {
    if (tries > commitsMax)
      throw new TidemarkError(
        'StoreUnavailable',
        `table ${formatTableName(open[0]!.plan.description)} is being changed by others all the time`,
      );
    const staged: { readonly ready: ReadyTable; readonly snapshot: StagedSnapshot }[] = [];
    for (const ready of open) {
      const snapshot = await stageSnapshot(places, owner, ready, keep, nowMs);
      if (snapshot === 'superseded') return snapshot;
      if ('next' in snapshot) staged.push({ ready, snapshot });
      else if (!settle(ready, snapshot)) return 'superseded';
    }
    const changed: ReadyTable[] = [];
    const together =
      staged.length > 1
        ? await catalog.commitTogether?.(staged.map(({ snapshot }) => snapshot))
        : 'unsupported';
    for (const [at, { ready, snapshot }] of staged.entries()) {
      const head =
        together === undefined || together === 'unsupported'
          ? await catalog.commit(snapshot.table, snapshot.seen, snapshot.next, snapshot.change)
          : together === 'changed'
            ? together
            : together[at]!;
      if (head === 'changed') changed.push(ready);
      else if (!settle(ready, head)) return 'superseded';
    }
    open = [];
    for (const ready of changed) {
      const head = await ledger.tableHead(sync, formatTableName(ready.plan.description));
      open = [...open, { ...ready, head }];
    }
  }
  return [...heads.values()];
}

/** What comes after the commit: what readers open shows the head, what nothing names any more goes. */
export async function finishTable(places: PublishPlaces, sync: string, head: TableHead): Promise<void> {
  const { store, keys } = places;
  if (!(await showHead(places, sync, head))) {
    throw new TidemarkError(
      'ProtocolViolation',
      `s3://${store.bucket}/${keys.manifest(parseTableName(head.table)!, head.snapshot!.run)} is gone: somebody has deleted it`,
    );
  }
  await sweepTable(store, keys, catalogOf(places, sync), head);
}
