/** The source on each major version: what its catalog tells, every kind of key, every statement by its index. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../core/sources/postgres/address.ts';
import { readCatalog } from '../../core/sources/postgres/catalog.ts';
import { openSession } from '../../core/sources/postgres/connect.ts';
import { postgresSource } from '../../core/sources/postgres/postgres.ts';
import { rangeQuery } from '../../core/sources/postgres/statement.ts';
import type { Source } from '../../core/sources/source.ts';
import { noWishes } from '../../core/sources/table-wishes.ts';
import { copyTable, limits, publicTable, readWhole } from '../core/sources/postgres/reading.ts';
import type { ConnectedPostgres } from '../support/postgres.ts';
import { otherPostgres } from './other-postgres.ts';

const folder = process.env.TIDEMARK_POSTGRES_VERSIONS;
if (folder === undefined) throw new Error('run test/postgres-versions/run.sh');

const small = { ...limits, statementRows: 100, batchRows: 33 };

/** columns, index, values made of i = 1 … 1000 */
const keys: [string, string, string, string][] = [
  ['integer', 'a int', '(a)', 'i * 3'],
  ['text', 'a text', '(a)', 'md5(i::text)'],
  ['uuid', 'a uuid', '(a)', 'md5(i::text)::uuid'],
  ['char', 'a char(9)', '(a)', `'k' || i`],
  [
    'enum and date',
    'a mood, b date',
    '(a, b)',
    `(array['sad', 'ok']::mood[])[i % 2 + 1], date '2026-01-01' + i::int`,
  ],
  ['bytes', 'a bytea', '(a)', `decode(md5(i::text), 'hex')`],
  [
    'many of one',
    'a int, b timestamptz',
    '(a, b)',
    `(i / 900)::int, timestamptz '2026-01-01' + i * interval '1.5 s'`,
  ],
];

describe.each([11, 12, 13, 14, 15, 16, 18])('PostgreSQL %i', (version) => {
  let db: ConnectedPostgres;
  let source: Source;

  beforeAll(async () => {
    db = await otherPostgres(join(folder, 'node_modules', `postgres-${version}`));
    source = postgresSource({ url: db.url });
    await db.sql(`CREATE TYPE mood AS ENUM ('sad', 'ok')`);
  });
  afterAll(async () => {
    await source?.close();
    await db?.stop();
  });

  test('is what it says', async () => {
    expect((await source.identify()).description).toMatch(new RegExp(`^PostgreSQL ${version}\\.`));
  });

  test.each(keys)('a key of %s: every row once, along the index', async (name, columns, index, made) => {
    const nonNull = columns.split(', ').map((column) => `${column} NOT NULL`);
    await db.sql(`CREATE TABLE "${name}" (v int, ${nonNull.join(', ')}); CREATE UNIQUE INDEX ON "${name}" ${index};
      INSERT INTO "${name}" SELECT i, ${made} FROM generate_series(1, 1000) i; ANALYZE "${name}"`);
    const order = index.replace(/[()]/g, '');
    const oracle = (await db.sql(`SELECT v FROM "${name}" ORDER BY ${order}`)).flat();
    const table = await source.describe(publicTable(name));
    const { max, sample, rows } = await source.measure(table, 20);
    expect(rows).toBe(1000);
    const upTo = max as string;
    const read = await readWhole(source, table, { after: null, upTo }, small);
    expect(read.rows.map(([v]) => v)).toEqual(oracle);
    const rest = await readWhole(source, table, { after: sample[9] as string, upTo }, small);
    expect(rest.rows).toEqual(read.rows.slice(-rest.rows.length));
    expect(rest.rows.length).toBeLessThan(900);

    const session = await openSession(parseAddress(db.url), {
      statementTimeoutMs: 10_000,
      silenceMsMax: 20_000,
    });
    const catalog = await readCatalog(session, 'any', publicTable(name), noWishes, null);
    const sql = rangeQuery(catalog, sample[9] as string, upTo, 10);
    const plan = (await session.query('explain', `EXPLAIN ${sql}`)).flat().join('\n');
    await session.end();
    expect(plan).toMatch(/Index (Only )?Scan/);
    expect(plan).not.toMatch(/Sort|Filter|Parallel/);
  });

  test('without a key: by place since 14, in one piece before', async () => {
    await db.sql(`CREATE TABLE keyless (n int); INSERT INTO keyless SELECT generate_series(1, 3000);
      DELETE FROM keyless WHERE n % 7 = 0`);
    const { table, rows } = await copyTable(source, 'keyless');
    expect(table.key.by).toBe(version >= 14 ? 'place' : 'nothing');
    const found = rows.map(([n]) => Number(n)).sort((a, b) => a - b);
    expect(found).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1).filter((n) => n % 7 !== 0));
  });

  test('a partitioned table, with its size; a view by the definition’s key; generated and dropped columns', async () => {
    await db.sql(`CREATE TABLE parted (id int PRIMARY KEY, gone int, v text) PARTITION BY HASH (id);
      CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      ALTER TABLE parted DROP gone;
      INSERT INTO parted SELECT i, i FROM generate_series(1, 2000) i;
      CREATE VIEW seen AS SELECT id, v || '!' AS w FROM parted WHERE id > 5`);
    const { table, rows } = await copyTable(source, 'parted');
    expect(rows).toEqual(await db.sql('SELECT * FROM parted ORDER BY parted.id'));
    expect((await source.measure(table, 10)).bytes).toBeGreaterThan(2000 * 30);
    const view = await copyTable(source, 'seen', { key: ['id'] });
    expect(view.rows).toEqual(await db.sql('SELECT * FROM seen ORDER BY seen.id'));
    if (version >= 12) {
      await db.sql(`CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
        INSERT INTO made VALUES (1), (2)`);
      expect((await copyTable(source, 'made')).rows).toEqual([
        ['1', '2'],
        ['2', '4'],
      ]);
    }
    if (version >= 18) {
      await db.sql(`CREATE TABLE virtual (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL);
        INSERT INTO virtual VALUES (1), (2)`);
      expect((await copyTable(source, 'virtual')).rows).toEqual([
        ['1', '2'],
        ['2', '4'],
      ]);
    }
  });

  test('a condition, masks, and a collation by name and version', async () => {
    await db.sql(`CREATE TABLE people (id text PRIMARY KEY, mail text, born date, note text);
      INSERT INTO people SELECT i, 'm' || i, date '2000-01-01' + i, NULLIF('n', 'n' || i % 2) FROM generate_series(1, 50) i`);
    const { table, rows } = await copyTable(source, 'people', {
      where: "id <> '7' -- but him",
      mask: { mail: 'hash', born: 'null', note: 'redact' },
    });
    const oracle =
      await db.sql(`SELECT p.id, encode(sha256(convert_to(p.mail, 'UTF8')), 'hex'), NULL, 'redacted'
      FROM people p WHERE p.id <> '7' ORDER BY p.id`);
    expect(rows).toEqual(oracle);
    expect(table.key).toMatchObject({ columns: [{ collation: expect.stringMatching(/^default \(/) }] });
    expect(await source.count(publicTable('people'), "id <> '7'")).toBe(49);
  });
});
