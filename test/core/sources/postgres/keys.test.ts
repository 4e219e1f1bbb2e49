import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../core/sources/postgres/address.ts';
import { readCatalog } from '../../../../core/sources/postgres/catalog.ts';
import { openSession, type Session } from '../../../../core/sources/postgres/connect.ts';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import { rangeQuery } from '../../../../core/sources/postgres/statement.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { noWishes } from '../../../../core/sources/table-wishes.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { limits, publicTable, readWhole } from './reading.ts';

let db: TestPostgres;
let source: Source;
let session: Session;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
  session = await openSession(parseAddress(db.url), {
    statementTimeoutMs: 10_000,
    silenceMsMax: 20_000,
  });
  await db.sql(`CREATE DOMAIN code AS varchar(30);
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"', 'a,b');
    CREATE COLLATION german (provider = icu, locale = 'de');
    CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`);
});
afterAll(async () => {
  await session.end();
  await source.close();
  await db.stop();
});

const micros = "interval '1.234567 seconds'";
/** type of the key, distinct keys made of i = 1 … 500, and some more */
const cases: [string, string, string[]][] = [
  ['smallint', 'i - 250', ['-32768', '32767']],
  ['integer', 'i * 7 - 1000', ['-2147483648', '2147483647']],
  ['bigint', 'i * 10000000000 - 1000', ['-9223372036854775808', '9223372036854775807']],
  [
    'text',
    `md5(i::text) || '''' || chr(200 + i)`,
    ["''", `'O''Reilly "\\ \\\\ %'`, "'é€😀'", "E'a\\nb'", "' '"],
  ],
  ['text COLLATE "C"', 'md5(i::text)', ["''", "'Z'", "'a'", "'ä'"]],
  ['text COLLATE german', "(array['ä', 'a', 'B', 'b', 'ß'])[i % 5 + 1] || i", ["''", "'ZZ'"]],
  ['text COLLATE blind', "'Ab' || i", ["''", "'Ä'"]],
  ['varchar(40)', `md5(i::text) || chr(200 + i)`, ["''"]],
  ['varchar', `'x' || i`, ["''"]],
  ['code', `'x' || i`, ["''"]],
  [
    'uuid',
    'md5(i::text)::uuid',
    ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
  ],
  [
    'date',
    "date '1999-12-01' + i::int",
    ["'4713-01-01 BC'", "'0001-02-28 BC'", "'5874897-12-31'", "'2000-02-29'"],
  ],
  [
    'timestamp',
    `timestamp '1999-12-31' + i * ${micros}`,
    [
      "'4713-01-01 00:00:00.000001 BC'",
      "'294247-01-10 04:00:54.775807'",
      "'0001-01-01'",
      "'1970-01-01 00:00:00.5'",
    ],
  ],
  [
    'timestamptz',
    `timestamptz '1999-12-31' + i * ${micros}`,
    ["'0044-03-15 12:00:00+00 BC'", "'294246-01-01+00'"],
  ],
  [
    'numeric',
    '(i - 250) / 7.0',
    ["'1.50'", "'-0.00001'", "'1e100'", "'NaN'", "'Infinity'", "'-Infinity'", "'0.000'"],
  ],
  ['numeric(20,3)', '(i - 250) / 7.0', ["'99999999999999999.999'"]],
  ['char(8)', `chr(200 + i) || i`, ["''", "'Z'", "'a b'"]],
  ['"char"', `chr(i % 100 + 1)`, ["''"]],
  ['name', `'n' || i`, ["''", `'O''Reilly "\\'`]],
  ['bytea', `decode(md5(i::text), 'hex')`, ["''", "'\\x00'", "'\\xff00'"]],
  ['boolean', 'i % 2 = 0', ['true', 'false']],
  ['oid', 'i::oid', ['4294967295']],
  ['real', '((i - 250) / 7.0)::float4', ["'NaN'", "'Infinity'", "'-0'", "'1e-45'", "'3.4028235e38'"]],
  ['double precision', '((i - 250) / 7.0)::float8', ["'NaN'", "'-Infinity'", "'5e-324'", "'0.1'"]],
  ['time', `time '00:00' + i * ${micros}`, ["'00:00:00.000001'"]],
  ['timetz', `timetz '00:00+02' + i * ${micros}`, ["'23:59:59-12'"]],
  ['interval', `i * ${micros}`, ["'1 mon'", "'-3 days 2 hours'", "'178000000 years'"]],
  ['inet', `inet '10.0.0.0/8' + i`, ["'::1'", "'0.0.0.0/0'"]],
  ['macaddr', `('08:00:2b:01:02:' || lpad(to_hex(i % 256), 2, '0'))::macaddr`, ["'ff:ff:ff:ff:ff:ff'"]],
  ['bit(9)', 'i::bit(9)', ["B'000000000'"]],
  ['varbit', `i::bit(9) || B'01'`, ["B''", "B'1'"]],
  ['mood', `(array['sad', 'ok', 'it''s "fine"', 'a,b']::mood[])[i % 4 + 1]`, []],
  ['int[]', 'array[i, i % 7]::int[]', ["'{}'", "'{NULL}'"]],
  ['int4range', 'int4range(i::int, (i + 3)::int)', ["'empty'"]],
];

describe.each(cases)('a key of type %s', (type, made, more) => {
  const name = `by ${type}`.replaceAll('"', '');
  beforeAll(async () => {
    await db.sql(`CREATE TABLE "${name}" (v int, "the Key" ${type} PRIMARY KEY);
      INSERT INTO "${name}" SELECT i, (${made}) FROM generate_series(1, 500) i ON CONFLICT DO NOTHING;
      ${more.map((value, i) => `INSERT INTO "${name}" VALUES (${1000 + i}, (${value})::${type.replace(/ COLLATE.*/, '')}) ON CONFLICT DO NOTHING;`).join('')}
      ANALYZE "${name}"`);
  });

  test('each row once, in order, by statements of three rows; keys read back as themselves', async () => {
    const table = await source.describe(publicTable(name));
    const { min, max, rows: estimate, sample } = await source.measure(table, 50);
    const oracle = await db.sql(`SELECT t.v, t."the Key"::text FROM "${name}" t ORDER BY t."the Key"`);
    expect([min, max]).toEqual([oracle[0]?.[1], oracle.at(-1)?.[1]]);
    expect(estimate).toBe(oracle.length);
    const all = oracle.map(([, key]) => key);
    expect(sample).toEqual(all.filter((key) => sample.includes(key as string)));
    expect(sample.length).toBeGreaterThan(Math.min(40, all.length - 2));
    expect(sample).not.toContain(max);

    const small = { ...limits, statementRows: 3, batchRows: 1 };
    const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
    expect(read.rows.map(([v]) => v)).toEqual(oracle.map(([v]) => v));
    expect(read.keys).toEqual(all.flatMap((key) => [key, key]));

    const middle = all[Math.floor(all.length / 2)] as string;
    const lower = await readWhole(source, table, { after: null, upTo: middle });
    const upper = await readWhole(source, table, { after: middle, upTo: max as string });
    expect([...lower.rows, ...upper.rows]).toEqual(read.rows);
  });

  test('walks the index, without a sort', async () => {
    const table = await readCatalog(session, 'any', publicTable(name), noWishes, null);
    const [[middle] = []] = await db.sql(`SELECT "the Key"::text FROM "${name}" LIMIT 1`);
    const { max } = await source.measure(await source.describe(publicTable(name)), 1);
    const sql = rangeQuery(table, middle as string, max as string, 10);
    const plan = (await session.query('explain', `EXPLAIN ${sql}`)).flat().join('\n');
    expect(plan).toMatch(/Index (Only )?Scan/);
    expect(plan).toMatch(/Index Cond: .* > .* <= /);
    expect(plan).not.toMatch(/Sort|Filter|Parallel/);
  });
});

/** columns of a key, its index, distinct keys made of i = 1 … 500 */
const severalColumns: [string, string, string, string][] = [
  ['two integers', 'a int, b bigint', '(a, b)', 'i % 7, i * 10000000000'],
  ['many of one, and one of many', 'a int, b int', '(a, b)', 'CASE WHEN i < 450 THEN 1 ELSE i END, i'],
  [
    'a text first',
    'a text COLLATE german, b date',
    '(a, b)',
    `(array['ä', 'a', 'B', '"', '[,]'])[i % 5 + 1], date '2026-01-01' + i::int`,
  ],
  [
    'equal texts of a blind collation',
    'a varchar(9) COLLATE blind, b int',
    '(a, b)',
    `(array['Ab', 'aB', 'c'])[i % 3 + 1], i`,
  ],
  [
    'three, of other types',
    'a uuid, b mood, c numeric',
    '(a, b, c)',
    `md5((i % 5)::text)::uuid, (array['sad', 'a,b']::mood[])[i % 2 + 1], i / 8.0`,
  ],
  ['all downwards', 'a int, b int', '(a DESC, b DESC)', 'i % 9, i'],
  ['in another order than the columns', 'b int, a int', '(a, b)', 'i % 9, i'],
];

describe.each(severalColumns)('a key of several columns: %s', (what, columns, index, made) => {
  const name = `several: ${what}`;
  const keyNames = index.replaceAll(/[() ]|DESC/g, '').split(',');
  const order = keyNames.map((column) => `t."${column}"`).join(', ');
  const text = keyNames.map((column) => `t."${column}"::text`).join(', ');
  beforeAll(async () => {
    const nonNull = columns.split(',').map((column) => `${column} NOT NULL`);
    await db.sql(`CREATE TABLE "${name}" (v int, ${nonNull.join(', ')}); CREATE UNIQUE INDEX ON "${name}" ${index};
      INSERT INTO "${name}" SELECT i, ${made} FROM generate_series(1, 500) i ON CONFLICT DO NOTHING; ANALYZE "${name}"`);
  });

  test('each row once, in order, by statements of three rows; keys read back as themselves', async () => {
    const table = await source.describe(publicTable(name));
    const { max, rows: estimate, sample } = await source.measure(table, 50);
    const oracle = await db.sql(`SELECT t.v, ${text} FROM "${name}" t ORDER BY ${order}`);
    const all = oracle.map(([, ...key]) => JSON.stringify(key));
    expect(max).toBe(all.at(-1));
    expect(estimate).toBe(oracle.length);
    expect(sample).toEqual(all.filter((key) => sample.includes(key)));
    expect(sample.length).toBeGreaterThan(40);
    expect(sample).not.toContain(max);

    const small = { ...limits, statementRows: 3, batchRows: 1 };
    const read = await readWhole(source, table, { after: null, upTo: max as string }, small);
    expect(read.rows.map(([v]) => v)).toEqual(oracle.map(([v]) => v));
    expect(read.keys).toEqual(all.flatMap((key) => [key, key]));
    const middle = sample[Math.floor(sample.length / 2)] as string;
    const lower = await readWhole(source, table, { after: null, upTo: middle });
    const upper = await readWhole(source, table, { after: middle, upTo: max as string });
    expect([...lower.rows, ...upper.rows]).toEqual(read.rows);
  });

  test('walks the index from both ends of the range, without a sort', async () => {
    const table = await readCatalog(session, 'any', publicTable(name), noWishes, null);
    const { max, sample } = await source.measure(await source.describe(publicTable(name)), 20);
    const sql = rangeQuery(table, sample[3] as string, max as string, 10);
    const plan = (await session.query('explain', `EXPLAIN ${sql}`)).flat().join('\n');
    expect(plan).toMatch(/Index (Only )?Scan/);
    expect(plan).toMatch(/Index Cond: .*ROW\(.* > .*ROW\(.* <= /);
    expect(plan).not.toMatch(/Sort|Filter|Parallel/);
  });
});

test('a key cast to text is still read in the order of the key', async () => {
  await db.sql(`CREATE TABLE casted (id int PRIMARY KEY, d date UNIQUE NOT NULL);
    INSERT INTO casted SELECT i, date '2026-01-01' + i FROM generate_series(1, 100) i;
    INSERT INTO casted VALUES (0, '-infinity'), (101, 'infinity'), (-1, '0044-03-15 BC')`);
  const small = { ...limits, statementRows: 7 };
  const byId = await source.describe(publicTable('casted'), { asText: ['id', 'd'] });
  const ids = await readWhole(source, byId, { after: null, upTo: '101' }, small);
  expect(ids.rows.map(([id]) => Number(id))).toEqual(Array.from({ length: 103 }, (_, i) => i - 1));
  const byDate = await source.describe(publicTable('casted'), { asText: ['d'], key: ['d'] });
  const dates = await readWhole(source, byDate, { after: null, upTo: 'infinity' }, small);
  expect(dates.rows).toEqual(await db.sql('SELECT id::text, d::text FROM casted c ORDER BY c.d'));
});

test('property: any key reads back as itself', async () => {
  await db.sql(`CREATE TABLE any_key (n numeric, t timestamp, d date, s text)`);
  const numeric = fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 45n }), fc.nat(50))
    .map(([negative, digits, scale]) => {
      const text = String(digits).padStart(scale + 1, '0');
      const point = text.length - scale;
      return `${negative ? '-' : ''}${text.slice(0, point)}${scale > 0 ? `.${text.slice(point)}` : ''}`;
    });
  const microseconds = fc.bigInt({ min: -211_813_488_000_000_000n, max: 9_223_371_331_199_999_999n });
  const day = fc.integer({ min: -2_451_545, max: 2_145_031_948 });
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
  const rows = fc.array(fc.tuple(numeric, microseconds, day, text), { minLength: 200, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(rows, async (made) => {
      await db.sql('TRUNCATE any_key');
      await db.sql(
        `INSERT INTO any_key SELECT n, timestamp '2000-01-01' + (u / 86400000000) * interval '1 day'
           + (u % 86400000000) * interval '1 microsecond', date '2000-01-01' + d, s
         FROM unnest($1::numeric[], $2::bigint[], $3::int[], $4::text[]) AS r (n, u, d, s)`,
        [0, 1, 2, 3].map((i) => made.map((row) => String(row[i]))),
      );
      for (const column of ['n', 't', 'd', 's']) {
        await db.sql(`DROP TABLE IF EXISTS one_key; CREATE TABLE one_key AS SELECT DISTINCT ${column} AS k FROM any_key;
          ALTER TABLE one_key ADD PRIMARY KEY (k)`);
        // one row a batch: the text of every key, and no value of a file in between
        const table = await source.describe(publicTable('one_key'), { asText: ['k'] });
        const { max } = await source.measure(table, 1);
        const read = await readWhole(
          source,
          table,
          { after: null, upTo: max as string },
          { ...limits, batchRows: 1 },
        );
        const oracle = await db.sql('SELECT o.k::text FROM one_key o ORDER BY o.k');
        expect(read.keys.filter((_, i) => i % 2 === 0)).toEqual(oracle.flat());
        const plain = await source.describe(publicTable('one_key'));
        if (column === 't') continue; // beyond int64 microseconds no file holds it
        const decoded = await readWhole(
          source,
          plain,
          { after: null, upTo: max as string },
          { ...limits, batchRows: 1 },
        );
        expect(decoded.keys).toEqual(read.keys);
      }
    }),
    { numRuns: 5 },
  );
});
