/** The catalogs beside the ledger, each with a stand-in that keeps to its service's rules. */
import type { Keys } from '../../core/objects/keys.ts';
import type { ObjectStore } from '../../core/objects/store.ts';
import type { TableCatalog } from '../../core/publish/catalogs/catalog.ts';
import { glueCatalog, glueClient } from '../../core/publish/catalogs/glue-catalog.ts';
import { startGlue } from './glue-server.ts';

/** A service on which every lake that asks has a database of its own. */
export type CatalogService = {
  catalogFor(store: ObjectStore, keys: Keys, database: string): TableCatalog;
  stop(): Promise<void>;
};

const account = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

export const catalogServices: Readonly<Record<'glue', () => Promise<CatalogService>>> = {
  async glue() {
    const server = await startGlue();
    const client = glueClient({ ...account, endpoint: server.endpoint });
    return {
      catalogFor: (store, keys, database) => glueCatalog(client, store, keys, database, ({ table }) => table),
      async stop() {
        client.destroy();
        await server.stop();
      },
    };
  },
};
