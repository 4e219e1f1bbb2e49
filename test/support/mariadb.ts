/**
 * A real MariaDB on a temporary folder, for one test file; or the MySQL or MariaDB that $TIDEMARK_TEST_MYSQL_URL names,
 * whose user may create and drop databases. Where there is neither, the tests are skipped, loudly; in CI they fail.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { freePort } from './free-port.ts';

const binary = ['/usr/sbin/mariadbd', '/usr/local/sbin/mariadbd', '/opt/homebrew/bin/mariadbd'].find(
  existsSync,
);
const givenUrl = process.env.TIDEMARK_TEST_MYSQL_URL;

/** For `describe.skipIf`: there is no server to be had. */
export const noMariadb = givenUrl === undefined && binary === undefined;

if (noMariadb) {
  const what =
    'no mariadbd here: the tests of core/sources/mysql need test/support/install-servers.sh (Debian, as root), or $TIDEMARK_TEST_MYSQL_URL';
  if (process.env.CI === 'true') throw new Error(what);
  console.warn(`\n*** SKIPPED: ${what} ***\n`);
}

export type TestMariadb = {
  /** of a database of this file's own */
  readonly url: string;
  readonly database: string;
  readonly port: number;
  readonly family: 'MySQL' | 'MariaDB';
  /** Runs statements, parted by `;` at line ends; rows of the last one as texts, as the server writes them. */
  sql(text: string): Promise<(string | null)[][]>;
  /** The URL of a database of this server as some user. */
  urlFor(part: {
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly port?: number;
    readonly parameters?: Readonly<Record<string, string>>;
  }): string;
  stop(): Promise<void>;
};

type Running = { readonly url: string; stop(): Promise<void> };

const startMsMax = 60_000;

/** @param settings of the server, as on its command line */
async function startMariadb(settings: Readonly<Record<string, string>>): Promise<Running> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-test-mariadb-'));
  const data = join(home, 'data');
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  await promisify(execFile)('mariadb-install-db', [
    ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    ...['--skip-name-resolve', `--tmpdir=${home}`, ...asRoot],
  ]);
  const logFile = join(home, 'log');
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const log = await open(logFile, 'w');
    const all: Record<string, string> = {
      ...{ datadir: data, socket: join(home, 'socket'), 'pid-file': join(home, 'pid'), port: String(port) },
      ...{ 'bind-address': '127.0.0.1', 'skip-name-resolve': '1', 'skip-log-bin': '1' },
      ...{ 'character-set-server': 'utf8mb4', 'max-allowed-packet': '64M', 'table-open-cache': '200' },
      ...{
        'innodb-buffer-pool-size': '64M',
        'innodb-log-file-size': '32M',
        'innodb-flush-log-at-trx-commit': '0',
      },
      ...{ 'innodb-doublewrite': '0', 'performance-schema': '0', tmpdir: home },
      ...settings,
    };
    const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
    const child = spawn(binary as string, ['--no-defaults', ...asRoot, ...args], {
      stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    const url = `mysql://root@127.0.0.1:${port}/mysql`;
    if (await isUp(child, url))
      return {
        url,
        async stop() {
          await stopChild(child);
          await rm(home, { recursive: true, force: true });
        },
      };
    await stopChild(child);
    // somebody else may have taken the port
    if (attempt === 3) throw new Error(`mariadbd does not start:\n${await readFile(logFile, 'utf8')}`);
  }
}

async function isUp(child: ChildProcess, url: string): Promise<boolean> {
  for (const end = Date.now() + startMsMax; Date.now() < end && child.exitCode === null; await sleep(100)) {
    const connection = await mysql.createConnection(url).catch(() => null);
    await connection?.end();
    if (connection !== null) return true;
  }
  return false;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const slow = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(slow);
}

/** Stop it in `afterAll`. @param settings of the server; where one is given by its URL, they are not set */
export async function testMariadb(settings: Readonly<Record<string, string>> = {}): Promise<TestMariadb> {
  const server: Running =
    givenUrl === undefined ? await startMariadb(settings) : { url: givenUrl, stop: async () => {} };
  const database = `tidemark_${process.pid}_${Math.floor(Math.random() * 1e9)}`;
  const base = new URL(server.url);
  const urlFor: TestMariadb['urlFor'] = (part) => {
    const url = new URL(server.url);
    url.pathname = `/${encodeURIComponent(part.database ?? database)}`;
    if (part.user !== undefined) url.username = encodeURIComponent(part.user);
    if (part.password !== undefined) url.password = encodeURIComponent(part.password);
    if (part.port !== undefined) url.port = String(part.port);
    for (const [name, value] of Object.entries(part.parameters ?? {})) url.searchParams.set(name, value);
    return url.href;
  };
  const connection = await mysql.createConnection({
    ...{ host: base.hostname, port: Number(base.port || 3306), user: decodeURIComponent(base.username) },
    ...{ password: decodeURIComponent(base.password), charset: 'utf8mb4', multipleStatements: false },
    ...{
      rowsAsArray: true,
      typeCast: (field: { string(encoding: 'utf8'): string | null }) => field.string('utf8'),
    },
  });
  const run = async (text: string): Promise<(string | null)[][]> => {
    const [rows] = await connection.query(text);
    return Array.isArray(rows) ? (rows as unknown as (string | null)[][]) : [];
  };
  await run(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await run(`USE ${database}`);
  await run(`SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'`);
  const [[version = ''] = []] = (await run('SELECT version()')) as string[][];
  return {
    ...{ database, url: urlFor({}), port: Number(base.port || 3306), urlFor },
    family: /mariadb/i.test(version) ? 'MariaDB' : 'MySQL',
    async sql(text) {
      let rows: (string | null)[][] = [];
      for (const statement of text.split(/;\s*(?:\n|$)/))
        if (statement.trim() !== '') rows = await run(statement);
      return rows;
    },
    async stop() {
      await run(`DROP DATABASE IF EXISTS ${database}`).catch(() => {});
      await connection.end().catch(() => {});
      await server.stop();
    },
  };
}
