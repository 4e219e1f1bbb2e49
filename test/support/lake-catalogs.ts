/** The catalogs beside the ledger, each with a stand-in that keeps to its service's rules. */
import { sha256Of } from '../../core/objects/checksum.ts';
import type { Keys } from '../../core/objects/keys.ts';
import type { ObjectStore } from '../../core/objects/store.ts';
import type { TableCatalog } from '../../core/publish/catalogs/catalog.ts';
import { glueCatalog, glueClient } from '../../core/publish/catalogs/glue-catalog.ts';
import { restCatalog } from '../../core/publish/catalogs/rest-catalog.ts';
import { startGlue } from './glue-server.ts';
import {
  type RestAnswer,
  type RestCatalogInMemory,
  type RestCatalogSettings,
  restCatalogInMemory,
} from './rest-catalog-server.ts';

/** A service on which every lake that asks has a database of its own. */
export type CatalogService = {
  catalogFor(store: ObjectStore, keys: Keys, database: string): TableCatalog;
  stop(): Promise<void>;
};

const account = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

export const catalogServices: Readonly<
  Record<'glue' | 'rest' | 'rest without staging', () => Promise<CatalogService>>
> = {
  rest: async () => restService({}),
  // as Glue's endpoint for it
  'rest without staging': async () => restService({ staging: false }),

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

/** Each lake has a server of its own. */
export function restService(
  settings: RestCatalogSettings,
): CatalogService & { readonly servers: readonly RestCatalogInMemory[] } {
  const servers: RestCatalogInMemory[] = [];
  return {
    servers,
    catalogFor(store, keys, database) {
      const server = restCatalogInMemory({
        ...settings,
        async write(url, text) {
          const body = Buffer.from(text);
          const key = url.slice(`s3://${store.bucket}/`.length);
          await store.put(key, body, sha256Of([body]), { mediaType: 'application/json' });
        },
      });
      servers.push(server);
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const { pathname, search } = new URL(String(input));
        const request = { method: init!.method!, target: `${pathname}${search}`, headers: {} };
        const { status, body } = (await server.respond({
          ...request,
          body: String(init?.body ?? ''),
        })) as RestAnswer;
        return new Response(status === 204 ? null : body, { status });
      };
      const options = { uri: 'http://catalog', namespace: database };
      return restCatalog(
        { ...options, warehouse: undefined, sign: undefined, token: undefined },
        keys,
        ({ table }) => table,
        fetch,
      );
    },
    async stop() {},
  };
}
