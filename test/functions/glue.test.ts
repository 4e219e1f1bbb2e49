/** The functions as they are deployed with a table in Glue: planned, copied, published, gone on with. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { ChunkOrder } from '../../core/plan/chunk-order.ts';
import { type Embedded, startEmbedded } from '../support/embedded.ts';
import { type GlueServer, startGlue } from '../support/glue-server.ts';
import { icebergReader } from '../support/iceberg-reader.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const kept = { ...process.env };
let db: TestPostgres;
let embedded: Embedded;
let glue: GlueServer;
beforeAll(async () => {
  [db, embedded, glue] = await Promise.all([testPostgres(), startEmbedded(), startGlue()]);
  await db.sql('CREATE TABLE orders AS SELECT id, id * 2 AS amount FROM generate_series(1, 500) AS id');
  await db.sql('ALTER TABLE orders ADD PRIMARY KEY (id)');
}, 120_000);
afterAll(async () => {
  process.env = { ...kept };
  await Promise.all([db?.stop(), embedded?.close(), glue?.stop()]);
});
beforeEach(() => {
  process.env = { ...kept };
});

async function endpointOf(endpoint: (() => Promise<{ hostname: string; port?: number }>) | undefined) {
  const { hostname, port } = await endpoint!();
  return `http://${hostname}:${port}`;
}

test('a table in Glue, from the definition to a reader that asks Glue where it is', async () => {
  const folder = scratchFolder();
  await writeFile(
    join(folder, 'tidemark.yaml'),
    `name: shop
source: { type: postgres, url: "${db.url}?sslmode=disable" }
tables: [{ name: public.orders, as: shop_orders }]
target: { url: "s3://lake/shop", compression: none, catalog: { type: glue, database: raw } }
chunk: { rows: 200 }`,
  );
  Object.assign(process.env, {
    LAMBDA_TASK_ROOT: folder,
    TIDEMARK_LEDGER: embedded.tableName,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_S3: await endpointOf(embedded.s3.config.endpoint),
    AWS_ENDPOINT_URL_DYNAMODB: await endpointOf(embedded.dynamodb.config.endpoint),
    AWS_ENDPOINT_URL_GLUE: glue.endpoint,
  });
  vi.resetModules();
  const [plan, copyChunk, publish] = await Promise.all([
    import('../../functions/plan/index.ts'),
    import('../../functions/copy-chunk/index.ts'),
    import('../../functions/publish/index.ts'),
  ]);
  const planned = await plan.handler({ execution: 'arn:1', fresh: false });
  if (planned.status !== 'planned') throw new Error('skipped');
  const lines = (await embedded.store.get(planned.planKey))!.body.toString('utf8').trim().split('\n');
  for (const line of lines) {
    const item: ChunkOrder = JSON.parse(line);
    await copyChunk.handler({ item, retry: 0 }, { getRemainingTimeInMillis: () => 900_000 });
  }
  const event = { run: planned.run, results: null, redriveCount: 0, currentRedriveCount: 0 };
  expect(await publish.handler(event)).toMatchObject({ status: 'published', rows: 500 });

  const parameters = glue.glue.table('raw', 'shop_orders')!.Parameters!;
  expect(parameters.table_type).toBe('ICEBERG');
  const [, location, file] = /^(.*)\/metadata\/([^/]+)$/.exec(parameters.metadata_location!)!;
  const rows = await icebergReader(embedded.s3).rows(location!, undefined, file);
  expect(rows.map(({ id, amount }) => [Number(id), Number(amount)]).sort(([a], [b]) => a! - b!)).toEqual(
    Array.from({ length: 500 }, (_, at) => [at + 1, 2 * (at + 1)]),
  );
}, 120_000);
