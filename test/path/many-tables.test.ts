/**
 * A schema of 300 tables by one pattern: empty ones, odd names, and one that cannot be read, which is named and holds back
 * none of the others.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tableFolder } from '../../core/objects/keys.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 300_000 });

const odd = [
  'Orders',
  'orders',
  'a.b',
  'say "hi"',
  "it's",
  'Größe 🌊',
  'select',
  '*',
  'what?',
  'x'.repeat(63),
];
/** Every tenth has rows. */
const plain = Array.from({ length: 289 }, (_, i) => `t_${String(i).padStart(3, '0')}`);
const closed = 't_closed';
const tables = [...odd, ...plain, closed];
const rowsOf = (table: string): number => (odd.includes(table) || table.endsWith('0') ? table.length + 2 : 0);

const counter = fileURLToPath(new URL('../support/request-counts.mjs', import.meta.url));

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-many-'));
  postgres = await testPostgres();
  await postgres.sql(`create role reader login password 'reads'; create schema many`);
  const statements = tables.map(
    (table) =>
      `create table many.${quoted(table)} (id integer primary key, note text);
       insert into many.${quoted(table)} select i, 'of ' || i from generate_series(1, ${rowsOf(table)}) i;`,
  );
  await postgres.sql(statements.join('\n'));
  await postgres.sql(
    `grant usage on schema many to reader; grant select on all tables in schema many to reader;
     revoke select on many.${closed} from reader`,
  );
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const places = new Map(tables.map((table) => [table, tableFolder({ schema: 'many', table })]));

test('of 300 tables 299 are published, one is named with its reason; after GRANT a redrive publishes it', async () => {
  const counts = join(folder, 'counts.json');
  const definition = {
    source: { type: 'postgres', url: postgres.urlFor({ user: 'reader', password: 'reads' }) },
    tables: ['many.*'],
    concurrency: 2,
  };
  const world = syncWorld(folder, 'many', definition, {
    NODE_OPTIONS: `--import ${counter}`,
    TIDEMARK_TEST_COUNTS: counts,
    AWS_SDK_UA_APP_ID: 'tidemark-command',
  });
  const first = await world.ask('run');
  expect(first.exitCode, first.stderr).toBe(1);
  expect(first.document.tables).toHaveLength(300);
  const open = first.document.tables!.filter(({ state }) => state !== 'published');
  expect(open).toMatchObject([
    { table: `many.${closed}`, state: 'incomplete', problem: { code: 'TableDenied' } },
  ]);
  expect(first.document.error!.message).toMatch(/299 of 300 tables published/);
  expect(first.document.error!.message).toMatch(/many\.t_closed: TableDenied: .*no SELECT right/);
  const published = tables.filter((table) => table !== closed);
  const seen = published.map((table) => [table, world.pointer(places.get(table)!)?.rows]);
  expect(seen).toEqual(published.map((table) => [table, rowsOf(table)]));
  expect(world.pointer(places.get(closed)!)).toBeNull();
  const { seconds } = first.document as { seconds: number };
  console.log(
    `${tables.length} tables in ${seconds} s: ${Math.round((1000 * seconds) / tables.length)} ms each`,
  );
  // what a table costs, however many there are: an empty one 25, one with a file some more
  const requests = Object.entries<number>(JSON.parse(readFileSync(counts, 'utf8')));
  const ofFunctions = requests.filter(([kind]) => kind.startsWith('functions/'));
  expect(ofFunctions.reduce((sum, [, count]) => sum + count, 0) / tables.length).toBeLessThan(28);

  const before = new Map(published.map((table) => [table, world.state(places.get(table)!)]));
  await postgres.sql(`grant select on many.${closed} to reader`);
  const redriven = await world.ask('redrive');
  expect(redriven.exitCode, redriven.stderr).toBe(0);
  expect(redriven.document).toMatchObject({ outcome: 'published', run: first.document.run });
  expect(world.pointer(places.get(closed)!)?.rows).toBe(0);
  expect(new Map(published.map((table) => [table, world.state(places.get(table)!)]))).toEqual(before);

  for (const table of [...odd, 't_010']) {
    const difference = await compareWithSource(
      postgres.url,
      `many.${quoted(table)}`,
      world.files(places.get(table)!),
    );
    const rows = rowsOf(table);
    expect({ table, ...difference }).toEqual({ table, sourceRows: rows, lakeRows: rows, lost: 0, alien: 0 });
  }
  expect(world.staged()).toEqual([]);
});
