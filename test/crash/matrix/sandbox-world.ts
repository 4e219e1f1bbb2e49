/**
 * The whole path with real sandboxes: the embedded cloud's own servers, the bundles that are deployed, the state machine;
 * and before S3, DynamoDB, Step Functions and PostgreSQL a proxy each, which kills the sandbox at the call that a test
 * names. The product is told its endpoints, as ever, by the environment.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { keysOf } from '../../../core/objects/keys.ts';
import { bundleFunctions, functionEnvironment, functionNames } from '../../../functions/bundling.ts';
import { stateMachineDefinition } from '../../../infra/state-machine.ts';
import { credentials, region } from '../../../local/account.ts';
import { createBucket } from '../../../local/bucket.ts';
import { ensureLedgerTable, startDynamodb } from '../../../local/dynamodb.ts';
import { type RunningLambda, startLambda } from '../../../local/lambda.ts';
import { startS3 } from '../../../local/s3.ts';
import { startStepFunctions } from '../../../local/step-functions.ts';
import { compareWithSource } from '../../support/compare-with-source.ts';
import { httpProxy, type ProxiedRequest, type Verdict } from '../../support/http-proxy.ts';
import type { TestPostgres } from '../../support/postgres.ts';
import { postgresProxy } from '../../support/postgres-proxy.ts';
import { type Audited, faultsOf, newTally, type Tally } from './audit.ts';
import type { Sights } from './cloud.ts';
import { folderObjects } from './folder-objects.ts';
import { readerOf } from './reader.ts';
import { placeOfKey, rowsOfSnapshot, sync, tableName, tables } from './world.ts';

const bucket = 'lake';
const ledgerTable = 'ledger';

export type Seen = {
  /** whose sandbox made the call */
  readonly functionName: string;
  /** `PutObject staging`, `UpdateItem TABLE`, `DescribeExecution`, `SQL COPY` */
  readonly kind: string;
};

/** Kill the sandbox at the nth call of a kind (from 0) that a function makes. */
export type Kill = Seen & { readonly nth: number; readonly moment: 'before' | 'after' };

export type SandboxWorld = {
  /** the calls of the sandboxes since the last `kill` */
  readonly seen: readonly Seen[];
  /** Counts from anew, and arms a kill; null: none. */
  kill(kill: Kill | null): void;
  /** how many sandboxes have been killed */
  readonly killed: () => number;
  /** Gives the source the rows of the next snapshot. */
  change(): Promise<void>;
  /** Starts an execution of the state machine that tries again, or of the one that does not, and waits for its end. */
  execute(machine: 'retrying' | 'failing'): Promise<{ readonly arn: string; readonly status: string }>;
  /** Redrives an execution through the API, and waits for its end. */
  redrive(arn: string): Promise<string>;
  /** All that is wrong after a run, by DuckDB and by the audit of the matrix. */
  faults(): Promise<string[]>;
  readonly tally: Tally;
  stop(): Promise<void>;
};

const sqlKind = (text: string): string => {
  if (/\bCOPY \(/.test(text)) return 'SQL COPY';
  if (/^\s*SET /.test(text)) return 'SQL SET';
  return text === 'startup' || text === 'password' ? `SQL ${text}` : 'SQL query';
};

/** A part's partition is named after its run: what it is stands in its sort key. */
const itemKind = (body: string): string =>
  ['CHUNK', 'TABLE', 'RUN', 'HEAD'].find((kind) => new RegExp(`"S":"${kind}[#"]`).test(body)) ?? '';

/**
 * Which objects go is said in the body; the body of a `current.json` names data files, and is not about them. What lies in a
 * table's metadata folder is of the manifests' kind here: a real sandbox takes seconds, and each of them is met in memory.
 */
const objectKind = ({ command, path, body }: ProxiedRequest): string =>
  placeOfKey(command === 'DeleteObjects' ? body : path).replace(/^(?:hint|metadata|Iceberg .*)$/, 'manifest');

export async function sandboxWorld(postgres: TestPostgres): Promise<SandboxWorld> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-sandboxes-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(home, { recursive: true, force: true })];
  const use = <T extends { stop(): Promise<unknown> }>(server: T): T => {
    stops.push(() => server.stop());
    return server;
  };

  let lambda: RunningLambda | null = null;
  let seen: Seen[] = [];
  let armed: Kill | null = null;
  let killed = 0;

  /** which of its kind, and of its function, a request is */
  let numbers = new WeakMap<object, number>();
  const judge = (kind: string, request: object, moment: 'before' | 'after'): Verdict => {
    look();
    // one child at a time runs, so one sandbox at a time works
    const busy = lambda?.sandboxes().find(({ requestId }) => requestId !== null);
    if (!busy) return 'pass';
    const { functionName } = busy;
    const same = (one: Seen): boolean => one.kind === kind && one.functionName === functionName;
    if (moment === 'before') {
      numbers.set(request, seen.filter(same).length);
      seen.push({ functionName, kind });
    }
    const isHere =
      armed !== null && same(armed) && armed.moment === moment && numbers.get(request) === armed.nth;
    if (!isHere) return 'pass';
    armed = null;
    killed++;
    process.kill(busy.pid, 'SIGKILL');
    return 'drop';
  };

  const s3 = use(await startS3({ folder: join(home, 's3') }));
  const dynamodb = use(await startDynamodb({ folder: join(home, 'dynamodb') }));
  await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName: ledgerTable });
  await createBucket(s3.endpoint, bucket);
  const engine = use(
    await startStepFunctions({
      folder: join(home, 'step-functions'),
      objects: s3,
      lambda: { invoke: (name, payload, options) => lambda!.invoke(name, payload, options) },
    }),
  );
  const s3Proxy = use(
    await httpProxy(s3.endpoint, (request, moment) =>
      judge(`${request.command} ${objectKind(request)}`, request, moment),
    ),
  );
  const dynamodbProxy = use(
    await httpProxy(dynamodb.endpoint, (request, moment) =>
      judge(`${request.command} ${itemKind(request.body)}`, request, moment),
    ),
  );
  const sfnProxy = use(
    await httpProxy(engine.endpoint, (request, moment) => judge(request.command, request, moment)),
  );
  const sqlProxy = use(await postgresProxy(Number(new URL(postgres.url).port)));
  sqlProxy.onRequest = (request, _number, moment) => {
    judge(sqlKind(request.text), request, moment);
  };

  const url = new URL(postgres.url);
  url.port = String(sqlProxy.port);
  const definitionFile = join(home, 'tidemark.yaml');
  await writeFile(
    definitionFile,
    `name: ${sync}
source: { type: postgres, url: "${url.href}" }
tables: [${tables.map((table) => `public.${table}`)}]
target: { url: s3://${bucket}/lake }
chunk: { rows: 3 }
part: { rows: 2 }
`,
  );
  const bundles = await bundleFunctions({ outDir: join(home, 'functions'), definitionFile });
  const environment = { ...functionEnvironment, TIDEMARK_LEDGER: ledgerTable };
  lambda = use(
    await startLambda({
      folder: join(home, 'functions'),
      endpoints: { s3: s3Proxy.endpoint, dynamodb: dynamodbProxy.endpoint, sfn: sfnProxy.endpoint },
      functions: Object.fromEntries(
        functionNames.map((name) => [
          name,
          { ...bundles[name], environment, timeoutSeconds: 60, memoryMB: 1024 },
        ]),
      ),
    }),
  );

  const client = new SFNClient({ endpoint: engine.endpoint, region, credentials });
  const database = new DynamoDBClient({ endpoint: dynamodb.endpoint, region, credentials });
  stops.push(async () => {
    client.destroy();
    database.destroy();
  });
  const machine = async (name: string, maxAttempts: number): Promise<string> => {
    const definition = stateMachineDefinition({
      planFunction: 'plan',
      copyChunkFunction: 'copy-chunk',
      publishFunction: 'publish',
      retry: { kind: 'fixed', intervalSeconds: 1, maxAttempts, maxDelaySeconds: 2 },
      maxConcurrency: 1,
      taskTimeoutSeconds: 120,
    });
    const roleArn = 'arn:aws:iam::000000000000:role/embedded';
    const made = await client.send(
      new CreateStateMachineCommand({ name, definition: JSON.stringify(definition), roleArn }),
    );
    return made.stateMachineArn!;
  };
  const machines = { retrying: await machine('retrying', 5), failing: await machine('failing', 0) };

  const ended = async (executionArn: string): Promise<string> => {
    for (;;) {
      const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
      if (status !== 'RUNNING' && status !== 'PENDING_REDRIVE') return status!;
      await new Promise((done) => setTimeout(done, 100));
    }
  };

  const sights: Sights = {
    ...folderObjects(join(home, 's3', bucket)),
    async items() {
      const page = await database.send(new ScanCommand({ TableName: ledgerTable, ConsistentRead: true }));
      return (page.Items ?? []).map((item) => unmarshall(item));
    },
  };
  const keys = keysOf({ bucket, prefix: 'lake/' }, sync);
  const pointers = new Map(tables.map((table) => [table, keys.pointer(tableName(table))]));
  const audited: Audited & { snapshot: number } = {
    place: sights,
    reader: readerOf(sights, pointers),
    snapshot: 0,
  };
  const look = () => audited.reader.look();
  const tally = newTally();

  return {
    get seen() {
      return seen;
    },
    kill(kill) {
      seen = [];
      numbers = new WeakMap();
      armed = kill;
    },
    killed: () => killed,
    async change() {
      audited.snapshot++;
      const rows = rowsOfSnapshot(audited.snapshot);
      for (const table of tables) {
        await postgres.sql(`CREATE TABLE IF NOT EXISTS ${table} (id bigint PRIMARY KEY, note text)`);
        await postgres.sql(`DELETE FROM ${table}`);
        for (const { id, note } of rows[table]) {
          await postgres.sql(`INSERT INTO ${table} VALUES ($1, $2)`, [id, note]);
        }
        await postgres.sql(`VACUUM ANALYZE ${table}`);
      }
    },
    async execute(which) {
      const { executionArn } = await client.send(
        new StartExecutionCommand({ stateMachineArn: machines[which], input: '{"fresh":false}' }),
      );
      return { arn: executionArn!, status: await ended(executionArn!) };
    },
    async redrive(arn) {
      await client.send(new RedriveExecutionCommand({ executionArn: arn }));
      return ended(arn);
    },
    async faults() {
      const wrong = await faultsOf(audited, tally, { mayLeaveStaging: false });
      for (const table of tables) {
        const shown = audited.reader.seen(table).at(-1);
        const files = shown?.pointer.files.map(({ key }) => join(home, 's3', bucket, key)) ?? [];
        if (files.length === 0) continue;
        const { lost, alien } = await compareWithSource(postgres.url, table, files);
        if (lost + alien > 0) wrong.push(`${table}: DuckDB finds ${lost} rows lost, ${alien} alien`);
      }
      return wrong;
    },
    tally,
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
