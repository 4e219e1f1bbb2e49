/**
 * What the copying of a chunk takes does not grow with their number: every request to S3 and DynamoDB is counted, for a
 * table of 100 chunks and for one of 400. (bench/ten-thousand-chunks.ts does the same for 10,000, and looks at the
 * memory.)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { runTinyChunks } from '../support/tiny-chunks.ts';

vi.setConfig({ testTimeout: 300_000 });

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-chunks-'));
  postgres = await testPostgres();
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Of a chunk of one part: the functions' requests, all of them … */
const perChunk = {
  // whether the run goes on, the end of the log; the commit
  'dynamodb GetItem': 1,
  'dynamodb Query': 1,
  'dynamodb PutItem': 1,
  // staged, renamed; looked at when it is published
  's3 PUT _staging': 1,
  's3 Copy data': 1,
  's3 DeleteObjects': 1,
  's3 HEAD data': 1,
};

/** … and of a run of one table, however many chunks it has. */
const perRun = {
  // the head, the run, the table’s head, the published run; Publish reads the log of 16 partitions
  'dynamodb GetItem': 4,
  'dynamodb Query': 16,
  'dynamodb PutItem': 2,
  'dynamodb UpdateItem': 3,
  's3 GET current': 2,
  's3 GET manifests': 1,
  's3 GET table plan': 2,
  's3 List _staging': 2,
  's3 List data': 1,
  's3 PUT current': 1,
  's3 PUT description': 1,
  's3 PUT manifests': 1,
  's3 PUT plan': 1,
  's3 PUT table plan': 1,
  // the Iceberg commit: its manifest (see below), the list of the snapshot, the metadata, the hint
  's3 PUT manifest list': 1,
  's3 PUT table metadata': 1,
  's3 PUT version-hint': 1,
  // Plan and Publish look whether there is a table that the head does not know; Publish again, to roll the hint forward
  's3 GET version-hint': 3,
  // what the snapshots are, so that what they do not name can be swept
  's3 GET table metadata': 1,
  's3 List metadata': 1,
};

/** The one request that grows: a manifest of Iceberg's names so many files, and many readers open several at once. */
const filesOfManifest = 1_000;

/** Chunks at once, by default: a sandbox each. */
const sandboxesMax = 4;

function expected(chunks: number): Record<string, number> {
  const all: Record<string, number> = {
    ...perRun,
    's3 PUT manifest file': Math.ceil(chunks / filesOfManifest),
  };
  for (const [kind, count] of Object.entries(perChunk)) all[kind] = (all[kind] ?? 0) + count * chunks;
  return all;
}

test.for([100, 400])('%i chunks: so many requests each, and every row', async (chunks) => {
  const result = await runTinyChunks(postgres, folder, chunks, 1_000);
  expect(result.chunks).toBe(chunks);
  expect(result.difference).toEqual({ sourceRows: chunks * 6, lakeRows: chunks * 6, lost: 0, alien: 0 });
  expect([...result.faults, ...result.strays, ...result.staged]).toEqual([]);
  const ofFunctions = Object.fromEntries(
    Object.entries(result.requests).flatMap(([kind, count]) =>
      kind.startsWith('functions/') ? [[kind.slice('functions/'.length), count]] : [],
    ),
  );
  const { 's3 GET description': descriptions, ...rest } = ofFunctions;
  expect(rest).toEqual(expected(chunks));
  expect(descriptions).toBeGreaterThan(0);
  expect(descriptions).toBeLessThanOrEqual(sandboxesMax);
  // the Map: its items once, its results in a few files
  expect(result.requests['host/s3 GET plan']).toBe(1);
  expect(result.requests['host/s3 PUT results']).toBe(2);
});
