/**
 * Every type of key, in tables that are empty, hold one row, or many skewed ones: cut into many chunks and parts,
 * killed on the way, and every row is there once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { randomFrom, seedOfThisRun } from '../support/random.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const rows = 3_000;

type KeyCase = {
  readonly type: string;
  /** the key of row i (1 …), dense at one end and with wide gaps at the other; different for every i */
  readonly of: string;
  /** keys at the ends of the type, and odd ones */
  readonly odd: readonly string[];
};

const spread = 'i * i % 7919 * 1000 + i';
const words = `case when i % 3 = 0 then 'Zebra' when i % 3 = 1 then 'äther ' else 'a_' end || (${spread})`;
const oddWords = [
  `''`,
  `' '`,
  `'it''s \\ "quoted"'`,
  `E'two\\nlines\\tand a tab'`,
  `'日本語'`,
  `'🌊🌊'`,
  `E'e\\u0301'`,
  `repeat('long ', 200)`,
  `'%s $1 ''; drop table x; --'`,
];

const cases: Readonly<Record<string, KeyCase>> = {
  smallint: {
    type: 'smallint',
    of: 'case when i < 2500 then -i else (i - 2500) * 60 end',
    odd: ['-32768', '32767'],
  },
  integer: {
    type: 'integer',
    of: 'case when i % 10 < 8 then i else -700000 * i end',
    odd: ['-2147483648', '2147483647', '0'],
  },
  bigint: {
    type: 'bigint',
    of: 'case when i % 10 < 8 then i else i * 3000000000000000 end',
    odd: ['-9223372036854775808', '9223372036854775807', '9007199254740993'],
  },
  text_c: { type: 'text collate "C"', of: words, odd: oddWords },
  text_default: { type: 'text', of: words, odd: oddWords },
  text_icu: { type: 'text collate "de-x-icu"', of: words, odd: oddWords },
  text_folded: { type: 'text collate folded', of: words, odd: oddWords },
  varchar: { type: 'varchar(1200)', of: words, odd: oddWords },
  uuid: {
    type: 'uuid',
    of: `case when i % 2 = 0 then md5(i::text)::uuid else ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid end`,
    odd: [`'00000000-0000-0000-0000-000000000000'`, `'ffffffff-ffff-ffff-ffff-ffffffffffff'`],
  },
  date: {
    type: 'date',
    of: `date '2000-01-01' + case when i % 10 < 8 then i else i * 400 end`,
    odd: [`'4714-11-24 BC'`, `'0001-12-31 BC'`, `'0001-01-01'`, `'1999-12-31'`, `'5874897-12-31'`],
  },
  timestamp: {
    type: 'timestamp',
    of: `timestamp '2024-02-29 23:59:59.999' + case when i % 10 < 8 then i * interval '1 microsecond' else -i * interval '1 day' end`,
    odd: [
      `'4714-11-24 00:00:00 BC'`,
      `'0044-03-15 12:00:00.000001 BC'`,
      `'1969-12-31 23:59:59.999999'`,
      `'294246-12-31 23:59:59.999999'`,
    ],
  },
  timestamptz: {
    type: 'timestamptz',
    of: `timestamptz '2024-03-31 00:59:59.5+00' + case when i % 10 < 8 then i * interval '1 ms' else i * interval '3 days' end`,
    odd: [
      `'4714-11-24 00:00:00+00 BC'`,
      `'0044-03-15 12:00:00.1+00 BC'`,
      `'1970-01-01 00:00:00+00'`,
      `'294246-12-31 23:59:59.999999+00'`,
    ],
  },
  numeric: {
    type: 'numeric(30,10)',
    of: `case when i % 10 < 8 then i / 1000.0 else i * 10::numeric ^ (i % 15) + i / 10000000.0 end`,
    odd: [
      '-99999999999999999999.9999999999',
      '99999999999999999999.9999999999',
      '0',
      '0.0000000001',
      '-0.0000000001',
    ],
  },
  numeric_free: {
    type: 'numeric',
    of: `case when i % 10 < 8 then -i / 3.0 else i * 10::numeric ^ (i % 60) end`,
    odd: [
      '0.000',
      '1e-40',
      '123456789012345678901234567890123456789012345678901234567890.5',
      `'NaN'`,
      `'Infinity'`,
      `'-Infinity'`,
    ],
  },
};

let folder: string;
let postgres: TestPostgres;
let expected: Record<string, number>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-keys-'));
  postgres = await testPostgres();
  await postgres.sql(
    `create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  );
  expected = {};
  for (const [name, { type, of, odd }] of Object.entries(cases)) {
    for (const size of ['empty', 'one', 'many']) {
      const table = `public.${name}_${size}`;
      await postgres.sql(`create table ${table} (note text, k ${type} primary key)`);
      expected[table] = 0;
      if (size === 'empty') continue;
      await postgres.sql(`insert into ${table} values ('odd', ${odd.at(-1)})`);
      expected[table] = 1;
      if (size === 'one') continue;
      await postgres.sql(
        `insert into ${table} values ${odd
          .slice(0, -1)
          .map((key) => `('odd', ${key})`)
          .join(', ')}`,
      );
      await postgres.sql(
        `insert into ${table} select 'row ' || i, ${of} from generate_series(1, ${rows}) i on conflict do nothing`,
      );
      expected[table] = Number((await postgres.sql(`select count(*) from ${table}`))[0]![0]);
      expect(expected[table]).toBeGreaterThan(rows * 0.95);
    }
  }
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

async function expectEveryRowOnce(world: SyncWorld): Promise<void> {
  for (const [table, count] of Object.entries(expected)) {
    const pointer = world.pointer(table)!;
    expect({ table, rows: pointer?.rows }).toEqual({ table, rows: count });
    expect({ table, empty: pointer.files.length === 0 }).toEqual({ table, empty: count === 0 });
    expect(world.faults(table)).toEqual([]);
    expect(world.strays(table)).toEqual([]);
    if (count === 0) continue;
    const difference = await compareWithSource(postgres.url, table, world.files(table));
    expect({ table, ...difference }).toEqual({
      table,
      sourceRows: count,
      lakeRows: count,
      lost: 0,
      alien: 0,
    });
  }
  expect(world.staged()).toEqual([]);
}

const seed = seedOfThisRun();

test(`every key type, killed three times on the way and resumed (TIDEMARK_SEED=${seed})`, async () => {
  const random = randomFrom(seed);
  const world = syncWorld(folder, 'keys', {
    source: { type: 'postgres', url: postgres.url, statement_rows: 211 },
    tables: Object.keys(expected),
    chunk: { rows: 700 },
    part: { rows: 150 },
  });
  const names = Object.keys(cases);
  for (let kill = 0; kill < 3; kill++) {
    const running = world.start('run', '--json');
    const victim = `public.${names[Math.floor(((kill + random()) * names.length) / 3)]}_many`;
    const there = world.dataFiles(victim).length;
    await world.untilFiles(victim, there + 1 + Math.floor(random() * 4), running);
    running.killGroup();
    await running.ended;
  }
  const { exitCode, document, stderr } = await world.ask('run');
  expect(exitCode, stderr).toBe(0);
  expect(document).toMatchObject({ outcome: 'published', began: 'adopted' });
  expect(document.committedBefore!.rows).toBeGreaterThan(0);
  await expectEveryRowOnce(world);
  for (const name of names) {
    const files = world.files(`public.${name}_many`);
    expect(new Set(files.map((file) => file.replace(/-\d+\.parquet$/, ''))).size).toBeGreaterThanOrEqual(3);
    expect(files.length).toBeGreaterThan(rows / 150);
  }
});
