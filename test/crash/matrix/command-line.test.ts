/**
 * The process of `tidemark run`, with all that it serves, killed as by `kill -9` at calls of its sandboxes; then run
 * again. What is not told to the product is loaded beside it: see test/support/kill-at-request.mjs.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keysOf } from '../../../core/objects/keys.ts';
import { inParallel } from '../../../core/parallel.ts';
import { credentials, region } from '../../../local/account.ts';
import { ledgerTable } from '../../../local/cloud.ts';
import { startDynamodb } from '../../../local/dynamodb.ts';
import { startTidemark } from '../../support/command-line.ts';
import { compareWithSource } from '../../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { postgresProxy } from '../../support/postgres-proxy.ts';
import { faultsOf, newTally, type Tally } from './audit.ts';
import { folderObjects } from './folder-objects.ts';
import { readerOf } from './reader.ts';
import { say, spotless } from './report.ts';
import { rowsOfSnapshot, sync, tableName, tables } from './world.ts';

/** `<moment> <nth> <command> <text>`: a call that changes something, of each kind, one way or the other. */
const places = [
  'before 0 PutItem',
  'after 0 PutObject /tables/',
  'before 0 PutObject /plan-',
  'after 0 PutObject /_staging/',
  'before 1 CopyObject /data/',
  'after 0 CopyObject /data/',
  'before 0 DeleteObjects',
  'after 0 PutObject /manifests/',
  'before 3 UpdateItem',
  'after 2 UpdateItem',
  'before 1 PutObject current.json',
  'after 0 PutObject current.json',
] as const;

const preload = fileURLToPath(new URL('../../support/kill-at-request.mjs', import.meta.url));
const snapshot = 1;

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-command-line-'));
  postgres = await testPostgres();
  for (const table of tables) {
    await postgres.sql(`CREATE TABLE ${table} (id bigint PRIMARY KEY, note text)`);
    for (const { id, note } of rowsOfSnapshot(snapshot)[table]) {
      await postgres.sql(`INSERT INTO ${table} VALUES ($1, $2)`, [id, note]);
    }
    await postgres.sql(`ANALYZE ${table}`);
  }
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

async function world(name: string) {
  const home = join(folder, name);
  const config = join(folder, `${name}.yaml`);
  await writeFile(
    config,
    `name: ${sync}
source: { type: postgres, url: "\${DATABASE_URL}" }
tables: [${tables.map((table) => `public.${table}`)}]
target: { url: s3://lake/lake }
chunk: { rows: 3 }
part: { rows: 2 }
concurrency: 1
retry: { kind: none }
`,
  );
  const run = (environment: Readonly<Record<string, string>>) =>
    startTidemark(['run', '--config', config, '--home', home], {
      DATABASE_URL: postgres.url,
      ...environment,
    });
  return { home, run };
}

/** Looks at a home folder in which no process works. */
async function faultsIn(home: string, tally: Tally): Promise<string[]> {
  const database = await startDynamodb({ folder: join(home, 'dynamodb') });
  const client = new DynamoDBClient({ endpoint: database.endpoint, region, credentials });
  const bucket = join(home, 's3', 'lake');
  const keys = keysOf({ bucket: 'lake', prefix: 'lake/' }, sync);
  const place = {
    ...folderObjects(bucket),
    async items() {
      const page = await client.send(new ScanCommand({ TableName: ledgerTable, ConsistentRead: true }));
      return (page.Items ?? []).map((item) => unmarshall(item));
    },
  };
  const reader = readerOf(place, new Map(tables.map((table) => [table, keys.pointer(tableName(table))])));
  try {
    const wrong = await faultsOf({ place, reader, snapshot }, tally, {
      mayLeaveStaging: false,
    });
    for (const table of tables) {
      const files = reader.seen(table).at(-1)?.pointer.files ?? [];
      const paths = files.map(({ key }) => join(bucket, key));
      const { lost, alien } = await compareWithSource(postgres.url, table, paths);
      if (lost + alien > 0) wrong.push(`${table}: DuckDB finds ${lost} rows lost, ${alien} alien`);
    }
    return wrong;
  } finally {
    client.destroy();
    await database.stop();
  }
}

test('tidemark run, killed at a call of its sandboxes, goes on when it is run again', async () => {
  const tally = newTally();
  const wrong: string[] = [];
  await inParallel([...places.entries()], 2, async ([i, place]) => {
    const { home, run } = await world(`killed-${i}`);
    const killed = await run({
      TIDEMARK_TEST_KILL: place,
      NODE_OPTIONS: `--import ${preload}`,
      AWS_SDK_UA_APP_ID: 'host',
    }).ended;
    if (killed.exitCode !== null) wrong.push(`${place} → it ended by itself: ${killed.stderr}`);
    const again = await run({}).ended;
    if (again.exitCode !== 0) wrong.push(`${place} → run again: ${again.stderr}`);
    tally.cases++;
    wrong.push(...(await faultsIn(home, tally)).map((what) => `${place} → ${what}`));
  });
  say('the whole process killed at a call, and run again', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);

test('tidemark run, killed while rows come from PostgreSQL, goes on when it is run again', async () => {
  const tally = newTally();
  const wrong: string[] = [];
  for (const moment of ['before', 'after'] as const) {
    const { home, run } = await world(`copy-${moment}`);
    const proxy = await postgresProxy(Number(new URL(postgres.url).port));
    const url = new URL(postgres.url);
    url.port = String(proxy.port);
    const running = run({ DATABASE_URL: url.href });
    await new Promise<void>((met) => {
      proxy.onRequest = ({ bringsRows }, _number, when) => {
        if (bringsRows && when === moment) met();
      };
    });
    running.killGroup();
    await running.ended;
    await proxy.stop();
    const again = await run({}).ended;
    if (again.exitCode !== 0) wrong.push(`${moment} the COPY → run again: ${again.stderr}`);
    tally.cases++;
    wrong.push(...(await faultsIn(home, tally)).map((what) => `${moment} the COPY → ${what}`));
  }
  say('the whole process killed at a COPY, and run again', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 300_000);
