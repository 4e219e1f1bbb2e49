import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  ConditionalCheckFailedException,
  DescribeTableCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ensureLedgerTable, type RunningDynamodb, startDynamodb } from '../../local/dynamodb.ts';

const TableName = 'ledger';
const project = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
let running: RunningDynamodb[];
let clients: DynamoDBClient[];
let children: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-dynamodb-'));
  running = [];
  clients = [];
  children = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const child of children) child.kill('SIGKILL');
  for (const server of running) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(at = join(folder, 'home', 'db')): Promise<RunningDynamodb> {
  const server = await startDynamodb({ folder: at });
  running.push(server);
  return server;
}

function documents(endpoint: string): DynamoDBDocumentClient {
  const client = new DynamoDBClient({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
  clients.push(client);
  return DynamoDBDocumentClient.from(client);
}

async function ledger(): Promise<{ server: RunningDynamodb; db: DynamoDBDocumentClient }> {
  const server = await start();
  await ensureLedgerTable({ endpoint: server.endpoint, tableName: TableName });
  return { server, db: documents(server.endpoint) };
}

test('the ledger’s table is active when it is there, also when several make it at once, also the second time', async () => {
  const { endpoint } = await start();
  const make = () => ensureLedgerTable({ endpoint, tableName: TableName });
  await Promise.all([make(), make(), make()]);
  await make();
  const { Table } = await documents(endpoint).send(new DescribeTableCommand({ TableName }));
  expect(Table?.TableStatus).toBe('ACTIVE');
  expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
  expect(Table?.KeySchema).toEqual([
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ]);
});

test('of many writers of one item, one wins; the losers are told so, without the item', async () => {
  const { db } = await ledger();
  const put = (attempt: number) =>
    db.send(
      new PutCommand({
        TableName,
        Item: { pk: 'RUN#a', sk: 'CHUNK#1#1', attempt },
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, attempt) => put(attempt)));
  const winners = outcomes.flatMap(({ status }, attempt) => (status === 'fulfilled' ? [attempt] : []));
  expect(winners).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    expect(outcome.reason).toBeInstanceOf(ConditionalCheckFailedException);
    // DynamoDB would hand the item over; dynalite does not, so the ledger has to read it
    expect(outcome.reason.Item).toBeUndefined();
  }
  const read = await db.send(
    new GetCommand({ TableName, Key: { pk: 'RUN#a', sk: 'CHUNK#1#1' }, ConsistentRead: true }),
  );
  expect(read.Item?.attempt).toBe(winners[0]);
});

test('conditions on versions and owners, with reserved words behind names', async () => {
  const { db } = await ledger();
  const Key = { pk: 'SYNC#s', sk: 'TABLE#public.t' };
  const claim = (run: string) =>
    db.send(
      new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: 'SET claimedBy = :run, #version = if_not_exists(#version, :zero)',
        ConditionExpression: 'attribute_not_exists(claimedBy) OR claimedBy <> :run',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':run': run, ':zero': 0 },
        ReturnValues: 'ALL_NEW',
      }),
    );
  const publish = (run: string, version: number) =>
    db.send(
      new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: 'SET #version = :next, #snapshot = :snapshot REMOVE #status',
        ConditionExpression: 'claimedBy = :run AND #version = :version',
        ExpressionAttributeNames: { '#version': 'version', '#snapshot': 'snapshot', '#status': 'status' },
        ExpressionAttributeValues: {
          ':run': run,
          ':version': version,
          ':next': version + 1,
          ':snapshot': [{ key: 'k', rows: 1 }],
        },
        ReturnValues: 'ALL_NEW',
      }),
    );
  expect((await claim('r1')).Attributes).toMatchObject({ claimedBy: 'r1', version: 0 });
  await expect(claim('r1')).rejects.toBeInstanceOf(ConditionalCheckFailedException);
  await expect(publish('r2', 0)).rejects.toBeInstanceOf(ConditionalCheckFailedException);
  expect((await publish('r1', 0)).Attributes).toMatchObject({
    version: 1,
    snapshot: [{ key: 'k', rows: 1 }],
  });
  await expect(publish('r1', 0)).rejects.toBeInstanceOf(ConditionalCheckFailedException);
});

test('a chunk’s log comes in order, page by page, forward and backward, and nothing of its neighbours', async () => {
  const { db } = await ledger();
  const sk = (chunk: number, n: number) => `CHUNK#${chunk}#${String(n).padStart(6, '0')}`;
  const filler = 'x'.repeat(30_000); // 50 items of it are more than one page of 1 MB
  for (const chunk of [1, 11, 2]) {
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        db.send(
          new PutCommand({ TableName, Item: { pk: 'RUN#a', sk: sk(chunk, n), n, 'wäre#ü': 'é', filler } }),
        ),
      ),
    );
  }
  const read = async (forward: boolean, Limit?: number) => {
    const found: string[] = [];
    let pages = 0;
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await db.send(
        new QueryCommand({
          TableName,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :chunk)',
          ExpressionAttributeValues: { ':pk': 'RUN#a', ':chunk': 'CHUNK#1#' },
          ScanIndexForward: forward,
          Limit,
          ExclusiveStartKey,
        }),
      );
      found.push(...(page.Items ?? []).map((item) => item.sk as string));
      ExclusiveStartKey = page.LastEvaluatedKey;
      pages++;
    } while (ExclusiveStartKey !== undefined);
    return { found, pages };
  };
  const all = Array.from({ length: 50 }, (_, n) => sk(1, n));
  expect(await read(true)).toEqual({ found: all, pages: 2 });
  expect((await read(true, 7)).found).toEqual(all);
  expect((await read(false, 7)).found).toEqual(all.toReversed());
});

test('a second instance on the folder, and a port that is taken, are refused', async () => {
  const first = await start();
  await expect(startDynamodb({ folder: join(folder, 'home', 'db') })).rejects.toMatchObject({
    name: 'CloudBusy',
    message: expect.stringContaining(join(folder, 'home', 'db')),
  });
  await expect(startDynamodb({ folder: join(folder, 'other'), port: first.port })).rejects.toMatchObject({
    name: 'CloudBusy',
    message: expect.stringContaining(String(first.port)),
  });
  // neither attempt has left the database or the port in a bad way
  await (await start(join(folder, 'other'))).stop();
  await ensureLedgerTable({ endpoint: first.endpoint, tableName: TableName });
  await first.stop();
  await start();
});

test('a folder that cannot be a database is CloudBroken', async () => {
  await writeFile(join(folder, 'file'), 'x');
  await expect(startDynamodb({ folder: join(folder, 'file', 'db') })).rejects.toMatchObject({
    name: 'CloudBroken',
  });
});

test('only this machine reaches it', async () => {
  const { port } = await start();
  const outer = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  const reached = await new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: outer ?? '127.0.0.2', timeout: 2_000 });
    const settle = (yes: boolean) => () => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).once('timeout', settle(false));
  });
  expect(reached).toBe(false);
});

test('a client that dies in the middle of a request does no harm', async () => {
  const { server, db } = await ledger();
  for (let i = 0; i < 5; i++) {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    await once(socket, 'connect');
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\n' +
        'X-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: 1000\r\n\r\n{"TableName"',
    );
    await sleep(5);
    socket.resetAndDestroy();
  }
  await sleep(20);
  await db.send(new PutCommand({ TableName, Item: { pk: 'a', sk: 'b' } }));
});

/** A process of its own with the ledger in `<folder>/home/db`; files may not grow beyond `fileKiB`. */
async function ledgerProcess(
  fileKiB: number | 'unlimited',
): Promise<{ child: ChildProcess; endpoint: string }> {
  const program = `
    import { startDynamodb, ensureLedgerTable } from ${JSON.stringify(join(project, 'local/dynamodb.ts'))};
    const { endpoint } = await startDynamodb({ folder: ${JSON.stringify(join(folder, 'home', 'db'))} });
    await ensureLedgerTable({ endpoint, tableName: ${JSON.stringify(TableName)} });
    console.log(endpoint);`;
  const child = spawn(
    'bash',
    [
      '-c',
      `ulimit -f ${fileKiB}; exec "$0" --import tsx --input-type=module -e "$1"`,
      process.execPath,
      program,
    ],
    { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const [endpoint] = await once(createInterface(child.stdout as Readable), 'line');
  return { child, endpoint: endpoint as string };
}

test('a full disk is an error to the client; the server lives, and what it had acknowledged stays', async () => {
  const { child, endpoint } = await ledgerProcess(200);
  const db = documents(endpoint);
  const put = (n: number) =>
    db.send(new PutCommand({ TableName, Item: { pk: 'a', sk: String(n), filler: 'x'.repeat(10_000) } }));
  let acknowledged = 0;
  const failure = await (async () => {
    for (; acknowledged < 1_000; acknowledged++) await put(acknowledged);
  })().catch((error: Error) => error);
  expect(failure).toMatchObject({
    name: 'InternalServerError',
    message: expect.stringContaining('database'),
  });
  expect(acknowledged).toBeGreaterThan(5);
  const read = await db.send(new GetCommand({ TableName, Key: { pk: 'a', sk: String(acknowledged - 1) } }));
  expect(read.Item?.filler).toHaveLength(10_000);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const again = await ledger();
  for (let n = 0; n < acknowledged; n++) {
    const { Item } = await again.db.send(new GetCommand({ TableName, Key: { pk: 'a', sk: String(n) } }));
    expect(Item?.filler, String(n)).toHaveLength(10_000);
  }
});

test('a kill in the middle of making the table does not leave it half made', async () => {
  const { server } = await ledger();
  await server.stop();
  const { Level } = createRequire(import.meta.url)('level');
  const level = new Level(join(folder, 'home', 'db'), { valueEncoding: 'json' });
  await level.put(`table~${TableName}`, {
    ...(await level.get(`table~${TableName}`)),
    TableStatus: 'CREATING',
  });
  await level.close();
  const { db } = await ledger();
  await db.send(new PutCommand({ TableName, Item: { pk: 'a', sk: 'b' } }));
});

test('what was acknowledged survives kill -9', async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round++) {
    const { child, endpoint } = await ledgerProcess('unlimited');
    const db = documents(endpoint);
    let dead = false;
    const write = async (writer: number) => {
      for (let n = 0; !dead; n++) {
        const sk = `${round}#${writer}#${n}`;
        try {
          await db.send(
            new PutCommand({
              TableName,
              Item: { pk: 'RUN#a', sk, filler: 'x'.repeat(500) },
              ConditionExpression: 'attribute_not_exists(pk)',
            }),
          );
        } catch {
          return;
        }
        acknowledged.push(sk);
      }
    };
    const writers = [0, 1, 2, 3].map(write);
    await sleep(100 + Math.random() * 300);
    child.kill('SIGKILL');
    dead = true;
    clients.at(-1)?.destroy();
    await Promise.all([once(child, 'exit'), ...writers]);
  }
  expect(acknowledged.length).toBeGreaterThan(30);
  const { db } = await ledger();
  const found = new Set<string>();
  let ExclusiveStartKey: Record<string, unknown> | undefined;
  do {
    const page = await db.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'RUN#a' },
        ProjectionExpression: 'sk',
        ExclusiveStartKey,
      }),
    );
    for (const item of page.Items ?? []) found.add(item.sk);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  expect(acknowledged.filter((sk) => !found.has(sk))).toEqual([]);
});

test('a query leaves no iterator of the database open', async () => {
  const { ClassicLevel } = createRequire(import.meta.url)('classic-level');
  const opened = vi.spyOn(ClassicLevel.prototype, 'values');
  try {
    const { db } = await ledger();
    for (let i = 0; i < 6; i++) await db.send(new PutCommand({ TableName, Item: { pk: 'p', sk: `s${i}` } }));
    for (const more of [{}, { Limit: 1 }, { Limit: 1, ScanIndexForward: false }]) {
      const query = { KeyConditionExpression: 'pk = :p', ExpressionAttributeValues: { ':p': 'p' }, ...more };
      await db.send(new QueryCommand({ TableName, ...query }));
    }
    expect(opened.mock.results).toHaveLength(3);
    for (const { value } of opened.mock.results) {
      await vi.waitFor(() => expect(value.next()).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' }));
    }
  } finally {
    opened.mockRestore();
  }
});
