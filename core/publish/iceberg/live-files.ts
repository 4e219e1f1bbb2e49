import { inParallel } from '../../parallel.ts';
import type { TableName } from '../../sources/source.ts';
import { type ManifestFile, status } from './manifest.ts';
import type { Snapshot, TableMetadata } from './metadata.ts';
import { entriesOf, manifestsOf, type Places } from './read.ts';
import { ours } from './table.ts';

const requestsMax = 8;

/** What the snapshots in a table's metadata name. */
export type LiveFiles = {
  /** whether a manifest or a list is named, by its key */
  isNamed(key: string): boolean;
  /** the runs that made the data files */
  readonly runs: ReadonlySet<string>;
};

/** A snapshot in which everything is its own run's says so itself: nothing needs to be read for it. */
const isAllItsOwn = ({ summary }: Snapshot): boolean =>
  summary[ours.run] !== undefined && summary[ours.manifests] !== undefined;

/** Snapshots of which the lists must be read to see what they name. */
export const listedSnapshots = ({ snapshots }: TableMetadata): Snapshot[] =>
  (snapshots ?? []).filter((snapshot) => !isAllItsOwn(snapshot));

export async function liveFiles(
  places: Places,
  table: TableName,
  metadata: TableMetadata,
): Promise<LiveFiles> {
  const { store, keys } = places;
  const bucket = `s3://${store.bucket}/`;
  const named = new Set<string>();
  /** beginnings of names: all that a try has written */
  const tries = new Set<string>();
  const runs = new Set<string>();
  /** manifests whose names do not say whose files are in them */
  const mixed = new Map<string, ManifestFile>();
  for (const { summary } of (metadata.snapshots ?? []).filter(isAllItsOwn)) {
    const run = summary[ours.run]!;
    const [attempt] = summary[ours.manifests]!.split(' ');
    tries.add(keys.manifestOf(table, run, `${attempt}-`).replace(/\.avro$/, ''));
    runs.add(run);
  }
  await inParallel(listedSnapshots(metadata), requestsMax, async (snapshot) => {
    named.add(snapshot['manifest-list'].slice(bucket.length));
    for (const manifest of await manifestsOf(places, snapshot)) {
      const { manifest_path, added_files_count, existing_files_count } = manifest;
      named.add(manifest_path.slice(bucket.length));
      if (added_files_count + existing_files_count === 0) continue;
      const [, run] = ownManifest.exec(manifest_path) ?? [];
      if (run) runs.add(run);
      else mixed.set(manifest_path, manifest);
    }
  });
  await inParallel(mixed.values(), requestsMax, async (manifest) => {
    for (const entry of await entriesOf(places, manifest)) {
      const run = runOfFile(places, table, entry.data_file.file_path);
      if (run && entry.status !== status.deleted) runs.add(run);
    }
  });
  const tryOf = (key: string): string => key.replace(/(?:[mdx][0-9]+|list)\.avro$/, '');
  return { isNamed: (key) => named.has(key) || tries.has(tryOf(key)), runs };
}

/** All that is live in such a manifest is of the run in its name. */
const ownManifest = /\/([0-9]{8}T[0-9]{6}Z-[0-9a-f]+)-[0-9a-f]+-m[0-9]+\.avro$/;

/** The run whose folder a data file stands in; null: it is not one of ours. */
export function runOfFile({ store, keys }: Places, table: TableName, url: string): string | null {
  const folder = `s3://${store.bucket}/${keys.dataOf(table)}`;
  if (!url.startsWith(folder)) return null;
  const name = url.slice(folder.length);
  const at = name.indexOf('/');
  return at > 0 ? name.slice(0, at) : null;
}
