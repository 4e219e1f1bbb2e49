/** The manifests of a snapshot that is to be: of what it adds, what it takes away, and what stays. */
import { sha256Of } from '../../objects/checksum.ts';
import { inParallel } from '../../parallel.ts';
import type { TableName } from '../../sources/source.ts';
import {
  type DataFile,
  type ManifestEntry,
  type ManifestFile,
  type Status,
  status,
  writeManifest,
} from './manifest.ts';
import { currentSchema, defaultSpec, type Snapshot, type TableMetadata } from './metadata.ts';
import { entriesOf, type Inherited, liveManifestsOf, ownEntriesOf, type Places } from './read.ts';

/** Entries a manifest: readers open several at once. */
const entriesMax = 2_000;
const requestsMax = 8;

/** So many manifests that are not full become fewer ones: readers open all of a snapshot's. */
const smallManifestsMax = 100;

/** What writes the manifests of one try. */
export type Writing = {
  readonly places: Places;
  readonly table: TableName;
  readonly run: string;
  /** unique to this try */
  readonly attempt: string;
  /** with the schema, the spec and the order of the snapshot */
  readonly base: TableMetadata;
  readonly snapshotId: number;
  readonly sequenceNumber: number;
};

/** @returns its URL */
export async function putAvro(
  { places: { store, keys }, table, run, attempt }: Writing,
  name: string,
  body: Buffer,
): Promise<string> {
  const key = keys.manifestOf(table, run, `${attempt}-${name}`);
  await store.put(key, body, sha256Of([body]), { mediaType: 'application/avro' });
  return `s3://${store.bucket}/${key}`;
}

const inGroups = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / entriesMax) }, (_, group) =>
    items.slice(group * entriesMax, (group + 1) * entriesMax),
  );

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

export const rowsOf = (files: readonly DataFile[]): number => sum(files, (file) => Number(file.record_count));

/** An entry as a later snapshot's manifest has it: what it had from its own manifest is written out. */
function carried(entry: ManifestEntry, manifest: Inherited, as: Status, snapshotId: number): ManifestEntry {
  return {
    status: as,
    snapshot_id: as === status.deleted ? snapshotId : (entry.snapshot_id ?? manifest.added_snapshot_id),
    sequence_number: entry.sequence_number ?? manifest.sequence_number,
    file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
    data_file: entry.data_file,
  };
}

const addedEntries = ({ base, snapshotId }: Writing, files: readonly DataFile[]): ManifestEntry[] =>
  files.map((data_file) => ({
    status: status.added,
    snapshot_id: snapshotId,
    // null: the manifest's own
    sequence_number: null,
    file_sequence_number: null,
    data_file: { ...data_file, sort_order_id: base['default-sort-order-id'] },
  }));

/** @param letter of the manifests' names: `m` where all that is live in them is the run's own */
async function writeEntries(
  writing: Writing,
  entries: readonly ManifestEntry[],
  letter: 'm' | 'x',
): Promise<ManifestFile[]> {
  const { base, snapshotId, sequenceNumber } = writing;
  const written: ManifestFile[] = [];
  await inParallel(inGroups(entries).entries(), requestsMax, async ([at, group]) => {
    const body = writeManifest(group, currentSchema(base)!, defaultSpec(base)!);
    const of = (wanted: Status) => group.filter((entry) => entry.status === wanted);
    const rows = (wanted: Status) => rowsOf(of(wanted).map(({ data_file }) => data_file));
    const live = group.filter((entry) => entry.status !== status.deleted);
    written[at] = {
      manifest_path: await putAvro(writing, `${letter}${at}`, body),
      manifest_length: body.length,
      partition_spec_id: base['default-spec-id'],
      content: 0,
      sequence_number: sequenceNumber,
      min_sequence_number: live.reduce(
        (least, entry) => Math.min(least, Number(entry.sequence_number ?? sequenceNumber)),
        sequenceNumber,
      ),
      added_snapshot_id: snapshotId,
      added_files_count: of(status.added).length,
      existing_files_count: of(status.existing).length,
      deleted_files_count: of(status.deleted).length,
      added_rows_count: rows(status.added),
      existing_rows_count: rows(status.existing),
      deleted_rows_count: rows(status.deleted),
      partitions: [],
      key_metadata: null,
    };
  });
  return written;
}

/** The live entries of manifests, as a later snapshot's manifest has them. */
async function carriedEntries(
  { places, snapshotId }: Writing,
  manifests: readonly ManifestFile[],
  as: Status,
): Promise<ManifestEntry[]> {
  const found: ManifestEntry[][] = [];
  await inParallel(manifests.entries(), requestsMax, async ([at, manifest]) => {
    const live = (await entriesOf(places, manifest)).filter((entry) => entry.status !== status.deleted);
    found[at] = live.map((entry) => carried(entry, manifest, as, snapshotId));
  });
  return found.flat();
}

/** What is live in the snapshot that is overwritten, as entries that take it away. */
async function deletedEntries(writing: Writing, parent: Snapshot | undefined): Promise<ManifestEntry[]> {
  const { places, base, table } = writing;
  const own = parent && (await ownEntriesOf(places, table, parent));
  if (own)
    return own.map(([manifest, entry]) => carried(entry, manifest, status.deleted, writing.snapshotId));
  const manifests = (await liveManifestsOf(places, parent)).filter(
    // the rest is other programs' (files of deletions, partitions): it goes with the manifests that name it
    ({ content, partition_spec_id }) => content === 0 && partition_spec_id === base['default-spec-id'],
  );
  return carriedEntries(writing, manifests, status.deleted);
}

/** Manifests of an overwrite, and how many of them hold the files that are added: the first ones. */
export async function overwriting(
  writing: Writing,
  files: readonly DataFile[],
  parent: Snapshot | undefined,
): Promise<{ readonly manifests: ManifestFile[]; readonly own: number }> {
  const entries = [...addedEntries(writing, files), ...(await deletedEntries(writing, parent))];
  return {
    manifests: await writeEntries(writing, entries, 'm'),
    own: Math.ceil(files.length / entriesMax),
  };
}

/** Manifests of an append: of the files that are added, and of what is there. Many small ones become fewer. */
export async function appending(
  writing: Writing,
  files: readonly DataFile[],
  parent: Snapshot | undefined,
): Promise<ManifestFile[]> {
  const added = await writeEntries(writing, addedEntries(writing, files), 'm');
  const before = await liveManifestsOf(writing.places, parent);
  const isSmall = ({ content, partition_spec_id, added_files_count, existing_files_count }: ManifestFile) =>
    content === 0 &&
    partition_spec_id === writing.base['default-spec-id'] &&
    added_files_count + existing_files_count < entriesMax;
  const small = before.filter(isSmall);
  if (small.length < smallManifestsMax) return [...added, ...before];
  const merged = await writeEntries(writing, await carriedEntries(writing, small, status.existing), 'x');
  return [...added, ...merged, ...before.filter((manifest) => !isSmall(manifest))];
}
