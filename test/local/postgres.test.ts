import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';

let home: string;
let folder: string;
let running: RunningPostgres[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-pg-'));
  folder = join(home, 'pg');
});
afterEach(async () => {
  for (const server of running) await server.stop();
  running = [];
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function start(settings: Record<string, string> = {}, where = folder): Promise<RunningPostgres> {
  const server = await startPostgres({ folder: where, settings });
  running.push(server);
  return server;
}

async function ask<T>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat() as T[];
  } finally {
    await client.end();
  }
}

/** Whether the process runs; one that is dead but not buried does not. */
const alive = async (pid: number): Promise<boolean> => {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return /^[^Z\s]/.test(stdout.trim());
};

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const begun = Date.now(); !(await what()); await sleep(20))
    if (Date.now() - begun > 12_000) throw new Error(`in vain: ${what}`);
}

/** Another process, leader of its own group, that starts the server and stays. */
async function startElsewhere(): Promise<{ child: ChildProcess; server: RunningPostgres }> {
  const module = new URL('../../local/postgres.ts', import.meta.url).href;
  const code = `
    import { startPostgres } from ${JSON.stringify(module)};
    process.on('SIGINT', () => console.log('SIGINT'));
    console.log(JSON.stringify(await startPostgres({ folder: ${JSON.stringify(folder)} })));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((done, failed) => {
    child.stdout.once('data', (text) => done(String(text)));
    child.once('exit', () => failed(new Error('it did not start')));
  });
  return { child, server: JSON.parse(line) as RunningPostgres };
}

test('a real server, with a password, UTF-8, and what was committed survives a restart', async () => {
  const server = await start({ log_min_duration_statement: '0' });
  expect(await ask(server.url, 'SHOW server_encoding')).toEqual(['UTF8']);
  expect(await ask(server.url, `SELECT upper('ä') || ' ' || current_setting('timezone')`)).toEqual(['Ä UTC']);
  expect((await stat(join(folder, 'password'))).mode & 0o777).toBe(0o600);
  const noPassword = ask(server.url.replace(/:[^:@]*@/, ':wrong@'), 'SELECT 1');
  await expect(noPassword).rejects.toMatchObject({ code: '28P01' });
  await ask(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  expect(await readFile(server.logFile, 'utf8')).toContain('CREATE TABLE kept');
  await server.stop();
  await server.stop();
  expect(await alive(server.pid)).toBe(false);

  const again = await start();
  expect(await ask(again.url, 'SELECT answer FROM kept')).toEqual([42]);
});

test('a second server on the same folder is refused, naming whose it is', async () => {
  const server = await start();
  await expect(startPostgres({ folder })).rejects.toMatchObject({
    code: 'CloudBusy',
    message: `Another tidemark process (pid ${process.pid}) uses the embedded PostgreSQL in ${folder}`,
    next: expect.stringMatching(/^Wait until it has ended, or use another folder with --home(?!.*kill)/),
  });
  expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
});

test('of two that start at once one gets the server, the other is told', async () => {
  const both = await Promise.allSettled([start(), start()]);
  const refused = both.filter((one) => one.status === 'rejected');
  expect(refused).toMatchObject([{ reason: { code: 'CloudBusy' } }]);
  expect(await ask((running[0] as RunningPostgres).url, 'SELECT 1')).toEqual([1]);
});

test('Ctrl-C does not reach the server, the death of its starter ends it', async () => {
  const { child, server } = await startElsewhere();
  process.kill(-(child.pid as number), 'SIGINT');
  await sleep(200);
  expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
  process.kill(-(child.pid as number), 'SIGKILL');
  // at once: the former server is only just stopping
  const next = await start();
  expect(await ask(next.url, 'SELECT 1')).toEqual([1]);
  expect(await alive(server.pid)).toBe(false);
});

test('kill -9 of everything: the next start recovers', async () => {
  const { child, server } = await startElsewhere();
  await ask(server.url, 'CREATE TABLE survives AS SELECT generate_series(1, 1000) AS i');
  const watcher = Number(await readFile(join(folder, 'watcher.pid'), 'utf8'));
  process.kill(-(child.pid as number), 'SIGKILL');
  process.kill(-watcher, 'SIGKILL');
  const next = await start();
  expect(await ask(next.url, 'SELECT count(*)::int FROM survives')).toEqual([1000]);
});

test('a server whose watcher was killed is stopped by the next start', async () => {
  const { child, server } = await startElsewhere();
  const watcher = Number(await readFile(join(folder, 'watcher.pid'), 'utf8'));
  process.kill(watcher, 'SIGKILL');
  process.kill(child.pid as number, 'SIGKILL');
  await until(async () => !(await alive(watcher)));
  expect(await alive(server.pid)).toBe(true);
  const next = await start();
  expect(await alive(server.pid)).toBe(false);
  expect(await ask(next.url, 'SELECT 1')).toEqual([1]);
});

test('a server that is nobody’s any more and does not stop: only then is said how to stop it', async () => {
  const { child, server } = await startElsewhere();
  const watcher = Number(await readFile(join(folder, 'watcher.pid'), 'utf8'));
  process.kill(server.pid, 'SIGSTOP');
  process.kill(watcher, 'SIGKILL');
  process.kill(child.pid as number, 'SIGKILL');
  await until(async () => !(await alive(watcher)));
  try {
    await expect(startPostgres({ folder })).rejects.toMatchObject({
      code: 'CloudBusy',
      next: expect.stringContaining(`kill -INT ${server.pid}`),
    });
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await until(async () => !(await alive(server.pid)));
});

test('a stale postmaster.pid that names a living stranger does not stand in the way', async () => {
  const pidFile = join(folder, 'data', 'postmaster.pid');
  await writeFile(
    pidFile,
    `${process.ppid}\n${join(folder, 'data')}\n1\n5432\n\n127.0.0.1\n  1 1\nready   \n`,
  );
  const server = await start();
  expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
});

test('what keeps the server from starting is told with the last lines of its log', async () => {
  await expect(startPostgres({ folder, settings: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
    code: 'CloudBroken',
    message: expect.stringContaining('shared_buffers'),
  });
});

test('a half-made cluster is made anew; a folder that cannot be made is told', async () => {
  const other = join(home, 'other');
  await mkdir(join(other, 'init-killed', 'data'), { recursive: true });
  const server = await start({}, other);
  expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
  await expect(stat(join(other, 'init-killed'))).rejects.toMatchObject({ code: 'ENOENT' });

  await writeFile(join(home, 'file'), '');
  await expect(startPostgres({ folder: join(home, 'file', 'pg') })).rejects.toMatchObject({
    code: 'CloudBroken',
    message: expect.stringContaining('ENOTDIR'),
  });
});
