import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { copyTable } from './reading.ts';

let db: TestPostgres;
let source: Source;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
});
afterAll(async () => {
  await source.close();
  await db.stop();
});

const plain = (column: string) => `${column}::text`;
// extract(epoch) of a timestamp near the end of int64 is rounded by PostgreSQL; of an interval it is exact
const sinceEpoch = (zone: string) => (column: string) =>
  `((extract(epoch from ${column} - '2000-01-01'::${zone}) + 946684800) * 1000000)::numeric(40,0)::text`;
const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::numeric(40,0)::text`;

/** type in PostgreSQL, what it becomes, values as SQL, and how the database itself tells the value in the file */
const cases: [string, object, string[], (column: string) => string][] = [
  ['boolean', { kind: 'boolean' }, ['true', 'false'], plain],
  ['smallint', { kind: 'int', bits: 16 }, ['-32768', '32767', '0', '-1'], plain],
  ['integer', { kind: 'int', bits: 32 }, ['-2147483648', '2147483647', '0', '-1'], plain],
  [
    'bigint',
    { kind: 'int', bits: 64 },
    ['-9223372036854775808', '9223372036854775807', '0', '-1', '4294967296', '-4294967297', '2147483648'],
    plain,
  ],
  [
    'numeric(9,2)',
    { kind: 'decimal', precision: 9, scale: 2 },
    ['9999999.99', '-9999999.99', '0', '0.01', '-0.01', '10000', '0.1', '1234.56', '-1'],
    plain,
  ],
  [
    'numeric(5,0)',
    { kind: 'decimal', precision: 5, scale: 0 },
    ['99999', '-99999', '0', '10000', '7'],
    plain,
  ],
  ['numeric(3,-2)', { kind: 'decimal', precision: 5, scale: 0 }, ['99900', '-99900', '100', '0'], plain],
  [
    'numeric(2,5)',
    { kind: 'decimal', precision: 5, scale: 5 },
    ['0.00099', '-0.00099', '0', '0.00001'],
    plain,
  ],
  [
    'numeric(18,6)',
    { kind: 'decimal', precision: 18, scale: 6 },
    [
      '999999999999.999999',
      '-999999999999.999999',
      '0.000001',
      '9007199254.740992',
      '-9007199254.740993',
      '1e11',
    ],
    plain,
  ],
  [
    'numeric(38,10)',
    { kind: 'decimal', precision: 38, scale: 10 },
    [
      '9999999999999999999999999999.9999999999',
      '-9999999999999999999999999999.9999999999',
      '1e-10',
      '-1e-10',
    ].concat(['0', '-1', '900719.9254740993', '18446744073709551616', '-18446744073709551616.5']),
    plain,
  ],
  [
    'numeric',
    { kind: 'string' },
    [
      '0',
      '0.00',
      '-0.10',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e130000',
      '1e-16383',
      '12345678901234567890.000',
      '10',
    ]
      .map((value) => `'${value}'`)
      .concat(['1.20', '-99999999.9999', '1000', '0.0001', '0.00001', '123456789.1']),
    plain,
  ],
  ['numeric(40,2)', { kind: 'string' }, ['99999999999999999999999999999999999999.99', '-1', '0'], plain],
  [
    'real',
    { kind: 'float', bits: 32 },
    ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", '3.4028235e38', '1e-45', '0.1'],
    (column) => `${column}::float8::text`,
  ],
  [
    'double precision',
    { kind: 'float', bits: 64 },
    ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", '1.7976931348623157e308', '5e-324', '0.1', '123456789'],
    plain,
  ],
  [
    'text',
    { kind: 'string' },
    ["''", "'a'", "'abc'", "'äöü€😀'", "repeat('x', 47)", "repeat('é', 24)"],
    plain,
  ],
  ['character varying(40)', { kind: 'string' }, ["'v'", "''", "repeat('y', 40)"], plain],
  ['character(5)', { kind: 'string' }, ["'ab'", "'abcde'", "''"], (column) => `rpad(${column}::text, 5)`],
  [
    'bytea',
    { kind: 'bytes' },
    ["''", "'\\x00ff'", "decode(repeat('00ff', 500), 'hex')"],
    (c) => `encode(${c}, 'hex')`,
  ],
  [
    'date',
    { kind: 'date' },
    ["'4713-01-01 BC'", "'5874897-12-31'", "'1970-01-01'", "'1969-12-31'", "'2000-02-29'", "'0001-12-31 BC'"],
    (column) => `(${column} - date '1970-01-01')::text`,
  ],
  ['time without time zone', { kind: 'time' }, ["'00:00'", "'23:59:59.999999'", "'12:34:56.000001'"], micros],
  ['time(0) without time zone', { kind: 'time' }, ["'12:34:56'"], micros],
  [
    'timestamp without time zone',
    { kind: 'timestamp', utc: false },
    [
      "'4713-01-01 00:00:00 BC'",
      "'294247-01-10 04:00:54.775807'",
      "'1970-01-01'",
      "'1969-12-31 23:59:59.999999'",
    ].concat(["'2000-01-01'", "'1999-12-31 23:59:59.999999'", "'2026-07-01 12:00:00.123456'"]),
    sinceEpoch('timestamp'),
  ],
  [
    'timestamp with time zone',
    { kind: 'timestamp', utc: true },
    [
      "'4713-01-01 00:00:00+00 BC'",
      "'294247-01-10 04:00:54.775807+00'",
      "'2026-07-01 12:00:00.123456+05:30'",
    ],
    sinceEpoch('timestamptz'),
  ],
  [
    'uuid',
    { kind: 'uuid' },
    ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"].concat(
      "'01234567-89ab-cdef-fedc-ba9876543210'",
    ),
    (column) => `replace(${column}::text, '-', '')`,
  ],
  ['json', { kind: 'json' }, [`'{"a" : [1, 2.50, null]}'`, "'1'", `'"é"'`], plain],
  ['jsonb', { kind: 'json' }, [`'{"b":1, "a" : [1, 2.50, null]}'`, "'null'", `'"é"'`], plain],
  ['public.mood', { kind: 'string' }, ["'happy'", "'so so'"], plain],
  // these have no form of their own in files
  ['interval', { kind: 'string' }, ["'1 year 2 days 03:04:05.6'", "'-1 month'"], plain],
  ['integer[]', { kind: 'string' }, ["'{1,NULL,3}'", "'{}'"], plain],
  ['time with time zone', { kind: 'string' }, ["'12:00+05:30'"], plain],
  ['inet', { kind: 'string' }, ["'10.0.0.1/8'"], plain],
  ['public.pair', { kind: 'string' }, [`'(1,"a b")'`], plain],
  ['int4range', { kind: 'string' }, ["'[1,5)'"], plain],
  ['bit varying(10)', { kind: 'string' }, ["B'0101'"], plain],
  ['oid', { kind: 'string' }, ["'4294967295'"], plain],
];

describe('every type, with NULLs and extremes, as the database itself tells it', () => {
  beforeAll(() => db.sql(`CREATE TYPE mood AS ENUM ('happy', 'so so'); CREATE TYPE pair AS (a int, b text)`));

  test.each(cases)('%s', async (type, becomes, values, told) => {
    const name = `of ${type}`;
    const rows = ['NULL', ...values, 'NULL'].map(
      (value, i) => `(${i}, ${value === 'NULL' ? value : `(${value})::${type}`})`,
    );
    await db.sql(
      `CREATE TABLE "${name}" (id int PRIMARY KEY, v ${type}); INSERT INTO "${name}" VALUES ${rows.join(',')}`,
    );
    const { table, rows: read } = await copyTable(source, name);
    expect(table.columns[1]).toMatchObject({ type: becomes, sourceType: type, nullable: true });
    const oracle = await db.sql(`SELECT id::text, ${told('v')} FROM "${name}" t ORDER BY t.id`);
    expect(oracle.length).toBe(values.length + 2);
    const expected = oracle.map(([id, text]) => {
      const number = (becomes as { kind: string }).kind === 'float' && text !== null;
      return [id, number && text !== '-0' ? String(Number(text)) : text];
    });
    expect(read).toEqual(expected);
  });
});

describe('what no file holds exactly', () => {
  const refused: [string, string, string][] = [
    ['date', "'infinity'", 'infinity'],
    ['date', "'-infinity'", 'infinity'],
    ['timestamp', "'infinity'", 'infinity'],
    ['timestamptz', "'-infinity'", 'infinity'],
    ['timestamp', "'294247-01-10 04:00:54.775808'", '64 bits'],
    ['timestamptz', "'294276-12-31 23:59:59+00'", '64 bits'],
    ['time', "'24:00:00'", '24:00:00'],
    ['numeric(10,2)', "'NaN'", 'NaN'],
    ['numeric(5,2)', "'NaN'", 'NaN'],
    ['numeric(38,2)', "'NaN'", 'NaN'],
  ];
  test.each(refused)(
    '%s %s is told, and copied as text where the user says so',
    async (type, value, rule) => {
      const name = `refused ${type} ${value}`;
      await db.sql(`CREATE TABLE "${name}" (id int PRIMARY KEY, "the value" ${type});
      INSERT INTO "${name}" VALUES (1, NULL), (2, ${value})`);
      await expect(copyTable(source, name)).rejects.toMatchObject({
        code: 'ValueNotRepresentable',
        message: expect.stringMatching(
          new RegExp(`public\\."?${name.replace(/[()+]/g, '\\$&')}"?, column the value .*${rule}`),
        ),
      });
      const { rows, table } = await copyTable(source, name, { asText: ['the value'] });
      expect(rows).toEqual(await db.sql(`SELECT id::text, "the value"::text FROM "${name}" t ORDER BY t.id`));
      expect(table.columns[1]).toMatchObject({ type: { kind: 'string' }, transfer: 'text' });
      expect(table.notes.join()).toContain('the value');
    },
  );

  test('text in a database that does not know its encoding', async () => {
    await db.sql(
      `CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc`,
    );
    const url = db.urlFor({ database: 'ascii' });
    const other = postgresSource({ url });
    const { default: pg } = await import('pg');
    const client = new pg.Client(url);
    await client.connect();
    await client.query(`CREATE TABLE good (id int PRIMARY KEY, v text); INSERT INTO good VALUES (1, E'\\xc3\\xa9');
      CREATE TABLE bad (id int PRIMARY KEY, v text); INSERT INTO bad VALUES (1, E'\\xe9')`);
    await client.end();
    expect((await copyTable(other, 'good')).rows).toEqual([['1', 'é']]);
    await expect(copyTable(other, 'bad')).rejects.toMatchObject({
      code: 'ValueNotRepresentable',
      message: expect.stringContaining('public.bad: a text is not valid UTF-8'),
    });
    await other.close();
  });
});

test('a Latin-1 database is read as UTF-8', async () => {
  await db.sql(`CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc`);
  const url = db.urlFor({ database: 'latin' });
  const { default: pg } = await import('pg');
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t VALUES ('é'), ('ÿ')`);
  await client.end();
  const other = postgresSource({ url });
  expect((await copyTable(other, 't')).rows).toEqual([['é'], ['ÿ']]);
  await other.close();
});

test('large values, many columns, and batches that end at rows or bytes', async () => {
  await db.sql(`CREATE TABLE large (id int PRIMARY KEY, v text, b bytea);
    INSERT INTO large SELECT i, repeat(chr(97 + i % 26), 1000000 + i), decode(repeat('ab', 70000), 'hex')
    FROM generate_series(1, 30) i;
    CREATE TABLE narrow (id int PRIMARY KEY); INSERT INTO narrow SELECT generate_series(1, 40000)`);
  const large = await copyTable(source, 'large');
  const oracle = await db.sql(`SELECT id::text, v, encode(b, 'hex') FROM large t ORDER BY t.id`);
  expect(large.rows.map((row) => row.map((text) => text?.length))).toEqual(
    oracle.map((row) => row.map((text) => text?.length)),
  );
  expect(large.rows).toEqual(oracle);
  expect(large.batches).toBeGreaterThan(3);
  const narrow = await copyTable(source, 'narrow');
  expect(narrow.rows.length).toBe(40_000);
  expect(narrow.batches).toBe(3);
  expect(narrow.keys).toEqual(['1', '16384', '16385', '32768', '32769', '40000']);

  const names = Array.from({ length: 1_000 }, (_, i) => `c${i}`);
  await db.sql(`CREATE TABLE wide (id int PRIMARY KEY, ${names.map((name) => `${name} int`).join(',')});
    INSERT INTO wide SELECT i, ${names.map((_, i) => (i % 3 === 0 ? 'NULL' : `i + ${i}`)).join(',')}
    FROM generate_series(1, 300) i`);
  const wide = await copyTable(source, 'wide');
  expect(wide.rows).toEqual(await db.sql(`SELECT * FROM wide t ORDER BY t.id`));
});
