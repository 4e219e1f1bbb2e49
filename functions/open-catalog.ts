import type { TableCatalog } from '../core/publish/catalogs/catalog.ts';
import type { Places } from './places.ts';

let opened: Promise<TableCatalog | undefined> | null = null;

async function open({ definition, store, keys }: Places): Promise<TableCatalog | undefined> {
  if (definition.target.catalog.type === 'ledger' || process.env.TIDEMARK_CATALOG === 'ledger')
    return undefined;
  // only then: its client is a large one, and most sandboxes have no need of it
  const { lakeCatalog } = await import('./lake-catalog.ts');
  return lakeCatalog(definition, store, keys);
}

/**
 * The catalog beside the ledger, where the definition names one; made once a sandbox. The embedded cloud has none, and
 * says so in the functions' environment.
 */
export const openCatalog = (places: Places): Promise<TableCatalog | undefined> => {
  opened ??= open(places);
  return opened;
};
