/** Shards of two databases of different kinds, published as one table; killed on the way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDefinition } from '../../core/definition/load.ts';
import { parseTableName } from '../../core/definition/table-name.ts';
import { planTable } from '../../core/plan/plan-table.ts';
import { postgresSource } from '../../core/sources/postgres/postgres.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../support/mariadb.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

type Row = readonly [shard: string, id: string, note: string | null, amount: string];

const table = 'public.events';

/** What the files of the snapshot hold, by a reader that is not ours. */
async function inLake(world: SyncWorld): Promise<Row[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  const files = world.files(table).map((file) => `'${file}'`);
  const read = await duckdb.runAndReadAll(
    `SELECT shard, id::varchar, note, amount::varchar FROM read_parquet([${files.join(', ')}]) ORDER BY shard, id`,
  );
  duckdb.closeSync();
  instance.closeSync();
  return read.getRows() as unknown as Row[];
}

describe.skipIf(noMariadb)('tables that become one', () => {
  let folder: string;
  let postgres: TestPostgres;
  let mariadb: TestMariadb;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-several-'));
    [postgres, mariadb] = await Promise.all([testPostgres(), testMariadb()]);
    for (const month of ['01', '02', '03'])
      await postgres.sql(`CREATE TABLE events_2026_${month} (id bigint PRIMARY KEY, note text, amount numeric(12,2) NOT NULL);
        INSERT INTO events_2026_${month} SELECT i, NULLIF('n' || i, 'n7'), i / 4.0 FROM generate_series(1, 700) i`);
    // a shard in another order, with a key of its own, and one in which nothing is
    await postgres.sql(`CREATE TABLE events_2026_04 (amount numeric(12,2) NOT NULL, id bigint UNIQUE NOT NULL, note varchar(50));
      CREATE TABLE other (id int PRIMARY KEY)`);
    await mariadb.sql(`CREATE TABLE events (id BIGINT PRIMARY KEY, note VARCHAR(50), amount DECIMAL(12,2) NOT NULL);
      INSERT INTO events SELECT seq, CONCAT('m', seq), seq / 2 FROM seq_1_to_900`);
  });
  afterAll(async () => {
    await mariadb?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const worldOf = (name: string, from: readonly unknown[]): SyncWorld =>
    syncWorld(folder, name, {
      source: { type: 'postgres', url: postgres.url },
      sources: { crm: { type: 'mysql', url: mariadb.url } },
      tables: [{ name: table, from, source_column: 'shard' }],
      chunk: { rows: 300 },
      part: { rows: 100 },
      retry: { kind: 'none' },
    });

  async function expected(): Promise<Row[]> {
    const rows: Row[] = [];
    for (const month of ['01', '02', '03', '04']) {
      const found = await postgres.sql(
        `SELECT 'public.events_2026_${month}', id::text, note, amount::text FROM events_2026_${month}`,
      );
      rows.push(...(found as unknown as Row[]));
    }
    const found = await mariadb.sql(`SELECT 'crm', CAST(id AS CHAR), note, CAST(amount AS CHAR) FROM events`);
    rows.push(...(found as unknown as Row[]));
    return rows.sort(([a, i], [b, j]) => (a === b ? Number(i) - Number(j) : a < b ? -1 : 1));
  }

  test('every row of each once, with where it came from; killed, and run again', async () => {
    const world = worldOf('months', ['public.events_2026_??', { source: 'crm', table: 'events', as: 'crm' }]);
    const plan = await world.run('plan');
    expect(plan.exitCode, plan.stdout + plan.stderr).toBe(0);
    expect(plan.stdout).toMatch(/5 tables become this one: public\.events_2026_01, .*, crm:/);
    const killed = world.start('run', '--json');
    await world.untilFiles(table, 8, killed);
    killed.killGroup();
    await killed.ended;
    const again = await world.ask('run', '--count');
    expect(again.exitCode, again.stdout + again.stderr).toBe(0);
    expect(again.document.tables).toMatchObject([{ table, state: 'published', rows: 3_000 }]);
    expect(again.document.committedBefore!.rows).toBeGreaterThan(500);
    expect(again.document).toMatchObject({ counts: [{ table, source: 3_000, files: 3_000 }] });
    expect(await inLake(world)).toEqual(await expected());
    expect(world.faults(table)).toEqual([]);

    // a shard that has come since is the next run's; the ids of the columns stay
    const { schema } = world.pointer(table)! as unknown as { schema: unknown };
    await postgres.sql(`INSERT INTO events_2026_04 VALUES (1, 1, 'first')`);
    const next = await world.ask('run');
    expect(next.exitCode, next.stdout).toBe(0);
    expect(await inLake(world)).toEqual(await expected());
    expect(world.pointer(table)).toMatchObject({ schema });
  });

  /** Why a table that would be made of these cannot be planned. */
  async function refused(from: readonly unknown[]): Promise<unknown> {
    const source = postgresSource({ url: postgres.url });
    const definition = loadDefinition(
      JSON.stringify({
        name: 'shop',
        source: { type: 'postgres', url: postgres.url },
        tables: [{ name: table, from }],
        target: { url: 's3://lake/shop' },
      }),
      'shop.yaml',
      {},
    );
    const planned = planTable({ source }, definition, parseTableName(table)!, []);
    return planned.then(() => null).finally(() => source.close());
  }

  test('of different shapes: refused, with what differs', async () => {
    await postgres.sql('CREATE TABLE odd_1 (id bigint PRIMARY KEY, note int, extra int)');
    await expect(refused(['public.events_2026_01', 'public.odd_1'])).rejects.toMatchObject({
      code: 'TableUnsupported',
      message: expect.stringMatching(
        /public\.events: its tables are of different shapes: public\.odd_1 has note integer, not text, lacks amount, also has extra; allowed: the same columns and types as public\.events_2026_01/,
      ),
    });
  });

  test.each([
    [['public.nothing_*'], 'DefinitionInvalid', /from\[0\]: the pattern public\.nothing_\* takes no table/],
    [['public.events_2026_01', 'public.gone'], 'TableMissing', /no table public\.gone/],
    [
      [
        { table: 'public.events_2026_01', as: 'x' },
        { table: 'public.events_2026_02', as: 'x' },
      ],
      'DefinitionInvalid',
      /rows of public\.events_2026_01 and of public\.events_2026_02 would both say that they are from x/,
    ],
  ])('%j: %s', async (from, code, message) => {
    await expect(refused(from)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
