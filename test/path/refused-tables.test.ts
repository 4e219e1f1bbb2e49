/** Tables that cannot be copied as they are: each is named with code, place and next step, and the others are published. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type Document, type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-tables-'));
  postgres = await testPostgres({ allow_system_table_mods: 'on' });
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const worldOf = (name: string, tables: readonly unknown[]): SyncWorld =>
  syncWorld(folder, name, {
    source: { type: 'postgres', url: postgres.url },
    tables,
    part: { rows: 100 },
    retry: { kind: 'none' },
  });

const problemOf = (document: Document, table: string) =>
  document.tables!.find((one) => one.table === table)!.problem;

async function expectExactly(world: SyncWorld, table: string, rows: number): Promise<void> {
  expect({ table, ...(await compareWithSource(postgres.url, table, world.files(table))) }).toEqual({
    table,
    sourceRows: rows,
    lakeRows: rows,
    lost: 0,
    alien: 0,
  });
}

test('missing, by a key that is none; others have none, or an odd one, and are copied', async () => {
  await postgres.sql(`
    create table orders (id integer primary key);
    insert into orders values (1), (2);
    create table no_key (id integer not null);
    create table composite (region integer, id integer, primary key (region, id));
    create table composite_or (region integer, id integer, code text not null unique, primary key (region, id));
    create table may_be_null (id integer unique, note text);
    create table not_unique (id integer not null, note text);
    create index on not_unique (id);
    create table partly_unique (id integer not null);
    create unique index on partly_unique (id) where id > 0;
    create table odd_key (id inet primary key);
    create view seen as select * from orders;
    insert into no_key select i % 40 from generate_series(1, 100) i;
    insert into composite select i % 3, i from generate_series(1, 100) i;
    insert into composite_or select i % 3, i, 'c' || i from generate_series(1, 100) i;
    insert into odd_key select inet '10.0.0.0' + i from generate_series(1, 100) i`);
  const copied = ['public.no_key', 'public.composite', 'public.composite_or', 'public.odd_key'];
  const refused: Record<string, { options?: object; code: string; message: RegExp; next: RegExp }> = {
    'public.ordres': {
      code: 'TableMissing',
      message: /There is no table public\.ordres.*there is public\.orders/,
      next: /tables:/,
    },
    'publik.orders': {
      code: 'TableMissing',
      message: /There is no table publik\.orders.*there is public\.orders/,
      next: /tables:/,
    },
    'public.quite_another': {
      code: 'TableMissing',
      message: /no table public\.quite_another in the database$/,
      next: /check/,
    },
    'public.may_be_null': {
      options: { key: 'id' },
      code: 'KeyUnsupported',
      message: /column id may be NULL/,
      next: /NOT NULL/,
    },
    'public.not_unique': {
      options: { key: 'id' },
      code: 'KeyUnsupported',
      message: /column id is not unique/,
      next: /unique/,
    },
    'public.partly_unique': {
      options: { key: 'id' },
      code: 'KeyUnsupported',
      message: /covers only a part of the rows/,
      next: /unique/,
    },
    'public.seen': { code: 'KeyMissing', message: /public\.seen is a view/, next: /key:/ },
  };
  const definition = Object.entries(refused).map(([name, { options }]) => ({ name, ...options }));
  const world = worldOf('refused', ['public.orders', ...copied, ...definition]);
  const { exitCode, document } = await world.ask('run');
  expect(exitCode).toBe(1);
  expect(document).toMatchObject({ outcome: 'incomplete', error: { code: 'RunIncomplete' } });
  expect(document.error!.message).toMatch(/5 of 12 tables published/);
  for (const [table, { code, message, next }] of Object.entries(refused)) {
    expect(problemOf(document, table)).toMatchObject({ code });
    expect(problemOf(document, table)!.message).toMatch(message);
    expect(problemOf(document, table)!.next).toMatch(next);
    expect(document.error!.message).toContain(`${table}: ${code}: `);
    expect(world.pointer(table)).toBeNull();
  }
  await expectExactly(world, 'public.orders', 2);
  for (const table of copied) await expectExactly(world, table, 100);

  await postgres.sql(`
    create table ordres (id integer primary key);
    create schema publik; create table publik.orders (id integer primary key);
    create table quite_another (id integer primary key);
    alter table may_be_null alter id set not null;
    create unique index on not_unique (id);
    create unique index on partly_unique (id);
    drop view seen; create table seen (id integer primary key);
    insert into may_be_null values (7)`);
  const mended = await world.ask('redrive');
  expect(mended.exitCode, mended.stdout).toBe(0);
  expect(mended.document).toMatchObject({ outcome: 'published', run: document.run });
  await expectExactly(world, 'public.may_be_null', 1);
  expect(world.pointer('public.seen')).toMatchObject({ rows: 0, files: [] });
});

test('a value that the file cannot hold is refused by its rule; under as_text it is copied as it is', async () => {
  const good = (type: string): string =>
    type.startsWith('numeric')
      ? 'i'
      : type.startsWith('time') && !type.startsWith('timestamp')
        ? `time '10:00' + i * interval '1 s'`
        : `timestamp '2024-01-01' + i * interval '1 day'`;
  const bad = [
    {
      table: 'public.not_a_number',
      type: 'numeric(10,2)',
      value: 'NaN',
      rule: /NaN does not fit a decimal of 10 digits, 2 after the point/,
    },
    { table: 'public.day_end', type: 'time', value: '24:00:00', rule: /24:00:00 does not fit/ },
    { table: 'public.no_day', type: 'date', value: 'infinity', rule: /infinity does not fit/ },
    { table: 'public.no_time', type: 'timestamp', value: '-infinity', rule: /infinity does not fit/ },
    { table: 'public.no_instant', type: 'timestamptz', value: 'infinity', rule: /infinity does not fit/ },
    {
      table: 'public.too_late',
      type: 'timestamp',
      value: '294250-01-01 00:00:00',
      rule: /after 294247-01-10/,
    },
  ];
  for (const { table, type, value } of bad) {
    await postgres.sql(`create table ${table} (id integer primary key, "The Value" ${type}, note text)`);
    await postgres.sql(
      `insert into ${table} select i, case when i % 9 > 0 then (${good(type)})::${type} end, 'note' from generate_series(1, 600) i`,
    );
    await postgres.sql(`update ${table} set "The Value" = '${value}' where id = 455`);
  }
  const world = worldOf(
    'values',
    bad.map(({ table }) => table),
  );
  const { exitCode, document, stdout, stderr } = await world.ask('run');
  expect(exitCode).toBe(1);
  for (const { table, type, rule } of bad) {
    const problem = problemOf(document, table)!;
    expect(problem).toMatchObject({ code: 'ValueNotRepresentable' });
    expect(problem.message).toMatch(rule);
    expect(problem.message).toContain(table);
    expect(problem.message).toContain('The Value');
    expect(problem.message).toContain(type.slice(0, 4));
    expect(problem.next).toMatch(/as_text:/);
    expect(world.pointer(table)).toBeNull();
    expect(world.dataFiles(table).length).toBeGreaterThan(0);
  }
  expect(stdout + stderr).not.toMatch(/294250/);

  world.define({ tables: bad.map(({ table }) => ({ name: table, as_text: ['The Value'] })) });
  const mended = await world.ask('run');
  expect(mended.exitCode, mended.stdout).toBe(0);
  expect(mended.document).toMatchObject({ outcome: 'published', abandoned: document.run });
  for (const { table } of bad) {
    await expectExactly(world, table, 600);
    expect(world.strays(table)).toEqual([]);
  }
});

/** As an index that has been corrupted is: unique by the catalog, not by what it holds. */
async function breakUnique(table: string, insert: string): Promise<void> {
  await postgres.sql(`
    update pg_index set indisunique = false where indrelid = '${table}'::regclass;
    insert into ${table} ${insert};
    update pg_index set indisunique = true where indrelid = '${table}'::regclass`);
}

test('the same key twice, under an index that should not have it: nothing is published, until it is mended', async () => {
  // in the middle of a part, at a part's end, and where one statement ends and the next begins
  const twice: Record<string, number> = {
    'public.within': 150,
    'public.part_end': 200,
    'public.statement_end': 37,
  };
  for (const [table, key] of Object.entries(twice)) {
    await postgres.sql(`create table ${table} (id integer primary key, note text)`);
    await postgres.sql(`insert into ${table} select i, 'first' from generate_series(1, 300) i`);
    await breakUnique(table, `values (${key}, 'second')`);
  }
  const world = worldOf('twice', Object.keys(twice));
  world.define({ source: { type: 'postgres', url: postgres.url, statement_rows: 37 } });
  const first = await world.ask('run');
  // a redrive reads on behind the parts that are committed
  const second = await world.ask('redrive');
  for (const { exitCode, document } of [first, second]) {
    expect(exitCode).toBe(1);
    for (const table of Object.keys(twice)) {
      const problem = problemOf(document, table);
      expect({ table, code: problem?.code }).toEqual({ table, code: 'KeyViolated' });
      expect(problem!.message).toContain(`${table}: the key column id`);
      expect(problem!.next).toMatch(/run --fresh/);
      expect(world.pointer(table)).toBeNull();
    }
  }
  for (const table of Object.keys(twice)) {
    await postgres.sql(
      `set enable_indexscan = off; delete from ${table} where note = 'second'; reset enable_indexscan`,
    );
    await postgres.sql(`reindex table ${table}`);
  }
  const mended = await world.ask('run', '--fresh');
  expect(mended.exitCode, mended.stdout).toBe(0);
  for (const table of Object.keys(twice)) await expectExactly(world, table, 300);
});
