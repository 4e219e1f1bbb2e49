/** The databases whose connections are broken at every request. */
import { mysqlSource } from '../../../core/sources/mysql/mysql.ts';
import { postgresSource } from '../../../core/sources/postgres/postgres.ts';
import type { Source, TableName } from '../../../core/sources/source.ts';
import type { TestMariadb } from '../../support/mariadb.ts';
import { mysqlProxy } from '../../support/mysql-proxy.ts';
import { postgresProxy } from '../../support/postgres-proxy.ts';
import type { SourceProxy } from '../../support/source-proxy.ts';
import type { SourceOf } from './world.ts';

export type SourceKind = {
  readonly name: string;
  /** of the server, on 127.0.0.1 */
  readonly port: number;
  /** requests that no time limit ends, by their texts */
  readonly timeless: readonly string[];
  /** @param target the server's port */
  proxy(target: number): Promise<SourceProxy>;
  /**
   * @param port of the server, or of a proxy before it
   * @param silenceMsMax another than the product's own
   */
  sourceThrough(port: number, silenceMsMax?: number): SourceOf;
};

/** @param url of the server; each snapshot has a database of its own there: `snapshot2` */
export const postgresKind = (url: string): SourceKind => ({
  name: 'PostgreSQL',
  port: Number(new URL(url).port),
  timeless: ['password'],
  proxy: postgresProxy,
  sourceThrough: (port, silenceMsMax) => (snapshot) => {
    const proxied = new URL(url);
    proxied.port = String(port);
    proxied.pathname = `/snapshot${snapshot()}`;
    return postgresSource({ url: proxied.href, ...(silenceMsMax !== undefined && { silenceMsMax }) });
  },
});

/** Each snapshot has a database of its own there: `databaseOf`. */
export const mariadbKind = (server: TestMariadb): SourceKind => ({
  name: server.family,
  port: server.port,
  timeless: ['startup', 'login'],
  proxy: mysqlProxy,
  sourceThrough: (port, silenceMsMax) => (snapshot) => {
    const database = databaseOf(server, snapshot());
    const parameters: Record<string, string> = { 'ssl-mode': 'DISABLED' };
    if (silenceMsMax !== undefined) parameters['connect-timeout'] = String(silenceMsMax / 1000);
    const url = server.urlFor({ database, port, parameters });
    return inDatabase(mysqlSource({ url, ...(silenceMsMax !== undefined && { silenceMsMax }) }), database);
  },
});

export const databaseOf = ({ database }: TestMariadb, snapshot: number): string =>
  `${database}_snapshot${snapshot}`;

/**
 * To MySQL a schema is a database. A server has only one of a name: the tables of the same names that other snapshots
 * have lie in others, and are asked for there.
 */
function inDatabase(source: Source, database: string): Source {
  const there = <T extends TableName>(table: T): T => ({ ...table, schema: database });
  return {
    ...source,
    describe: async (table, wishes) => ({
      ...(await source.describe(there(table), wishes)),
      schema: table.schema,
    }),
    measure: (table, ...wanted) => source.measure(there(table), ...wanted),
    count: (table, where) => source.count(there(table), where),
    read: (table, range, limits) => source.read(there(table), range, limits),
  };
}
