/** A run's files as a snapshot of a table: what is written before the catalog is asked. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { sha256Of } from '../../objects/checksum.ts';
import { inParallel } from '../../parallel.ts';
import type { TableName } from '../../sources/source.ts';
import type { LoadedTable } from '../catalogs/catalog.ts';
import {
  type DataFile,
  type ManifestEntry,
  type ManifestFile,
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

const inGroups = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / entriesMax) }, (_, group) =>
    items.slice(group * entriesMax, (group + 1) * entriesMax),
  );

/** What is live in the table, as entries that take it away. */
async function deletions(places: Places, metadata: TableMetadata, id: number): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  const manifests = await liveManifestsOf(places, currentSnapshot(metadata));
  await inParallel(manifests, requestsMax, async (manifest) => {
    // the rest is other programs' (files of deletions, partitions): it goes with the manifests that name it
    if (manifest.content !== 0 || manifest.partition_spec_id !== metadata['default-spec-id']) return;
    for (const entry of await entriesOf(places, manifest)) {
      if (entry.status === status.deleted) continue;
      entries.push({
        status: status.deleted,
        snapshot_id: id,
        sequence_number: entry.sequence_number ?? manifest.sequence_number,
        file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
        data_file: entry.data_file,
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
  const about = { uuid: randomUUID(), location: places.keys.location(table), properties: {} };
  const base = withSort(withFields(loaded?.metadata ?? newTable(about, fields, nowMs), fields), sort);
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
      data_file: { ...data_file, sort_order_id: base['default-sort-order-id'] },
    }),
  );
  const groups = inGroups([
    ...added,
    ...(operation === 'overwrite' ? await deletions(places, base, id) : []),
  ]);
  const manifests: ManifestFile[] = [];
  await inParallel(groups.entries(), requestsMax, async ([at, entries]) => {
    const body = writeManifest(entries, currentSchema(base)!, defaultSpec(base)!);
    const of = (wanted: number) => entries.filter((entry) => entry.status === wanted);
    manifests[at] = {
      manifest_path: await putAvro(places, addition, `${attempt}-m${at}`, body),
      manifest_length: body.length,
      partition_spec_id: base['default-spec-id'],
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
      partitions: [],
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
    summary: summaryOf(base, operation, counts, {
      [summaryKeys.sync]: sync,
      [summaryKeys.run]: run,
      'engine-name': 'tidemark',
    }),
    'manifest-list': await putAvro(places, addition, `${attempt}-list`, list),
    'schema-id': base['current-schema-id'],
  });
  const kept = withoutExpired(next, liveSnapshots(next, keep, nowMs));
  return loaded ? withPrevious(kept, loaded.file, loaded.metadata['last-updated-ms']) : kept;
}
