/**
 * The embedded DynamoDB: dynalite over LevelDB in one folder, on 127.0.0.1.
 *
 * A write is acknowledged when LevelDB has handed it to the operating system: it survives `kill -9` of this
 * process at any moment, though not a power cut. Known differences from DynamoDB that callers must expect:
 * no transactions, no TTL, and no item on a failed condition (`ReturnValuesOnConditionCheckFailure` is
 * ignored), so a consistent read has to follow.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { TidemarkError } from '../core/errors.ts';
import { credentials, region } from './account.ts';

export type RunningDynamodb = {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly port: number;
  /** Answers what is under way, then closes the database. May be called twice. */
  stop(): Promise<void>;
};

export type DynamodbOptions = {
  /** where the tables lie; made if it is not there */
  readonly folder: string;
  /** a free one by default */
  readonly port?: number;
};

/**
 * Starts the server. The folder is this process's alone until `stop()` or death: LevelDB's lock is the
 * system's, so none is left over by a kill.
 *
 * @throws CloudBusy when another process has the folder, or something else the port; CloudBroken when the
 *   database cannot be opened
 */
export async function startDynamodb(options: DynamodbOptions): Promise<RunningDynamodb> {
  const { store, answer } = loadDynalite(options.folder);
  await openDatabase(store, options.folder);
  await completeTables(store);
  const server = createServer((request, response) => receive(request, response, answer));
  // Longer than any pause of a client's: a connection closed just as a request goes out costs a retry.
  server.keepAliveTimeout = 120_000;
  try {
    await listen(server, options.port ?? 0);
  } catch (error) {
    await store.db.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let stopped: Promise<void> | null = null;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    stop: () => {
      stopped ??= close(server).then(() => store.db.close());
      return stopped;
    },
  };
}

/**
 * Makes the ledger's table if it is not there (`pk` and `sk`, both strings, on demand) and waits until it is
 * active. Another process may do the same at the same time.
 *
 * @throws CloudBroken when it is not active after 30 s
 */
export async function ensureLedgerTable(table: { endpoint: string; tableName: string }): Promise<void> {
  const TableName = table.tableName;
  const client = new DynamoDBClient({
    endpoint: table.endpoint,
    region,
    credentials,
  });
  try {
    const giveUpAt = Date.now() + tableActiveMsMax;
    while (Date.now() < giveUpAt) {
      const status = await statusOf(client, TableName);
      if (status === 'ACTIVE') return;
      if (status === null) await createTable(client, TableName);
      await sleep(10);
    }
    throw new TidemarkError('CloudBroken', `The table ${TableName} of the embedded DynamoDB is not active.`);
  } finally {
    client.destroy();
  }
}

const tableActiveMsMax = 30_000;

async function statusOf(client: DynamoDBClient, TableName: string): Promise<string | null> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    return Table?.TableStatus ?? null;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return null;
    throw error;
  }
}

async function createTable(client: DynamoDBClient, TableName: string): Promise<void> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

// The parts of dynalite 4.0.0 that we touch; it comes without types.

type Callback = (error: unknown, value?: unknown) => void;
type Write = (...operands: unknown[]) => unknown;

type LevelIterator = { close(): Promise<void>; return?: () => Promise<void> };
type Level = {
  keys(...options: unknown[]): LevelIterator;
  values(...options: unknown[]): LevelIterator;
  open(): Promise<void>;
  close(): Promise<void>;
  put: Write;
  del: Write;
  batch: Write;
  get: Write;
  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, { TableStatus?: string }]>;
};
type Store = { readonly db: Level };
type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;
type Dynalite = (options: { path: string; createTableMs: number; deleteTableMs: number }) => Server;
type DynaliteDatabase = { create: (options: object) => Store };

/**
 * dynalite gives out an HTTP server only. Its store is needed, too: to know at once that the folder is taken, to mend
 * tables, to close iterators, and because dynalite throws the database's errors into the void, which would end the
 * process.
 */
function loadDynalite(folder: string): { store: Store; answer: RequestListener } {
  const require = createRequire(import.meta.url);
  const dynalite = require('dynalite') as Dynalite;
  const database = require('dynalite/db') as DynaliteDatabase;
  const { create } = database;
  let store: Store | undefined;
  database.create = (options) => {
    store = create(options);
    return store;
  };
  try {
    const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0 });
    const [answer] = server.listeners('request') as RequestListener[];
    if (store === undefined || answer === undefined) throw new Error('this is not dynalite 4.0.0');
    answerErrors(store.db);
    closeIterators(store.db);
    return { store, answer };
  } finally {
    database.create = create;
  }
}

/**
 * dynalite ends an iterator by a method that LevelDB's do not have any more: every Query would leave one open, which
 * keeps what it has read, and the database's files of that moment.
 */
function closeIterators(db: Level): void {
  for (const name of ['keys', 'values'] as const) {
    const open = db[name].bind(db);
    db[name] = (...options) => {
      const iterator = open(...options);
      return Object.assign(iterator, { return: () => iterator.close() });
    };
  }
}

/** Makes errors of the database (a full disk) a 500 to the client, who retries or reports it. */
function answerErrors(db: Level): void {
  for (const name of ['get', 'put', 'del', 'batch'] as const) {
    const operation = db[name].bind(db);
    db[name] = (...operands) => {
      const callback = operands.at(-1);
      if (typeof callback !== 'function') return operation(...operands);
      return operation(...operands.slice(0, -1), (error: unknown, value: unknown) =>
        (callback as Callback)(error ? internalServerError(error) : null, value),
      );
    };
  }
}

function internalServerError(error: unknown): unknown {
  if ((error as Error).name === 'NotFoundError') return error;
  const message = `The embedded DynamoDB's database failed: ${(error as Error).message}`;
  const body = { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message };
  return Object.assign(new Error(message, { cause: error }), { statusCode: 500, body });
}

async function openDatabase(store: Store, folder: string): Promise<void> {
  try {
    await store.db.open();
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    if ((cause as NodeJS.ErrnoException).code === 'LEVEL_LOCKED') {
      const message = `Another process has the embedded DynamoDB in ${folder} open.`;
      throw new TidemarkError('CloudBusy', message, { cause });
    }
    const message = `The embedded DynamoDB in ${folder} cannot be opened: ${(cause as Error).message}`;
    throw new TidemarkError('CloudBroken', message, { cause });
  }
}

/** dynalite writes CREATING, then ACTIVE: a kill between the two would leave the table CREATING for ever. */
async function completeTables(store: Store): Promise<void> {
  for await (const [key, table] of store.db.iterator({ gte: 'table~', lt: 'table~\xff' })) {
    if (table.TableStatus === 'CREATING') await store.db.put(key, { ...table, TableStatus: 'ACTIVE' });
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'CloudBusy' : 'CloudBroken';
      const message = `The embedded DynamoDB cannot listen on 127.0.0.1:${port}: ${cause.message}`;
      reject(new TidemarkError(code, message, { cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}

/**
 * Hands dynalite whole requests only. A client that dies in the middle of one (a sandbox that is killed) is
 * forgotten here; dynalite would throw, and take this process with it.
 */
function receive(request: IncomingMessage, response: ServerResponse, answer: RequestListener): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('error', () => response.destroy());
  response.on('error', () => response.destroy());
  request.on('end', () => {
    const { method, url, headers } = request;
    const whole = Object.assign(Readable.from(pieces), { method, url, headers });
    answer(whole as unknown as IncomingMessage, response);
  });
}

const drainMsMax = 2_000;

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), drainMsMax);
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
    server.closeIdleConnections();
  });
}
