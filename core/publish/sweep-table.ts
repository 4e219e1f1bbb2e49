import { parseTableName } from '../definition/table-name.ts';
import type { TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Catalog, LoadedTable } from './catalogs/catalog.ts';
import { liveFiles } from './iceberg/live-files.ts';
import { deleteUnder, lastSegment } from './sweep.ts';

/**
 * Deletes what nothing names any more: files of runs before the head's, of which no snapshot in the table's metadata
 * knows. To be called only after what readers open shows the head's version.
 *
 * Of the head's own run nothing is deleted (another attempt of Publish may be about to find out that it was second), nor
 * of a later one; and never a file that is not named as ours are.
 */
export async function sweepTable(
  store: ObjectStore,
  keys: Keys,
  catalog: Catalog,
  head: TableHead,
): Promise<void> {
  const current = head.snapshot?.run;
  if (!current) return;
  const table = parseTableName(head.table)!;
  const loaded = await catalog.load(table);
  // a table that an older version published has no metadata yet, and keeps the run before
  const live = loaded ? await liveFiles({ store, keys }, table, loaded.metadata) : null;
  for await (const folder of store.listFolders(keys.dataOf(table))) {
    const run = lastSegment(folder);
    const isNamed = live ? live.runs.has(run) : run === head.previousRun;
    if (run < current && !isNamed) await deleteUnder(store, folder);
  }
  if (loaded && live) {
    await deleteUnder(store, keys.metadataOf(table), (key) => {
      const name = key.slice(keys.metadataOf(table).length);
      return isOldMetadata(name, loaded) || (isManifestBefore(name, current) && !live.manifests.has(key));
    });
  }
}

const isManifestBefore = (name: string, run: string): boolean => {
  const [, ofRun] = /^([0-9]{8}T[0-9]{6}Z-[0-9a-f]+)-[0-9a-f]+-(?:m[0-9]+|list)\.avro$/.exec(name) ?? [];
  return ofRun !== undefined && ofRun < run;
};

/** A metadata file before the current one which that one's log does not name any more, or never did. */
function isOldMetadata(name: string, { file, metadata }: LoadedTable): boolean {
  const numberOf = (of: string): number => Number(/v([0-9]+)\.metadata\.json$/.exec(of)?.[1] ?? Number.NaN);
  const kept = metadata['metadata-log']?.some((entry) => entry['metadata-file'].endsWith(`/${name}`));
  return !kept && numberOf(name) < numberOf(file);
}
