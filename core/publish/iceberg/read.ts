/** What a table's metadata names, read: manifest lists and manifests, whoever wrote them. */
import { TidemarkError } from '../../errors.ts';
import type { Keys } from '../../objects/keys.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { TableName } from '../../sources/source.ts';
import { type ManifestEntry, type ManifestFile, readManifest, readManifestList, status } from './manifest.ts';
import type { Snapshot } from './metadata.ts';
import { ours } from './table.ts';

/** What a manifest's entries take from it where they do not say it themselves. */
export type Inherited = Pick<ManifestFile, 'added_snapshot_id' | 'sequence_number'>;

/** What helps when somebody has deleted or changed what lies in a table's metadata folder. */
export const mendMetadata =
  'bring it back (from an older version of the object, or a backup), then redrive; without one, a table that is overwritten begins anew, without its past, once all of its folder metadata/ is deleted: then redrive';

export type Places = { readonly store: ObjectStore; readonly keys: Keys };

/** @throws TidemarkError ProtocolViolation where it is gone, or not what the metadata says */
async function read<T>({ store }: Places, url: string, parse: (body: Buffer) => T): Promise<T> {
  const bucket = `s3://${store.bucket}/`;
  const found = url.startsWith(bucket) ? await store.get(url.slice(bucket.length)) : null;
  if (!found)
    throw new TidemarkError(
      'ProtocolViolation',
      `${url}, which the table's metadata names, is gone: somebody has deleted it; ${mendMetadata}`,
    );
  try {
    return parse(found.body);
  } catch (cause) {
    throw new TidemarkError(
      'ProtocolViolation',
      `${url} is damaged: ${(cause as Error).message}; ${mendMetadata}`,
      {
        cause,
      },
    );
  }
}

const hasLiveFiles = (manifest: ManifestFile): boolean =>
  manifest.added_files_count + manifest.existing_files_count > 0;

/** All manifests of a snapshot, those among them in which nothing is live. */
export const manifestsOf = (places: Places, snapshot: Snapshot): Promise<ManifestFile[]> =>
  read(places, snapshot['manifest-list'], (body) => {
    const manifests = readManifestList(body);
    // a list that is cut between two blocks is a whole file by itself
    const files = manifests
      .filter(({ content }) => content === 0)
      .reduce((sum, one) => sum + one.added_files_count + one.existing_files_count, 0);
    const total = snapshot.summary['total-data-files'];
    if (total !== undefined && Number(total) !== files)
      throw new Error(`it lists ${files} data files, the snapshot's summary says ${total}`);
    return manifests;
  });

/** A snapshot's manifests, without those in which nothing is live. */
export async function liveManifestsOf(
  places: Places,
  snapshot: Snapshot | undefined,
): Promise<ManifestFile[]> {
  return snapshot ? (await manifestsOf(places, snapshot)).filter(hasLiveFiles) : [];
}

export const entriesOf = (places: Places, manifest: ManifestFile): Promise<ManifestEntry[]> =>
  read(places, manifest.manifest_path, (body) => {
    if (body.length !== Number(manifest.manifest_length))
      throw new Error(`it has ${body.length} bytes, its list says ${manifest.manifest_length}`);
    return readManifest(body);
  });

/**
 * The live entries of a snapshot in which everything is its own run's, a manifest at a time, without a look into its
 * list; each with what the list would say of its manifest. null: it is no such snapshot.
 */
export function ownEntriesOf(
  places: Places,
  table: TableName,
  snapshot: Snapshot,
): AsyncGenerator<[Inherited, ManifestEntry][]> | null {
  const run = snapshot.summary[ours.run];
  const [attempt, count] = snapshot.summary[ours.manifests]?.split(' ') ?? [];
  if (!run || !attempt || !count) return null;
  const { keys, store } = places;
  const urls = Array.from(
    { length: Number(count) },
    (_, at) => `s3://${store.bucket}/${keys.manifestOf(table, run, `${attempt}-m${at}`)}`,
  );
  return ownEntries(places, snapshot, urls);
}

async function* ownEntries(
  places: Places,
  snapshot: Snapshot,
  urls: readonly string[],
): AsyncGenerator<[Inherited, ManifestEntry][]> {
  const manifest = {
    added_snapshot_id: snapshot['snapshot-id'],
    sequence_number: snapshot['sequence-number'],
  };
  let files = 0;
  for (const url of urls) {
    const entries = await read(places, url, readManifest);
    const added = entries.filter((entry) => entry.status === status.added);
    files += added.length;
    yield added.map((entry) => [manifest, entry]);
  }
  const total = Number(snapshot.summary['total-data-files']);
  if (files === total) return;
  throw new TidemarkError(
    'ProtocolViolation',
    `${urls[0]} ${urls.length === 1 ? 'is' : `or one of the ${urls.length - 1} after it is`} damaged: ${files} data files are in there, the snapshot's summary says ${total}; ${mendMetadata}`,
  );
}
