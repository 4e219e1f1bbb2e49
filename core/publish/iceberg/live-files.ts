import { inParallel } from '../../parallel.ts';
import type { TableName } from '../../sources/source.ts';
import { type ManifestFile, status } from './manifest.ts';
import type { TableMetadata } from './metadata.ts';
import { entriesOf, manifestsOf, type Places } from './read.ts';

const requestsMax = 8;

/** What the snapshots in a table's metadata name: keys of manifests and lists, and the runs that made data files. */
export async function liveFiles(
  places: Places,
  table: TableName,
  metadata: TableMetadata,
): Promise<{ readonly manifests: ReadonlySet<string>; readonly runs: ReadonlySet<string> }> {
  const { store, keys } = places;
  const bucket = `s3://${store.bucket}/`;
  const manifests = new Set<string>();
  const runs = new Set<string>();
  /** other programs' manifests, whose names say nothing of what is in them */
  const foreign = new Map<string, ManifestFile>();
  const runOf = (url: string, folder: string, end: string): string | null => {
    if (!url.startsWith(bucket + folder)) return null;
    const name = url.slice(bucket.length + folder.length);
    const at = name.indexOf(end);
    return at > 0 ? name.slice(0, at) : null;
  };
  await inParallel(metadata.snapshots ?? [], requestsMax, async (snapshot) => {
    manifests.add(snapshot['manifest-list'].slice(bucket.length));
    for (const manifest of await manifestsOf(places, snapshot)) {
      const { manifest_path, added_files_count, existing_files_count } = manifest;
      manifests.add(manifest_path.slice(bucket.length));
      if (added_files_count + existing_files_count === 0) continue;
      const [, run] = /\/([0-9]{8}T[0-9]{6}Z-[0-9a-f]+)-[0-9a-f]+-m[0-9]+\.avro$/.exec(manifest_path) ?? [];
      if (run) runs.add(run);
      else foreign.set(manifest_path, manifest);
    }
  });
  await inParallel(foreign.values(), requestsMax, async (manifest) => {
    for (const entry of await entriesOf(places, manifest)) {
      const run = runOf(entry.data_file.file_path, keys.dataOf(table), '/');
      if (run && entry.status !== status.deleted) runs.add(run);
    }
  });
  return { manifests, runs };
}
