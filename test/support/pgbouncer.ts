/** PgBouncer of Debian's packages, in front of a real PostgreSQL: one process of the server for all clients, a transaction at a time. */
import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

const program = '/usr/sbin/pgbouncer';

/** Where it is not installed, test/support/install-servers.sh does. */
export const hasPgBouncer = (): boolean => existsSync(program);

export type PgBouncer = { readonly port: number; stop(): Promise<void> };

/** As root it refuses to run. */
const nobody = 65_534;

/** @param server the URL of a server, as whose user all clients come */
export async function startPgBouncer(server: string): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-pgbouncer-'));
  const { hostname, port, username, password } = new URL(server);
  const own = await freePort();
  const isRoot = process.getuid?.() === 0;
  writeFileSync(join(folder, 'users.txt'), '');
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${port} user=${username} password='${password}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
`,
  );
  if (isRoot) chownSync(folder, nobody, nobody);
  const child = spawn(program, ['-q', join(folder, 'pgbouncer.ini')], {
    stdio: 'ignore',
    ...(isRoot && { uid: nobody, gid: nobody }),
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  for (let tries = 0; !(await answers(own)); tries++) {
    if (tries === 100 || child.exitCode !== null) throw new Error('pgbouncer does not answer');
    await sleep(50);
  }
  return {
    port: own,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
