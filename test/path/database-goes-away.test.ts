/** The database goes away in the middle of a run, comes back, or does not for a while; and a second process comes along. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';
import { type TcpGate, tcpGate } from '../support/tcp-gate.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 6_000;
const table = 'public.readings';
let folder: string;
let postgres: RunningPostgres;
let gate: TcpGate;

const startServer = (): Promise<RunningPostgres> =>
  startPostgres({ folder: join(folder, 'postgres'), settings: { synchronous_commit: 'off' } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-goes-away-'));
  postgres = await startServer();
  gate = await tcpGate(postgres.port);
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query('create table readings (id bigint primary key, at timestamptz, value double precision)');
  await client.query(
    `insert into readings select i * 5, timestamptz '2025-01-01' + i * interval '1 s', sin(i) from generate_series(1, ${rows}) i`,
  );
  await client.end();
});

afterAll(async () => {
  await gate.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

function worldOf(name: string, retry: object): SyncWorld {
  const url = new URL(postgres.url);
  url.port = String(gate.port);
  return syncWorld(folder, name, {
    source: { type: 'postgres', url: url.href },
    tables: [table],
    chunk: { rows: 500 },
    concurrency: 2,
    part: { rows: 100 },
    retry,
  });
}

async function expectExactly(world: SyncWorld): Promise<void> {
  expect(await compareWithSource(postgres.url, 'readings', world.files(table))).toEqual({
    sourceRows: rows,
    lakeRows: rows,
    lost: 0,
    alien: 0,
  });
  expect(world.faults(table)).toEqual([]);
  expect(world.strays(table)).toEqual([]);
  expect(world.staged()).toEqual([]);
}

test('the server is stopped and started again: tried again by the state machine, no row lost', async () => {
  const world = worldOf('restarted', { kind: 'fixed', attempts: 100, interval_seconds: 1 });
  const running = world.start('run', '--json');
  await world.untilFiles(table, 2, running);
  gate.hold(true); // what is under way stays so until the server has gone
  await postgres.stop();
  gate.lead(null);
  gate.hold(false);
  const committed = world.dataFiles(table);
  await sleep(1_500); // let a retry or two fail, too
  postgres = await startServer();
  gate.lead(postgres.port);
  const { exitCode, stdout, stderr } = await running.ended;
  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'published', copied: { rows } });
  expect(stderr).toMatch(/retr/);
  expect(world.files(table)).toEqual(expect.arrayContaining(committed));
  await expectExactly(world);
});

test('connections that are cut again and again', async () => {
  const world = worldOf('cut', { kind: 'fixed', attempts: 100, interval_seconds: 1 });
  const running = world.start('run', '--json');
  for (const files of [1, 15, 30, 45]) {
    await world.untilFiles(table, files, running);
    gate.lead(null);
    gate.lead(postgres.port);
  }
  const { exitCode, stderr } = await running.ended;
  expect(exitCode, stderr).toBe(0);
  await expectExactly(world);
});

test('it stays away: exit code 1, what is committed stays; redrive copies the rest', async () => {
  const world = worldOf('away', { kind: 'none' });
  const running = world.start('run', '--json');
  await world.untilFiles(table, 2, running);
  gate.lead(null);
  const { exitCode, stdout } = await running.ended;
  expect(exitCode).toBe(1);
  const first = JSON.parse(stdout);
  expect(first).toMatchObject({
    outcome: 'incomplete',
    error: { code: 'RunIncomplete', next: expect.stringContaining('tidemark redrive') },
    tables: [{ table, state: 'incomplete', problem: { code: 'SourceUnavailable' } }],
  });
  expect(world.pointer(table)).toBeNull();
  const committed = world.dataFiles(table);

  const early = await world.ask('redrive');
  expect(early.exitCode).toBe(1);
  expect(early.document).toMatchObject({
    error: {
      code: 'RunIncomplete',
      message: expect.stringContaining(`127.0.0.1:${gate.port}`),
      next: expect.stringContaining('tidemark redrive'),
    },
    tables: [{ table, state: 'incomplete', problem: { code: 'SourceUnavailable' } }],
  });
  expect(world.pointer(table)).toBeNull();

  gate.lead(postgres.port);
  const redriven = await world.ask('redrive');
  expect(redriven.exitCode, redriven.stderr).toBe(0);
  expect(redriven.document).toMatchObject({ outcome: 'published', run: first.run });
  expect(redriven.document.committedBefore!.rows).toBeGreaterThan(0);
  expect(redriven.document.copied!.rows + redriven.document.committedBefore!.rows).toBe(rows);
  expect(world.files(table)).toEqual(expect.arrayContaining(committed));
  await expectExactly(world);
});

test('a second process at work on the same home: exit code 75, and the first is not disturbed', async () => {
  const world = worldOf('twice', { kind: 'none' });
  const running = world.start('run', '--json');
  await world.untilFiles(table, 1, running);
  gate.hold(true);
  const second = await world.ask('run');
  const third = await world.ask('redrive');
  const status = await world.run('status');
  const others = syncWorld(folder, 'stranger', {
    source: { type: 'postgres', url: postgres.url },
    tables: [table],
  });
  const stranger = await others.run('run', '--json', '--home', world.home);
  gate.hold(false);
  expect(second.exitCode, second.stderr).toBe(75);
  expect(second.document).toMatchObject({
    outcome: 'skipped',
    error: { code: 'Skipped', message: expect.stringMatching(/another execution works on sync twice/) },
  });
  expect(second.document.error!.next).toMatch(/tidemark status/);
  expect(third.exitCode, third.stderr).toBe(75);
  expect(status.exitCode, status.stderr).toBe(0);
  expect(stranger.exitCode, stranger.stdout + stranger.stderr).toBe(75);
  expect(JSON.parse(stranger.stdout).error).toMatchObject({
    code: 'CloudBusy',
    message: expect.stringMatching(/process \d+ works in .*twice-home, on sync twice$/),
    next: expect.stringContaining('--home'),
  });
  const { exitCode, stderr, stdout } = await running.ended;
  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'published', run: second.document.run });
  await expectExactly(world);
});
