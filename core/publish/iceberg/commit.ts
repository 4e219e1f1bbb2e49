/** A run's files as a snapshot of a table: what is written before the catalog is asked. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { TableName } from '../../sources/source.ts';
import type { LoadedTable } from '../catalogs/catalog.ts';
import { writeManifestList } from './manifest.ts';
import { currentSnapshot, type Snapshot, type SortField, type TableMetadata } from './metadata.ts';
import { withPartition } from './partition-spec.ts';
import type { Places } from './read.ts';
import type { IcebergField } from './schema.ts';
import {
  type AddedFile,
  appending,
  type Division,
  overwriting,
  putAvro,
  type Writing,
} from './snapshot-manifests.ts';
import {
  type Keep,
  liveSnapshots,
  newTable,
  nextTime,
  ours,
  summaryOf,
  withFields,
  withoutExpired,
  withPrevious,
  withProperties,
  withSnapshot,
  withSort,
} from './table.ts';

/** What a run adds to a table. */
export type Addition = {
  readonly sync: string;
  readonly run: string;
  readonly table: TableName;
  readonly fields: readonly IcebergField[];
  /** by what the files are divided: their records name values by these fields' names; absent: by nothing */
  readonly partition?: Division;
  readonly sort: SortField | null;
  readonly files: readonly AddedFile[];
  /** `append`: to what is there. `overwrite`: in place of it */
  readonly operation: 'append' | 'overwrite';
  /** which snapshots before it stay */
  readonly keep: Keep;
};

/** A run makes one snapshot of a table, whoever commits it and however often it is tried. 48 bits: exact as a number. */
export const snapshotId = ({ sync, run, table }: Pick<Addition, 'sync' | 'run' | 'table'>): number =>
  createHash('sha256')
    .update(JSON.stringify([sync, run, table.schema, table.table]))
    .digest()
    .readUIntBE(0, 6);

/**
 * Writes the manifests and the list of the run's snapshot on top of the table as it was loaded. Nothing names them yet:
 * what a try leaves that loses against another one is swept.
 *
 * @param loaded null: there is no table
 * @param parent on which snapshot of the table; undefined: as if there were none
 * @returns the metadata in which the snapshot is the one that readers see
 */
export async function withAddition(
  places: Places,
  loaded: LoadedTable | null,
  addition: Addition,
  nowMs: number,
  parent: Snapshot | undefined = loaded ? currentSnapshot(loaded.metadata) : undefined,
): Promise<TableMetadata> {
  const { sync, run, table, fields, sort, files, operation } = addition;
  const division = addition.partition ?? { fields: [], columns: [] };
  const about = { uuid: randomUUID(), location: places.keys.location(table), properties: {} };
  const grown = withSort(withFields(loaded?.metadata ?? newTable(about, fields, nowMs), fields), sort);
  const divided = withPartition(grown, division.fields, division.columns);
  const base = withProperties(divided, { [ours.sync]: sync, [ours.run]: run });
  const writing: Writing = {
    ...{ places, table, run, base, division },
    attempt: randomBytes(4).toString('hex'),
    snapshotId: snapshotId(addition),
    sequenceNumber: base['last-sequence-number'] + 1,
  };
  const { manifests, partitions, own } =
    operation === 'overwrite'
      ? await overwriting(writing, files, parent)
      : { ...(await appending(writing, files, parent)), own: null };
  const list = writeManifestList(manifests, {
    id: writing.snapshotId,
    parent: parent?.['snapshot-id'] ?? null,
    sequenceNumber: writing.sequenceNumber,
  });
  const counts = {
    files: files.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  };
  const staged: Snapshot = {
    'snapshot-id': writing.snapshotId,
    ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': writing.sequenceNumber,
    'timestamp-ms': nextTime(base, nowMs),
    summary: summaryOf(parent, operation, counts, {
      [ours.sync]: sync,
      [ours.run]: run,
      ...(own !== null && { [ours.manifests]: `${writing.attempt} ${own}` }),
      'engine-name': 'tidemark',
      'changed-partition-count': String(Math.max(1, partitions)),
    }),
    'manifest-list': await putAvro(writing, 'list', list),
    'schema-id': base['current-schema-id'],
  };
  const next = withoutOld(base, staged, addition, nowMs);
  return loaded ? withPrevious(next, loaded.file, loaded.metadata['last-updated-ms']) : next;
}

/**
 * A snapshot is added, and those expire that need not be kept. After appends, which have their files in common, only when
 * they are a fifth of all: to see which files nothing names any more, the lists of all others are read.
 */
function withoutOld(
  base: TableMetadata,
  snapshot: Snapshot,
  { operation, keep }: Addition,
  nowMs: number,
): TableMetadata {
  const all = withSnapshot(base, snapshot);
  const live = liveSnapshots(all, keep, nowMs);
  const count = (all.snapshots ?? []).length;
  const expired = count - live.size;
  if (expired === 0 || (operation === 'append' && expired * 5 < count)) return all;
  const summary = { ...snapshot.summary, [ours.expired]: String(expired) };
  return withoutExpired(withSnapshot(base, { ...snapshot, summary }), live);
}
