/** What a table's metadata names, read: manifest lists and manifests, whoever wrote them. */
import { TidemarkError } from '../../errors.ts';
import type { Keys } from '../../objects/keys.ts';
import type { ObjectStore } from '../../objects/store.ts';
import { type ManifestEntry, type ManifestFile, readManifest, readManifestList } from './manifest.ts';
import type { Snapshot } from './metadata.ts';

export type Places = { readonly store: ObjectStore; readonly keys: Keys };

/** @throws TidemarkError ProtocolViolation where it is gone, or not what the metadata says */
async function read<T>({ store }: Places, url: string, parse: (body: Buffer) => T): Promise<T> {
  const bucket = `s3://${store.bucket}/`;
  const found = url.startsWith(bucket) ? await store.get(url.slice(bucket.length)) : null;
  if (!found)
    throw new TidemarkError(
      'ProtocolViolation',
      `${url}, which the table's metadata names, is gone: somebody has deleted it; bring it back (from an older version of the object, or a backup), then redrive`,
    );
  try {
    return parse(found.body);
  } catch (cause) {
    throw new TidemarkError('ProtocolViolation', `${url} is damaged: ${(cause as Error).message}`, { cause });
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
