/** PostgreSQL as a `Source`. */
import { formatTableName } from '../../definition/table-name.ts';
import type { Batch } from '../../formats/column.ts';
import { asPlanned } from '../as-planned.ts';
import { sessionPool } from '../session-pool.ts';
import type {
  KeyRange,
  ReadLimits,
  Source,
  SourceIdentity,
  TableDescription,
  TableName,
  TableWishes,
} from '../source.ts';
import { noWishes, wishesOf } from '../table-wishes.ts';
import { type Access, accessOf, openWith } from './access.ts';
import { type Address, placeOf } from './address.ts';
import { type CatalogTable, readCatalog } from './catalog.ts';
import type { Session } from './connect.ts';
import { listTables } from './list.ts';
import { qualified } from './literals.ts';
import { readRange } from './read.ts';
import { accountRights } from './rights.ts';
import { measureTable } from './statistics.ts';

export type PostgresSourceOptions = {
  /** `postgres://user:password@host:port/database?sslmode=…`, see `parseAddress`; or who says it for each connection */
  readonly url: string | Access;
  /** a statement that takes longer is ended by the server: `SourceTimeout`. Default: 60 s */
  readonly statementTimeoutMs?: number;
  /**
   * when nothing has come from the server for so long while it is asked for something, the connection is taken for
   * dead: `SourceUnavailable`. Default: the statement timeout and 10 s, since the server speaks up by then
   */
  readonly silenceMsMax?: number;
  /** seen in pg_stat_activity and in the server's log; default: that of the URL, or `tidemark` */
  readonly applicationName?: string;
};

/**
 * Connects when first asked for something, again after a connection was lost. Calls may overlap: catalog
 * questions take turns on one connection, each `read` has one of its own.
 * Throws `DefinitionInvalid` for a URL that is none.
 */
export function postgresSource(options: PostgresSourceOptions): Source {
  const access = typeof options.url === 'string' ? accessOf(options.url) : options.url;
  const statementTimeoutMs = options.statementTimeoutMs ?? 60_000;
  const settings = { statementTimeoutMs, silenceMsMax: options.silenceMsMax ?? statementTimeoutMs + 10_000 };
  /** of the newest connection */
  let address: Pick<Address, 'host' | 'port' | 'database'> | null = null;

  const pool = sessionPool(
    async (): Promise<Session> => {
      const session = await openWith(access, options.applicationName, settings);
      address = session.address;
      return session;
    },
    () => (address === null ? 'the database' : placeOf(address)),
  );
  const { open, borrow, giveBack, inTurn } = pool;

  let identity: string | null = null;
  async function databaseIdentity(session: Session): Promise<string> {
    identity ??= await askIdentity(session, placeOf(session.address));
    return identity;
  }

  async function describe(session: Session, table: TableName, wishes: Partial<TableWishes> = {}) {
    const identity = await databaseIdentity(session);
    const { description } = await readCatalog(session, identity, table, { ...noWishes, ...wishes }, null);
    return description;
  }

  /** As the catalog has it now, held against what was planned. */
  async function planned(session: Session, table: TableDescription): Promise<CatalogTable> {
    const identity = await databaseIdentity(session);
    return asPlanned(await readCatalog(session, identity, table, wishesOf(table), table.key.by), table);
  }

  async function* read(
    table: TableDescription,
    range: KeyRange,
    limits: ReadLimits,
  ): AsyncGenerator<Batch, void, undefined> {
    const session = await borrow();
    let catalog: CatalogTable;
    try {
      catalog = await planned(session, table);
    } catch (error) {
      giveBack(session);
      throw error;
    }
    yield* readRange(session, { open, giveBack }, catalog, range, limits);
  }

  return {
    identify: () =>
      inTurn(async (session): Promise<SourceIdentity> => {
        const tls = session.tls ? 'over TLS' : 'without TLS';
        const lag = session.isReplica ? `, ${await replicaLag(session)}` : '';
        const { host, port, database, user } = session.address;
        return {
          description: `PostgreSQL ${session.serverVersion} at ${host}:${port}/${database}, as ${user}, ${tls}${lag}`,
          identity: await databaseIdentity(session),
        };
      }),
    list: (columns) => inTurn((session) => listTables(session, columns)),
    describe: (table, wishes) => inTurn((session) => describe(session, table, wishes)),
    measure: (table, sampleKeys) =>
      inTurn(async (session) => measureTable(session, await planned(session, table), sampleKeys)),
    rights: (tables, account) => inTurn((session) => accountRights(session, tables, account)),
    count: (table, where = null) => inTurn((session) => countRows(session, table, where)),
    read,
    close: pool.close,
  };
}

/** How far a replica is behind the server that it follows. */
async function replicaLag(session: Session): Promise<string> {
  const [row] = await session.query(
    placeOf(session.address),
    `SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN '0'
       ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::numeric, 1)::text END`,
  );
  const seconds = row?.[0];
  return seconds == null ? 'a replica that has replayed nothing yet' : `a replica ${seconds} s behind`;
}

/** The cluster's own identifier, where this user may ask for it, and the database's. */
async function askIdentity(session: Session, where: string): Promise<string> {
  const [allowed] = await session.query(
    where,
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE'),
       (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const database = allowed?.[1];
  if (allowed?.[0] !== 't') return `postgres/${database}`;
  const [system] = await session.query(where, 'SELECT system_identifier FROM pg_control_system()');
  return `postgres/${system?.[0]}/${database}`;
}

async function countRows(session: Session, table: TableName, filter: string | null): Promise<number> {
  const where = formatTableName(table);
  const [kind] = await session.query(
    where,
    `SELECT c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [table.schema, table.table],
  );
  const only = kind?.[0] === 'r' ? 'ONLY ' : '';
  const condition = filter === null ? '' : ` WHERE (${filter}\n)`;
  const [count] = await session.query(
    where,
    `SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
     SET LOCAL max_parallel_workers_per_gather = 2;
     SELECT count(*) FROM ${only}${qualified(table.schema, table.table)}${condition}`,
    [],
    null,
  );
  return Number(count?.[0]);
}
