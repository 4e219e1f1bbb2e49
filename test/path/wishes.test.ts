/**
 * What a definition says of a table's columns, rows and values: which are copied, and what stands in place of others. Every
 * row is held against what the database itself makes of it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { compareWithSource, withBothSides } from '../support/compare-with-source.ts';
import { everythingStored, placesOf } from '../support/everything-stored.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { bucket, type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 600;
/** They stand in values that are masked or left out, and nowhere else. */
const secrets = ['secret-mail', 'secret-phone', 'secret-note', 'secret-card', '1923-04-05', '98765432'];

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-wishes-'));
  postgres = await testPostgres();
  const hash = (column: string) => `encode(sha256(convert_to((${column})::text, 'UTF8')), 'hex')`;
  await postgres.sql(`
    create schema shop; create schema expected; create schema bad;
    create table shop.people (id bigint primary key, email text, phone varchar(40), born date, card text,
      note jsonb, number integer, code uuid, gone text, visits integer not null);
    alter table shop.people drop column gone;
    insert into shop.people (id, email, phone, born, card, note, number, code, visits)
      select i, case when i % 7 > 0 then 'secret-mail-' || i || 'ä@example.org' end, case when i % 5 > 0 then 'secret-phone' end,
        case when i % 3 > 0 then date '1923-04-05' end, 'secret-card-' || i, '{"a": "secret-note"}',
        case when i % 4 > 0 then 98765432 end, md5(i::text)::uuid, i
      from generate_series(1, ${rows}) i;
    create view expected.people as select id, ${hash('email')} as email,
      case when phone is not null then 'redacted' end as phone, ${hash('born')} as born, null::text as note,
      case when number is not null then 'redacted' end as number, ${hash('code')} as code, visits from shop.people;

    create table shop.orders (id integer primary key, country text, placed timestamptz, amount numeric(12,2),
      tax numeric generated always as (amount * 0.19) stored, email text);
    insert into shop.orders (id, country, placed, amount, email)
      select i, case i % 3 when 0 then 'DE' when 1 then 'FR' end, timestamptz '2024-01-01' + i * interval '1 hour', i / 7.0, 'secret-mail'
      from generate_series(1, ${rows}) i;
    create view expected.orders as select id, country, placed, tax from shop.orders
      where placed >= '2024-01-10' and (country = 'DE' or country = 'X');

    create table shop.events (at date, id integer, note text, gone text, primary key (at, id)) partition by range (at);
    create table shop.events_1 partition of shop.events for values from ('2024-01-01') to ('2024-02-01');
    create table shop.events_2 partition of shop.events for values from ('2024-02-01') to ('2025-01-01');
    insert into shop.events select date '2024-01-01' + i % 60, i, 'event ' || i, 'x' from generate_series(1, ${rows}) i;
    alter table shop.events drop column gone;
    create view expected.events as select at, id from shop.events;

    create table shop.parent (id integer primary key, note text);
    create table shop.child (extra text, primary key (id)) inherits (shop.parent);
    insert into shop.parent select i, 'parent' from generate_series(1, 50) i;
    insert into shop.child select i, 'child', 'more' from generate_series(1, 70) i;
    create view expected.parent as select id from only shop.parent;
    create view expected.child as select id, extra from shop.child;

    create view shop.seen as select id, email, visits from shop.people where visits % 2 = 0;
    create view expected.seen as select id, ${hash('email')} as email, visits from shop.seen;
    create materialized view shop.kept as select id, amount from shop.orders;
    create unique index on shop.kept (id);
    create extension postgres_fdw;
    create server here foreign data wrapper postgres_fdw options (host '127.0.0.1', port '${new URL(postgres.url).port}',
      dbname '${new URL(postgres.url).pathname.slice(1)}');
    create user mapping for current_user server here options (user '${new URL(postgres.url).username}',
      password '${new URL(postgres.url).password}');
    create foreign table shop.abroad (id integer not null, amount numeric(12,2)) server here
      options (schema_name 'shop', table_name 'orders');

    create table bad.plain (id integer primary key, note text);
    insert into bad.plain select i, 'n' from generate_series(1, 10) i;`);
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const worldOf = (name: string, tables: readonly unknown[], more: object = {}): SyncWorld =>
  syncWorld(folder, name, {
    source: { type: 'postgres', url: postgres.url },
    tables,
    // so that plain values would be found
    target: { url: `s3://${bucket}/${name}`, compression: 'none' },
    chunk: { rows: 150 },
    part: { rows: 70 },
    retry: { kind: 'none' },
    ...more,
  });

async function expectExactly(world: SyncWorld, table: string, expected: string): Promise<number> {
  const difference = await compareWithSource(postgres.url, expected, world.files(table));
  const { sourceRows } = difference;
  expect({ table, ...difference }).toEqual({ table, sourceRows, lakeRows: sourceRows, lost: 0, alien: 0 });
  expect(world.faults(table)).toEqual([]);
  return sourceRows;
}

const columnsOf = (world: SyncWorld, table: string, expected: string): Promise<readonly string[]> =>
  withBothSides(postgres.url, expected, world.files(table), async ({ columns }) =>
    columns.map(({ name }) => name),
  );

describe('a whole schema by one pattern, with entries for single tables', () => {
  let world: SyncWorld;
  beforeAll(async () => {
    world = worldOf('wishes', [
      {
        name: 'shop.*',
        mask: { email: 'hash', phone: 'redact', born: 'hash', note: null, number: 'redact', code: 'hash' },
        exclude_columns: ['card'],
      },
      {
        name: 'shop.orders',
        columns: ['id', 'country', 'placed', 'tax'],
        where: "placed >= '2024-01-10' and (country = 'DE' or country = 'X') -- the rest is not ours",
      },
      { name: 'shop.events', exclude_columns: ['note'] },
      { name: 'shop.parent', exclude_columns: ['note'] },
      { name: 'shop.child', exclude_columns: ['note'] },
      { name: 'shop.seen', key: 'id' },
      { name: 'shop.kept', key: ['id'] },
      { name: 'shop.abroad', key: 'id' },
    ]);
    const { exitCode, document, stderr } = await world.ask('run');
    expect(exitCode, stderr).toBe(0);
    expect(document.tables!.map(({ table }) => table)).toEqual([
      ...['shop.child', 'shop.events', 'shop.orders', 'shop.parent', 'shop.people'],
      ...['shop.seen', 'shop.kept', 'shop.abroad'],
    ]);
  }, 180_000);

  test('masks of each kind, on columns of any type: as the database itself works them out, and NULL stays NULL', async () => {
    expect(await expectExactly(world, 'shop.people', 'expected.people')).toBe(rows);
    expect(await columnsOf(world, 'shop.people', 'expected.people')).toEqual([
      'id',
      'email',
      'phone',
      'born',
      'note',
      'number',
      'code',
      'visits',
    ]);
    // and as anybody works them out
    const digest = createHash('sha256').update('secret-mail-1ä@example.org').digest('hex');
    const found = await withBothSides(
      postgres.url,
      'expected.people',
      world.files('shop.people'),
      ({ rows }) => rows("select email, phone, note, number from lake where id = '1'"),
    );
    expect(found).toEqual([[digest, 'redacted', null, 'redacted']]);
  });

  test('a masked value, or one of a column that is left out, stands nowhere: not in files, manifests, ledger, logs', async () => {
    const stored = await everythingStored(world.home);
    const found = secrets.flatMap((secret) => placesOf(stored, secret).map((place) => `${secret}: ${place}`));
    expect(found).toEqual([]);
    // it would have been found: values that are copied as they are do stand in a file, bounds in manifests, keys in the ledger
    expect(placesOf(stored, 'DE').some((place) => place.endsWith('.parquet'))).toBe(true);
    expect(placesOf(stored, 'redacted').some((place) => place.startsWith('records of'))).toBe(true);
    expect(placesOf(stored, 'lastKey')).toContain('the ledger');
  });

  test('columns and rows: just those that are asked for', async () => {
    const copied = await expectExactly(world, 'shop.orders', 'expected.orders');
    expect(copied).toBeGreaterThan(50);
    expect(copied).toBeLessThan(rows / 2);
    expect(await columnsOf(world, 'shop.orders', 'expected.orders')).toEqual([
      'id',
      'country',
      'placed',
      'tax',
    ]);
  });

  test('partitioned and inherited tables, generated and dropped columns', async () => {
    expect(await expectExactly(world, 'shop.events', 'expected.events')).toBe(rows);
    expect(await expectExactly(world, 'shop.parent', 'expected.parent')).toBe(50);
    expect(await expectExactly(world, 'shop.child', 'expected.child')).toBe(70);
    expect(await columnsOf(world, 'shop.child', 'expected.child')).toEqual(['id', 'extra']);
  });

  test('a view, a materialized view, a foreign table, each with its key; the pattern’s masks hold there, too', async () => {
    expect(await expectExactly(world, 'shop.seen', 'expected.seen')).toBe(rows / 2);
    expect(await expectExactly(world, 'shop.kept', 'shop.kept')).toBe(rows);
    expect(await expectExactly(world, 'shop.abroad', 'shop.abroad')).toBe(rows);
  });

  test('the next run is the same, and --count counts the rows that are copied', async () => {
    const { exitCode, document, stderr } = await world.ask('run', '--count');
    expect(exitCode, stderr).toBe(0);
    expect(document).toMatchObject({ outcome: 'published', countsAgree: true });
    await expectExactly(world, 'shop.orders', 'expected.orders');
    await expectExactly(world, 'shop.people', 'expected.people');
  });
});

test('what is wrong with one table’s wishes is named, with place and what is allowed; the others are published', async () => {
  const copies = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
  for (const name of copies)
    await postgres.sql(
      `create table bad.${name} as table bad.plain; alter table bad.${name} add primary key (id)`,
    );
  await postgres.sql(`create view bad.no_key as select * from bad.plain; create table bad.none (); create table bad.left (note text); alter table bad.j enable row level security;
    create role reader login password 'reads'; grant usage on schema bad to reader; grant select on all tables in schema bad to reader`);
  const wrong: Record<string, { wish: object; code: string; message: RegExp }> = {
    'bad.a': {
      wish: { where: 'nothing > 1' },
      code: 'DefinitionInvalid',
      message: /where of bad\.a: .*nothing.*allowed: one condition/,
    },
    'bad.b': {
      wish: { where: 'id > 5) or (true' },
      code: 'DefinitionInvalid',
      message: /where of bad\.b: .*syntax error/,
    },
    'bad.c': {
      wish: { where: 'true; drop table bad.plain' },
      code: 'DefinitionInvalid',
      message: /where of bad\.c/,
    },
    'bad.d': {
      wish: { where: 'true union select 1' },
      code: 'DefinitionInvalid',
      message: /where of bad\.d/,
    },
    'bad.e': { wish: { where: 'id' }, code: 'DefinitionInvalid', message: /where of bad\.e/ },
    'bad.f': {
      wish: { mask: { id: 'hash' } },
      code: 'DefinitionInvalid',
      message: /mask of bad\.f: id belongs to the key.*allowed: another `key:`/,
    },
    'bad.g': {
      wish: { mask: { nota: 'hash' } },
      code: 'DefinitionInvalid',
      message: /mask of bad\.g names nota; its columns are id, note/,
    },
    'bad.h': {
      wish: { columns: ['note'] },
      code: 'DefinitionInvalid',
      message: /columns of bad\.h: id belongs to the key/,
    },
    'bad.i': {
      wish: { exclude_columns: ['nope'] },
      code: 'DefinitionInvalid',
      message: /exclude_columns of bad\.i names nope/,
    },
    'bad.no_key': {
      wish: {},
      code: 'KeyMissing',
      message: /bad\.no_key is a view, and has no key of its own/,
    },
    'bad.none': { wish: {}, code: 'TableUnsupported', message: /bad\.none: it has no columns/ },
    'bad.left': {
      wish: { exclude_columns: ['note'] },
      code: 'TableUnsupported',
      message: /bad\.left: columns and exclude_columns leave none/,
    },
    'bad.j': { wish: {}, code: 'TableDenied', message: /row-level security would hide rows/ },
  };
  const world = worldOf(
    'wrong',
    ['bad.*', 'nowhere.*', ...Object.entries(wrong).map(([name, { wish }]) => ({ name, ...wish }))],
    { source: { type: 'postgres', url: postgres.urlFor({ user: 'reader', password: 'reads' }) } },
  );
  const { exitCode, document } = await world.ask('run');
  expect(exitCode).toBe(1);
  const problemOf = (name: string) => document.tables!.find(({ table }) => table === name)!.problem;
  for (const [table, { code, message }] of Object.entries(wrong)) {
    expect({ table, ...problemOf(table) }).toMatchObject({ table, code, next: expect.any(String) });
    expect(problemOf(table)!.message).toMatch(message);
  }
  expect(problemOf('nowhere.*')).toMatchObject({
    code: 'DefinitionInvalid',
    message: expect.stringContaining('the pattern nowhere.* takes no table: there is no such schema'),
  });
  expect(document.tables!.filter(({ state }) => state === 'published').map(({ table }) => table)).toEqual([
    'bad.plain',
  ]);
  await expectExactly(world, 'bad.plain', 'bad.plain');

  const checked = await world.run('check');
  expect(checked.exitCode).toBe(1);
  const planned = await world.run('plan');
  expect(planned.exitCode).toBe(1);
  for (const said of [checked.stdout, planned.stdout].map((text) => text.replaceAll(/\s+/g, ' '))) {
    expect(said).toContain('the pattern nowhere.* takes no table');
    expect(said).toContain('mask of bad.f: id belongs to the key');
  }
});
