/** From an address to a session: authentication, TLS, and the settings that every statement runs under. */
import type { Duplex } from 'node:stream';
import mysql from 'mysql2';
import { TidemarkError } from '../../errors.ts';
import { nothingCame, silenceWatch } from '../reading/silence.ts';
import { type DataTap, streamTap, tappedSocket } from '../reading/socket.ts';
import { readTlsFiles, type TlsFiles } from '../tls-files.ts';
import { type Address, invalidAddress, placeOf } from './address.ts';
import { sourceFailure } from './errors.ts';

/** One connection, by one user at a time. Any error of `query` is a `TidemarkError`. */
export type Session = {
  /** where it leads, and as whom */
  readonly address: Pick<Address, 'host' | 'port' | 'database' | 'user'>;
  readonly server: Server;
  readonly tls: boolean;
  /** When nothing comes for so long while the server is asked for something, the connection is taken for dead. */
  readonly silenceMsMax: number;
  /** a statement that takes longer is ended by the server */
  readonly statementTimeoutMs: number;
  /**
   * Rows of texts. For questions that bring text in UTF-8, whatever the type.
   * @param silenceMs another limit than `silenceMsMax`; null: as long as the server lets it take
   */
  query(where: string, sql: string, silenceMs?: number | null): Promise<(string | null)[][]>;
  /** The columns of the answer that MariaDB calls JSON: texts with a check of their own. */
  jsonColumns(where: string, sql: string): Promise<ReadonlySet<string>>;
  readonly stream: Duplex;
  /** Takes the socket's data over from `mysql2`, between two of its statements. */
  readonly tap: DataTap;
  /** whether descriptions of columns hold MariaDB's own names of types */
  readonly extendedMetadata: boolean;
  /** whether packets of their own end the descriptions of columns (no CLIENT_DEPRECATE_EOF) */
  readonly eofPackets: boolean;
  /** Called once when the connection is lost while the socket is taken over. */
  onLost(handler: ((error: Error) => void) | null): void;
  /** Not to be used again: lost, or left in the middle of a statement. */
  readonly spent: boolean;
  /** Ends it at once, whatever the server is doing. */
  destroy(): void;
  end(): Promise<void>;
};

export type Server = {
  readonly family: 'MySQL' | 'MariaDB';
  /** `10.11.19`, `8.4.3` */
  readonly version: string;
};

/** What `mysql2` has and its types do not tell: MariaDB's own words about a column, and its inside. */
type Extended = { readonly extendedFormat?: string };
type Inner = {
  stream: Duplex;
  readonly config: { readonly clientFlags: number };
  readonly _mariadbExtendedMetadata?: boolean;
};

const deprecateEof = 0x1000000;

export type SessionSettings = { readonly statementTimeoutMs: number; readonly silenceMsMax: number };

/** The kernel asks a peer that is silent for so long whether it is still there, also where we set no limit. */
const keepAliveMs = 30_000;
/** Whoever holds a table for long must not hold back those that are planned after it. */
const lockSecondsMax = 10;
/** How long the server waits for us to read on, in the middle of an answer. */
const writeTimeoutSeconds = 3_600;

/**
 * What every statement relies on: texts in UTF-8, times in UTC, zero dates and the like as they are, each statement a
 * read-only transaction of its own that sees what is committed; plans that walk the key's index, and read each page
 * when its row's turn has come.
 */
function settings({ family }: Server, statementTimeoutMs: number): string[] {
  const seconds = statementTimeoutMs / 1000;
  const switches = ['mrr=off', 'index_merge=off', ...(family === 'MariaDB' ? ['rowid_filter=off'] : [])];
  return [
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY',
    `SET autocommit = 1, time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', sql_select_limit = DEFAULT,
      sql_big_selects = 1, sql_auto_is_null = 0, optimizer_switch = '${switches.join(',')}',
      lock_wait_timeout = ${Math.max(1, Math.ceil(Math.min(seconds, lockSecondsMax)))},
      net_write_timeout = ${writeTimeoutSeconds}, wait_timeout = 28800`,
    family === 'MariaDB'
      ? `SET max_statement_time = ${seconds}`
      : `SET max_execution_time = ${Math.ceil(statementTimeoutMs)}, information_schema_stats_expiry = 0`,
  ];
}

/** For one statement another limit than the session's; null: none. Stands before SELECT. */
export function withinMs({ family }: Server, ms: number | null, select: string): string {
  if (family === 'MariaDB') return `SET STATEMENT max_statement_time = ${(ms ?? 0) / 1000} FOR ${select}`;
  return select.replace(/^SELECT /, `SELECT /*+ MAX_EXECUTION_TIME(${ms ?? 0}) */ `);
}

/** Connects and sets the session up. Throws `SourceUnavailable`, `SourceRefused`, `SourceTimeout`, `SourceFailed`. */
export async function openSession(address: Address, options: SessionSettings): Promise<Session> {
  const where = placeOf(address);
  const files = await readTlsFiles(
    address.sslFiles,
    { ca: 'ssl-ca', cert: 'ssl-cert', key: 'ssl-key' },
    (what) => invalidAddress(address.origin, what),
  );
  let tls = address.sslMode !== 'DISABLED';
  let connected: Connected;
  try {
    connected = await connectOnce(address, tls ? tlsOptions(address, files) : null);
  } catch (error) {
    const noTls = (error as { code?: unknown }).code === 'HANDSHAKE_NO_SSL_SUPPORT';
    if (address.sslMode !== 'PREFERRED' || !noTls) throw sourceFailure(where, error, true);
    tls = false;
    connected = await connectOnce(address, null).catch((again) =>
      Promise.reject(sourceFailure(where, again, true)),
    );
  }
  const session = sessionOf(address, connected, tls, options);
  try {
    const limitMs = Math.min(address.connectMs, options.silenceMsMax);
    const [[version] = []] = await session.query(where, 'SELECT CONVERT(version() USING utf8mb4)', limitMs);
    const server = serverOf(version ?? '');
    for (const sql of settings(server, options.statementTimeoutMs)) await session.query(where, sql, limitMs);
    return Object.assign(session, { server });
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** Of `8.4.3-debug`, `10.11.19-MariaDB-0+deb12u1`, `5.5.5-10.11.19-MariaDB`. */
function serverOf(version: string): Server {
  const family = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  const [number = version] = /\d+(\.\d+)+/.exec(version.replace(/^5\.5\.5-/, '')) ?? [];
  return { family, version: number };
}

type TlsOptions = TlsFiles & { readonly rejectUnauthorized: boolean; readonly verifyIdentity: boolean };

function tlsOptions({ sslMode, sslFiles }: Address, files: TlsFiles): TlsOptions {
  const isVerified =
    sslMode === 'VERIFY_CA' ||
    sslMode === 'VERIFY_IDENTITY' ||
    (sslMode === 'REQUIRED' && sslFiles.ca !== undefined);
  return { ...files, rejectUnauthorized: isVerified, verifyIdentity: sslMode === 'VERIFY_IDENTITY' };
}

type Connected = { readonly connection: mysql.Connection; readonly tap: DataTap; readonly inner: Inner };

async function connectOnce(address: Address, ssl: TlsOptions | null): Promise<Connected> {
  const plain = ssl === null ? tappedSocket() : null;
  const { host, port, user, password, database } = address;
  if (plain !== null) {
    plain.socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
    plain.socket.connect(port, host);
  }
  const connection = mysql.createConnection({
    ...{ host, port, user, database },
    // what is not there is sent as no password
    password: password ?? '',
    ...(ssl !== null && { ssl }),
    ...(plain !== null && { stream: plain.socket }),
    connectTimeout: address.connectMs,
    enableKeepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    charset: 'utf8mb4_bin',
    // IAM's tokens are passwords in clear text: only to whom a certificate tells apart
    enableCleartextPlugin: ssl?.rejectUnauthorized === true,
    // questions of ours have neither attributes nor a local file, and functions of the server no space before their bracket
    flags: ['-CLIENT_QUERY_ATTRIBUTES', '-LOCAL_FILES', '-SESSION_TRACK', '-ODBC', '-IGNORE_SPACE'],
    connectAttributes: { program_name: 'tidemark' },
    rowsAsArray: true,
    typeCast: (field) => field.string('utf8'),
    // no code is made of what a server says
    disableEval: true,
  });
  const inner = connection as unknown as Inner;
  try {
    await new Promise<void>((done, failed) => {
      connection.once('error', failed);
      connection.once('connect', () => {
        connection.off('error', failed);
        done();
      });
    });
  } catch (error) {
    connection.on('error', () => {});
    inner.stream.destroy();
    throw error;
  }
  return { connection, inner, tap: plain?.tap ?? streamTap(inner.stream) };
}

function sessionOf(
  { host, port, database, user }: Address,
  { connection, tap, inner }: Connected,
  tls: boolean,
  { silenceMsMax, statementTimeoutMs }: SessionSettings,
): Session {
  let spent = false;
  let lost: ((error: Error) => void) | null = null;
  const onEnd = (error: Error): void => {
    spent = true;
    const handler = lost;
    lost = null;
    handler?.(error);
  };
  const { stream } = inner;
  connection.on('error', onEnd);
  stream.on('error', onEnd);
  stream.on('close', () => onEnd(new Error('the connection ended')));
  type Answer = { readonly rows: unknown; readonly fields: readonly (mysql.FieldPacket & Extended)[] };
  async function ask(where: string, sql: string, silenceMs: number | null): Promise<Answer> {
    if (spent) throw new TidemarkError('SourceUnavailable', `${where}: the connection ended`);
    // ends the connection, and with it the query
    const watch =
      silenceMs === null
        ? null
        : silenceWatch(silenceMs, () => {
            spent = true;
            stream.destroy(nothingCame(where, silenceMs));
          });
    try {
      return await new Promise((done, failed) => {
        connection.query(sql, (error, rows, fields) => {
          if (error === null) done({ rows, fields });
          else failed(error);
        });
      });
    } catch (error) {
      throw sourceFailure(where, error);
    } finally {
      watch?.stop();
    }
  }
  return {
    address: { host, port, database, user },
    server: { family: 'MySQL', version: '' },
    ...{ tls, silenceMsMax, statementTimeoutMs, stream, tap },
    extendedMetadata: inner._mariadbExtendedMetadata === true,
    eofPackets: (inner.config.clientFlags & deprecateEof) === 0,
    get spent() {
      return spent;
    },
    onLost(handler) {
      lost = handler;
    },
    async query(where, sql, silenceMs = silenceMsMax) {
      const { rows } = await ask(where, sql, silenceMs);
      return rows as (string | null)[][];
    },
    async jsonColumns(where, sql) {
      const { fields } = await ask(where, sql, silenceMsMax);
      return new Set(
        fields.filter(({ extendedFormat }) => extendedFormat === 'json').map(({ name }) => name),
      );
    },
    destroy() {
      spent = true;
      lost = null;
      stream.destroy();
    },
    end() {
      spent = true;
      return new Promise((done) => {
        const slow = setTimeout(() => stream.destroy(), 2_000);
        stream.once('close', () => {
          clearTimeout(slow);
          done();
        });
        connection.end(() => stream.destroy());
      });
    },
  };
}
