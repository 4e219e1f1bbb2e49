/** Tables without any key: by where their rows lie, or in one piece. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { copyTable, limits, publicTable, readWhole } from './reading.ts';

let db: TestPostgres;
let source: Source;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
  await db.sql(`CREATE TABLE log (n int, line text);
    INSERT INTO log SELECT i, repeat('x', i % 300) FROM generate_series(1, 5000) i;
    DELETE FROM log WHERE n % 5 = 0`);
});
afterAll(async () => {
  await source.close();
  await db.stop();
});

const sorted = (rows: (string | null)[][]) => [...rows].sort((a, b) => Number(a[0]) - Number(b[0]));

test('each row once, in every range of pages, by statements of a few rows', async () => {
  const table = await source.describe(publicTable('log'));
  expect(table.key).toMatchObject({ by: 'place' });
  expect(table.notes).toEqual([expect.stringContaining('is read by where its rows lie')]);
  expect(table.columns.map(({ name }) => name)).toEqual(['n', 'line']);
  const { rows: estimate, bytes, max, sample } = await source.measure(table, 20);
  expect(estimate).toBeGreaterThan(1_000);
  expect(bytes).toBe(8192 * (Number(/\d+/.exec(max ?? '')) + 1));
  expect(sample).toHaveLength(19);
  const rows: (string | null)[][] = [];
  const small = { ...limits, statementRows: 7, batchRows: 5 };
  const ends = [...sample, max as string];
  for (const [i, upTo] of ends.entries()) {
    const read = await readWhole(source, table, { after: ends[i - 1] ?? null, upTo }, small);
    rows.push(...read.rows);
    for (const key of read.keys) expect(key).toMatch(/^\(\d+,\d+\)$/);
  }
  expect(sorted(rows)).toEqual(await db.sql('SELECT n::text, line FROM log ORDER BY log.n'));
});

test('goes on from an offset in the middle of a page', async () => {
  const table = await source.describe(publicTable('log'));
  const { max } = await source.measure(table, 20);
  const [[middle] = []] = await db.sql('SELECT ctid::text FROM log WHERE n = 2501');
  const before = await readWhole(source, table, { after: null, upTo: middle as string });
  const behind = await readWhole(source, table, { after: middle as string, upTo: max as string });
  expect(before.rows.at(-1)?.[0]).toBe('2501');
  expect(sorted([...before.rows, ...behind.rows])).toHaveLength(4000);
});

test('a plan by pages alone: no scan of the whole table for a range of it', async () => {
  const explained = await db.sql(
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS) SELECT * FROM log t WHERE t.ctid > '(3,0)'::tid AND t.ctid <= '(4,65535)'::tid LIMIT 9999`,
  );
  expect(explained.flat().join('\n')).toMatch(/Tid Range Scan[\s\S]*shared hit=2\b/);
});

test.each([
  ['an update, which moves a row', "UPDATE log SET line = 'moved' WHERE n = 1"],
  ['a table written anew', 'VACUUM FULL log'],
])('%s, between plan and read: TableChanged', async (_, sql) => {
  const table = await source.describe(publicTable('log'));
  const { max } = await source.measure(table, 20);
  await db.sql(sql);
  await db.sql('SELECT pg_stat_force_next_flush()').then(() => db.sql('SELECT 1'));
  await expect(readWhole(source, table, { after: null, upTo: max as string })).rejects.toMatchObject({
    code: 'TableChanged',
    message: expect.stringMatching(/public\.log: its rows have been updated or written anew/),
  });
});

test.each([
  ['counts that begin anew', "SELECT pg_stat_reset_single_table_counters('log'::regclass)"],
  ['a server that counts no more', 'ALTER SYSTEM SET track_counts = off'],
])('%s, between plan and read: nothing is taken for untouched', async (_, sql) => {
  const table = await source.describe(publicTable('log'));
  const { max } = await source.measure(table, 20);
  await db.sql(sql);
  await db.sql('SELECT pg_reload_conf(), pg_stat_force_next_flush(), pg_sleep(0.2)');
  const reading = async () => {
    const fresh = postgresSource({ url: db.url });
    await readWhole(fresh, table, { after: null, upTo: max as string }).finally(() => fresh.close());
  };
  await expect(reading()).rejects.toMatchObject({ code: expect.stringMatching(/TableChanged|KeyMissing/) });
  await db.sql('ALTER SYSTEM RESET track_counts');
  await db.sql('SELECT pg_reload_conf(), pg_sleep(0.2)');
});

test('an update while it is read: noticed before the range is complete', async () => {
  const table = await source.describe(publicTable('log'));
  const { max } = await source.measure(table, 20);
  let rows = 0;
  const reading = async () => {
    const small = { ...limits, statementRows: 50, batchRows: 50 };
    for await (const batch of source.read(table, { after: null, upTo: max as string }, small)) {
      if (rows === 0) await db.sql("UPDATE log SET line = 'moved' WHERE n = 1");
      if (rows === 0) await db.sql('SELECT pg_stat_force_next_flush()');
      rows += batch.rows;
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: 'TableChanged' });
  expect(rows).toBeGreaterThan(3_000);
});

test('rows that are added or deleted move none', async () => {
  const table = await source.describe(publicTable('log'));
  const { max } = await source.measure(table, 20);
  await db.sql(`INSERT INTO log VALUES (9000, 'later'); DELETE FROM log WHERE n = 2`);
  await db.sql('SELECT pg_stat_force_next_flush()').then(() => db.sql('SELECT 1'));
  const { rows } = await readWhole(source, table, { after: null, upTo: max as string });
  expect(rows.filter(([n]) => Number(n) < 9000)).toHaveLength(3_999);
});

test('one that got a primary key meanwhile is still read as it was planned', async () => {
  await db.sql(`CREATE TABLE keyless (id int NOT NULL); INSERT INTO keyless SELECT generate_series(1, 500)`);
  const table = await source.describe(publicTable('keyless'));
  const { max } = await source.measure(table, 20);
  await db.sql('ALTER TABLE keyless ADD PRIMARY KEY (id)');
  expect((await readWhole(source, table, { after: null, upTo: max as string })).rows).toHaveLength(500);
});

test('empty', async () => {
  await db.sql('CREATE TABLE nothing_in (n int)');
  const table = await source.describe(publicTable('nothing_in'));
  expect(await source.measure(table, 20)).toMatchObject({ rows: 0, max: null });
});

test('a partitioned table has no places: it is read by one statement', async () => {
  await db.sql(`CREATE TABLE pieces (n int, v text) PARTITION BY HASH (n);
    CREATE TABLE pieces_0 PARTITION OF pieces FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE pieces_1 PARTITION OF pieces FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO pieces SELECT i, i FROM generate_series(1, 20000) i`);
  const { table, rows } = await copyTable(source, 'pieces');
  expect(table.key).toEqual({ by: 'nothing' });
  expect(table.notes).toEqual([expect.stringContaining('read by one statement')]);
  expect(await source.measure(table, 20)).toMatchObject({ min: '', max: '', sample: [] });
  expect(sorted(rows)).toEqual(await db.sql('SELECT n::text, v FROM pieces ORDER BY pieces.n'));
  // a statement's own limit on rows does not cut it
  const small = { ...limits, statementRows: 10 };
  expect((await readWhole(source, table, { after: null, upTo: '' }, small)).rows).toHaveLength(20_000);
});

test('in one piece, more than fits in memory waits at the server', async () => {
  await db.sql(`CREATE TABLE wide_pieces (n int, v text) PARTITION BY HASH (n);
    CREATE TABLE wide_pieces_0 PARTITION OF wide_pieces FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    ALTER TABLE wide_pieces_0 ALTER v SET STORAGE EXTERNAL;
    INSERT INTO wide_pieces SELECT i, repeat(md5(i::text), 32768) FROM generate_series(1, 120) i`);
  const table = await source.describe(publicTable('wide_pieces'));
  let rows = 0;
  let most = 0;
  // what is still held, and not what nobody has collected yet
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  for await (const batch of source.read(table, { after: null, upTo: '' }, limits)) {
    rows += batch.rows;
    most = Math.max(most, held() - before);
  }
  expect(rows).toBe(120);
  expect(most).toBeLessThan(110 * 2 ** 20); // of 120 MiB
});
