/** A server of another major version, started the plain way: older ones do not know what local/postgres.ts asks of the installed one. */
import { execFile, spawn } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { accountOf, binaries } from '../../local/postgres-binaries.ts';
import { freePort } from '../support/free-port.ts';
import { type ConnectedPostgres, connected, quickSettings } from '../support/postgres.ts';

const run = promisify(execFile);

/** @param packageFolder of the npm package; stop it in `afterAll` */
export async function otherPostgres(packageFolder: string): Promise<ConnectedPostgres> {
  const data = await mkdtemp(join(tmpdir(), 'tidemark-test-pg-'));
  const account = await accountOf(data);
  const native = await binaries(account, packageFolder);
  if (account !== null) await chown(data, account.uid, account.gid);
  const as = { ...account, cwd: '/', env: { LC_ALL: 'C', PATH: process.env.PATH ?? '' } };
  await run(
    join(native, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8'],
    as,
  );
  const port = await freePort();
  const settings = {
    ...quickSettings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
  };
  const server = spawn(
    join(native, 'bin', 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...as, stdio: 'ignore' },
  );
  const ended = new Promise<void>((done) => server.once('exit', () => done()));
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (tries === 200 || server.exitCode !== null) throw new Error(`${packageFolder} does not start`);
    await sleep(50);
  }
  return connected({ url }, async () => {
    server.kill('SIGINT');
    await ended;
    await rm(data, { recursive: true, force: true });
  });
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
