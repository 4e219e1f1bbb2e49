/** Chunks of keys of any type and distribution are about of the same size; how many questions that takes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planChunks } from '../../../../core/plan/chunks.ts';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';

const rows = 100_000;
const chunkRows = 10_000;

const cases: [string, string, string][] = [
  ['evenly', 'k int', 'n'],
  ['gaps of billions', 'k bigint', 'n + FLOOR(n / 1000) * 5000000000'],
  ['clustered at both ends', 'k bigint', 'IF(n < 50000, n, 9000000000000000000 - n)'],
  [
    'nine tenths in one range',
    'k bigint unsigned',
    'IF(n < 90000, 5000000000 + n, CAST(n AS UNSIGNED) * 100000000000000)',
  ],
  [
    'uuid as text',
    'k char(36) CHARACTER SET ascii',
    "CONCAT(LEFT(MD5(n), 8), '-', MID(MD5(n), 9, 4), '-4000-8000-', RIGHT(MD5(n), 12))",
  ],
  ['hashes as bytes', 'k binary(16)', 'UNHEX(MD5(n))'],
  ['names', 'k varchar(60) COLLATE utf8mb4_unicode_ci', "CONCAT('Customer Ä', LEFT(MD5(n), 3), ' ', n)"],
  ['names in bytes', 'k varchar(60) COLLATE utf8mb4_bin', "CONCAT('https://example.org/', n, '/x')"],
  ['decimals', 'k decimal(30,6)', 'n * n * 0.000123'],
  ['doubles', 'k double', 'EXP(n / 3000)'],
  ['times', 'k datetime(6)', "DATE_ADD('2020-01-01', INTERVAL n * n MICROSECOND)"],
];
const ofMariadb: typeof cases = [
  [
    'uuids of version 4',
    'k uuid',
    "CONCAT(LEFT(MD5(n), 8), '-', MID(MD5(n), 9, 4), '-4', MID(MD5(n), 13, 3), '-8', MID(MD5(n), 16, 3), '-', RIGHT(MD5(n), 12))",
  ],
  [
    'uuids of version 7',
    'k uuid',
    "CONCAT(LPAD(HEX(1700000000 + n), 8, '0'), '-', MID(MD5(n), 9, 4), '-7', MID(MD5(n), 13, 3), '-8', MID(MD5(n), 16, 3), '-', RIGHT(MD5(n), 12))",
  ],
  ['uuids of one node', 'k uuid', "CONCAT(LPAD(HEX(n * 40000), 8, '0'), '-1234-11ed-8000-0123456789ab')"],

  ['uuids', 'k uuid', "CONCAT(LEFT(MD5(n), 8), '-', MID(MD5(n), 9, 4), '-1000-8000-', RIGHT(MD5(n), 12))"],
];

describe.skipIf(noMariadb)('skew', () => {
  let db: TestMariadb;
  let source: Source;

  beforeAll(async () => {
    db = await testMariadb();
    source = mysqlSource({ url: db.url });
    await db.sql(`CREATE TABLE digits (i int PRIMARY KEY);
      INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
      CREATE TABLE numbers (n int PRIMARY KEY);
      INSERT INTO numbers SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i FROM digits a, digits b, digits c, digits d, digits e`);
  });
  afterAll(async () => {
    await source?.close();
    await db?.stop();
  });

  async function chunkSizes(name: string, columns: readonly string[]): Promise<number[]> {
    await db.sql(`ANALYZE TABLE \`${name}\``);
    const table = await source.describe({ schema: db.database, table: name });
    const statistics = await source.measure(table, 30_000, chunkRows);
    expect(statistics.rows).toBeGreaterThan(rows * 0.6);
    expect(statistics.rows).toBeLessThan(rows * 1.5);
    const sizes: number[] = [];
    for (const { after, upTo } of planChunks({ ...statistics, rows }, chunkRows)) {
      let count = 0;
      // by the source itself: its ranges are what a run reads
      const limits = { statementMs: 1_000, statementRows: 100_000, batchRows: 16_000 };
      for await (const batch of source.read(table, { after, upTo }, limits)) count += batch.rows;
      sizes.push(count);
    }
    expect(columns.length).toBe(table.key.by === 'columns' ? table.key.columns.length : 0);
    return sizes;
  }

  const balanced = (sizes: readonly number[]): void => {
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(rows);
    expect(sizes.length).toBeGreaterThanOrEqual(7);
    // a quantile is off by a piece at each end, an eighth of a chunk each, and by the engine's estimates
    expect(Math.max(...sizes)).toBeLessThan(2 * chunkRows);
  };

  async function one([label, column, made]: (typeof cases)[number]): Promise<void> {
    await db.sql(`CREATE TABLE \`of ${label}\` (${column} NOT NULL PRIMARY KEY, v varchar(100));
      INSERT INTO \`of ${label}\` SELECT ${made}, REPEAT('v', n MOD 100) FROM numbers`);
    balanced(await chunkSizes(`of ${label}`, ['k']));
  }

  test.each(cases)('%s', (...given) => one(given), 60_000);
  test.each(ofMariadb)(
    '%s (MariaDB)',
    async (...given) => {
      if (db.family === 'MariaDB') await one(given);
    },
    60_000,
  );

  test('several columns, the first of which is the same in nine tenths of the rows', async () => {
    await db.sql(`CREATE TABLE tenants (tenant varchar(20) NOT NULL, day date NOT NULL, n int NOT NULL, v int, PRIMARY KEY (tenant, day, n));
      INSERT INTO tenants SELECT IF(n MOD 10 = 0, CONCAT('t', n MOD 70), 'large'), DATE_ADD('2026-01-01', INTERVAL FLOOR(n / 30000) DAY), n, n FROM numbers`);
    balanced(await chunkSizes('tenants', ['tenant', 'day', 'n']));
  }, 60_000);

  test('a table that nobody has analyzed', async () => {
    await db.sql(`CREATE TABLE fresh (k int NOT NULL PRIMARY KEY, v int) STATS_PERSISTENT=0;
      INSERT INTO fresh SELECT n, n FROM numbers`);
    balanced(await chunkSizes('fresh', ['k']));
  }, 60_000);
});
