/**
 * Tables with every type, copied from PostgreSQL by the command line and read back by readers of Iceberg that are not ours:
 * each row is held against the source's.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedS3, startS3 } from '../../local/s3.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';
import { compileIcebergJava, duckdbRows, type Place, pyiceberg, type Reader, type Texts } from './readers.ts';

type Case = {
  readonly type: string;
  /** the value of row i */
  readonly of: string;
  readonly odd: readonly string[];
  /** its text, as read.py writes it */
  readonly text: (column: string) => string;
};

const asText = (column: string): string => `${column}::text`;
const micros = (column: string): string => `trunc(extract(epoch from ${column}) * 1000000)::bigint::text`;

const cases: Readonly<Record<string, Case>> = {
  c_bool: { type: 'boolean', of: 'i % 3 = 0', odd: ['true'], text: asText },
  c_int2: { type: 'smallint', of: 'i % 60000 - 30000', odd: ['-32768', '32767'], text: asText },
  c_int4: { type: 'integer', of: 'i * 20011', odd: ['-2147483648', '2147483647'], text: asText },
  c_int8: {
    type: 'bigint',
    of: 'i * 90000000000017',
    odd: ['-9223372036854775808', '9223372036854775807'],
    text: asText,
  },
  c_float4: {
    type: 'real',
    of: 'sin(i)::real * 1e6',
    odd: [`'NaN'`, `'Infinity'`, `'-0'`, `'1e-45'`],
    text: (column) => `encode(float4send(${column}), 'hex')`,
  },
  c_float8: {
    type: 'double precision',
    of: 'sin(i) * 1e15',
    odd: [`'NaN'`, `'-Infinity'`, `'-0'`, `'5e-324'`, '0.1'],
    text: (column) => `encode(float8send(${column}), 'hex')`,
  },
  c_dec9: { type: 'numeric(9,2)', of: '(i - 500) / 7.0', odd: ['9999999.99', '-0.01'], text: asText },
  c_dec18: {
    type: 'numeric(18,4)',
    of: '(i - 500) * 1234567.0123',
    odd: ['99999999999999.9999', '-0.0001'],
    text: asText,
  },
  c_dec38: {
    type: 'numeric(38,10)',
    of: '(i - 500) * 12345678901234.0123456789',
    odd: [`${'9'.repeat(28)}.${'9'.repeat(10)}`, `-${'9'.repeat(28)}.${'9'.repeat(10)}`],
    text: asText,
  },
  c_numeric: { type: 'numeric', of: 'i / 3.0', odd: [`'NaN'`, '1e130', '0.00'], text: asText },
  c_date: {
    type: 'date',
    of: `date '1960-01-01' + i * 40`,
    odd: [`'4714-11-24 BC'`, `'5874897-12-31'`, `'1969-12-31'`],
    text: (column) => `(${column} - date '1970-01-01')::text`,
  },
  c_time: {
    type: 'time',
    of: `time '00:00' + i * interval '86.399999 s'`,
    odd: [`'23:59:59.999999'`, `'00:00'`],
    text: micros,
  },
  c_timestamp: {
    type: 'timestamp',
    of: `timestamp '1960-01-01' + i * interval '1234567.678901 s'`,
    odd: [`'4714-11-24 00:00:00 BC'`, `'294247-01-10 04:00:54.775806'`, `'1969-12-31 23:59:59.999999'`],
    text: micros,
  },
  c_timestamptz: {
    type: 'timestamptz',
    of: `timestamptz '2020-03-29 00:30:00+01' + i * interval '1800.5 s'`,
    odd: [`'4714-11-24 00:00:00+00 BC'`, `'2024-10-27 02:30:00+05:45'`],
    text: micros,
  },
  c_uuid: {
    type: 'uuid',
    of: 'md5(i::text)::uuid',
    odd: [`'ffffffff-ffff-ffff-ffff-ffffffffffff'`],
    text: asText,
  },
  c_text: {
    type: 'text',
    of: `'text ' || i % 77`,
    odd: [`''`, `E'tab\\tnew\\nline "quoted" \\\\'`, `'🌊 日本語'`, `repeat('é', 100000)`],
    text: asText,
  },
  c_json: { type: 'jsonb', of: `jsonb_build_object('i', i)`, odd: [`'null'`, `'{"a":"é"}'`], text: asText },
  c_bytea: {
    type: 'bytea',
    of: `decode(md5(i::text), 'hex')`,
    odd: [`''`, `'\\x00ff'`],
    text: (column) => `encode(${column}, 'hex')`,
  },
  c_array: { type: 'integer[]', of: 'array[i, null, -i]', odd: [`'{}'`], text: asText },
};
const columns = Object.entries(cases);

let scratch: string;
let postgres: TestPostgres;
let world: SyncWorld;
let s3: EmbeddedS3;
let place: Place;
let icebergJava: Reader;
/** of the snapshot before the current one */
let oldSnapshot: string;

const oddName = `odd "name".o'clock`;
const folders = {
  everything: 'public.everything',
  empty: 'public.empty',
  odd: 'Odd!20Schema.odd!20!22name!22!2eo!27clock',
} as const;
const location = (table: keyof typeof folders): string => `s3://lake/readers/${folders[table]}`;

const sorted = (rows: readonly Texts[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

const everythingNow = (): Promise<Texts[]> =>
  postgres.sql(
    `select ${columns.map(([name, { text }]) => text(name)).join(', ')}, id::text from everything`,
  );

async function run(): Promise<void> {
  const { exitCode, stderr } = await world.ask('run');
  expect(exitCode, stderr).toBe(0);
}

/** The source's rows at each run. */
const before: { first: Texts[]; second: Texts[] } = { first: [], second: [] };

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tidemark-readers-'));
  postgres = await testPostgres();
  await postgres.sql(
    `create table everything (${columns.map(([name, { type }]) => `${name} ${type}`).join(', ')}, id bigint primary key)`,
  );
  const values = columns.map(
    ([, { of, type }], at) => `case when i % 11 <> ${at % 11} then (${of})::${type} end`,
  );
  await postgres.sql(
    `insert into everything select ${values.join(', ')}, i * 3 from generate_series(1, 3000) i`,
  );
  for (const [name, { odd, type }] of columns)
    for (const [index, value] of odd.entries())
      await postgres.sql(
        `update everything set ${name} = (${value})::${type} where id = ${3 * (1 + ((index * 997 + name.length * 31) % 3000))}`,
      );
  await postgres.sql('create table empty (id int primary key, note text)');
  await postgres.sql(
    `create schema "Odd Schema"; create table "Odd Schema"."odd ""name"".o'clock" ("The ""Id""" int primary key, "é.b" text);
     insert into "Odd Schema"."odd ""name"".o'clock" select i, 'n' || i from generate_series(1, 20) i; analyze`,
  );
  world = syncWorld(scratch, 'readers', {
    source: { type: 'postgres', url: postgres.url },
    tables: ['everything', 'empty', `"Odd Schema"."odd ""name"".o'clock"`],
    chunk: { rows: 1000 },
    part: { rows: 700 },
  });
  await run();
  before.first = await everythingNow();
  await postgres.sql(
    'delete from everything where id % 5 = 0; update everything set c_int4 = 7 where id % 7 = 0',
  );
  await run();
  before.second = await everythingNow();
  oldSnapshot = await snapshotBefore();
  icebergJava = await compileIcebergJava(scratch);
  s3 = await startS3({ folder: join(world.home, 's3') });
  place = { endpoint: s3.endpoint, folder: join(world.home, 's3') };
  leaveUncommitted();
});

afterAll(async () => {
  await s3?.stop();
  await postgres?.stop();
  await rm(scratch, { recursive: true, force: true });
});

describe.each<[string, Reader]>([
  ['PyIceberg', pyiceberg],
  ['Iceberg’s Java library', (...what) => icebergJava(...what)],
])('%s', (_name, read) => {
  test('reads every value of every type, and not what was never committed', async () => {
    expect(before.second.length).toBeLessThan(before.first.length);
    const rows = await read(place, location('everything'));
    for (const [at, [column]] of [...columns, ['id'] as const].entries()) {
      const of = (all: readonly Texts[]): string[] => all.map((row) => `${row.at(-1)} ${row[at]}`).sort();
      expect({ column, values: of(rows) }).toEqual({ column, values: of(before.second) });
    }
    expect(sorted(rows)).toEqual(sorted(before.second));
  });

  test('reads the snapshot before', async () => {
    expect(sorted(await read(place, location('everything'), oldSnapshot))).toEqual(sorted(before.first));
  });

  test('reads a table without rows, and one with odd names', async () => {
    expect(await read(place, location('empty'))).toEqual([]);
    const rows = await postgres.sql(
      `select "The ""Id"""::text, "é.b" from "Odd Schema"."odd ""name"".o'clock"`,
    );
    expect(rows).toHaveLength(20);
    expect(sorted(await read(place, location('odd')))).toEqual(sorted(rows));
  });
});

async function snapshotBefore(): Promise<string> {
  const { document } = await world.ask('snapshots', 'everything');
  const { snapshots } = document as unknown as { snapshots: readonly { id: string; isCurrent: boolean }[] };
  const old = snapshots.filter(({ isCurrent }) => !isCurrent);
  expect(old).toHaveLength(1);
  return old[0]!.id;
}

/** The file that a publisher writes before it dies: the next number, which nobody may take for committed. Without snapshots. */
function leaveUncommitted(): void {
  const metadata = join(place.folder, 'lake/readers', folders.everything, 'metadata');
  const current = Number(readFileSync(join(metadata, 'version-hint.text'), 'utf8'));
  const {
    snapshots: _,
    refs: __,
    ...rest
  } = JSON.parse(readFileSync(join(metadata, `v${current}.metadata.json`), 'utf8'));
  const next = { ...rest, 'current-snapshot-id': -1, snapshots: [], refs: {} };
  writeFileSync(join(metadata, `v${current + 2}.metadata.json`), JSON.stringify(next));
}

describe('DuckDB', () => {
  /** What the command line prints, with the last statement's rows counted and held against the files of current.json. */
  async function compared(
    table: string,
    folder: string,
    statements: readonly string[],
  ): Promise<unknown[][]> {
    const opened = statements.at(-1)!.replace(/^SELECT \* FROM (.*) LIMIT 10;$/, '$1');
    const files = world.files(folder).map((file) => `'${file.replaceAll("'", "''")}'`);
    const lake = `SELECT * FROM read_parquet([${files.join(', ')}])`;
    return duckdbRows(
      [
        ...statements.slice(0, -1),
        `SELECT count(*)::INT, (SELECT count(*)::INT FROM (SELECT * FROM ${opened} EXCEPT ALL ${lake})),
           (SELECT count(*)::INT FROM (${lake} EXCEPT ALL SELECT * FROM ${opened})) FROM ${opened}`,
      ],
      join(scratch, `duckdb-${table}`),
    );
  }

  async function printed(table: string, ...options: string[]): Promise<readonly string[]> {
    const { document, stderr } = await world.ask('sql', table, '--engine', 'duckdb', ...options);
    const { statements } = document as unknown as { statements: readonly string[] };
    expect(statements.length, stderr).toBeGreaterThan(1);
    return statements;
  }

  test('reads what `tidemark sql` prints: here, by the folder', async () => {
    const rows = before.second.length;
    expect(await compared('a', folders.everything, await printed('everything'))).toEqual([[rows, 0, 0]]);
    const odd = await printed(`"Odd Schema"."${oddName.replaceAll('"', '""')}"`);
    expect(await compared('b', folders.odd, odd)).toEqual([[20, 0, 0]]);
  });

  test('and of S3, by its URL', async () => {
    const statements = await printed('everything', '--cloud', 'aws');
    // the credentials of this machine, and where its S3 is
    const secret = `CREATE SECRET (TYPE s3, KEY_ID 'local', SECRET 'local', REGION 'us-east-1', ENDPOINT '${new URL(s3.endpoint).host}', USE_SSL false, URL_STYLE 'path');`;
    expect(statements[1]).toBe('CREATE SECRET (TYPE s3, PROVIDER credential_chain);');
    expect(await compared('d', folders.everything, [statements[0]!, secret, ...statements.slice(2)])).toEqual(
      [[before.second.length, 0, 0]],
    );
  });
});
