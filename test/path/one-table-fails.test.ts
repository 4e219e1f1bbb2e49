/** One of three tables cannot be read: the others are published, and a redrive after the mend publishes only the third. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 5_000;
const tables = ['public.customers', 'public.orders', 'public.payments'];
const denied = 'public.payments';
let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-one-fails-'));
  postgres = await testPostgres();
  await postgres.sql(`create role reader login password 'reads'`);
  for (const table of tables) {
    await postgres.sql(`create table ${table} (id bigint primary key, note text, amount numeric(12,2))`);
    await postgres.sql(
      `insert into ${table} select i * 3, case when i % 5 > 0 then '${table} ' || i end, i / 7.0 from generate_series(1, ${rows}) i`,
    );
  }
  await postgres.sql(`grant select on ${tables.join(', ')} to reader`);
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const worldOf = (name: string, partRows: number): SyncWorld =>
  syncWorld(folder, name, {
    source: { type: 'postgres', url: postgres.urlFor({ user: 'reader', password: 'reads' }) },
    tables,
    chunk: { rows: 2_000 },
    part: { rows: partRows },
  });

async function expectExactly(world: SyncWorld, table: string): Promise<void> {
  expect(await compareWithSource(postgres.url, table, world.files(table))).toEqual({
    sourceRows: rows,
    lakeRows: rows,
    lost: 0,
    alien: 0,
  });
  expect(world.faults(table)).toEqual([]);
}

const headVersions = (document: { tables?: readonly { table: string; version: number }[] }) =>
  Object.fromEntries((document.tables ?? []).map(({ table, version }) => [table, version]));

test('two are published, the third is named; after GRANT a redrive publishes it and touches nothing else', async () => {
  const world = worldOf('denied', 1_000);
  await postgres.sql(`revoke select on ${denied} from reader`);

  const first = await world.ask('run');
  expect(first.exitCode).toBe(1);
  expect(first.document).toMatchObject({ outcome: 'incomplete', error: { code: 'RunIncomplete' } });
  expect(first.document.tables).toMatchObject([
    { table: 'public.customers', state: 'published', rows, problem: null },
    { table: 'public.orders', state: 'published', rows, problem: null },
    { table: denied, state: 'incomplete', problem: { code: 'TableDenied' } },
  ]);
  const { error } = first.document;
  expect(error!.message).toMatch(/2 of 3 tables published/);
  expect(error!.message).toMatch(/public\.payments: TableDenied: .*no SELECT right/);
  expect(error!.message).toMatch(/GRANT SELECT/);
  expect(error!.next).toMatch(/tidemark redrive/);
  expect(world.pointer(denied)).toBeNull();
  await expectExactly(world, 'public.customers');
  await expectExactly(world, 'public.orders');

  // for people: the same, on stderr
  const again = await world.run('redrive');
  expect(again.exitCode).toBe(1);
  expect(again.stderr).toMatch(/RunIncomplete/);
  expect(again.stderr.replaceAll(/\s+/g, ' ')).toMatch(/public\.payments: TableDenied/);

  const others = new Map([...world.state('public.customers'), ...world.state('public.orders')]);
  await postgres.sql(`grant select on ${denied} to reader`);
  const redriven = await world.ask('redrive');
  expect(redriven.exitCode, redriven.stderr).toBe(0);
  expect(redriven.document).toMatchObject({
    outcome: 'published',
    run: first.document.run,
    copied: { rows },
  });
  expect(headVersions(redriven.document)).toEqual({ 'public.customers': 1, 'public.orders': 1, [denied]: 1 });
  await expectExactly(world, denied);
  expect(new Map([...world.state('public.customers'), ...world.state('public.orders')])).toEqual(others);
  expect(world.staged()).toEqual([]);
});

test('taken away in the middle of a run: what was committed counts when it goes on', async () => {
  const world = worldOf('taken', 200);
  const running = world.start('run', '--json');
  await world.whileFrozen(denied, 1, running, () => postgres.sql(`revoke select on ${denied} from reader`));
  const { exitCode, stdout, stderr } = await running.ended;
  expect(exitCode, stderr).toBe(1);
  const first = JSON.parse(stdout);
  expect(first.tables.find(({ table }: { table: string }) => table === denied)).toMatchObject({
    state: 'incomplete',
    problem: { code: 'TableDenied', message: expect.stringContaining(denied) },
  });
  expect(world.pointer(denied)).toBeNull();
  await expectExactly(world, 'public.customers');
  await expectExactly(world, 'public.orders');
  const committed = world.dataFiles(denied);
  expect(committed.length).toBeGreaterThan(0);

  await postgres.sql(`grant select on ${denied} to reader`);
  const redriven = await world.ask('redrive');
  expect(redriven.exitCode, redriven.stderr).toBe(0);
  expect(redriven.document.copied!.rows).toBeLessThan(rows);
  expect(redriven.document.copied!.rows + redriven.document.committedBefore!.rows).toBe(3 * rows);
  expect(world.files(denied)).toEqual(expect.arrayContaining(committed));
  await expectExactly(world, denied);
  expect(world.strays(denied)).toEqual([]);
});
