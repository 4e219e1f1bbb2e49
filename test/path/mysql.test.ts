/**
 * A MariaDB's tables, copied by the command line through the functions' bundles, and read back by DuckDB: every value of
 * every row is the source's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { differenceOf, withTexts, writeTexts } from '../support/compare-with-source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../support/mariadb.ts';
import { syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const rows = 20_000;

const plain = (column: string) => `CAST(${column} AS CHAR)`;
const asIs = (column: string) => `CONVERT(${column} USING utf8mb4)`;
const double = (column: string) => `CAST(CAST(${column} AS DOUBLE) AS CHAR)`;
const bytes = (column: string) => `CONCAT('\\\\x', LOWER(HEX(${column})))`;
/** DuckDB writes no zeros at the end of a second's fraction */
const time = (column: string) => `REGEXP_REPLACE(CAST(${column} AS CHAR), '\\\\.?0+$', '')`;
const seconds = (column: string) => `IF(${column} LIKE '%.%', ${time(column)}, CAST(${column} AS CHAR))`;

type TypeCase = {
  readonly type: string;
  /** as DuckDB reports the Parquet column */
  readonly duckdb: string;
  /** the value of row i */
  readonly of: string;
  /** the ends of the type, and odd ones */
  readonly odd: readonly string[];
  readonly told: (column: string) => string;
};

const cases: Readonly<Record<string, TypeCase>> = {
  c_tiny: { type: 'tinyint', duckdb: 'SMALLINT', of: 'i MOD 256 - 128', odd: ['-128', '127'], told: plain },
  c_int: {
    type: 'int',
    duckdb: 'INTEGER',
    of: 'i * 7 - 70000',
    odd: ['-2147483648', '2147483647'],
    told: plain,
  },
  c_uint: { type: 'int unsigned', duckdb: 'BIGINT', of: 'i', odd: ['4294967295'], told: plain },
  c_big: {
    type: 'bigint',
    duckdb: 'BIGINT',
    of: 'i * 90000000000017',
    odd: ['-9223372036854775808'],
    told: plain,
  },
  c_ubig: {
    type: 'bigint unsigned',
    duckdb: 'DECIMAL(20,0)',
    of: 'CAST(i AS UNSIGNED) * 500000000000000',
    odd: ['18446744073709551615', '9223372036854775808', '0'],
    told: plain,
  },
  c_dec: {
    type: 'decimal(12,3)',
    duckdb: 'DECIMAL(12,3)',
    of: '(i - 9000) / 8',
    odd: ['-999999999.999'],
    told: plain,
  },
  c_dec38: {
    type: 'decimal(38,10)',
    duckdb: 'DECIMAL(38,10)',
    of: '(i - 9000) * 12345678901234.0123456789',
    odd: [`${'9'.repeat(28)}.${'9'.repeat(10)}`, `-${'9'.repeat(28)}.${'9'.repeat(10)}`, '-0.0000000001'],
    told: plain,
  },
  c_dec65: {
    type: 'decimal(65,30)',
    duckdb: 'VARCHAR',
    of: 'i / 7',
    odd: [`-${'9'.repeat(35)}`],
    told: plain,
  },
  c_float: {
    type: 'float',
    duckdb: 'FLOAT',
    of: 'SIN(i) * 1e6',
    odd: ['3.4028234663852886e38', '-0e0'],
    told: double,
  },
  c_double: {
    type: 'double',
    duckdb: 'DOUBLE',
    of: 'SIN(i) * 1e15',
    odd: ['1.7976931348623157e308', '5e-324'],
    told: double,
  },
  c_text: {
    type: 'longtext',
    duckdb: 'VARCHAR',
    of: "CONCAT('text ', i MOD 977)",
    odd: [
      "''",
      "REPEAT('é', 524288)",
      `'tab\\tnew\\nline\\\\ "quoted", ''single'''`,
      "'🌊 日本語'",
      "'\\\\N'",
    ],
    told: asIs,
  },
  c_latin: {
    type: 'varchar(300) CHARACTER SET latin1',
    duckdb: 'VARCHAR',
    of: "REPEAT('ü', i MOD 40)",
    odd: ["'€'"],
    told: asIs,
  },
  c_char: {
    type: 'char(8)',
    duckdb: 'VARCHAR',
    of: "CONCAT('c', i MOD 100)",
    odd: ["''", "' x'"],
    told: asIs,
  },
  c_blob: {
    type: 'longblob',
    duckdb: 'BLOB',
    of: 'UNHEX(MD5(i))',
    odd: ["''", "x'00ff80c328'"],
    told: bytes,
  },
  c_binary: { type: 'binary(4)', duckdb: 'BLOB', of: "'ab'", odd: ["''"], told: bytes },
  c_date: {
    type: 'date',
    duckdb: 'DATE',
    of: "DATE_ADD('1950-01-01', INTERVAL i DAY)",
    odd: ["'1000-01-01'", "'9999-12-31'"],
    told: plain,
  },
  c_datetime: {
    type: 'datetime(6)',
    duckdb: 'TIMESTAMP',
    of: "DATE_ADD('2020-01-01', INTERVAL i * 1234567890 MICROSECOND)",
    odd: ["'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'", "'1970-01-01'"],
    told: seconds,
  },
  c_timestamp: {
    type: 'timestamp(6) NULL',
    duckdb: 'TIMESTAMP WITH TIME ZONE',
    of: "DATE_ADD('2020-03-29', INTERVAL i * 18005000 MICROSECOND)",
    odd: ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'"],
    told: (column) => `CONCAT(${seconds(column)}, '+00')`,
  },
  c_time: {
    type: 'time(6)',
    duckdb: 'TIME',
    of: 'SEC_TO_TIME(i * 4.03)',
    odd: ["'23:59:59.999999'", "'00:00:00'"],
    told: seconds,
  },
  c_year: {
    type: 'year',
    duckdb: 'SMALLINT',
    of: '1901 + i MOD 254',
    odd: ['0'],
    told: (c) => `CAST(${c} + 0 AS CHAR)`,
  },
  c_flag: {
    type: 'bit(1)',
    duckdb: 'BOOLEAN',
    of: 'i MOD 2',
    odd: [],
    told: (c) => `IF(${c} IS NULL, NULL, IF(${c}, 'true', 'false'))`,
  },
  c_bits: {
    type: 'bit(40)',
    duckdb: 'BIGINT',
    of: 'i * 1000000',
    odd: ['1099511627775'],
    told: (c) => `CAST(${c} + 0 AS CHAR)`,
  },
  c_enum: {
    type: `enum('sad','ok','it''s "fine"')`,
    duckdb: 'VARCHAR',
    of: '1 + i MOD 3',
    odd: ["'sad'"],
    told: asIs,
  },
  c_set: { type: "set('a','b')", duckdb: 'VARCHAR', of: 'i MOD 4', odd: ["''"], told: asIs },
  c_json: {
    type: 'json',
    duckdb: 'JSON',
    of: "JSON_OBJECT('i', i)",
    odd: ["'null'", `'{"a":1, "b" : [1,  2.50]}'`],
    told: asIs,
  },
};

describe.skipIf(noMariadb)('a sync of MariaDB', () => {
  let folder: string;
  let db: TestMariadb;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-mysql-'));
    db = await testMariadb();
    await db.sql(`CREATE TABLE numbers (i int PRIMARY KEY);
      INSERT INTO numbers WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 999)
        SELECT a.i * 1000 + b.i FROM n a, n b WHERE a.i <= 30;
      DELETE FROM numbers WHERE i > 1000 + ${rows} * 1.02`);
  });
  afterAll(async () => {
    await db?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** How each column that DuckDB finds is told by the server; all else as its text. */
  async function compare(
    table: string,
    files: readonly string[],
    told: Readonly<Record<string, (column: string) => string>>,
  ) {
    return withTexts(
      files,
      async (csv, columns) => {
        const texts = columns.map(({ name }) => (told[name] ?? plain)(`\`${name}\``)).join(', ');
        await writeTexts(csv, await db.sql(`SELECT ${texts} FROM ${table} t`));
      },
      async (sides) => ({ columns: sides.columns, difference: await differenceOf(sides) }),
    );
  }

  test('tables with a key of one column, of several, and without one: every row as it is', async () => {
    const columns = Object.entries(cases);
    await db.sql(
      `CREATE TABLE everything (${columns.map(([name, { type }]) => `${name} ${type}`).join(', ')}, id bigint unsigned PRIMARY KEY)`,
    );
    const values = columns.map(
      ([, { of }], c) => `IF(i MOD 13 <> ${c % 13} AND i MOD 1000 <> 7, ${of}, NULL)`,
    );
    await db.sql(
      `INSERT INTO everything SELECT ${values.join(', ')}, CAST(9223372036854770000 AS UNSIGNED) + i FROM numbers`,
    );
    for (const [c, [name, { odd }]] of columns.entries())
      for (const [index, value] of odd.entries())
        await db.sql(
          `UPDATE everything SET ${name} = ${value} WHERE id = CAST(9223372036854770000 AS UNSIGNED) + 1001 + ${(index * 4001 + c * 31) % 19000}`,
        );
    await db.sql(`CREATE TABLE order_lines (region varchar(10) NOT NULL, n int NOT NULL, v varchar(40), PRIMARY KEY (region, n));
      INSERT INTO order_lines SELECT ELT(1 + i MOD 3, 'b', 'Ä', 'c'), i, CONCAT('v', i) FROM numbers;
      CREATE TABLE keyless (v int, w varchar(9));
      INSERT INTO keyless SELECT i MOD 50, 'w' FROM numbers;
      ANALYZE TABLE everything, order_lines, keyless`);

    const world = syncWorld(folder, 'mysql', {
      source: { type: 'mysql', url: db.url },
      tables: ['everything', `${db.database}.order_lines`, 'keyless'],
      chunk: { rows: 6_000 },
      part: { rows: 4_000 },
    });
    const check = await world.ask('check');
    expect(check.exitCode, check.stdout).toBe(0);
    const { exitCode, document, stderr } = await world.ask('run', '--count');
    expect(exitCode, stderr).toBe(0);
    const [[count = null] = []] = await db.sql('SELECT CAST(COUNT(*) AS CHAR) FROM numbers');
    expect(document).toMatchObject({ outcome: 'published', copied: { rows: 3 * Number(count) } });

    const told = Object.fromEntries(columns.map(([name, one]) => [name, one.told]));
    const whole = { sourceRows: Number(count), lakeRows: Number(count), lost: 0, alien: 0 };
    const everything = await compare('everything', world.files(`${db.database}.everything`), told);
    expect(Object.fromEntries(everything.columns.map(({ name, type }) => [name, type]))).toEqual({
      ...Object.fromEntries(columns.map(([name, { duckdb }]) => [name, duckdb])),
      id: 'DECIMAL(20,0)',
    });
    expect(everything.difference).toEqual(whole);
    for (const table of ['order_lines', 'keyless']) {
      const { difference } = await compare(table, world.files(`${db.database}.${table}`), {
        region: asIs,
        v: asIs,
        w: asIs,
      });
      expect(difference).toEqual(whole);
      expect(world.faults(`${db.database}.${table}`)).toEqual([]);
    }
    const sql = await world.run('sql', 'everything', '--engine', 'duckdb');
    expect(sql.stdout).toContain('everything');
  });
});
