import { parseTableName } from '../definition/table-name.ts';
import type { TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Catalog } from './catalogs/catalog.ts';
import { listedSnapshots, liveFiles } from './iceberg/live-files.ts';
import { currentSnapshot, type TableMetadata } from './iceberg/metadata.ts';
import { ours } from './iceberg/table.ts';
import { deleteUnder, lastSegment } from './sweep.ts';

/** Lists that are read for a sweep that may find nothing. */
const listsMax = 20;

/**
 * Whether there may be enough to sweep for what the look costs: a list for each snapshot that shares files with others.
 * What a publisher that died has left waits for the next time that snapshots expire.
 */
const isDue = (metadata: TableMetadata): boolean =>
  listedSnapshots(metadata).length <= listsMax ||
  currentSnapshot(metadata)?.summary[ours.expired] !== undefined;

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
  // by its path, a table that has moved into a catalog would be seen as it was then, without its files
  if (head.inCatalog && head.metadata !== null) await store.delete([keys.versionHint(table)]);
  const loaded = await catalog.load(table, head);
  if (loaded && !isDue(loaded.metadata)) return;
  const live = loaded ? await liveFiles({ store, keys }, table, loaded.metadata) : null;
  const shown = [current, head.snapshot?.run, head.previousRun];
  for await (const folder of store.listFolders(keys.dataOf(table))) {
    const run = lastSegment(folder);
    if (run < current && !live?.runs.has(run) && !shown.includes(run)) await deleteUnder(store, folder);
  }
  if (!loaded || !live) return;
  // keys begin with the run, so those of the runs before come first
  await deleteUnder(store, keys.metadataOf(table), {
    before: `${keys.metadataOf(table)}${current}`,
    isWanted: (key) => isManifest.test(key) && !live.isNamed(key),
  });
  const old = await catalog.oldMetadataFiles(table, loaded);
  if (old.length > 0) await store.delete(old);
}

const isManifest = /\/[0-9]{8}T[0-9]{6}Z-[0-9a-f]+-[0-9a-f]+-(?:[mdx][0-9]+|list)\.avro$/;
