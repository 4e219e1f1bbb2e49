/** MySQL and MariaDB as a `Source`. */
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
import { asSpelled } from './as-spelled.ts';
import { type CatalogTable, readCatalog } from './catalog.ts';
import { type Session, withinMs } from './connect.ts';
import { listTables } from './list.ts';
import { qualified } from './literals.ts';
import { readRange } from './read.ts';
import { accountRights } from './rights.ts';
import { measureTable } from './statistics.ts';

export type MysqlSourceOptions = {
  /** `mysql://user:password@host:port/database?ssl-mode=…`, see `parseAddress`; or who says it for each connection */
  readonly url: string | Access;
  /** a statement that takes longer is ended by the server: `SourceTimeout`. Default: 60 s */
  readonly statementTimeoutMs?: number;
  /**
   * when nothing has come from the server for so long while it is asked for something, the connection is taken for
   * dead: `SourceUnavailable`. Default: the statement timeout and 10 s, since the server speaks up by then
   */
  readonly silenceMsMax?: number;
};

/**
 * Connects when first asked for something, again after a connection was lost. Calls may overlap: catalog
 * questions take turns on one connection, each `read` has one of its own.
 * Throws `DefinitionInvalid` for a URL that is none.
 */
export function mysqlSource(options: MysqlSourceOptions): Source {
  const access = typeof options.url === 'string' ? accessOf(options.url) : options.url;
  const statementTimeoutMs = options.statementTimeoutMs ?? 60_000;
  const settings = { statementTimeoutMs, silenceMsMax: options.silenceMsMax ?? statementTimeoutMs + 10_000 };
  /** of the newest connection */
  let address: Pick<Address, 'host' | 'port' | 'database'> | null = null;

  const pool = sessionPool(
    async (): Promise<Session> => {
      const session = await openWith(access, settings);
      address = session.address;
      return session;
    },
    () => (address === null ? 'the database' : placeOf(address)),
  );
  const { open, borrow, giveBack, inTurn } = pool;

  async function describe(session: Session, table: TableName, wishes: Partial<TableWishes> = {}) {
    const spelled = await asSpelled(session, table, { ...noWishes, ...wishes });
    const { description } = await readCatalog(session, table, spelled, null);
    return description;
  }

  /** As the catalog has it now, held against what was planned. */
  async function planned(session: Session, table: TableDescription): Promise<CatalogTable> {
    const now = await readCatalog(session, table, wishesOf(table), table.key.by);
    return asPlanned(now, table, 'altered, or dropped and made anew, or on another server');
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
    identify: () => inTurn(identify),
    list: (columns) => inTurn((session) => listTables(session, columns)),
    rights: (tables, account) => inTurn((session) => accountRights(session, tables, account)),
    describe: (table, wishes) => inTurn((session) => describe(session, table, wishes)),
    measure: (table, sampleKeys, chunkRows = 1_000_000) =>
      inTurn(async (session) => measureTable(session, await planned(session, table), sampleKeys, chunkRows)),
    count: (table, where = null) => inTurn((session) => countRows(session, table, where)),
    read,
    close: pool.close,
  };
}

async function identify(session: Session): Promise<SourceIdentity> {
  const { server, address, tls } = session;
  const { host, port, database, user } = address;
  // MariaDB has no name of its own that every user may ask for: where it stores its data is the best there is
  const own =
    server.family === 'MySQL' ? '@@server_uuid' : "CONCAT_WS('/', @@hostname, @@datadir, @@server_id)";
  const [row] = await session.query(placeOf(address), `SELECT CONVERT(${own} USING utf8mb4)`);
  const isSecure = tls ? 'over TLS' : 'without TLS';
  return {
    description: `${server.family} ${server.version} at ${host}:${port}/${database}, as ${user}, ${isSecure}`,
    identity: `${server.family.toLowerCase()}/${row?.[0]}/${database}`,
  };
}

async function countRows(session: Session, table: TableName, filter: string | null): Promise<number> {
  const select = `SELECT CAST(COUNT(*) AS CHAR) FROM ${qualified(table.schema, table.table)} AS t`;
  const sql = `${select}${filter === null ? '' : ` WHERE (${filter}\n)`}`;
  const [row] = await session.query(formatTableName(table), withinMs(session.server, null, sql), null);
  return Number(row?.[0]);
}
