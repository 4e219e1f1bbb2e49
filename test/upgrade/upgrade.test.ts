/**
 * Upgrading with a run in flight: what a run of an older Tidemark had committed when it died is kept, and the rest of it
 * is copied by today's code, whether a new execution adopts the run or the old one is redriven. See make-fixture.ts.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTableName } from '../../core/definition/table-name.ts';
import { toPart } from '../../core/ledger/part-item.ts';
import { postgresSource } from '../../core/sources/postgres/postgres.ts';
import { runTidemark } from '../support/command-line.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { faultsOf, filesOf, filesUnder, readPointer, strayFiles } from '../support/lake.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import {
  bucket,
  definitionYaml,
  layOut,
  ledgerItems,
  type OlderTable,
  rowsOf,
  sourceSql,
  storedObjects,
  sync,
} from './older-run.ts';

const tables = Object.keys(rowsOf) as OlderTable[];
const [run] = ledgerItems().flatMap(({ sk, status }) => (status === 'running' ? [sk.slice(4)] : []));
const committed = ledgerItems()
  .filter((item) => item.run === run && item.sk.startsWith('CHUNK#'))
  .map(toPart);
const rowsCommitted = committed.reduce((sum, { rows }) => sum + rows, 0);
const isStored = (key: string): boolean => storedObjects().some((object) => object.key === key);

let folder: string;
let config: string;
let postgres: TestPostgres;
let identities: Map<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-upgrade-'));
  config = join(folder, 'shop.yaml');
  writeFileSync(config, definitionYaml);
  postgres = await testPostgres();
  await postgres.sql(sourceSql);
  const source = postgresSource({ url: postgres.url });
  identities = new Map();
  for (const [index, table] of tables.entries()) {
    const plan = storedObjects().find(({ key }) => key.endsWith(`/${run}/tables/00000${index}.jsonl`))!;
    const [header = ''] = 'text' in plan.body ? plan.body.text.split('\n') : [];
    const { identity } = await source.describe(parseTableName(table)!);
    identities.set(JSON.parse(header).description.identity, identity);
  }
  await source.close();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the older run died in the middle: parts are committed, one of them is not renamed, lines are of format 1', () => {
  const unrenamed = committed.filter(({ files }) => !isStored(files[0]!.final));
  expect(unrenamed).toHaveLength(1);
  expect(isStored(unrenamed[0]!.files[0]!.staged)).toBe(true);
  expect(rowsCommitted).toBeGreaterThan(0);
  expect(rowsCommitted).toBeLessThan(rowsOf['public.events']);
  const plan = storedObjects().find(({ key }) => key.includes(`/${run}/plan-`))!;
  const lines = 'text' in plan.body ? plan.body.text.split('\n').filter(Boolean) : [];
  expect(lines.map((line) => JSON.parse(line))).toMatchObject(
    Array.from({ length: 5 }, () => ({ format: 1, description: { columns: expect.any(Array) } })),
  );
});

describe('today’s code', () => {
  test.for([
    {
      command: 'run',
      begins: /was interrupted: 2\d\d rows in \d parts are committed already; copying the rest/,
    },
    { command: 'redrive', begins: /redriving run/ },
  ])('$command: goes on with it, keeps its parts and copies the rest', async ({ command, begins }) => {
    const home = join(folder, command);
    await layOut(home, identities);
    const pathOf = (key: string): string => join(home, 's3', bucket, key);
    const stateOf = (key: string) => [statSync(pathOf(key)).mtimeMs, readFileSync(pathOf(key), 'base64')];
    const renamed = committed.map(({ files }) => files[0]!.final).filter(isStored);
    const before = renamed.map(stateOf);

    const args = ['--config', config, '--home', home];
    const { exitCode, stdout, stderr } = await runTidemark([command, '--json', ...args], {
      DATABASE_URL: postgres.url,
    });
    expect(exitCode, stderr).toBe(0);
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(begins);
    const all = rowsOf['public.events'] + rowsOf['public.places'];
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'published',
      run,
      copied: { rows: all - rowsCommitted },
      committedBefore: { rows: rowsCommitted, parts: committed.length },
    });

    expect(renamed.map(stateOf)).toEqual(before);
    for (const { files } of committed) expect(statSync(pathOf(files[0]!.final)).size).toBe(files[0]!.size);
    for (const table of tables) {
      const pointer = readPointer(home, bucket, join(sync, table))!;
      expect(pointer.version).toBe(2);
      const files = filesOf(home, bucket, pointer);
      expect(await compareWithSource(postgres.url, table, files)).toEqual({
        sourceRows: rowsOf[table],
        lakeRows: rowsOf[table],
        lost: 0,
        alien: 0,
      });
      expect(faultsOf(home, bucket, pointer)).toEqual([]);
      // the snapshot before keeps its files, for readers that have opened it
      const former = strayFiles(home, bucket, join(sync, table));
      expect(former.every((file) => !file.includes(run!))).toBe(true);
      expect(former.length).toBeGreaterThan(0);
    }
    const events = readPointer(home, bucket, join(sync, 'public.events'))!;
    const shown = events.files.map(({ key }) => key);
    expect(shown).toEqual(expect.arrayContaining(committed.map(({ files }) => files[0]!.final)));
    expect(filesUnder(join(home, 's3', bucket, sync, '_staging'))).toEqual([]);
  });
});
