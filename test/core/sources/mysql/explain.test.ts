/** The plan of every shape of statement: it walks the key's index from where it begins, sorts nothing, scans nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinKey } from '../../../../core/sources/key-text.ts';
import { parseAddress } from '../../../../core/sources/mysql/address.ts';
import { type CatalogTable, readCatalog } from '../../../../core/sources/mysql/catalog.ts';
import { openSession, type Session } from '../../../../core/sources/mysql/connect.ts';
import { checkQuery, keyQueries, rangeQuery } from '../../../../core/sources/mysql/statement.ts';
import { noWishes } from '../../../../core/sources/table-wishes.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';

/** Tables, and keys of each that lie in its lower and upper half. */
const tables: [string, string, readonly string[], readonly string[]][] = [
  ['one column', 'id int NOT NULL PRIMARY KEY, v varchar(20)', ['1000'], ['9000']],
  ['a unique index', 'id int NOT NULL UNIQUE, v varchar(20)', ['1000'], ['9000']],
  [
    'a text',
    'id varchar(20) COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, v varchar(20)',
    ['1000'],
    ['9000'],
  ],
  [
    'in latin1',
    'id varchar(20) CHARACTER SET latin1 NOT NULL PRIMARY KEY, v varchar(20)',
    ['1000'],
    ['9000'],
  ],
  ['bytes', 'id varbinary(20) NOT NULL PRIMARY KEY, v varchar(20)', ['31303030'], ['39303030']],
  ['a decimal', 'id decimal(20,3) NOT NULL PRIMARY KEY, v varchar(20)', ['1000.000'], ['9000.000']],
  ['a double', 'id double NOT NULL PRIMARY KEY, v varchar(20)', ['1000'], ['9000']],
  [
    'two columns',
    'id int NOT NULL, v varchar(20) NOT NULL, PRIMARY KEY (id, v)',
    ['1000', 'v6'],
    ['9000', 'v5'],
  ],
  [
    'two, the other way',
    'id int NOT NULL, v varchar(20) NOT NULL, UNIQUE (v, id)',
    ['v2', '100'],
    ['v5', '9000'],
  ],
];

describe.skipIf(noMariadb)('EXPLAIN', () => {
  let db: TestMariadb;
  let session: Session;

  beforeAll(async () => {
    db = await testMariadb();
    session = await openSession(parseAddress(db.url), { statementTimeoutMs: 60_000, silenceMsMax: 70_000 });
    await db.sql(`CREATE TABLE digits (i int PRIMARY KEY);
      INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)`);
  });
  afterAll(async () => {
    await session?.end();
    await db?.stop();
  });

  async function explained(sql: string): Promise<string[]> {
    const rows = await session.query('explain', `EXPLAIN FORMAT=TRADITIONAL ${sql}`);
    const [type, key] = db.family === 'MariaDB' ? [3, 5] : [4, 6];
    return rows
      .filter((row) => row[1] !== 'SUBQUERY' || row[key] !== null)
      .map(
        (row) =>
          `${row[type]} ${row[key]}${/filesort|temporary/.test(row.at(-1) ?? '') ? ` ${row.at(-1)}` : ''}`,
      );
  }

  test.each(tables)('a key of %s', async (label, columns, low, high) => {
    const name = `by ${label}`;
    await db.sql(`CREATE TABLE \`${name}\` (${columns}, w varchar(200));
      INSERT INTO \`${name}\` (id, v, w) SELECT n, CONCAT('v', n MOD 7), REPEAT('w', 100)
        FROM (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i AS n FROM digits a, digits b, digits c, digits d) AS all_of_them;
      ANALYZE TABLE \`${name}\``);
    const tableName = { schema: db.database, table: name };
    const table: CatalogTable = await readCatalog(session, tableName, noWishes, null);
    const filtered = await readCatalog(
      session,
      tableName,
      { ...noWishes, where: "w <> 'x' OR v = 'y'" },
      null,
    );
    const index = table.index as string;
    const after = joinKey(low);
    const upTo = joinKey(high);
    const shapes: Record<string, string> = {
      'the first rows': rangeQuery(table, null, upTo, 1000),
      'the rows behind': rangeQuery(table, after, upTo, 1000),
      'many of them': rangeQuery(table, after, upTo, 1_000_000),
      'those that fulfil a condition': rangeQuery(filtered, after, upTo, 1000),
      'the least key': keyQueries.least(table),
      'the greatest key': keyQueries.greatest(table),
      'the first key behind': keyQueries.firstAfter(table, low, high),
      'the last key before': keyQueries.lastBefore(table, low, null, high),
      'the last key before, of a range': keyQueries.lastBefore(table, high, low, high),
      'the last key before the beginning of keys': keyQueries.lastBefore(table, high.slice(0, 1), low, high),
      estimates: keyQueries.all(table, low, high),
    };
    const plans = Object.fromEntries(
      await Promise.all(Object.entries(shapes).map(async ([shape, sql]) => [shape, await explained(sql)])),
    );
    expect(plans).toEqual({
      ...Object.fromEntries(Object.keys(shapes).map((shape) => [shape, [`range ${index}`]])),
      'the least key': [`index ${index}`],
      'the greatest key': [`index ${index}`],
    });
    const check = await explained(checkQuery(table, after));
    expect(check.filter((plan) => plan.endsWith(` ${index}`))).toEqual([`const ${index}`]);
    expect(check.join()).not.toMatch(/filesort|temporary/);

    // no row is looked at in vain: what is asked for is what the index is walked over
    if (db.family !== 'MariaDB') return;
    for (const [shape, rows] of [
      ['the rows behind', 1000],
      ['the first key behind', 1],
      ['the last key before the beginning of keys', 1],
      ['the least key', 1],
      ['the greatest key', 1],
    ] as const) {
      const [[json = ''] = []] = await session.query('analyze', `ANALYZE FORMAT=JSON ${shapes[shape]}`);
      const { query_block: block } = JSON.parse(json as string);
      expect([shape, block.nested_loop[0].table.r_rows]).toEqual([shape, rows]);
    }
  });
});
