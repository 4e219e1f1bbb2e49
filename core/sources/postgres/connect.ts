/** From an address to a session: authentication, TLS, and the settings that every statement runs under. */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { TidemarkError } from '../../errors.ts';
import { nothingCame, silenceWatch } from '../reading/silence.ts';
import { type DataTap, streamTap, tappedSocket } from '../reading/socket.ts';
import { readTlsFiles, type TlsFiles } from '../tls-files.ts';
import { type Address, invalidAddress, placeOf, type SslMode } from './address.ts';
import { sourceFailure } from './errors.ts';
import { identifier, literal } from './literals.ts';

type Value = string | number | readonly string[];

const constant = (value: Value): string =>
  typeof value === 'object' ? `ARRAY[${value.map(literal).join(', ')}]` : literal(String(value));

/** One connection, by one user at a time. Any error of `query` is a `TidemarkError`. */
export type Session = {
  /** where it leads, and as whom */
  readonly address: Pick<Address, 'host' | 'port' | 'database' | 'user'>;
  readonly serverVersion: string;
  /** it follows another server, and is read only */
  readonly isReplica: boolean;
  readonly tls: boolean;
  /** When nothing comes for so long while the server is asked for something, the connection is taken for dead. */
  readonly silenceMsMax: number;
  /**
   * The rows of the last statement, as texts that the database writes. Each call is one message, thus one transaction.
   * @param sql `$1` … in it stand for the values
   * @param silenceMs another limit than `silenceMsMax`; null: as long as the server lets it take
   */
  query(
    where: string,
    sql: string,
    values?: readonly Value[],
    silenceMs?: number | null,
  ): Promise<(string | null)[][]>;
  /**
   * The statements, behind the settings that each relies on. They hold for this one message: behind a pooler that
   * shares connections between transactions, the next one may be answered by another server process.
   */
  settled(sql: string): string;
  readonly stream: Duplex;
  /** Takes the socket's data over from `pg`, between two of its statements. */
  readonly tap: DataTap;
  /** Called once when the connection is lost while the socket is taken over. */
  onLost(handler: ((error: Error) => void) | null): void;
  /** Not to be used again: lost, or left in the middle of a statement. */
  readonly spent: boolean;
  /** Ends it at once, whatever the server is doing. */
  destroy(): void;
  end(): Promise<void>;
};

/** `pg`'s inside that has no type: the socket (after TLS) and the frames it writes. */
type Inner = { readonly connection: { readonly stream: Duplex } };

export type SessionSettings = { readonly statementTimeoutMs: number; readonly silenceMsMax: number };

/** The kernel asks a peer that is silent for so long whether it is still there, also where we set no limit. */
const keepAliveMs = 30_000;

const lockMsMax = 10_000;

/**
 * What every message begins with: text that reads back as exactly the same value, errors instead of hidden
 * rows, plans that walk the key's index (never sort, never in parallel, never compiled first).
 */
const settings = (statementTimeoutMs: number): Readonly<Record<string, string>> => ({
  statement_timeout: String(statementTimeoutMs),
  // whoever holds a table for long must not hold back those that are planned after it
  lock_timeout: String(Math.min(statementTimeoutMs, lockMsMax)),
  transaction_read_only: 'on',
  row_security: 'off',
  search_path: '',
  client_encoding: 'UTF8',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  enable_sort: 'off',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
});

/** Connects. Throws `SourceUnavailable`, `SourceRefused`, `SourceTimeout`, `SourceFailed`. */
export async function openSession(address: Address, options: SessionSettings): Promise<Session> {
  const where = placeOf(address);
  const files = await readTlsFiles(
    address.sslFiles,
    { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' },
    (what) => invalidAddress(address.origin, what),
  );
  const connect = (ssl: object | false) => connectOnce(address, ssl);
  let client: Connected;
  let tls = address.sslMode !== 'disable';
  try {
    client = await connect(tls && tlsOptions(address.sslMode, files));
  } catch (error) {
    const noTls = /does not support SSL connections/.test((error as Error).message);
    if (address.sslMode !== 'prefer' || !noTls) throw sourceFailure(where, error);
    tls = false;
    client = await connect(false).catch((again) => Promise.reject(sourceFailure(where, again)));
  }
  const set = Object.entries(settings(options.statementTimeoutMs));
  const prefix = set.map(([name, value]) => `SET LOCAL ${identifier(name)} = ${literal(value)};`).join('');
  const session = sessionOf(address, client, tls, options.silenceMsMax, prefix);
  try {
    const withinMs = Math.min(address.connectMs, options.silenceMsMax);
    const ask = `SELECT current_setting('server_version'), pg_is_in_recovery()`;
    const [[version, isReplica] = []] = await session.query(where, ask, [], withinMs);
    return Object.assign(session, { serverVersion: version ?? '', isReplica: isReplica === 't' });
  } catch (error) {
    session.destroy();
    throw error;
  }
}

function tlsOptions(mode: SslMode, files: TlsFiles): object {
  if (mode === 'verify-full') return files;
  if (mode === 'verify-ca' || (mode === 'require' && files.ca !== undefined))
    return { ...files, checkServerIdentity: () => undefined };
  return { ...files, rejectUnauthorized: false };
}

type Connected = { readonly client: pg.Client; readonly tap: DataTap; readonly stream: Duplex };

async function connectOnce(address: Address, ssl: object | false): Promise<Connected> {
  const plain = ssl === false ? tappedSocket() : null;
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    // a function: without it, `pg` would look for PGPASSWORD and ~/.pgpass; called when the server asks
    password: () => {
      if (address.password !== undefined) return address.password;
      throw new TidemarkError(
        'SourceRefused',
        `${placeOf(address)}: it asks for a password, and ${address.origin.name} has none`,
      );
    },
    ssl,
    ...(plain !== null && { stream: () => plain.socket }),
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    types: { getTypeParser: () => (text: string | Buffer) => text as string },
  });
  client.on('error', () => {});
  const inner = (client as unknown as Inner).connection;
  try {
    await client.connect();
  } catch (error) {
    // `pg` leaves the socket open: the server waits for an answer for a minute, and the process with it
    inner.stream.destroy();
    throw error;
  }
  const { stream } = inner;
  return { client, stream, tap: plain?.tap ?? streamTap(stream) };
}

function sessionOf(
  { host, port, database, user }: Address,
  { client, tap, stream }: Connected,
  tls: boolean,
  silenceMsMax: number,
  prefix: string,
): Session {
  let spent = false;
  let lost: ((error: Error) => void) | null = null;
  const onEnd = (error: Error): void => {
    spent = true;
    const handler = lost;
    lost = null;
    handler?.(error);
  };
  client.on('error', onEnd);
  client.on('end', () => onEnd(new Error('the connection ended')));
  return {
    address: { host, port, database, user },
    serverVersion: '',
    isReplica: false,
    tls,
    silenceMsMax,
    stream,
    tap,
    get spent() {
      return spent;
    },
    onLost(handler) {
      lost = handler;
    },
    settled: (sql) => `${prefix}${sql}`,
    async query(where, sql, values = [], silenceMs = silenceMsMax) {
      // ends the connection, and with it the query
      const watch =
        silenceMs === null
          ? null
          : silenceWatch(silenceMs, () => {
              spent = true;
              stream.destroy(nothingCame(where, silenceMs));
            });
      try {
        const text =
          values.length === 0
            ? sql
            : sql.replaceAll(/\$(\d)/g, (_, number) => constant(values[number - 1] as Value));
        // of several statements, `pg` gives several results, which its types do not know
        const results = (await client.query({ text: `${prefix}${text}`, rowMode: 'array' })) as unknown;
        return (results as { readonly rows: (string | null)[][] }[]).at(-1)!.rows;
      } catch (error) {
        throw sourceFailure(where, error);
      } finally {
        watch?.stop();
      }
    },
    destroy() {
      spent = true;
      lost = null;
      stream.destroy();
    },
    async end() {
      spent = true;
      const slow = setTimeout(() => stream.destroy(), 2_000);
      await client.end().catch(() => {});
      clearTimeout(slow);
    },
  };
}
