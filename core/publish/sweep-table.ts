import { parseTableName } from '../definition/table-name.ts';
import type { TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Catalog } from './catalogs/catalog.ts';
import { metadataFilesBefore } from './catalogs/ledger-catalog.ts';
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
  const current = head.publishedRun;
  if (!current) return;
  const table = parseTableName(head.table)!;
  const loaded = await catalog.load(table, head);
  const live = loaded ? await liveFiles({ store, keys }, table, loaded.metadata) : null;
  for await (const folder of store.listFolders(keys.dataOf(table))) {
    const run = lastSegment(folder);
    const isNamed = live?.runs.has(run) || run === head.previousRun;
    if (run < current && !isNamed) await deleteUnder(store, folder);
  }
  if (!loaded || !live) return;
  // keys begin with the run, so those of the runs before come first
  await deleteUnder(store, keys.metadataOf(table), {
    before: `${keys.metadataOf(table)}${current}`,
    isWanted: (key) => isManifest.test(key) && !live.manifests.has(key),
  });
  const old = metadataFilesBefore(loaded);
  if (old.length > 0) await store.delete(old.map((number) => keys.metadataFile(table, number)));
}

const isManifest = /\/[0-9]{8}T[0-9]{6}Z-[0-9a-f]+-[0-9a-f]+-(?:m[0-9]+|list)\.avro$/;
