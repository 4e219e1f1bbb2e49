/** Where a REST catalog has what: its address and the routes that its configuration names. */
import { TidemarkError } from '../../errors.ts';
import { type RestClient, recordOf, refusal } from './rest-client.ts';

export type RestPaths = {
  readonly namespaces: URL;
  readonly namespace: URL;
  readonly tables: URL;
  table(name: string): URL;
  readonly transactions: URL;
  /** `POST /v1/{prefix}/transactions/commit`, …; empty where the server lists none */
  readonly endpoints: ReadonlySet<string>;
};

/**
 * Asks the server for its configuration. Of what it says, `prefix`, `uri` and `endpoints` concern us.
 * @throws TidemarkError CatalogUnavailable, CatalogDenied, CatalogRefused, DefinitionInvalid
 */
export async function readPaths(
  ask: RestClient,
  uri: string,
  warehouse: string | undefined,
  namespace: string,
): Promise<RestPaths> {
  const query = warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(warehouse)}`;
  const answer = await ask({ method: 'GET', url: new URL(`${trimmed(uri)}/v1/config${query}`) });
  if (answer.status !== 200 || answer.value === undefined) throw refusal(answer);
  const { defaults, overrides, endpoints } = recordOf(answer.value);
  if (defaults === undefined && overrides === undefined)
    throw refusal({ ...answer, value: undefined, said: '200 without a configuration' });
  const option = (name: string): string | null => {
    const value = recordOf(overrides)[name] ?? recordOf(defaults)[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const base = `${baseOf(uri, recordOf(overrides).uri)}/v1`;
  // as the server writes it: it may hold slashes, and what is encoded already
  const prefix = option('prefix')?.replaceAll(/^\/+|\/+$/g, '');
  const root = prefix ? `${base}/${prefix}` : base;
  const own = `${root}/namespaces/${encodeURIComponent(namespace)}`;
  return {
    namespaces: new URL(`${root}/namespaces`),
    namespace: new URL(own),
    tables: new URL(`${own}/tables`),
    table: (name) => new URL(`${own}/tables/${encodeURIComponent(name)}`),
    transactions: new URL(`${root}/transactions/commit`),
    endpoints: new Set(Array.isArray(endpoints) ? endpoints.map(String) : []),
  };
}

const trimmed = (uri: string): string => uri.replace(/\/+$/, '');

/** A server may name another address for everything else. Tokens and signatures do not go where nothing is encrypted. */
function baseOf(uri: string, override: unknown): string {
  if (typeof override !== 'string' || override === '') return trimmed(uri);
  if (/^http:\/\//.test(override) && /^https:\/\//.test(uri)) {
    throw new TidemarkError(
      'CatalogRefused',
      `the catalog at ${uri} names ${override} as its address; allowed is one that begins with https://, as target.catalog.uri does`,
    );
  }
  if (!URL.canParse(override)) {
    throw new TidemarkError(
      'CatalogRefused',
      `the catalog at ${uri} names ${override} as its address, which is no URL`,
    );
  }
  return trimmed(override);
}
