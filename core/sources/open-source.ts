/** The source of a kind of database; its driver is loaded when it is asked for. */
import type { Access as MysqlAccess } from './mysql/access.ts';
import type { Access as PostgresAccess } from './postgres/access.ts';
import type { Source } from './source.ts';

/** Where a database is, and how to log in to it: an address, or who says it for each connection. */
export type SourcePlace =
  | { readonly type: 'postgres'; readonly url: string | PostgresAccess }
  | { readonly type: 'mysql'; readonly url: string | MysqlAccess };

/** Nothing is connected yet. @throws TidemarkError DefinitionInvalid for a URL that is none */
export async function openSource(place: SourcePlace): Promise<Source> {
  switch (place.type) {
    case 'postgres':
      return (await import('./postgres/postgres.ts')).postgresSource({ url: place.url });
    case 'mysql':
      return (await import('./mysql/mysql.ts')).mysqlSource({ url: place.url });
  }
}

/** @throws TidemarkError DefinitionInvalid */
export async function checkSourceUrl(type: SourcePlace['type'], url: string): Promise<void> {
  const { parseAddress } =
    type === 'postgres' ? await import('./postgres/address.ts') : await import('./mysql/address.ts');
  parseAddress(url);
}
