import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../core/sources/mysql/address.ts';
import { readCatalog } from '../../../../core/sources/mysql/catalog.ts';
import { openSession, type Session } from '../../../../core/sources/mysql/connect.ts';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import { checkQuery, rangeQuery } from '../../../../core/sources/mysql/statement.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { noWishes } from '../../../../core/sources/table-wishes.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';
import { limits, readWhole } from './reading.ts';

const plain = (column: string) => `CAST(${column} AS CHAR)`;
const asIs = (column: string) => `CONVERT(${column} USING utf8mb4)`;
const hex = (column: string) => `LOWER(HEX(${column}))`;
const number = (column: string) => `CAST(${column} + 0 AS CHAR)`;
/** without zeros at the end of a second's fraction */
const time = (column: string) => `REGEXP_REPLACE(CAST(${column} AS CHAR), '\\\\.?0+$', '')`;

/** A column of the key: its name, type, distinct values made of i = 1 … 500, some more, and the text that it has. */
type KeyCase = readonly [string, string, string, string[], (column: string) => string];
const micros = 'INTERVAL i * 1234567 MICROSECOND';
const cases: KeyCase[] = [
  ['tinyint', 'tinyint', 'i MOD 256 - 128', [], plain],
  ['smallint', 'smallint', 'i - 250', ['-32768', '32767'], plain],
  ['mediumint unsigned', 'mediumint unsigned', 'i * 33000', ['0', '16777215'], plain],
  ['int', 'int', 'i * 7 - 1000', ['-2147483648', '2147483647'], plain],
  ['int unsigned', 'int unsigned', 'i * 8000000', ['0', '4294967295'], plain],
  ['bigint', 'bigint', 'i * 10000000000 - 1000', ['-9223372036854775808', '9223372036854775807'], plain],
  [
    'bigint unsigned',
    'bigint unsigned',
    '18446744073709551615 - CAST(i AS UNSIGNED) * 30000000000000000',
    ['0', '18446744073709551615', '9223372036854775807', '9223372036854775808'],
    plain,
  ],
  ['decimal', 'decimal(20,3)', '(i - 250) / 7', ['99999999999999999.999', '-0.001', '0'], plain],
  ['decimal wide', 'decimal(65,30)', '(i - 250) / 7', [`-${'9'.repeat(35)}.${'9'.repeat(30)}`], plain],
  ['double', 'double', '(i - 250) / 7', ['1e300', '-1e300', '5e-324', '0.1'], plain],
  [
    'float',
    'float',
    '(i - 250) / 7',
    ['3.4e38', '0.1', '16777216'],
    (c) => `CAST(CAST(${c} AS DOUBLE) AS CHAR)`,
  ],
  ['year', 'year', '1901 + i MOD 254', ['0'], number],
  ['bit', 'bit(40)', 'i * 1000000000', ["b'0'", "b'1'"], number],
  ['date', 'date', "DATE_ADD('1999-12-01', INTERVAL i DAY)", ["'1000-01-01'", "'9999-12-31'"], plain],
  [
    'datetime',
    'datetime(6)',
    `DATE_ADD('1999-12-31', ${micros})`,
    ["'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'", "'1970-01-01 00:00:00.5'"],
    time,
  ],
  [
    'timestamp',
    'timestamp(6) NOT NULL DEFAULT 0',
    `DATE_ADD('1999-12-31', ${micros})`,
    ["'1970-01-01 00:00:00.000001'", "'2038-01-19 03:14:07.999999'", "'2026-03-29 01:30:00'"],
    time,
  ],
  ['time', 'time(6)', `DATE_ADD(TIME'00:05:00', ${micros})`, ["'23:59:59.999999'"], time],
  ['binary', 'binary(8)', 'UNHEX(LEFT(MD5(i), 16))', ["x'0000000000000000'", "x'ffffffffffffffff'"], hex],
  ['varbinary', 'varbinary(40)', "CONCAT(UNHEX(MD5(i)), x'00')", ["''", "x'00'", "x'ff'", "'Z'", "'a'"], hex],
  [
    'varchar general_ci',
    'varchar(60) COLLATE utf8mb4_general_ci',
    `CONCAT(MD5(i), '''', CONVERT(CHAR(200 + i USING ucs2) USING utf8mb4))`,
    ["''", `'O''Reilly "\\\\ %'`, "'é€😀'", "'a\\nb'", "'Z'"],
    asIs,
  ],
  [
    'varchar bin',
    'varchar(40) COLLATE utf8mb4_bin',
    'MD5(i)',
    ["''", "'Z'", "'a'", "'A'", "'ä'", "'\\t'"],
    asIs,
  ],
  [
    'varchar unicode',
    'varchar(40) COLLATE utf8mb4_unicode_ci',
    "CONCAT('ä', i)",
    ["'ß'", "'ST'", "'z'"],
    asIs,
  ],
  ['varchar spaces', 'varchar(40) COLLATE utf8mb4_unicode_520_ci', "CONCAT(i, '  ')", ["' '", "'a '"], asIs],
  ['char', 'char(12)', "CONCAT('x', i)", ["''", "'Y'"], asIs],
  [
    'varchar latin1',
    'varchar(40) CHARACTER SET latin1 COLLATE latin1_german2_ci',
    "CONCAT('ü', i)",
    ["'ß'", "'€'"],
    asIs,
  ],
  [
    'varchar utf8mb3',
    'varchar(40) CHARACTER SET utf8mb3 COLLATE utf8mb3_swedish_ci',
    "CONCAT('å', i)",
    ["'ö'"],
    asIs,
  ],
  ['uuid as text', 'char(36) CHARACTER SET ascii COLLATE ascii_bin', 'UUID()', [], asIs],
  ['uuid as bytes', 'binary(16)', 'UNHEX(MD5(i))', [], hex],
];

const ofMariadb: KeyCase[] = [
  [
    'uuid',
    'uuid',
    'UUID()',
    ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    plain,
  ],
  [
    'varchar nopad',
    'varchar(40) COLLATE utf8mb4_nopad_bin',
    "CONCAT('a', REPEAT(' ', i MOD 3), i)",
    ["'b'", "'b '"],
    asIs,
  ],
  [
    'varchar uca1400',
    'varchar(40) COLLATE utf8mb4_uca1400_nopad_as_cs',
    "CONCAT('Ä', i)",
    ["'a'", "'A'", "'ä'"],
    asIs,
  ],
];

describe.skipIf(noMariadb)('keys', () => {
  let db: TestMariadb;
  let source: Source;
  let session: Session;

  beforeAll(async () => {
    db = await testMariadb();
    source = mysqlSource({ url: db.url });
    session = await openSession(parseAddress(db.url), { statementTimeoutMs: 60_000, silenceMsMax: 70_000 });
    await db.sql(`CREATE TABLE numbers (i int PRIMARY KEY);
      INSERT INTO numbers WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n`);
  });
  afterAll(async () => {
    await session?.end();
    await source?.close();
    await db?.stop();
  });

  const named = (table: string) => ({ schema: db.database, table });

  /** EXPLAIN's key, type of access and Extra. */
  async function explained(
    sql: string,
  ): Promise<{ key: string | null; type: string | null; extra: string }[]> {
    const rows = await session.query('explain', `EXPLAIN ${sql}`);
    return rows
      .map((row) => (row.length === 10 ? [...row.slice(0, 3), null, ...row.slice(3, 8), null, row[9]] : row))
      .map((row) => ({ type: row[4] ?? null, key: row[6] ?? null, extra: String(row.at(-1) ?? '') }));
  }

  async function sweep([label, type, made, more, text]: KeyCase): Promise<void> {
    const name = `by ${label}`;
    await db.sql(`CREATE TABLE \`${name}\` (v int, \`the \`\`Key\` ${/NOT NULL/.test(type) ? type : `${type} NOT NULL`}, PRIMARY KEY (\`the \`\`Key\`));
      INSERT IGNORE INTO \`${name}\` SELECT i, ${made} FROM numbers ORDER BY i;
      ${more.map((value, i) => `INSERT IGNORE INTO \`${name}\` VALUES (${1000 + i}, ${value});\n`).join('')}
      ANALYZE TABLE \`${name}\``);
    const table = await source.describe(named(name));
    const { min, max, sample } = await source.measure(table, 50);
    const oracle = await db.sql(
      `SELECT CAST(v AS CHAR), ${text('t.`the ``Key`')} FROM \`${name}\` t FORCE INDEX (PRIMARY) ORDER BY t.\`the \`\`Key\``,
    );
    expect(oracle.length).toBeGreaterThan(200);
    const all = oracle.map(([, key]) => same(key as string));
    expect([min, max].map((key) => same(key as string))).toEqual([all[0], all.at(-1)]);
    expect(sample.map(same)).toEqual(all.filter((key) => sample.map(same).includes(key)));

    const small = { ...limits, statementRows: 3, batchRows: 1 };
    const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
    expect(read.rows.map(([v]) => v)).toEqual(oracle.map(([v]) => v));
    expect(read.keys.map(same)).toEqual(all.flatMap((key) => [key, key]));

    const middle = read.keys[Math.floor(all.length / 2) * 2] as string;
    const lower = await readWhole(source, table, { after: null, upTo: middle });
    const upper = await readWhole(source, table, { after: middle, upTo: max as string });
    expect([...lower.rows, ...upper.rows]).toEqual(read.rows);

    const catalog = await readCatalog(session, named(name), noWishes, null);
    expect(await explained(rangeQuery(catalog, middle, max as string, 10))).toEqual([
      { type: 'range', key: 'PRIMARY', extra: expect.not.stringMatching(/filesort|temporary/) },
    ]);
    const check = await explained(checkQuery(catalog, middle));
    expect(check.filter(({ key }) => key === 'PRIMARY').map(({ type }) => type)).toEqual(['const']);
    expect(check.filter(({ extra }) => /filesort|temporary/.test(extra))).toEqual([]);

    /** doubles have many texts */
    function same(key: string): string {
      return /^(float|double)/.test(type) ? String(Number(key)) : key;
    }
  }

  test.each(cases)('a key of type %s: each row once, in order, its keys read back as themselves', (...one) =>
    sweep(one),
  );
  test.each(ofMariadb)('a key of type %s (MariaDB)', async (...one) => {
    if (db.family === 'MariaDB') await sweep(one);
  });

  test('a key of several columns, one of them with few values', async () => {
    await db.sql(`CREATE TABLE order_lines (region varchar(10) COLLATE utf8mb4_unicode_ci NOT NULL, n bigint unsigned NOT NULL, d date NOT NULL,
        v int, PRIMARY KEY (region, n, d));
      INSERT INTO order_lines SELECT ELT(1 + a.i MOD 3, 'b', 'Ä', 'a'), a.i MOD 7, DATE_ADD('2026-01-01', INTERVAL a.i DAY), a.i FROM numbers a;
      ANALYZE TABLE order_lines`);
    const table = await source.describe(named('order_lines'));
    expect(table.key).toMatchObject({
      by: 'columns',
      columns: [{ column: 'region' }, { column: 'n' }, { column: 'd' }],
    });
    const { min, max } = await source.measure(table, 50);
    const oracle = await db.sql(
      'SELECT CAST(v AS CHAR), region, CAST(n AS CHAR), CAST(d AS CHAR) FROM order_lines FORCE INDEX (PRIMARY) ORDER BY region, n, d',
    );
    const keys = oracle.map(([, ...key]) => JSON.stringify(key));
    expect([min, max]).toEqual([keys[0], keys.at(-1)]);
    const small = { ...limits, statementRows: 3, batchRows: 1 };
    const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
    expect(read.rows.map((row) => row[3])).toEqual(oracle.map(([v]) => v));
    expect(read.keys).toEqual(keys.flatMap((key) => [key, key]));
    for (const [from, to] of [
      [0, 1],
      [10, 200],
      [165, 168],
      [330, 499],
    ] as const) {
      const range = { after: keys[from] as string, upTo: keys[to] as string };
      const part = await readWhole(source, table, range);
      expect(part.rows.map((row) => row[3])).toEqual(oracle.slice(from + 1, to + 1).map(([v]) => v));
      const catalog = await readCatalog(session, named('order_lines'), noWishes, null);
      const [{ key = null, type = null, extra = '' } = {}] = await explained(
        rangeQuery(catalog, range.after, range.upTo, 10),
      );
      expect([key, type]).toEqual(['PRIMARY', 'range']);
      expect(extra).not.toMatch(/filesort|temporary/);
      // the range is that of all its columns: no row is looked at in vain
      const [[json = ''] = []] = await session.query(
        'analyze',
        `ANALYZE FORMAT=JSON ${rangeQuery(catalog, range.after, range.upTo, 1000)}`,
      );
      if (db.family === 'MariaDB')
        expect(JSON.parse(json as string)).toMatchObject({
          query_block: {
            nested_loop: [{ table: { used_key_parts: ['region', 'n', 'd'], r_rows: to - from } }],
          },
        });
    }
  });

  test('a key cast to text is still read in the order of the key', async () => {
    await db.sql(`CREATE TABLE casted (id int PRIMARY KEY, d date NOT NULL UNIQUE, b varbinary(9) NOT NULL UNIQUE);
      INSERT INTO casted SELECT i, DATE_ADD('2026-01-01', INTERVAL i DAY), CAST(i AS CHAR) FROM numbers WHERE i <= 100;
      INSERT INTO casted VALUES (0, '0000-00-00', ''), (101, '2026-00-10', x'ff'), (102, '2026-02-31', 'zz')`);
    const small = { ...limits, statementRows: 7 };
    for (const key of ['id', 'd', 'b']) {
      const table = await source.describe(named('casted'), { asText: ['id', 'd', 'b'], key: [key] });
      const { max } = await source.measure(table, 10);
      const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
      expect(read.rows).toEqual(
        await db.sql(`SELECT CAST(id AS CHAR), CAST(d AS CHAR), HEX(b) FROM casted c ORDER BY c.${key}`),
      );
    }
  });

  test('property: any key reads back as itself', async () => {
    const types: [string, fc.Arbitrary<string>][] = [
      [
        'decimal(60,20)',
        fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map((n) => `${n}.00000000000000000001`),
      ],
      ['double', fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n.toExponential())],
      ['float', fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => n.toExponential())],
      [
        'datetime(6)',
        fc
          .bigInt({ min: -30_000_000_000_000_000n, max: 253_402_300_799_999_999n })
          .map((n) => `TIMESTAMPADD(MICROSECOND, ${n}, '1970-01-01')`),
      ],
      [
        'time(6)',
        fc.integer({ min: -3_020_399_000, max: 3_020_399_000 }).map((n) => `SEC_TO_TIME(${n / 1000})`),
      ],
      ...['utf8mb4_bin', 'utf8mb4_general_ci', 'utf8mb4_unicode_520_ci'].map(
        (collation): [string, fc.Arbitrary<string>] => [
          `varchar(60) COLLATE ${collation}`,
          fc
            .string({ unit: 'grapheme', maxLength: 12 })
            .map((text) => `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`),
        ],
      ),
      [
        'varbinary(60)',
        fc.uint8Array({ maxLength: 20 }).map((bytes) => `x'${Buffer.from(bytes).toString('hex')}'`),
      ],
    ];
    for (const [type, value] of types)
      await fc.assert(
        fc.asyncProperty(fc.array(value, { minLength: 60, maxLength: 100 }), async (values) => {
          await db.sql(`DROP TABLE IF EXISTS any_key;
            CREATE TABLE any_key (id int NOT NULL, k ${type} NOT NULL PRIMARY KEY);
            INSERT IGNORE INTO any_key VALUES ${values.map((sql, i) => `(${i}, ${sql})`).join(', ')}`);
          // files hold only times of the day
          const table = await source.describe(named('any_key'), {
            asText: type.startsWith('time') ? ['k'] : [],
          });
          const { max } = await source.measure(table, 1);
          const oracle = (
            await db.sql('SELECT CAST(id AS CHAR) FROM any_key FORCE INDEX (PRIMARY) ORDER BY k')
          ).flat();
          const small = { ...limits, statementRows: 2, batchRows: 1 };
          const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
          expect(read.rows.map(([id]) => id)).toEqual(oracle);
        }),
        { numRuns: 4 },
      );
  }, 60_000);
});
