/** A key of text is ordered by a collation: under another one, planned ranges would lose rows and double others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { KeyColumn, Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { limits, publicTable, readWhole } from './reading.ts';

let db: TestPostgres;
let source: Source;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
  // rights that were granted are part of the database's row in the catalog, which is read as JSON
  await db.sql('GRANT TEMPORARY ON DATABASE postgres TO pg_monitor');
  await db.sql(`CREATE COLLATION german (provider = icu, locale = 'de');
    CREATE TABLE t (k text PRIMARY KEY, v text)`);
  await db.sql(`INSERT INTO t SELECT (array['a', 'B', 'c', 'D'])[i % 4 + 1] || i, repeat('x', 100000)
    FROM generate_series(1, 400) i`);
});
afterAll(async () => {
  await source.close();
  await db.stop();
});

const ordered = (by: string) => db.sql(`ALTER TABLE t ALTER k TYPE text COLLATE ${by}`);
const describeT = () => source.describe(publicTable('t'));

/** The one column of a table's key. */
async function keyOf(table: string): Promise<KeyColumn | undefined> {
  const { key } = await source.describe(publicTable(table));
  return key.by === 'columns' ? key.columns[0] : undefined;
}

describe('the description tells it', () => {
  test('with its version, where it has one', async () => {
    await ordered('"C"');
    expect(await keyOf('t')).toEqual({ column: 'k', sourceType: 'text', collation: 'C' });
    await ordered('german');
    expect((await keyOf('t'))?.collation).toMatch(/^public\.german, version [0-9.]+$/);
    await ordered('"default"');
    expect((await keyOf('t'))?.collation).toMatch(/^default \(.+\)/);
  });

  test('of texts only, of varchar and of domains, too', async () => {
    await db.sql(`CREATE DOMAIN word AS varchar(20) COLLATE "POSIX";
      CREATE TABLE words (k word PRIMARY KEY); CREATE TABLE numbers (k int PRIMARY KEY)`);
    expect((await keyOf('words'))?.collation).toBe('POSIX');
    expect(await keyOf('numbers')).toEqual({
      column: 'k',
      sourceType: 'integer',
    });
  });
});

test('another collation between plan and read: TableChanged, with both', async () => {
  await ordered('"C"');
  const planned = await describeT();
  await ordered('german');
  const changed = {
    code: 'TableChanged',
    message: expect.stringMatching(
      /^public\.t: the key k was ordered by collation C, is now by public\.german, version /,
    ),
  };
  await expect(readWhole(source, planned, { after: null, upTo: 'z' })).rejects.toMatchObject(changed);
  await expect(source.measure(planned, 10)).rejects.toMatchObject(changed);
});

test('another version of the same collation', async () => {
  await ordered('german');
  const planned = await describeT();
  await db.sql(`UPDATE pg_collation SET collversion = '1.2' WHERE collname = 'german'`);
  await expect(readWhole(source, planned, { after: null, upTo: 'z' })).rejects.toMatchObject({
    code: 'TableChanged',
    message: expect.stringMatching(
      /german, version [0-9.]+, is now by public\.german, version .*, recorded as 1\.2$/,
    ),
  });
  await db.sql('ALTER COLLATION german REFRESH VERSION');
  expect((await readWhole(source, planned, { after: null, upTo: 'z' })).rows).toHaveLength(400);
});

test('another collation between two statements', async () => {
  await ordered('"C"');
  const planned = await describeT();
  let altered = false;
  const reading = async (): Promise<void> => {
    for await (const _ of source.read(
      planned,
      { after: null, upTo: 'z' },
      { ...limits, statementRows: 20 },
    )) {
      if (!altered) await ordered('german');
      altered = true;
    }
  };
  await expect(reading()).rejects.toMatchObject({
    code: 'TableChanged',
    message: 'public.t: the key k was ordered by collation C, is now by german',
  });
});
