import { lakeName } from '../core/definition/lake-name.ts';
import type { Definition } from '../core/definition/options.ts';
import { tableOptions } from '../core/definition/table-options.ts';
import type { Keys } from '../core/objects/keys.ts';
import type { ObjectStore } from '../core/objects/store.ts';
import type { TableCatalog } from '../core/publish/catalogs/catalog.ts';
import { glueCatalog, glueClient } from '../core/publish/catalogs/glue-catalog.ts';
import { restCatalog } from '../core/publish/catalogs/rest-catalog.ts';
import type { TableName } from '../core/sources/source.ts';

/** Which name each of a definition's tables has in its catalog. */
export const lakeNames =
  (definition: Definition): ((table: TableName) => string) =>
  (table) =>
    lakeName(table, tableOptions(definition, table).as);

/**
 * The catalog beside the ledger that a definition names; undefined: the ledger is the catalog.
 * @param account where it is not the environment that says region and credentials
 */
export function lakeCatalog(
  definition: Definition,
  store: ObjectStore,
  keys: Keys,
  account: Pick<NonNullable<Parameters<typeof glueClient>[0]>, 'region' | 'credentials'> = {},
): TableCatalog | undefined {
  const { catalog } = definition.target;
  switch (catalog.type) {
    case 'ledger':
      return undefined;
    case 'glue':
      return glueCatalog(glueClient(account), store, keys, catalog.database, lakeNames(definition));
    case 'rest':
      return restCatalog(catalog, keys, lakeNames(definition));
  }
}
