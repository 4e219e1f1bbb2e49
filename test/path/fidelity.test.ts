/**
 * 100,000 rows with a column of every type, with NULLs everywhere and the ends of each type, copied by the command line
 * and read back by DuckDB: every value of every row is the source's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { withBothSides } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 100_000;

type TypeCase = {
  readonly type: string;
  /** as DuckDB reports the Parquet column */
  readonly duckdb: string;
  /** the value of row i */
  readonly of: string;
  /** the ends of the type, and odd ones */
  readonly odd: readonly string[];
  readonly notNull?: true;
};

const nines = (before: number, after: number): string =>
  '9'.repeat(before) + (after > 0 ? `.${'9'.repeat(after)}` : '');

const cases: Readonly<Record<string, TypeCase>> = {
  c_int2: { type: 'smallint', duckdb: 'SMALLINT', of: 'i % 60000 - 30000', odd: ['-32768', '32767', '0'] },
  c_int4: {
    type: 'integer',
    duckdb: 'INTEGER',
    of: 'i * 20011 - 1000000000',
    odd: ['-2147483648', '2147483647'],
  },
  c_int8: {
    type: 'bigint',
    duckdb: 'BIGINT',
    of: 'i * 90000000000017',
    odd: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993'],
  },
  c_required: { type: 'bigint', duckdb: 'BIGINT', of: 'i % 11', odd: [], notNull: true },
  c_float4: {
    type: 'real',
    duckdb: 'FLOAT',
    of: 'sin(i)::real * 1e6',
    odd: [
      `'NaN'`,
      `'Infinity'`,
      `'-Infinity'`,
      `'-0'`,
      '0',
      `'3.4028235e38'`,
      `'-3.4028235e38'`,
      `'1.17549435e-38'`,
      `'1e-45'`,
      '0.1',
    ],
  },
  c_float8: {
    type: 'double precision',
    duckdb: 'DOUBLE',
    of: 'sin(i) * 1e15',
    odd: [
      `'NaN'`,
      `'Infinity'`,
      `'-Infinity'`,
      `'-0'`,
      '0',
      `'1.7976931348623157e308'`,
      `'-1.7976931348623157e308'`,
      `'2.2250738585072014e-308'`,
      `'5e-324'`,
      '0.1',
    ],
  },
  c_dec38: {
    type: 'numeric(38,10)',
    duckdb: 'DECIMAL(38,10)',
    of: `(i - 50000) * 12345678901234.0123456789`,
    odd: [nines(28, 10), `-${nines(28, 10)}`, '0.0000000001', '-0.0000000001', '9007199254740993', '0'],
  },
  c_dec38i: {
    type: 'numeric(38,0)',
    duckdb: 'DECIMAL(38,0)',
    of: 'i * 10::numeric ^ 30',
    odd: [nines(38, 0), `-${nines(38, 0)}`, '18446744073709551616', '-1'],
  },
  c_dec38f: {
    type: 'numeric(38,38)',
    duckdb: 'DECIMAL(38,38)',
    of: 'i / 1e38',
    odd: [`0.${'9'.repeat(38)}`, `-0.${'9'.repeat(38)}`],
  },
  c_dec18: {
    type: 'numeric(18,4)',
    duckdb: 'DECIMAL(18,4)',
    of: '(i - 50000) * 1234567.0123',
    odd: [nines(14, 4), `-${nines(14, 4)}`, '0.0001', '-900719925474.0993'],
  },
  c_dec9: {
    type: 'numeric(9,2)',
    duckdb: 'DECIMAL(9,2)',
    of: '(i - 50000) / 7.0',
    odd: [nines(7, 2), `-${nines(7, 2)}`, '0.01', '-0.01'],
  },
  c_numeric: {
    type: 'numeric',
    duckdb: 'VARCHAR',
    of: 'i / 3.0',
    odd: [`'NaN'`, `'Infinity'`, `'-Infinity'`, '1.000', '0.00', '1e130', '-1e-130', nines(60, 60)],
  },
  c_bool: { type: 'boolean', duckdb: 'BOOLEAN', of: 'i % 3 = 0', odd: ['true', 'false'] },
  c_text: {
    type: 'text',
    duckdb: 'VARCHAR',
    of: `'text ' || i % 977`,
    odd: [
      `''`,
      `' '`,
      `repeat('é', 524288)`,
      `repeat('abcdefgh', 131072)`,
      `E'\\x01\\x02\\x1f\\x7f'`,
      `E'tab\\tnew\\nline\\rreturn\\\\ "quoted", ''single'''`,
      `'🌊 𝄞 日本語 العربية'`,
      `E'e\\u0301\\u200b\\ufeff'`,
      `'NULL'`,
      `'\\N'`,
    ],
  },
  c_unique: { type: 'text', duckdb: 'VARCHAR', of: `md5(i::text)`, odd: [`U&'\\+10FFFF'`] },
  c_varchar: {
    type: 'varchar(300)',
    duckdb: 'VARCHAR',
    of: `repeat('v', i % 40)`,
    odd: [`''`, `repeat('ü', 300)`],
  },
  c_char: { type: 'char(8)', duckdb: 'VARCHAR', of: `'c' || i % 100`, odd: [`''`, `'12345678'`, `' x'`] },
  c_bytea: {
    type: 'bytea',
    duckdb: 'BLOB',
    of: `decode(md5(i::text), 'hex')`,
    odd: [`''`, `'\\x00'`, `'\\x00ff80c328'`, `decode(repeat('00ff', 524288), 'hex')`],
  },
  c_date: {
    type: 'date',
    duckdb: 'DATE',
    of: `date '1950-01-01' + i`,
    odd: [
      `'4714-11-24 BC'`,
      `'0001-12-31 BC'`,
      `'0001-01-01'`,
      `'1582-10-10'`,
      `'1969-12-31'`,
      `'1970-01-01'`,
      `'2000-02-29'`,
      `'9999-12-31'`,
      `'5874897-12-31'`,
    ],
  },
  c_timestamp: {
    type: 'timestamp',
    duckdb: 'TIMESTAMP',
    of: `timestamp '2020-01-01' + i * interval '12345.678901 s'`,
    odd: [
      `'4714-11-24 00:00:00 BC'`,
      `'0044-03-15 12:00:00.000001 BC'`,
      `'1969-12-31 23:59:59.999999'`,
      `'1970-01-01'`,
      `'9999-12-31 23:59:59.999999'`,
      `'294247-01-10 04:00:54.775806'`,
    ],
  },
  c_timestamptz: {
    type: 'timestamptz',
    duckdb: 'TIMESTAMP WITH TIME ZONE',
    of: `timestamptz '2020-03-29 00:30:00+01' + i * interval '1800.5 s'`,
    odd: [
      `'4714-11-24 00:00:00+00 BC'`,
      `'0044-03-15 12:00:00.000001+00 BC'`,
      `'1969-12-31 23:59:59.999999+00'`,
      `'2024-10-27 02:30:00+05:45'`,
      `'294247-01-10 04:00:54.775806+00'`,
    ],
  },
  c_time: {
    type: 'time',
    duckdb: 'TIME',
    of: `time '00:00' + i * interval '0.863999 s'`,
    odd: [`'00:00'`, `'23:59:59.999999'`, `'12:00:00.5'`],
  },
  c_uuid: {
    type: 'uuid',
    duckdb: 'UUID',
    of: 'md5(i::text)::uuid',
    odd: [
      `'00000000-0000-0000-0000-000000000000'`,
      `'ffffffff-ffff-ffff-ffff-ffffffffffff'`,
      `'80000000-0000-0000-0000-000000000001'`,
    ],
  },
  c_json: {
    type: 'json',
    duckdb: 'JSON',
    of: `('{"i":' || i || ', "b" : [1,  2]}')::json`,
    odd: [`'null'`, `'{}'`, `'"\\u00e9\\n"'`, `'{"a":1,"a":2}'`, `'1e999'`],
  },
  c_jsonb: {
    type: 'jsonb',
    duckdb: 'JSON',
    of: `jsonb_build_object('i', i, 'name', 'n' || i % 10)`,
    odd: [`'null'`, `'[]'`, `'{"b":1,"a":{"c":"é🌊"}}'`, `'123456789012345678901234567890.123'`],
  },
  c_enum: {
    type: 'mood',
    duckdb: 'VARCHAR',
    of: `(array['sad','ok','it''s "fine"'])[1 + i % 3]::mood`,
    odd: [`'sad'`],
  },
  c_domain: { type: 'price', duckdb: 'DECIMAL(12,3)', of: 'i / 8.0', odd: ['0', '999999999.999'] },
  c_ints: {
    type: 'integer[]',
    duckdb: 'VARCHAR',
    of: 'array[i, null, -i]',
    odd: [`'{}'`, `'{{1,2},{3,4}}'`, `'[5:6]={1,2}'`],
  },
  c_texts: {
    type: 'text[]',
    duckdb: 'VARCHAR',
    of: `array['a ' || i, 'q"\\']`,
    odd: [`'{""}'`, `'{NULL,"NULL"}'`],
  },
  c_interval: {
    type: 'interval',
    duckdb: 'VARCHAR',
    of: `i * interval '1 hour 1 second'`,
    odd: [`'-1 year 2 mons -3 days 04:05:06.789'`, `'0'`, `'178000000 years'`],
  },
  c_inet: { type: 'inet', duckdb: 'VARCHAR', of: `'10.0.0.0'::inet + i`, odd: [`'::1'`, `'192.168.0.1/24'`] },
  c_bits: { type: 'varbit', duckdb: 'VARCHAR', of: 'i::bit(17)::varbit', odd: [`B''`] },
  c_timetz: {
    type: 'timetz',
    duckdb: 'VARCHAR',
    of: `timetz '10:00+02' + i * interval '1 s'`,
    odd: [`'24:00:00-12'`],
  },
  c_range: { type: 'int4range', duckdb: 'VARCHAR', of: 'int4range(i, i + 5)', odd: [`'empty'`, `'(,)'`] },
};

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-types-'));
  postgres = await testPostgres();
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

test('every type, with NULLs and the ends of each, is read back as it was', async () => {
  await postgres.sql(
    `create type mood as enum ('sad', 'ok', 'it''s "fine"'); create domain price as numeric(12,3) check (value >= 0)`,
  );
  const columns = Object.entries(cases);
  const definitions = columns.map(
    ([name, { type, notNull }]) => `${name} ${type}${notNull ? ' not null' : ''}`,
  );
  await postgres.sql(`create table everything (${definitions.join(', ')}, id bigint primary key)`);
  // each column is NULL in rows of its own, and all of them are in some
  const values = columns.map(([, { of, type, notNull }], c) =>
    notNull ? of : `case when i % 13 <> ${c % 13} and i % 1000 <> 7 then (${of})::${type} end`,
  );
  await postgres.sql(
    `insert into everything select ${values.join(', ')}, i * 3 from generate_series(1, ${rows}) i`,
  );
  // odd values of a column, spread over the key range
  for (const [name, { odd, type }] of columns)
    for (const [index, value] of odd.entries())
      await postgres.sql(
        `update everything set ${name} = (${value})::${type} where id = ${3 * (1 + ((index * 9973 + name.length * 31) % rows))}`,
      );
  await postgres.sql('analyze everything');

  const world = syncWorld(folder, 'types', {
    source: { type: 'postgres', url: postgres.url },
    tables: ['everything'],
    chunk: { rows: 40_000 },
    part: { rows: 25_000 },
  });
  const { exitCode, document, stderr } = await world.ask('run');
  expect(exitCode, stderr).toBe(0);
  expect(document).toMatchObject({ outcome: 'published', copied: { rows } });

  await withBothSides(postgres.url, 'everything', world.files('public.everything'), async (sides) => {
    const one = async (sql: string): Promise<number> => Number((await sides.rows(sql))[0]![0]);
    expect(Object.fromEntries(sides.columns.map(({ name, type }) => [name, type]))).toEqual({
      ...Object.fromEntries(columns.map(([name, { duckdb }]) => [name, duckdb])),
      id: 'BIGINT',
    });
    expect(await one('select count(*) from lake')).toBe(rows);
    expect(await one('select count(*) from source s join lake l using (id)')).toBe(rows);
    for (const [name, { odd, notNull }] of columns) {
      const differing = await one(
        `select count(*) from source s join lake l using (id) where s.${name} is distinct from l.${name}`,
      );
      expect({ name, differing }).toEqual({ name, differing: 0 });
      const nulls = await one(`select count(*) from lake where ${name} is null`);
      expect({ name, hasNulls: nulls > rows / 20 }).toEqual({ name, hasNulls: !notNull });
      expect(await one(`select count(distinct ${name}) from lake`)).toBeGreaterThanOrEqual(
        Math.max(odd.length, 2),
      );
    }
    // the comparison above can tell these apart, and they are there
    expect(await one(`select count(*) from lake where c_float8 = '-0'`)).toBeGreaterThan(0);
    expect(await one(`select count(*) from lake where c_float4 = 'nan'`)).toBeGreaterThan(0);
    expect(await one(`select count(*) from lake where c_timestamptz like '%+00 BC'`)).toBe(2);
    expect(await one(`select max(length(c_text)) from lake`)).toBe(1_048_576);
    expect(await one(`select count(*) from lake where c_char = 'c7      '`)).toBeGreaterThan(0);
  });
});
