/** A run's files as a snapshot of a table: what is written before the catalog is asked. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Column } from '../../formats/column.ts';
import type { PartitionField } from '../../formats/partition/partition.ts';
import { sha256Of } from '../../objects/checksum.ts';
import { inParallel } from '../../parallel.ts';
import type { TableName } from '../../sources/source.ts';
import type { LoadedTable } from '../catalogs/catalog.ts';
import {
  type DataFile,
  type ManifestEntry,
  type ManifestFile,
  type Partitioning,
  status,
  writeManifest,
  writeManifestList,
} from './manifest.ts';
import {
  currentSchema,
  currentSnapshot,
  defaultSpec,
  type SortField,
  type TableMetadata,
} from './metadata.ts';
import {
  asWritten,
  byPartitioning,
  fieldSummaries,
  partitioningOf,
  partitionsAmong,
} from './partition-avro.ts';
import { specOf, withPartition } from './partition-spec.ts';
import { entriesOf, liveManifestsOf, type Places } from './read.ts';
import type { IcebergField } from './schema.ts';
import {
  type Keep,
  liveSnapshots,
  newTable,
  nextTime,
  summaryKeys,
  summaryOf,
  withFields,
  withoutExpired,
  withPrevious,
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
  readonly partition?: { readonly fields: readonly PartitionField[]; readonly columns: readonly Column[] };
  readonly sort: SortField | null;
  readonly files: readonly DataFile[];
  /** `append`: to what is there. `overwrite`: in place of it */
  readonly operation: 'append' | 'overwrite';
  /** which snapshots before it stay */
  readonly keep: Keep;
};

/** Entries a manifest: readers open several at once. */
const entriesMax = 2_000;
const requestsMax = 8;

/** A run makes one snapshot of a table, whoever commits it and however often it is tried. 48 bits: exact as a number. */
const snapshotId = ({ sync, run, table }: Addition): number =>
  createHash('sha256')
    .update(JSON.stringify([sync, run, table.schema, table.table]))
    .digest()
    .readUIntBE(0, 6);

/** @param name unique to this try @returns its URL */
async function putAvro(
  { store, keys }: Places,
  { table, run }: Addition,
  name: string,
  body: Buffer,
): Promise<string> {
  const key = keys.manifestOf(table, run, name);
  await store.put(key, body, sha256Of([body]), { mediaType: 'application/avro' });
  return `s3://${store.bucket}/${key}`;
}

/** The entries of each manifest. */
const inGroups = (items: readonly ManifestEntry[], partitioning: Partitioning) =>
  byPartitioning(items, partitioning).flatMap(({ partitioning, entries }) =>
    Array.from({ length: Math.ceil(entries.length / entriesMax) }, (_, group) => ({
      partitioning,
      entries: entries.slice(group * entriesMax, (group + 1) * entriesMax),
    })),
  );

/** What is live in the table, as entries that take it away. */
async function deletions(places: Places, metadata: TableMetadata, id: number): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  const manifests = await liveManifestsOf(places, currentSnapshot(metadata));
  await inParallel(manifests, requestsMax, async (manifest) => {
    // files of deletions are other programs': they go with the manifests that name them
    if (manifest.content !== 0) return;
    for (const entry of await entriesOf(places, manifest)) {
      if (entry.status === status.deleted) continue;
      entries.push({
        status: status.deleted,
        snapshot_id: id,
        sequence_number: entry.sequence_number ?? manifest.sequence_number,
        file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
        data_file: entry.data_file,
        partitioning: entry.partitioning,
      });
    }
  });
  return entries;
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

const rowsOf = (entries: readonly ManifestEntry[]): number =>
  sum(entries, ({ data_file }) => Number(data_file.record_count));

/**
 * Writes the manifests and the list of the run's snapshot on top of the table as it was loaded. Nothing names them yet:
 * what a try leaves that loses against another one is swept.
 *
 * @param loaded null: there is no table
 * @returns the metadata in which the snapshot is the one that readers see
 */
export async function withAddition(
  places: Places,
  loaded: LoadedTable | null,
  addition: Addition,
  nowMs: number,
): Promise<TableMetadata> {
  const { sync, run, table, fields, sort, files, operation, keep } = addition;
  const { fields: divisions, columns } = addition.partition ?? { fields: [], columns: [] };
  const about = { uuid: randomUUID(), location: places.keys.location(table), properties: {} };
  const grown = withSort(withFields(loaded?.metadata ?? newTable(about, fields, nowMs), fields), sort);
  const base = withPartition(grown, divisions, columns);
  const partitioning = partitioningOf(defaultSpec(base)!, divisions, columns);
  const id = snapshotId(addition);
  const sequenceNumber = base['last-sequence-number'] + 1;
  const attempt = randomBytes(4).toString('hex');

  const added = files.map(
    (data_file): ManifestEntry => ({
      status: status.added,
      snapshot_id: id,
      // null: the manifest's own
      sequence_number: null,
      file_sequence_number: null,
      data_file: {
        ...data_file,
        partition: asWritten(data_file.partition, divisions, partitioning),
        sort_order_id: base['default-sort-order-id'],
      },
      partitioning,
    }),
  );
  const changed = [...added, ...(operation === 'overwrite' ? await deletions(places, base, id) : [])];
  const groups = inGroups(changed, partitioning);
  const manifests: ManifestFile[] = [];
  await inParallel(groups.entries(), requestsMax, async ([at, { entries, partitioning }]) => {
    const { specId, fields } = partitioning;
    const body = writeManifest(entries, currentSchema(base)!, specOf(base, specId)!, partitioning);
    const of = (wanted: number) => entries.filter((entry) => entry.status === wanted);
    manifests[at] = {
      manifest_path: await putAvro(places, addition, `${attempt}-m${at}`, body),
      manifest_length: body.length,
      partition_spec_id: specId,
      content: 0,
      sequence_number: sequenceNumber,
      // of what is live: it is all new
      min_sequence_number: sequenceNumber,
      added_snapshot_id: id,
      added_files_count: of(status.added).length,
      existing_files_count: 0,
      deleted_files_count: of(status.deleted).length,
      added_rows_count: rowsOf(of(status.added)),
      existing_rows_count: 0,
      deleted_rows_count: rowsOf(of(status.deleted)),
      partitions: fieldSummaries(
        fields,
        entries.map(({ data_file }) => data_file.partition),
      ),
      key_metadata: null,
    };
  });
  if (operation === 'append') manifests.push(...(await liveManifestsOf(places, currentSnapshot(base))));

  const parent = currentSnapshot(base);
  const list = writeManifestList(manifests, {
    id,
    parent: parent?.['snapshot-id'] ?? null,
    sequenceNumber,
  });
  const counts = {
    files: files.length,
    rows: rowsOf(added),
    bytes: sum(files, (file) => Number(file.file_size_in_bytes)),
  };
  const next = withSnapshot(base, {
    'snapshot-id': id,
    ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': nextTime(base, nowMs),
    summary: {
      ...summaryOf(base, operation, counts, {
        [summaryKeys.sync]: sync,
        [summaryKeys.run]: run,
        'engine-name': 'tidemark',
      }),
      'changed-partition-count': String(Math.max(1, partitionsAmong(changed))),
    },
    'manifest-list': await putAvro(places, addition, `${attempt}-list`, list),
    'schema-id': base['current-schema-id'],
  });
  const kept = withoutExpired(next, liveSnapshots(next, keep, nowMs));
  return loaded ? withPrevious(kept, loaded.file, loaded.metadata['last-updated-ms']) : kept;
}
