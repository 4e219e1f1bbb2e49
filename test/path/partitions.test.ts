/**
 * Tables with partitions through the command line: every row of every table is the source's, read by DuckDB and by icebird;
 * every file holds rows of one partition, and says which; a definition may change its mind.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { s3Client } from '../../core/objects/s3.ts';
import { startS3 } from '../../local/s3.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { icebergReader } from '../support/iceberg-reader.ts';
import { readPointer } from '../support/lake.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { bucket, type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let folder: string;
let postgres: TestPostgres;

/** What a file of a partition says in words, as DuckDB makes it of the file's rows. */
type Expected = Readonly<Record<string, string>>;

const months = (column: string) => `strftime(${column}, '%Y-%m')`;
const tables: Readonly<
  Record<string, { columns: string; rows: string; partition: string[]; expected: Expected }>
> = {
  // along the key: parts have one or two months
  events: {
    columns: 'created_at timestamptz, country text, amount numeric(12,2)',
    rows: `timestamptz '1969-11-03 05:00+00' + i * interval '7 minutes', case when i % 7 > 0 then 'C' || i % 3 end, i / 7.0`,
    partition: ['month(created_at)', 'country'],
    expected: { created_at_month: months('created_at'), country: 'country' },
  },
  // across it: every part has all of them
  orders: {
    columns: 'name varchar(40), code uuid, moment timestamp, large numeric(30,2)',
    rows: `case when i % 5 > 0 then chr(913 + (i % 4)::int) || '🌊' || chr(97 + (i % 2)::int) || i end,
      md5((i % 3)::text)::uuid, case when i % 11 > 0 then timestamp '2026-02-27 20:00' + (i % 9) * interval '1 hour' end,
      (i % 4 - 2) * 123456789012345678901234.5`,
    partition: ['truncate(2, name)', 'hour(moment)'],
    expected: { name_trunc: 'left(name, 2)', moment_hour: `strftime(moment, '%Y-%m-%d-%H')` },
  },
  keyed: {
    columns: 'code uuid, large numeric(30,2), small numeric(5,2), flag boolean, day date, bytes bytea',
    rows: `md5((i % 3)::text)::uuid, (i % 3 - 1) * 123456789012345678901234.5, (i % 2) - 0.5, i % 3 = 0,
      date '1969-12-30' + (i % 4)::int, decode(md5((i % 2)::text), 'hex')`,
    partition: ['code', 'large', 'small', 'flag', 'day'],
    expected: {
      code: 'code::varchar',
      large: 'large::varchar',
      small: `regexp_replace(small::varchar, '^(-?)\\.', '\\10.')`,
      flag: 'flag::varchar',
      day: 'day::varchar',
    },
  },
  hashed: {
    columns: 'n int, "created at" timestamptz',
    rows: `i % 100 - 50, timestamptz '2026-01-01' + i * interval '1 second'`,
    partition: ['bucket(8, id)', 'truncate(30, n)', 'year("created at")'],
    expected: {
      n_trunc: '(floor(n / 30.0) * 30)::int::varchar',
      'created at_year': `year("created at")::varchar`,
    },
  },
};

const count = 9_000;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-partitions-'));
  postgres = await testPostgres();
  for (const [table, { columns, rows }] of Object.entries(tables)) {
    await postgres.sql(`create table ${table} (id bigint primary key, ${columns})`);
    await postgres.sql(`insert into ${table} select i, ${rows} from generate_series(1, ${count}) i`);
  }
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const optionsOf = (table: string, partition: readonly string[] = tables[table]!.partition) => ({
  name: table,
  partition,
});

type PartitionedFile = {
  readonly key: string;
  readonly rows: number;
  readonly partition?: Record<string, string | null>;
};
const filesOf = (world: SyncWorld, name: string, table: string): readonly PartitionedFile[] =>
  readPointer(world.home, bucket, join(name, `public.${table}`))!.files;

async function expectSameRows(world: SyncWorld, table: string): Promise<void> {
  expect(await compareWithSource(postgres.url, table, world.files(`public.${table}`))).toEqual({
    sourceRows: count,
    lakeRows: count,
    lost: 0,
    alien: 0,
  });
  expect(world.faults(`public.${table}`)).toEqual([]);
  expect(world.staged()).toEqual([]);
}

/** By the specification's own way: hint, metadata, list, manifests, files. Some columns of all rows. */
async function expectReadByIcebird(world: SyncWorld, name: string, table: string): Promise<void> {
  const objects = await startS3({ folder: join(world.home, 's3') });
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const s3 = s3Client({ endpoint: objects.endpoint, region: 'us-east-1', credentials });
  try {
    const found = await icebergReader(s3).rows(`s3://${bucket}/${name}/public.${table}`);
    const [column] = tables[table]!.columns.split(' ');
    const text = (value: unknown): string | null => {
      if (value === null || value === undefined) return null;
      return value instanceof Date ? value.toISOString() : String(value);
    };
    const read = found.map((row) => [Number(row.id), text(row[column!])]);
    const source = await postgres.sql(`select id, ${column} from ${table} order by id`);
    const isTime = tables[table]!.columns.startsWith('created_at');
    expect(read.sort(([a], [b]) => Number(a) - Number(b))).toEqual(
      source.map(([id, value]) => [Number(id), isTime ? new Date(value!).toISOString() : value]),
    );
  } finally {
    s3.destroy();
    await objects.stop();
  }
}

describe('each table', () => {
  const name = 'parted';
  let world: SyncWorld;
  beforeAll(async () => {
    world = syncWorld(folder, name, {
      source: { type: 'postgres', url: postgres.url },
      tables: Object.keys(tables).map((table) => optionsOf(table)),
      chunk: { rows: 5_000 },
      part: { rows: 2_500 },
    });
    const ended = await world.ask('run');
    expect(ended.exitCode, ended.stderr).toBe(0);
  });

  test.for(Object.keys(tables))('%s: its rows are the source’s', async (table) => {
    await expectSameRows(world, table);
  });

  test.for(Object.keys(tables))('%s: each file holds the rows of what it says', async (table) => {
    const { expected } = tables[table]!;
    const instance = await DuckDBInstance.create(':memory:');
    const duckdb = await instance.connect();
    await duckdb.run("set TimeZone = 'UTC'");
    const files = filesOf(world, name, table);
    expect(files.length).toBeGreaterThan(4);
    for (const { key, rows, partition } of files) {
      const path = join(world.home, 's3', bucket, key);
      const of = Object.values(expected).join(', ');
      const found = await duckdb.runAndReadAll(`select ${of}, count(*) from '${path}' group by all`);
      const words = Object.keys(expected).map((field) => partition![field]);
      expect(found.getRows().map((row) => row.map((value) => value && String(value)))).toEqual([
        [...words, String(rows)],
      ]);
    }
    duckdb.closeSync();
    instance.closeSync();
  });

  // it knows no fixed bytes in manifests, as decimals and uuids are
  test.for(['events', 'orders', 'hashed'])('%s is read by icebird', async (table) => {
    await expectReadByIcebird(world, name, table);
  });
});

test('a definition that changes its partition overwrites the table with files of the other one', async () => {
  const name = 'evolving';
  const world = syncWorld(folder, name, {
    source: { type: 'postgres', url: postgres.url },
    tables: ['events'],
    part: { rows: 3_000 },
  });
  for (const partition of [
    ['year(created_at)'],
    ['bucket(4, id)', 'country'],
    [],
    ['year(created_at)'],
    ['month(created_at)'],
  ]) {
    world.define({ tables: [optionsOf('events', partition)] });
    const ended = await world.ask('run');
    expect(ended.exitCode, ended.stderr).toBe(0);
    await expectSameRows(world, 'events');
    await expectReadByIcebird(world, name, 'events');
    const fields = filesOf(world, name, 'events').map((file) => Object.keys(file.partition ?? {}).length);
    expect(new Set(fields)).toEqual(new Set([partition.length]));
  }
});

describe('what cannot be is refused', () => {
  const worldWith = (name: string, table: string, partition: string[]): SyncWorld =>
    syncWorld(folder, name, {
      source: { type: 'postgres', url: postgres.url },
      tables: [optionsOf(table, partition)],
    });

  test('a column that is not there, a type that a transform does not take: by `check`, and by a run', async () => {
    for (const [name, table, field, message] of [
      [
        'unknown',
        'events',
        'day(created)',
        'partition of public.events: there is no column created; its columns are id, created_at, country, amount',
      ],
      [
        'mistyped',
        'events',
        'hour(country)',
        'partition of public.events: hour takes no column of type string (country, text); allowed: timestamp',
      ],
    ] as const) {
      const world = worldWith(name, table, [field]);
      const checked = await world.run('check');
      expect(checked.exitCode).not.toBe(0);
      expect(checked.stdout.replaceAll(/\s+/g, ' ')).toContain(message);
      const ended = await world.ask('run');
      expect(ended.exitCode).toBe(1);
      expect(ended.document.tables).toMatchObject([{ problem: { code: 'DefinitionInvalid' } }]);
      expect(ended.document.tables![0]!.problem!.message).toContain(message);
    }
  });

  test('more partitions than a part can have, by the first chunk that meets them', async () => {
    const world = worldWith('fine', 'hashed', ['id']);
    const ended = await world.ask('run');
    expect(ended.exitCode).toBe(1);
    expect(ended.document.tables![0]!.problem).toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringMatching(
        /public\.hashed: (\d+) rows that follow each other have \1 values of id; allowed: up to 100/,
      ),
    });
    // mended in the definition, the next run is a new one
    world.define({ tables: [optionsOf('hashed', ['bucket(50, id)'])] });
    const mended = await world.ask('run');
    expect(mended.exitCode, mended.stderr).toBe(0);
    await expectSameRows(world, 'hashed');
    expect(filesOf(world, 'fine', 'hashed')).toHaveLength(50);
  });
});
