import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source, TableDescription } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { tcpGate } from '../../../support/tcp-gate.ts';
import { limits, publicTable, readWhole, valuesOf } from './reading.ts';

let db: TestPostgres;
let source: Source;
let table: TableDescription;
const last = 30_000;
const whole = { after: null, upTo: String(last) };

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url, applicationName: 'tidemark/test' });
  await db.sql(`CREATE TABLE t (id int PRIMARY KEY, v text);
    INSERT INTO t SELECT i, repeat('x', i % 100) FROM generate_series(1, ${last}) i`);
  table = await source.describe(publicTable('t'));
});
afterAll(async () => {
  await source.close();
  await db.stop();
});

const sessions = `SELECT pid, state FROM pg_stat_activity WHERE application_name = 'tidemark/test'`;

test('the session is read only, and holds nothing between statements', async () => {
  for await (const _ of source.read(table, whole, { ...limits, statementRows: 100, batchRows: 100 })) {
    const [row] = await db.sql(`SELECT count(*) FILTER (WHERE backend_xmin IS NOT NULL AND state <> 'active'),
      count(*) FILTER (WHERE state = 'idle in transaction') FROM pg_stat_activity WHERE application_name = 'tidemark/test'`);
    expect(row).toEqual(['0', '0']);
    break;
  }
});

test('a backend that is terminated in the middle: transient; reading on gives the rest', async () => {
  const seen: number[] = [];
  let lastKey = '';
  const reading = async (): Promise<void> => {
    for await (const batch of source.read(table, whole, { ...limits, statementRows: 500, batchRows: 1000 })) {
      seen.push(...valuesOf({ kind: 'int', bits: 32 }, batch.columns[0] as never, batch.rows).map(Number));
      lastKey = batch.lastKey;
      if (seen.length === 3000) await db.sql(`SELECT pg_terminate_backend(pid) FROM (${sessions}) s`);
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: 'SourceUnavailable', kind: 'transient' });
  expect(seen.at(-1)).toBe(Number(lastKey));
  expect(seen.length).toBeLessThan(last);
  const rest = await readWhole(source, table, { after: lastKey, upTo: String(last) });
  const all = [...seen, ...rest.rows.map(([id]) => Number(id))];
  expect(all).toEqual(Array.from({ length: last }, (_, i) => i + 1));
});

test('who stops early can read again; nothing is left running', async () => {
  for (let i = 0; i < 3; i++) {
    let rows = 0;
    for await (const batch of source.read(table, whole, { ...limits, batchRows: 10 })) {
      rows += batch.rows;
      if (rows >= 50) break;
    }
    expect(rows).toBe(50);
  }
  expect((await readWhole(source, table, whole)).rows.length).toBe(last);
  await sleep(100);
  expect((await db.sql(sessions)).length).toBeLessThanOrEqual(1);
});

test('reads may overlap, also with questions to the catalog', async () => {
  const results = await Promise.all([
    readWhole(source, table, whole),
    source.describe(publicTable('t')),
    readWhole(source, table, { after: '10', upTo: '20' }),
    source.count(publicTable('t')),
  ]);
  expect(results[0].rows.length).toBe(last);
  expect(results[1]).toEqual(table);
  expect(results[2].rows.length).toBe(10);
  expect(results[3]).toBe(last);
});

test('a consumer that is slow does not make statements wait, nor memory grow without bound', async () => {
  await db.sql(`CREATE TABLE fat (id int PRIMARY KEY, v text);
    ALTER TABLE fat ALTER v SET STORAGE EXTERNAL;
    INSERT INTO fat SELECT i, repeat(chr(65 + i % 26), 1000000) FROM generate_series(1, 150) i`);
  const fat = await source.describe(publicTable('fat'));
  const ids: string[] = [];
  let held = 0;
  for await (const batch of source.read(fat, { after: null, upTo: '150' }, limits)) {
    ids.push(...(valuesOf({ kind: 'int', bits: 32 }, batch.columns[0] as never, batch.rows) as string[]));
    await sleep(20);
    held = Math.max(held, process.memoryUsage().arrayBuffers);
  }
  expect(ids).toEqual(Array.from({ length: 150 }, (_, i) => String(i + 1)));
  expect(held).toBeLessThan(200_000_000);
});

test('a statement that takes too long is cut off where it is; its rows count', async () => {
  // each row costs the server 10 ms: the first statement, 128 rows, would take more than a second
  await db.sql('CREATE TYPE slowly AS (v int)');
  await db.sql(`CREATE FUNCTION slow_text(v slowly) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.01); RETURN repeat('s', 9000) || v.v; END $$`);
  await db.sql(`CREATE CAST (slowly AS text) WITH FUNCTION slow_text(slowly);
    CREATE TABLE slow_rows (id int PRIMARY KEY, v slowly);
    INSERT INTO slow_rows SELECT i, ROW(i)::slowly FROM generate_series(1, 200) i`);
  const slow = await source.describe(publicTable('slow_rows'));
  const before = Date.now();
  const read = await readWhole(source, slow, { after: null, upTo: '200' }, { ...limits, statementMs: 100 });
  expect(read.rows.map(([id]) => Number(id))).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  expect(Date.now() - before).toBeGreaterThan(1_900);
  // the rows came as they were ready, not at the end; the server was told to stop by the end of its connection
  expect(read.batches).toBeGreaterThan(1);
  expect(await readFile(db.server.logFile, 'utf8')).toMatch(/connection to client lost|could not send data/);
});

test('a slow server is not asked for connection after connection', async () => {
  await db.sql('CREATE TYPE sluggish AS (v int)');
  await db.sql(`CREATE FUNCTION sluggish_text(v sluggish) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(CASE WHEN v.v = 1 THEN 0.5 ELSE current_setting('slow.ms')::float / 1000 END);
    RETURN repeat('s', 9000) || v.v; END $$`);
  await db.sql(`CREATE CAST (sluggish AS text) WITH FUNCTION sluggish_text(sluggish);
    CREATE TABLE first_slow (id int PRIMARY KEY, v sluggish);
    INSERT INTO first_slow SELECT i, ROW(i)::sluggish FROM generate_series(1, 60) i`);
  const connectionsFor = async (ms: number): Promise<number> => {
    await db.sql(`ALTER DATABASE postgres SET slow.ms = '${ms}'`);
    const gate = await tcpGate(db.server.port);
    const url = new URL(db.url);
    url.port = String(gate.port);
    url.searchParams.set('sslmode', 'disable'); // one connection a session
    const slow = postgresSource({ url: url.href });
    const described = await slow.describe(publicTable('first_slow'));
    const read = await readWhole(
      slow,
      described,
      { after: null, upTo: '60' },
      { ...limits, statementMs: 50 },
    );
    expect(read.rows).toHaveLength(60);
    await slow.close();
    await gate.stop();
    return gate.connections();
  };
  // the first row is slow, what follows is not: nothing to cut off
  expect(await connectionsFor(0)).toBe(1);
  // every row takes as long as a statement may: one cut tells how many to ask for
  expect(await connectionsFor(50)).toBe(2);
});

test('a statement that brings nothing in time: SourceTimeout', async () => {
  const hasty = postgresSource({ url: db.url, statementTimeoutMs: 200 });
  await db.sql('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
  await expect(readWhole(hasty, table, whole)).rejects.toMatchObject({
    code: 'SourceTimeout',
    message: expect.stringContaining('57014'),
  });
  await db.sql('ROLLBACK');
  expect((await readWhole(hasty, table, { after: null, upTo: '5' })).rows.length).toBe(5);
  await hasty.close();
});

describe('a table that changes', () => {
  const changes: [string, string, string][] = [
    ['a column of another type', 'ALTER TABLE c ALTER v TYPE bigint', 'column v was integer, is now bigint'],
    ['a column renamed', 'ALTER TABLE c RENAME v TO w', 'column v is now called w'],
    ['a column dropped', 'ALTER TABLE c DROP v', 'column v is gone'],
    ['NULLs allowed', 'ALTER TABLE c ALTER v DROP NOT NULL', 'column v may be NULL now'],
    ['made anew', 'DROP TABLE c; CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL)', 'another table'],
  ];
  test.each(changes)('%s between plan and read', async (_, sql, message) => {
    await db.sql(
      'DROP TABLE IF EXISTS c; CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL); INSERT INTO c VALUES (1, 2)',
    );
    const planned = await source.describe(publicTable('c'));
    await db.sql(sql);
    await expect(readWhole(source, planned, { after: null, upTo: '9' })).rejects.toMatchObject({
      code: 'TableChanged',
      message: expect.stringContaining(message),
    });
  });

  test('a column added is not read', async () => {
    await db.sql(
      'DROP TABLE IF EXISTS c; CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL); INSERT INTO c VALUES (1, 2)',
    );
    const planned = await source.describe(publicTable('c'));
    await db.sql('ALTER TABLE c ADD w int DEFAULT 5');
    expect((await readWhole(source, planned, { after: null, upTo: '9' })).rows).toEqual([['1', '2']]);
  });

  test.each([
    ['ALTER TABLE c ALTER v TYPE real', 'TableChanged'],
    ['ALTER TABLE c ALTER n TYPE numeric(10,3)', 'TableChanged'],
    ['ALTER TABLE c DROP v', 'TableChanged'],
    ['DROP TABLE c', 'TableMissing'],
  ])('%s between two statements', async (sql, code) => {
    await db.sql(`DROP TABLE IF EXISTS c; CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL, n numeric(10,2), f text);
      INSERT INTO c SELECT i, i, i, repeat('x', 100000) FROM generate_series(1, 1000) i`);
    const planned = await source.describe(publicTable('c'));
    let changed = false;
    const reading = async (): Promise<void> => {
      for await (const _ of source.read(
        planned,
        { after: null, upTo: '1000' },
        { ...limits, statementRows: 20 },
      )) {
        if (!changed) await db.sql(sql);
        changed = true;
      }
    };
    await expect(reading()).rejects.toMatchObject({ code });
  });
});

test('a key that is not what its index says', async () => {
  // what a corrupt index looks like: the catalog says that it is unique
  await db.sql(`CREATE TABLE twice (id int NOT NULL, v int); INSERT INTO twice VALUES (1), (2), (2), (3);
    CREATE INDEX broken ON twice (id);
    UPDATE pg_index SET indisunique = true WHERE indexrelid = 'broken'::regclass`);
  const twice = await source.describe(publicTable('twice'), { key: ['id'] });
  await expect(readWhole(source, twice, { after: null, upTo: '9' })).rejects.toMatchObject({
    code: 'KeyViolated',
    message: 'public.twice: the key column id has the same value twice',
  });
  // the same where one statement ends with the first of the two: the next one would begin behind both
  const apart = { ...limits, statementRows: 2 };
  await expect(readWhole(source, twice, { after: null, upTo: '9' }, apart)).rejects.toMatchObject({
    code: 'KeyViolated',
  });
});

test('a server that is not there', async () => {
  const far = postgresSource({ url: 'postgres://u:secret-word@127.0.0.1:1/db' });
  const error = await far.identify().catch((failure) => failure);
  expect(error).toMatchObject({ code: 'SourceUnavailable', message: expect.stringContaining('127.0.0.1:1') });
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain(
    'secret-word',
  );
  await far.close();
});
