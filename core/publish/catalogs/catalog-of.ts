import type { Ledger } from '../../ledger/ledger.ts';
import type { Keys } from '../../objects/keys.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { ReaderManifest } from '../reader-manifests.ts';
import type { Catalog, TableCatalog } from './catalog.ts';
import { followedCatalog } from './followed-catalog.ts';
import { ledgerCatalog } from './ledger-catalog.ts';

export type PublishPlaces = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
  /** the catalog beside the ledger, where there is one */
  readonly catalog?: TableCatalog | undefined;
  /** which lists of a table's files are written besides, for readers that know no Iceberg */
  readonly manifests?: readonly ReaderManifest[];
};

/** Who says which snapshot is a table's. */
export function catalogOf({ ledger, store, keys, catalog }: PublishPlaces, sync: string): Catalog {
  const ledgers = ledgerCatalog(ledger, store, keys, sync);
  return catalog ? followedCatalog(catalog, ledgers, ledger, sync) : ledgers;
}
