/** What a run makes of a table, as far as it can be written before it is committed. */
import { TidemarkError } from '../errors.ts';
import type { Run, Snapshot, TableHead, Totals } from '../ledger/ledger.ts';
import type { TablePlan } from '../plan/table-plan.ts';
import type { TableDescription } from '../sources/source.ts';
import type { Catalog, LoadedTable } from './catalogs/catalog.ts';
import type { PublishPlaces } from './catalogs/catalog-of.ts';
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
import type { ReadyTable } from './ready-table.ts';

/** The order of the rows in each file, where Iceberg orders values as the database does; text it may order otherwise. */
function sortOf({ columns, key }: TableDescription): SortField | null {
  const [first] = key.by === 'columns' ? key.columns : [];
  if (first === undefined) return null;
  const column = columns.find(({ name }) => name === first.column)!;
  if (!['int', 'decimal', 'date', 'timestamp'].includes(column.type.kind)) return null;
  return { 'source-id': column.id, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' };
}

const operationOf = ({ mode }: TablePlan): Addition['operation'] => mode ?? 'overwrite';

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

/** To begin anew would take away the rows of the runs before. */
const lostPast = ({ keys }: PublishPlaces, table: TableDescription): TidemarkError =>
  new TidemarkError(
    'ProtocolViolation',
    `${keys.location(table)}: the metadata of this table, to which runs are added, is gone; bring its folder metadata/ back (from older versions of the objects, or a backup), then redrive; or name another target.url, where the table begins anew`,
  );

/** @returns the head where there is nothing to commit any more: the run's snapshot is, or a later run's */
export async function stageSnapshot(
  places: PublishPlaces,
  catalog: Catalog,
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
  const seen = await catalog.load(description, head);
  if (!seen && head?.snapshot && operation === 'append') throw lostPast(places, description);
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
