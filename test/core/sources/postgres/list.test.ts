/** What there is in a database: which tables a pattern takes, which it leaves to be named, and what is the system's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';

let db: TestPostgres;
let source: Source;
beforeAll(async () => {
  db = await testPostgres();
  await db.sql(`
    CREATE ROLE reader LOGIN PASSWORD 'reads';
    CREATE SCHEMA sales; CREATE SCHEMA closed; CREATE SCHEMA "pgbench";
    CREATE TABLE orders (id integer PRIMARY KEY, email text, "odd ""name" text, gone text);
    ALTER TABLE orders DROP COLUMN gone;
    INSERT INTO orders SELECT i FROM generate_series(1, 1000) i;
    ANALYZE orders;
    CREATE TABLE "Orders" (id integer);
    CREATE UNLOGGED TABLE quick (id integer);
    CREATE TABLE nothing ();
    CREATE TABLE events (id integer, at date) PARTITION BY RANGE (at);
    CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01') PARTITION BY RANGE (at);
    CREATE TABLE events_older PARTITION OF events_old FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
    CREATE TABLE parent (id integer); CREATE TABLE child () INHERITS (parent);
    CREATE VIEW seen AS SELECT id, email FROM orders;
    CREATE MATERIALIZED VIEW kept AS SELECT id FROM orders;
    CREATE SEQUENCE counter; CREATE TYPE pair AS (a integer, b integer);
    CREATE TABLE of_extension (id integer); ALTER EXTENSION plpgsql ADD TABLE of_extension;
    CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
    CREATE FOREIGN TABLE abroad (id integer, email text) SERVER far;
    CREATE TEMP TABLE passing (id integer);
    CREATE TABLE closed.secrets (id integer, email text);
    CREATE TABLE "pgbench".lines (id integer);
    REVOKE ALL ON closed.secrets FROM reader`);
  source = postgresSource({ url: db.urlFor({ user: 'reader', password: 'reads' }) });
}, 120_000);
afterAll(async () => {
  await source?.close();
  await db?.stop();
});

test('tables by pattern, also those that cannot be read; others are left to be named; nothing of the system', async () => {
  const listed = await source.list(['email', 'gone', 'odd "name', 'id']);
  const shown = listed.map(({ schema, table, kind, byPattern, columns }) => [
    `${schema}.${table}`,
    ...[kind, byPattern, columns.join(', ')],
  ]);
  expect(shown).toEqual([
    ['closed.secrets', 'table', true, 'id, email'],
    ['pgbench.lines', 'table', true, 'id'],
    ['public.Orders', 'table', true, 'id'],
    ['public.abroad', 'foreign table', false, 'id, email'],
    ['public.child', 'table', true, 'id'],
    ['public.events', 'partitioned table', true, 'id'],
    ['public.events_old', 'partitioned table', false, 'id'],
    ['public.events_older', 'table', false, 'id'],
    ['public.kept', 'materialized view', false, 'id'],
    ['public.nothing', 'table', true, ''],
    ['public.of_extension', 'table', false, 'id'],
    ['public.orders', 'table', true, 'id, email, odd "name'],
    ['public.parent', 'table', true, 'id'],
    ['public.quick', 'table', true, 'id'],
    ['public.seen', 'view', false, 'id, email'],
  ]);
});

test('sizes are the last statistics’, where there are any', async () => {
  const listed = await source.list([]);
  const sizeOf = (name: string) => {
    const { rows, bytes } = listed.find(({ table }) => table === name)!;
    return { rows, bytes };
  };
  expect(sizeOf('orders')).toMatchObject({ rows: 1000, bytes: expect.any(Number) });
  expect(sizeOf('orders').bytes! % 8192).toBe(0);
  expect(sizeOf('Orders')).toEqual({ rows: null, bytes: 0 });
  expect(sizeOf('seen').bytes).toBeNull();
  expect(listed.every(({ columns }) => columns.length === 0)).toBe(true);
});

test('it waits for no lock', async () => {
  const quick = postgresSource({ url: db.url, statementTimeoutMs: 2_000 });
  try {
    await db.sql('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    expect((await quick.list(['id'])).length).toBe(15);
  } finally {
    await db.sql('ROLLBACK');
    await quick.close();
  }
});
