/** The manifests of a snapshot that is to be: of what it adds, what it takes away, and what stays. */
import type { Column } from '../../formats/column.ts';
import type { PartitionField } from '../../formats/partition/partition.ts';
import { sha256Of } from '../../objects/checksum.ts';
import type { TableName } from '../../sources/source.ts';
import {
  type DataFile,
  type ManifestEntry,
  type ManifestFile,
  type Partitioning,
  type Status,
  status,
  writeManifest,
} from './manifest.ts';
import { currentSchema, defaultSpec, type Snapshot, type TableMetadata } from './metadata.ts';
import { asWritten, fieldSummaries, partitioningOf, partitionTexts } from './partition-avro.ts';
import { specOf } from './partition-spec.ts';
import { entriesOf, type Inherited, liveManifestsOf, ownEntriesOf, type Places } from './read.ts';

/** Entries a manifest: readers open several at once, and no more of them are held here. */
const entriesMax = 1_000;

/** So many manifests that are not full become fewer ones: readers open all of a snapshot's. */
const smallManifestsMax = 100;

/** A file that a run adds. What a manifest says of it is made when it is written: there may be ten thousands. */
export type AddedFile = {
  readonly rows: number;
  readonly bytes: number;
  readonly dataFile: () => DataFile;
};

/** By what a run's files are divided, and the columns that the fields name. */
export type Division = { readonly fields: readonly PartitionField[]; readonly columns: readonly Column[] };

/** What writes the manifests of one try. */
export type Writing = {
  readonly places: Places;
  readonly table: TableName;
  readonly run: string;
  /** unique to this try */
  readonly attempt: string;
  /** with the schema, the spec and the order of the snapshot */
  readonly base: TableMetadata;
  readonly division: Division;
  readonly snapshotId: number;
  readonly sequenceNumber: number;
};

export type Written = {
  readonly manifests: readonly ManifestFile[];
  /** partitions in which something was added or taken away */
  readonly partitions: number;
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

/** An entry as a later snapshot's manifest has it: what it had from its own manifest is written out. */
function carried(entry: ManifestEntry, manifest: Inherited, as: Status, snapshotId: number): ManifestEntry {
  return {
    status: as,
    snapshot_id: as === status.deleted ? snapshotId : (entry.snapshot_id ?? manifest.added_snapshot_id),
    sequence_number: entry.sequence_number ?? manifest.sequence_number,
    file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
    data_file: entry.data_file,
    partitioning: entry.partitioning,
  };
}

/**
 * `m`: all that is live in it is the run's own. `d`: nothing is live in it. `x`: files of several runs.
 * The names say it so that a sweep need not read them.
 */
type Letter = 'm' | 'd' | 'x';

async function writeOne(
  writing: Writing,
  name: string,
  partitioning: Partitioning,
  entries: readonly ManifestEntry[],
): Promise<ManifestFile> {
  const { base, snapshotId, sequenceNumber } = writing;
  const { specId, fields } = partitioning;
  const body = writeManifest(entries, currentSchema(base)!, specOf(base, specId)!, partitioning);
  const files = { [status.existing]: 0, [status.added]: 0, [status.deleted]: 0 };
  const rows = { [status.existing]: 0, [status.added]: 0, [status.deleted]: 0 };
  let least = sequenceNumber;
  for (const entry of entries) {
    files[entry.status] += 1;
    rows[entry.status] += Number(entry.data_file.record_count);
    if (entry.status !== status.deleted) least = Math.min(least, Number(entry.sequence_number ?? least));
  }
  return {
    manifest_path: await putAvro(writing, name, body),
    manifest_length: body.length,
    partition_spec_id: specId,
    content: 0,
    sequence_number: sequenceNumber,
    min_sequence_number: least,
    added_snapshot_id: snapshotId,
    added_files_count: files[status.added],
    existing_files_count: files[status.existing],
    deleted_files_count: files[status.deleted],
    added_rows_count: rows[status.added],
    existing_rows_count: rows[status.existing],
    deleted_rows_count: rows[status.deleted],
    partitions: fieldSummaries(
      fields,
      entries.map(({ data_file }) => data_file.partition),
    ),
    key_metadata: null,
  };
}

/** Takes entries in any number, and writes a manifest whenever one is full: of one spec, and written alike. */
function manifestWriter(writing: Writing) {
  const written: ManifestFile[] = [];
  const counts: Record<Letter, number> = { m: 0, d: 0, x: 0 };
  const open = new Map<string, { partitioning: Partitioning; entries: ManifestEntry[]; letter: Letter }>();
  const changed = new Set<string>();

  async function flush(group: string): Promise<void> {
    const { partitioning, entries, letter } = open.get(group)!;
    open.delete(group);
    written.push(await writeOne(writing, `${letter}${counts[letter]++}`, partitioning, entries));
  }

  return {
    counts,
    async add(entries: readonly ManifestEntry[], letter: Letter): Promise<void> {
      for (const text of partitionTexts(entries.filter((entry) => entry.status !== status.existing)))
        changed.add(text);
      for (const entry of entries) {
        const group = JSON.stringify(entry.partitioning);
        const found = open.get(group) ?? { partitioning: entry.partitioning, entries: [], letter };
        found.entries.push(entry);
        open.set(group, found);
        if (found.entries.length === entriesMax) await flush(group);
      }
    },
    async finish(): Promise<Written> {
      for (const group of [...open.keys()]) await flush(group);
      return { manifests: written, partitions: changed.size };
    },
  };
}
type ManifestWriter = ReturnType<typeof manifestWriter>;

async function addFiles(
  { base, division, snapshotId }: Writing,
  writer: ManifestWriter,
  files: readonly AddedFile[],
): Promise<void> {
  const { fields, columns } = division;
  const partitioning = partitioningOf(defaultSpec(base)!, fields, columns);
  for (let from = 0; from < files.length; from += entriesMax) {
    const entries = files.slice(from, from + entriesMax).map((file): ManifestEntry => {
      const data = file.dataFile();
      return {
        status: status.added,
        snapshot_id: snapshotId,
        // null: the manifest's own
        sequence_number: null,
        file_sequence_number: null,
        data_file: {
          ...data,
          partition: asWritten(data.partition, fields, partitioning),
          sort_order_id: base['default-sort-order-id'],
        },
        partitioning,
      };
    });
    await writer.add(entries, 'm');
  }
}

/** The live entries of manifests, a manifest at a time. */
async function* liveEntries(
  places: Places,
  manifests: readonly ManifestFile[],
): AsyncGenerator<[Inherited, ManifestEntry][]> {
  for (const manifest of manifests) {
    const entries = await entriesOf(places, manifest);
    yield entries.flatMap((entry) => (entry.status === status.deleted ? [] : [[manifest, entry]]));
  }
}

/** What is live in the snapshot that is overwritten. */
async function* replaced(
  { places, table }: Writing,
  parent: Snapshot | undefined,
): AsyncGenerator<[Inherited, ManifestEntry][]> {
  const own = parent && ownEntriesOf(places, table, parent);
  if (own) {
    yield* own;
    return;
  }
  const manifests = await liveManifestsOf(places, parent);
  // files of deletions are other programs': they go with the manifests that name them
  yield* liveEntries(
    places,
    manifests.filter(({ content }) => content === 0),
  );
}

/** @returns `own`: how many of the manifests hold the files that are added */
export async function overwriting(
  writing: Writing,
  files: readonly AddedFile[],
  parent: Snapshot | undefined,
): Promise<Written & { readonly own: number }> {
  const writer = manifestWriter(writing);
  await addFiles(writing, writer, files);
  for await (const entries of replaced(writing, parent)) {
    const deleted = entries.map(([manifest, entry]) =>
      carried(entry, manifest, status.deleted, writing.snapshotId),
    );
    await writer.add(deleted, 'd');
  }
  const written = await writer.finish();
  return { ...written, own: writer.counts.m };
}

/** Beside what is added stands what is there. Many small manifests become fewer. */
export async function appending(
  writing: Writing,
  files: readonly AddedFile[],
  parent: Snapshot | undefined,
): Promise<Written> {
  const writer = manifestWriter(writing);
  await addFiles(writing, writer, files);
  const { manifests: added, partitions } = await writer.finish();
  const before = await liveManifestsOf(writing.places, parent);
  const isSmall = ({ content, added_files_count, existing_files_count }: ManifestFile) =>
    content === 0 && added_files_count + existing_files_count < entriesMax;
  const small = before.filter(isSmall);
  if (small.length < smallManifestsMax) return { manifests: [...added, ...before], partitions };
  const merging = manifestWriter(writing);
  for await (const entries of liveEntries(writing.places, small)) {
    const kept = entries.map(([manifest, entry]) =>
      carried(entry, manifest, status.existing, writing.snapshotId),
    );
    await merging.add(kept, 'x');
  }
  const { manifests: merged } = await merging.finish();
  return { manifests: [...added, ...merged, ...before.filter((one) => !isSmall(one))], partitions };
}
