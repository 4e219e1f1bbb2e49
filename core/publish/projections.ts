import { parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { TableHead } from '../ledger/ledger.ts';
import type { PreparedTable } from '../plan/plan-run.ts';
import { catalogOf, type PublishPlaces } from './catalogs/catalog-of.ts';
import { rollHintForward } from './catalogs/ledger-catalog.ts';
import { type Contents, readPointer, rollForward } from './pointer.ts';
import { showManifests } from './reader-manifests.ts';
import { tableContents } from './table-contents.ts';

/**
 * Brings all that readers open up to a table's head. The head is the truth, and what they open carries its version:
 * it only ever goes forward, by whoever finds it behind.
 *
 * @returns false where `current.json` cannot be: the snapshot's manifest was deleted, with the pointer
 * @throws TidemarkError DefinitionInvalid where what is there is another sync's or another ledger's
 */
export async function showHead(places: PublishPlaces, sync: string, head: TableHead): Promise<boolean> {
  const { ledger, store, keys } = places;
  const isShown = await rollForward(store, keys, sync, head, () => contentsOf(places, sync, head));
  if (!places.catalog) await rollHintForward(ledger, store, keys, sync, head);
  const shown = () => readPointer(store, keys.pointer(parseTableName(head.table)!));
  await showManifests(store, keys, places.manifests ?? [], head, shown);
  return isShown;
}

async function contentsOf(places: PublishPlaces, sync: string, head: TableHead): Promise<Contents> {
  const table = parseTableName(head.table)!;
  const loaded = await catalogOf(places, sync).load(table, head);
  if (loaded) return tableContents(places, table, loaded.metadata);
  throw new TidemarkError(
    'ProtocolViolation',
    `table ${head.table} has gone from its catalog, in which run ${head.publishedRun} has published it`,
  );
}

/**
 * What Plan does about a table that a run has claimed: holds it against its catalog, where there is one beside the ledger,
 * so that a table which is not ours is refused before anything is copied; and shows its head.
 */
export async function prepareTable(
  places: PublishPlaces,
  sync: string,
  head: TableHead,
): Promise<PreparedTable> {
  const table = parseTableName(head.table)!;
  const loaded = places.catalog ? await catalogOf(places, sync).load(table, head) : null;
  await showHead(places, sync, head);
  return { lastColumnId: loaded?.metadata['last-column-id'] ?? 0 };
}
