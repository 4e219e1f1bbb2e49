/**
 * One chunk function against the limit: a lineitem-like table from PostgreSQL to Parquet on the embedded S3, by the
 * bundle that is deployed, in one invocation; and a reader that takes the same COPY and throws it away. Both are
 * processes of their own and alternate; the medians of their ratio count, not the times of this machine.
 *
 *     npm run bench -- [rows = 3000000] [rounds = 5]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fingerprint } from '../core/definition/fingerprint.ts';
import { loadDefinition } from '../core/definition/load.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { chunkOrder } from '../core/plan/chunk-order.ts';
import { planTable } from '../core/plan/plan-run.ts';
import { postgresSource } from '../core/sources/postgres/postgres.ts';
import { bundleFunctions } from '../functions/bundling.ts';
import { createBucket } from '../local/bucket.ts';
import { ensureLedgerTable, startDynamodb } from '../local/dynamodb.ts';
import { startPostgres } from '../local/postgres.ts';
import { startS3 } from '../local/s3.ts';
import { createLineitem } from './lineitem.ts';

const [rows = 3_000_000, rounds = 5] = process.argv.slice(2).map(Number);
const child = fileURLToPath(new URL('child.ts', import.meta.url));

type Measure = { ms: number; cpuMs: number; peakMB: number; answer: unknown };

async function measured(args: string[], environment: Record<string, string>): Promise<Measure> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', child, ...args], {
    env: { PATH: process.env.PATH, ...environment },
    maxBuffer: 1024 ** 2,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
const servers: { stop(): Promise<void> }[] = [];
const stopAll = async (): Promise<void> => {
  for (const server of servers.splice(0).reverse()) await server.stop();
  await rm(folder, { recursive: true, force: true });
};
try {
  const postgres = await startPostgres({
    folder: join(folder, 'postgres'),
    settings: { max_wal_size: '4GB' },
  });
  servers.push(postgres);
  say(`loading ${rows.toLocaleString('en')} lineitem rows …`);
  await createLineitem(postgres.url, rows);

  const s3 = await startS3({ folder: join(folder, 's3') });
  const dynamodb = await startDynamodb({ folder: join(folder, 'dynamodb') });
  servers.push(s3, dynamodb);
  const tableName = 'ledger';
  await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName });
  await createBucket(s3.endpoint, 'lake');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const ledger = dynamodbLedger(
    dynamodbClient({ endpoint: dynamodb.endpoint, region: 'us-east-1', credentials }),
    tableName,
  );

  const definitionFile = join(folder, 'tidemark.yaml');
  const yaml = `name: bench\nsource: { type: postgres, url: "\${DATABASE_URL}" }\ntables: [public.lineitem]\ntarget: { url: "s3://lake/bench" }\nchunk: { rows: 1000000000 }\n`;
  await writeFile(definitionFile, yaml);
  const definition = loadDefinition(yaml, definitionFile, { DATABASE_URL: postgres.url });
  const bundles = await bundleFunctions({ outDir: join(folder, 'functions'), definitionFile });
  const source = postgresSource({ url: postgres.url });
  const plan = await planTable(source, definition, definition.tables[0]!);
  await source.close();

  const environment = {
    DATABASE_URL: postgres.url,
    TIDEMARK_LEDGER: tableName,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    NODE_PATH: fileURLToPath(new URL('../node_modules', import.meta.url)),
  };
  const query = `copy (select * from lineitem order by l_id) to stdout (format binary)`;
  const limits: Measure[] = [];
  const copies: Measure[] = [];
  for (let round = 0; round <= rounds; round++) {
    const run = `20260101T0000${String(round).padStart(2, '0')}Z-0000`;
    const startedAt = new Date().toISOString();
    await ledger.createRun({
      sync: 'bench',
      run,
      status: 'running',
      startedAt,
      endedAt: null,
      executions: [],
      fingerprint: fingerprint(definition),
      tables: ['public.lineitem'],
      totals: null,
    });
    const order = chunkOrder(definition, run, 0, 0, plan.chunks[0]!, plan.description);
    const item = { ...order, description: plan.description };
    const limit = await measured(['discard', query], environment);
    const copy = await measured(
      ['bundle', bundles['copy-chunk'].folder, JSON.stringify({ item, retry: 0 })],
      environment,
    );
    if (round === 0) continue; // warms the caches
    limits.push(limit);
    copies.push(copy);
    say(
      `round ${round}: discard ${limit.ms.toFixed(0)} ms, copy ${copy.ms.toFixed(0)} ms, ratio ${(limit.ms / copy.ms).toFixed(2)}, ${JSON.stringify(copy.answer)}`,
    );
  }
  const perMillion = (measure: Measure) => measure.cpuMs / 1000 / (rows / 1e6);
  say('');
  say('| | rows/s | CPU-s / M rows | peak RSS |');
  say('|---|---|---|---|');
  for (const [name, all] of [
    ['reading the COPY and discarding it', limits],
    ['one chunk function, to Parquet on S3', copies],
  ] as const) {
    const rate = median(all.map(({ ms }) => (rows / ms) * 1000));
    say(
      `| ${name} | ${Math.round(rate).toLocaleString('en')} | ${median(all.map(perMillion)).toFixed(2)} | ${median(all.map(({ peakMB }) => peakMB)).toFixed(0)} MB |`,
    );
  }
  const ratio = median(limits.map(({ ms }, round) => ms / copies[round]!.ms));
  say(`\nratio ${ratio.toFixed(2)} (median of ${rounds} alternating rounds; Node ${process.version})`);
} finally {
  await stopAll();
}
