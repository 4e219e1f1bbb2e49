import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';
import { copyTable } from './reading.ts';

const plain = (column: string) => `CAST(${column} AS CHAR)`;
const asIs = (column: string) => `CONVERT(${column} USING utf8mb4)`;
const hex = (column: string) => `LOWER(HEX(${column}))`;
const days = (column: string) => `CAST(DATEDIFF(${column}, '1970-01-01') AS CHAR)`;
const micros = (column: string) =>
  `CAST(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', ${column}) AS CHAR)`;
const timeMicros = (column: string) =>
  `CAST(CAST(TIME_TO_SEC(${column}) * 1000000 AS DECIMAL(20,0)) AS CHAR)`;
const double = (column: string) => `CAST(CAST(${column} AS DOUBLE) AS CHAR)`;
const number = (column: string) => `CAST(${column} + 0 AS CHAR)`;

/** type, what it becomes, values as SQL, and how the database itself tells the value in the file */
const cases: [string, object, string[], (column: string) => string][] = [
  ['tinyint', { kind: 'int', bits: 16 }, ['-128', '127', '0', '-1'], plain],
  ['tinyint(1)', { kind: 'int', bits: 16 }, ['0', '1', '2', '-128'], plain],
  ['tinyint unsigned', { kind: 'int', bits: 16 }, ['255', '0'], plain],
  ['smallint', { kind: 'int', bits: 16 }, ['-32768', '32767', '0', '-1'], plain],
  ['smallint unsigned', { kind: 'int', bits: 32 }, ['65535', '0'], plain],
  ['mediumint', { kind: 'int', bits: 32 }, ['-8388608', '8388607', '-1', '0'], plain],
  ['mediumint unsigned', { kind: 'int', bits: 32 }, ['16777215', '0'], plain],
  ['int', { kind: 'int', bits: 32 }, ['-2147483648', '2147483647', '0', '-1'], plain],
  ['int unsigned', { kind: 'int', bits: 64 }, ['4294967295', '2147483648', '0'], plain],
  ['int(6) unsigned zerofill', { kind: 'int', bits: 64 }, ['4294967295', '7'], number],
  [
    'bigint',
    { kind: 'int', bits: 64 },
    ['-9223372036854775808', '9223372036854775807', '0', '-1', '4294967296', '-4294967297'],
    plain,
  ],
  [
    'bigint unsigned',
    { kind: 'decimal', precision: 20, scale: 0 },
    ['18446744073709551615', '9223372036854775808', '4294967296', '0'],
    plain,
  ],
  [
    'decimal(9,2)',
    { kind: 'decimal', precision: 9, scale: 2 },
    ['9999999.99', '-9999999.99', '0', '0.01', '-0.01', '10000', '0.1', '1234.56', '-1'],
    plain,
  ],
  ['decimal(5,0)', { kind: 'decimal', precision: 5, scale: 0 }, ['99999', '-99999', '0', '7'], plain],
  ['decimal(5,5)', { kind: 'decimal', precision: 5, scale: 5 }, ['0.99999', '-0.00001', '0'], plain],
  ['decimal(8,2) unsigned', { kind: 'decimal', precision: 8, scale: 2 }, ['999999.99', '0', '0.05'], plain],
  [
    'decimal(18,6)',
    { kind: 'decimal', precision: 18, scale: 6 },
    [
      '999999999999.999999',
      '-999999999999.999999',
      '0.000001',
      '9007199254.740993',
      '-9007199254.740993',
    ].concat(['100000000000.000000', '-4294967.296000', '18446744073.709551']),
    plain,
  ],
  [
    'decimal(38,10)',
    { kind: 'decimal', precision: 38, scale: 10 },
    [
      '9999999999999999999999999999.9999999999',
      '-9999999999999999999999999999.9999999999',
      '0.0000000001',
      '-0.0000000001',
      '0',
      '-1',
      '900719.9254740993',
      '1844674407.3709551616',
      '-1844674407.3709551616',
    ],
    plain,
  ],
  ['decimal(65,30)', { kind: 'string' }, [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, '0', '1.5'], plain],
  ['float', { kind: 'float', bits: 32 }, ['3.4028234663852886e38', '1e-45', '0.1', '-0e0', '-1.5'], double],
  ['double', { kind: 'float', bits: 64 }, ['1.7976931348623157e308', '5e-324', '0.1', '123456789'], double],
  ['char(5)', { kind: 'string' }, ["'ab'", "'abcde'", "''"], asIs],
  ['varchar(60)', { kind: 'string' }, ["''", "'a'", "'ab  '", "'äöü€😀'", "REPEAT('x', 47)"], asIs],
  ['varchar(40) CHARACTER SET latin1', { kind: 'string' }, ["'é'", "''", "REPEAT('ÿ', 40)"], asIs],
  ['text', { kind: 'string' }, ["''", "'a'", "REPEAT('é', 500)", "REPEAT('x', 65000)"], asIs],
  ['tinytext', { kind: 'string' }, ["'a'"], asIs],
  ['mediumtext', { kind: 'string' }, ["REPEAT('ab', 70000)"], asIs],
  ['longtext CHARACTER SET utf16', { kind: 'string' }, ["'😀'"], asIs],
  ['binary(4)', { kind: 'bytes' }, ["x'00ff'", "'abcd'"], hex],
  ['varbinary(600)', { kind: 'bytes' }, ["''", "x'00ff'", "REPEAT(x'00ff', 300)"], hex],
  ['blob', { kind: 'bytes' }, ["''", "x'80'"], hex],
  ['longblob', { kind: 'bytes' }, ["REPEAT(x'ab', 100000)"], hex],
  ["enum('happy','so so','')", { kind: 'string' }, ["'happy'", "'so so'", "''"], asIs],
  ["set('a','b','c')", { kind: 'string' }, ["'a'", "'a,c'", "''"], asIs],
  [
    'date',
    { kind: 'date' },
    ["'1000-01-01'", "'9999-12-31'", "'1970-01-01'", "'1969-12-31'", "'2000-02-29'"],
    days,
  ],
  [
    'datetime(6)',
    { kind: 'timestamp', utc: false },
    [
      "'1000-01-01 00:00:00'",
      "'9999-12-31 23:59:59.999999'",
      "'1970-01-01 00:00:00'",
      "'1969-12-31 23:59:59.999999'",
      "'2026-07-01 12:00:00.123456'",
      "'2026-07-01 12:00:00'",
      "'2255-06-05 23:47:34.740993'",
    ],
    micros,
  ],
  ['datetime', { kind: 'timestamp', utc: false }, ["'2026-07-01 12:34:56'", "'2026-07-01 00:00:00'"], micros],
  [
    'timestamp(6) NULL',
    { kind: 'timestamp', utc: true },
    ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'", "'2026-07-01 12:00:00.123456'"],
    micros,
  ],
  ['time(6)', { kind: 'time' }, ["'00:00:00'", "'23:59:59.999999'", "'12:34:56.000001'"], timeMicros],
  ['time', { kind: 'time' }, ["'12:34:56'"], timeMicros],
  ['year', { kind: 'int', bits: 16 }, ['1901', '2155', '0'], number],
  [
    'bit(1)',
    { kind: 'boolean' },
    ["b'0'", "b'1'"],
    (column) => `IF(${column} IS NULL, NULL, IF(${column}, 'true', 'false'))`,
  ],
  ['bit(20)', { kind: 'int', bits: 64 }, ["b'11111111111111111111'", '0', '1', '256'], number],
  ['bit(63)', { kind: 'int', bits: 64 }, ['9223372036854775807', '4294967296', '1'], number],
  ['bit(64)', { kind: 'decimal', precision: 20, scale: 0 }, ['18446744073709551615', '1'], number],
  ['json', { kind: 'json' }, [`'{"a" : [1, 2.50, null]}'`, "'1'", `'"é"'`], asIs],
  // these have no form of their own in files
  ['point', { kind: 'string' }, ["ST_GeomFromText('POINT(1.5 -2)')"], (column) => `HEX(${column})`],
];

const ofMariadb: typeof cases = [
  [
    'uuid',
    { kind: 'uuid' },
    ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"].concat(
      "'01234567-89ab-cdef-fedc-ba9876543210'",
    ),
    (column) => `REPLACE(${column}, '-', '')`,
  ],
  ['inet6', { kind: 'string' }, ["'::1'", "'2001:db8::ff00:42:8329'"], asIs],
  ['inet4', { kind: 'string' }, ["'10.0.0.1'"], asIs],
];

describe.skipIf(noMariadb)('values', () => {
  let db: TestMariadb;
  let source: Source;

  beforeAll(async () => {
    db = await testMariadb();
    source = mysqlSource({ url: db.url });
  });
  afterAll(async () => {
    await source?.close();
    await db?.stop();
  });

  /** An empty table of that type, with the values under ids from 0. */
  async function tableOf(name: string, type: string, values: readonly string[]): Promise<void> {
    const rows = ['NULL', ...values, 'NULL'].map((value, i) => `(${i}, ${value})`);
    await db.sql(`CREATE TABLE \`${name}\` (id int PRIMARY KEY, v ${type}) ENGINE=InnoDB;
      INSERT INTO \`${name}\` VALUES ${rows.join(',')}`);
  }

  async function compare(
    type: string,
    becomes: object,
    values: string[],
    told: (column: string) => string,
  ): Promise<void> {
    const name = `of ${type}`.slice(0, 60);
    await tableOf(name, type, values);
    const { table, rows } = await copyTable(source, db.database, name);
    expect(table.columns[1]).toMatchObject({ type: becomes, nullable: true });
    const oracle = await db.sql(`SELECT CAST(id AS CHAR), ${told('v')} FROM \`${name}\` t ORDER BY id`);
    expect(oracle.length).toBe(values.length + 2);
    const isFloat = (becomes as { kind: string }).kind === 'float';
    const expected = oracle.map(([id, text = null]) => {
      if (text === null || !isFloat) return [id, text];
      return [id, Object.is(Number(text), -0) ? '-0' : String(Number(text))];
    });
    expect(rows).toEqual(expected);
  }

  describe('every type, with NULLs and extremes, as the database itself tells it', () => {
    test.each(cases)('%s', compare);
    test.each(ofMariadb)('%s (MariaDB)', async (type, becomes, values, told) => {
      if (db.family === 'MariaDB') await compare(type, becomes, values, told);
    });
  });

  describe('what no file holds exactly', () => {
    const refused: [string, string, string][] = [
      ['date', "'0000-00-00'", 'zero date'],
      ['date', "'2026-00-10'", 'zero date'],
      ['date', "'2026-02-31'", 'in no calendar'],
      ['datetime', "'0000-00-00 00:00:00'", 'zero date'],
      ['datetime(3)', "'2026-11-31 10:00:00.5'", 'in no calendar'],
      ['timestamp NULL', "'0000-00-00 00:00:00'", 'zero date'],
      ['time', "'24:00:00'", '24:00:00'],
      ['time', "'-00:00:01'", '24:00:00'],
      ['time(6)', "'838:59:58.999999'", '24:00:00'],
    ];
    test.each(refused)(
      '%s %s is told, and copied as text where the user says so',
      async (type, value, rule) => {
        const name = `refused ${type} ${value.replaceAll("'", '')}`;
        await tableOf(name, type, [value]);
        await expect(copyTable(source, db.database, name)).rejects.toMatchObject({
          code: 'ValueNotRepresentable',
          message: expect.stringMatching(new RegExp(`refused.*, column v .*${rule}`)),
        });
        const { rows, table } = await copyTable(source, db.database, name, { asText: ['v'] });
        expect(rows).toEqual(
          await db.sql(`SELECT CAST(id AS CHAR), CAST(v AS CHAR) FROM \`${name}\` ORDER BY id`),
        );
        expect(table.columns[1]).toMatchObject({ type: { kind: 'string' }, transfer: 'text' });
        expect(table.notes.join()).toContain('column v');
      },
    );
  });

  test('as text: exactly, also what the server prints shorter', async () => {
    await db.sql(`CREATE TABLE texts (id int PRIMARY KEY, f float, d double, b bit(20), y varbinary(9), n decimal(5,2),
        u bigint unsigned, t timestamp(6) NULL, s varchar(9) CHARACTER SET latin1);
      INSERT INTO texts VALUES (1, 0.1, 0.1, b'101', x'00ff', 1.5, 18446744073709551615, '2026-07-01 12:00:00.5', 'é')`);
    const { rows } = await copyTable(source, db.database, 'texts', {
      asText: ['f', 'd', 'b', 'y', 'n', 'u', 't', 's'],
    });
    expect(rows).toEqual([
      [
        '1',
        '0.10000000149011612',
        '0.1',
        '5',
        '00FF',
        '1.50',
        '18446744073709551615',
        '2026-07-01 12:00:00.500000',
        'é',
      ],
    ]);
  });

  test('masks: done by the database', async () => {
    await db.sql(`CREATE TABLE masked (id int PRIMARY KEY, a varchar(20) CHARACTER SET latin1, b int, c date NOT NULL, d text);
      INSERT INTO masked VALUES (1, 'é', 42, '2026-01-01', 'secret'), (2, NULL, NULL, '2026-01-02', NULL)`);
    const { table, rows } = await copyTable(source, db.database, 'masked', {
      mask: { a: 'hash', b: 'hash', c: 'null', d: 'redact' },
    });
    const oracle = await db.sql(`SELECT SHA2(CONVERT('é' USING utf8mb4), 256), SHA2('42', 256)`);
    expect(rows).toEqual([
      ['1', ...(oracle[0] as string[]), null, 'redacted'],
      ['2', null, null, null, null],
    ]);
    expect(table.columns.map(({ type, nullable }) => [type.kind, nullable])).toEqual([
      ['int', false],
      ['string', true],
      ['string', true],
      ['date', true],
      ['string', true],
    ]);
  });

  test('rows of 16 MiB and more, many columns, batches that end at rows or bytes', async () => {
    await db.sql(`CREATE TABLE large (id int PRIMARY KEY, v longtext, b longblob);
      INSERT INTO large SELECT 1, REPEAT('abcdefg', 2400000), REPEAT(x'00ff', 9000000)`);
    // exactly as long as one packet may be, one byte less, and one more
    for (const [id, extra] of [
      [2, -1],
      [3, 0],
      [4, 1],
    ] as const)
      await db.sql(
        `INSERT INTO large VALUES (${id}, REPEAT('x', ${0xffffff - 1 - 1 - 4 - 4 - 2 + extra}), '')`,
      );
    await db.sql(`INSERT INTO large VALUES (5, NULL, 'end')`);
    const large = await copyTable(source, db.database, 'large');
    const told = await db.sql('SELECT CAST(id AS CHAR), MD5(v), MD5(b) FROM large ORDER BY id');
    const { createHash } = await import('node:crypto');
    const md5 = (value: string | null, encoding: 'utf8' | 'hex') =>
      value === null ? null : createHash('md5').update(value, encoding).digest('hex');
    expect(large.rows.map(([id, v = null, b = null]) => [id, md5(v, 'utf8'), md5(b, 'hex')])).toEqual(told);

    const names = Array.from({ length: 300 }, (_, i) => `c${i}`);
    await db.sql(`CREATE TABLE wide (id int PRIMARY KEY, ${names.map((name) => `${name} tinyint`).join(', ')});
      INSERT INTO wide VALUES (1, ${names.map((_, i) => (i % 3 === 0 ? 'NULL' : i % 100)).join(', ')})`);
    const wide = await copyTable(source, db.database, 'wide');
    expect(wide.rows).toEqual([['1', ...names.map((_, i) => (i % 3 === 0 ? null : String(i % 100)))]]);

    await db.sql(`CREATE TABLE narrow (id int PRIMARY KEY);
      INSERT INTO narrow WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 999)
        SELECT a.i * 1000 + b.i FROM n a, n b WHERE a.i <= 40`);
    const narrow = await copyTable(source, db.database, 'narrow');
    expect(narrow.rows.length).toBe(40 * 999);
    expect(narrow.batches).toBeGreaterThan(1);
  }, 60_000);

  test('property: rows of random values', async () => {
    await db.sql(`CREATE TABLE random_rows (id int PRIMARY KEY, n decimal(30,7), m decimal(17,3), u bigint unsigned,
      s varchar(300), b varbinary(300), d datetime(6), f double, i int)`);
    const value = fc.record({
      n: fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
      m: fc.bigInt({ min: -(10n ** 17n) + 1n, max: 10n ** 17n - 1n }),
      u: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      s: fc.string({ unit: 'grapheme', maxLength: 60 }),
      b: fc.uint8Array({ maxLength: 300 }),
      d: fc.bigInt({ min: -30_000_000_000_000_000n, max: 253_402_300_799_999_999n }),
      f: fc.double({ noNaN: true, noDefaultInfinity: true }),
      i: fc.integer(),
      nulls: fc.nat(255),
    });
    const scaled = (digits: bigint, scale: number): string => {
      const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
      return `${digits < 0n ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 120 }), async (rows) => {
        await db.sql('TRUNCATE random_rows');
        const sql = rows.map(({ n, m, u, s, b, d, f, i, nulls }, id) => {
          const fields = [
            scaled(n, 7),
            scaled(m, 3),
            String(u),
            `_utf8mb4 x'${Buffer.from(s).toString('hex')}'`,
            `x'${Buffer.from(b).toString('hex')}'`,
            `TIMESTAMPADD(MICROSECOND, ${d}, '1970-01-01')`,
            `${f.toExponential()}`,
            String(i),
          ].map((text, bit) => ((nulls >> bit) & 1 ? 'NULL' : text));
          return `(${id}, ${fields.join(', ')})`;
        });
        await db.sql(`INSERT INTO random_rows VALUES ${sql.join(',')}`);
        const read = await copyTable(source, db.database, 'random_rows');
        const oracle =
          await db.sql(`SELECT ${plain('id')}, ${plain('n')}, ${plain('m')}, ${plain('u')}, s, ${hex('b')},
          ${micros('d')}, ${plain('f')}, ${plain('i')} FROM random_rows t ORDER BY t.id`);
        expect(read.rows).toEqual(
          oracle.map((row) =>
            row.map((text, c) => {
              if (c !== 7 || text === null) return text;
              return Object.is(Number(text), -0) ? '-0' : String(Number(text));
            }),
          ),
        );
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
