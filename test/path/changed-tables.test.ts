/** Tables that change while a run is unfinished: the run does not mix two shapes, and readers keep what they have. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 600;
let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-changed-'));
  postgres = await testPostgres();
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

async function makeTable(table: string, note: string, count = rows): Promise<void> {
  await postgres.sql(
    `create table ${table} (id integer primary key, amount integer, note text, code text not null)`,
  );
  await postgres.sql(
    `insert into ${table} select i, i % 7, '${note} ' || i, 'c' || i from generate_series(1, ${count}) i`,
  );
}

async function lakeAgrees(world: SyncWorld, table: string): Promise<boolean> {
  const { sourceRows, lakeRows, lost, alien } = await compareWithSource(
    postgres.url,
    table,
    world.files(table),
  );
  return sourceRows === lakeRows && lost === 0 && alien === 0 && world.faults(table).length === 0;
}

type Change = {
  readonly sql: (table: string) => string;
  readonly code: string;
  readonly message: RegExp;
};

const changes: Readonly<Record<string, Change>> = {
  'public.retyped': {
    sql: (table) => `alter table ${table} alter amount type bigint`,
    code: 'TableChanged',
    message: /column amount was integer, is now bigint/,
  },
  'public.narrowed': {
    sql: (table) => `alter table ${table} alter note type varchar(80)`,
    code: 'TableChanged',
    message: /column note was text, is now character varying\(80\)/,
  },
  'public.renamed': {
    sql: (table) => `alter table ${table} rename note to remark`,
    code: 'TableChanged',
    message: /column note is now called remark/,
  },
  'public.dropped': {
    sql: (table) => `alter table ${table} drop column note`,
    code: 'TableChanged',
    message: /column note is gone/,
  },
  'public.nullable': {
    sql: (table) => `alter table ${table} alter code drop not null`,
    code: 'TableChanged',
    message: /column code may be NULL now/,
  },
  'public.remade': {
    sql: (table) =>
      `drop table ${table}; create table ${table} (id integer primary key, amount integer, note text, code text not null); insert into ${table} values (1, 2, 'three', 'four')`,
    code: 'TableChanged',
    message: /another table than the one that was planned/,
  },
  'public.key_moved': {
    sql: (table) => `alter table ${table} drop constraint key_moved_pkey, add primary key (code)`,
    code: 'KeyUnsupported',
    message: /column id is not unique by itself/,
  },
  'public.key_null': {
    sql: (table) =>
      `alter table ${table} drop constraint key_null_pkey, alter id drop not null; create unique index on ${table} (id); insert into ${table} values (null, 1, 'n', 'c')`,
    code: 'KeyUnsupported',
    message: /column id may be NULL/,
  },
  'public.gone': {
    sql: (table) => `drop table ${table}`,
    code: 'TableMissing',
    message: /no table public\.gone in the database/,
  },
};

test('killed, altered, run again: TableChanged; the snapshot before stays; --fresh publishes the new shape', async () => {
  const tables = ['public.first', 'public.added', ...Object.keys(changes)];
  for (const table of tables) await makeTable(table, 'old');
  const world = syncWorld(folder, 'altered', {
    source: { type: 'postgres', url: postgres.url },
    tables,
    part: { rows: 50 },
    concurrency: 1,
    retry: { kind: 'none' },
  });
  const first = await world.run('run', '--json');
  expect(first.exitCode, first.stdout).toBe(0);
  const before = new Map(tables.map((table) => [table, world.pointer(table)]));

  const killed = world.start('run', '--json');
  await world.untilFiles('public.first', rows / 50 + 2, killed);
  killed.killGroup();
  await killed.ended;
  for (const [table, { sql }] of Object.entries(changes)) await postgres.sql(sql(table));
  await postgres.sql('alter table public.added add column extra integer default 5');

  const again = await world.ask('run');
  expect(again.exitCode).toBe(1);
  expect(again.document).toMatchObject({
    outcome: 'incomplete',
    began: 'adopted',
    error: { code: 'RunIncomplete' },
  });
  expect(again.document.error!.message).toMatch(/2 of 11 tables published/);
  for (const [table, { code, message }] of Object.entries(changes)) {
    const problem = again.document.tables!.find((one) => one.table === table)!.problem;
    expect({ table, code: problem?.code }).toEqual({ table, code });
    expect(problem!.message).toMatch(message);
    expect(problem!.message).toContain(table);
    if (code === 'TableChanged') expect(problem!.next).toMatch(/run --fresh/);
    // what readers see is what they saw, whole
    expect(world.pointer(table)).toEqual(before.get(table));
    expect(world.faults(table)).toEqual([]);
  }
  // a column that has come since is the next run's
  for (const table of ['public.first', 'public.added']) {
    expect(world.pointer(table)).toMatchObject({
      version: 2,
      schema: expect.objectContaining({ length: 4 }),
    });
    expect(await lakeAgrees(world, table)).toBe(true);
  }

  await makeTable('public.gone', 'new', 60);
  await postgres.sql(
    'delete from public.key_null where id is null; alter table public.key_null add primary key (id)',
  );
  const fresh = await world.ask('run', '--fresh');
  expect(fresh.exitCode, fresh.stdout).toBe(0);
  expect(fresh.document).toMatchObject({ outcome: 'published', abandoned: again.document.run });
  for (const table of tables) {
    expect({ table, agrees: await lakeAgrees(world, table) }).toEqual({ table, agrees: true });
    expect(world.pointer(table)!.version).toBe(/first|added/.test(table) ? 3 : 2);
  }
  expect(world.pointer('public.added')).toMatchObject({ schema: expect.objectContaining({ length: 5 }) });
});

test('the key is ordered by another collation: no row is lost or doubled, the run stops, --fresh copies anew', async () => {
  const table = 'public.reordered';
  await postgres.sql(`create table ${table} (k text collate "C" primary key, v integer)`);
  // in C: all of A…, B…, a…, b…; in English: by the letters first
  await postgres.sql(
    `insert into ${table} select (array['A', 'a', 'B', 'b'])[i % 4 + 1] || lpad(i::text, 5, '0'), i from generate_series(1, ${rows}) i`,
  );
  const world = syncWorld(folder, 'reordered', {
    source: { type: 'postgres', url: postgres.url },
    tables: [table],
    part: { rows: 50 },
    concurrency: 1,
    retry: { kind: 'none' },
  });
  const killed = world.start('run', '--json');
  await world.untilFiles(table, 3, killed);
  killed.killGroup();
  await killed.ended;
  await postgres.sql(`alter table ${table} alter k type text collate "en-x-icu"`);

  const again = await world.ask('run');
  expect(again.exitCode).toBe(1);
  expect(again.document.tables![0]).toMatchObject({
    table,
    problem: {
      code: 'TableChanged',
      message: expect.stringMatching(/the key k was ordered by collation C, is now by en-x-icu, version /),
      next: expect.stringMatching(/run --fresh/),
    },
  });
  expect(world.pointer(table)).toBeNull();

  const fresh = await world.ask('run', '--fresh');
  expect(fresh.exitCode, fresh.stdout).toBe(0);
  expect(await lakeAgrees(world, table)).toBe(true);
});

test('altered while an attempt is at work: what it reads afterwards is not mixed with what it read before', async () => {
  const table = 'public.at_work';
  await makeTable(table, 'old', 4_000);
  const world = syncWorld(folder, 'at-work', {
    source: { type: 'postgres', url: postgres.url },
    tables: [table],
    chunk: { rows: 500 },
    part: { rows: 50 },
    concurrency: 2,
    retry: { kind: 'none' },
  });
  const running = world.start('run', '--json');
  await world.whileFrozen(table, 3, running, () =>
    postgres.sql(`alter table ${table} alter amount type numeric(10,2)`),
  );
  const { exitCode, stdout } = await running.ended;
  expect(exitCode).toBe(1);
  const [seen] = JSON.parse(stdout).tables;
  expect(seen).toMatchObject({ state: 'incomplete', problem: { code: 'TableChanged' } });
  expect(seen.problem.message).toMatch(/at_work.*amount/);
  expect(world.pointer(table)).toBeNull();

  const fresh = await world.ask('run', '--fresh');
  expect(fresh.exitCode, fresh.stdout).toBe(0);
  expect(await lakeAgrees(world, table)).toBe(true);
  expect(world.strays(table)).toEqual([]);
});

test('the key loses its constraint while an attempt is at work, and gets the same value twice and NULLs', async () => {
  const table = 'public.key_lost';
  await makeTable(table, 'old', 4_000);
  const world = syncWorld(folder, 'key-lost', {
    source: { type: 'postgres', url: postgres.url },
    tables: [table],
    chunk: { rows: 500 },
    part: { rows: 50 },
    concurrency: 2,
    retry: { kind: 'none' },
  });
  const running = world.start('run', '--json');
  await world.whileFrozen(table, 3, running, () =>
    postgres.sql(`
      alter table ${table} drop constraint key_lost_pkey, alter id drop not null;
      insert into ${table} select i, 1, 'again', 'c' from generate_series(1, 4000) i;
      insert into ${table} values (null, 1, 'no key', 'c')`),
  );
  const { exitCode, stdout } = await running.ended;
  expect(exitCode).toBe(1);
  const [seen] = JSON.parse(stdout).tables;
  expect(seen).toMatchObject({ state: 'incomplete' });
  expect(seen.problem.code).toMatch(/^(KeyViolated|KeyUnsupported|TableChanged)$/);
  expect(seen.problem.message).toMatch(/key_lost.*\bid\b/);
  expect(world.pointer(table)).toBeNull();

  // a new run plans the table as it is now: without a key
  const fresh = await world.ask('run', '--fresh');
  expect(fresh.exitCode, fresh.stdout).toBe(0);
  expect(world.pointer(table)).toMatchObject({ rows: 8_001 });
  expect(await lakeAgrees(world, table)).toBe(true);
});
