/**
 * What `startEmbedded` gives, in memory: for tests that make the same small world hundreds of times. The servers that
 * it stands for are held against it by tests of their own.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parquetFormat } from '../../core/formats/parquet/parquet.ts';
import { dynamodbLedger } from '../../core/ledger/dynamodb.ts';
import { keysOf } from '../../core/objects/keys.ts';
import { s3Store } from '../../core/objects/s3.ts';
import type { Embedded } from './embedded.ts';
import { emptyTable, perform } from './memory-dynamodb/table.ts';
import { responseOf } from './memory-dynamodb.ts';
import { type MemoryS3, memoryS3 } from './memory-s3.ts';
import { shortDynamodb } from './short-sdk/short-dynamodb.ts';
import { shortS3 } from './short-sdk/short-s3.ts';

const bucket = 'lake';
const tableName = 'ledger';

/** What a lake stands on. */
export type Ground = Pick<Embedded, 'ledger' | 'store' | 'format' | 'freshSync'>;

export type InMemory = Embedded & {
  /** where the objects are for readers that come over HTTP */
  readonly endpoint: string;
};

export async function startInMemory(): Promise<InMemory> {
  let table = emptyTable;
  const dynamodb = shortDynamodb(async (operation) => {
    const step = perform(table, operation);
    table = step.table;
    return responseOf(step.answer);
  });
  const memory = memoryS3({ bucket });
  const s3 = shortS3(async (request) => memory.answer(request));
  const server = await served(memory.objects);
  let syncs = 0;
  return {
    ledger: dynamodbLedger(dynamodb, tableName),
    store: s3Store(s3, bucket),
    s3,
    dynamodb,
    tableName,
    format: await parquetFormat({ compression: 'none' }),
    endpoint: server.endpoint,
    fileOf: (key) => {
      throw new Error(`${key} is in memory, and no file`);
    },
    freshSync() {
      const sync = `sync-${++syncs}`;
      const target = { bucket, prefix: `${sync}/` };
      return { sync, target, keys: keysOf(target, sync) };
    },
    async close() {
      dynamodb.destroy();
      s3.destroy();
      await server.stop();
    },
  };
}

/** Objects by their path, whole or a range of them. */
async function served(
  objects: MemoryS3['objects'],
): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const key = decodeURIComponent(request.url!.slice(`/${bucket}/`.length));
    const found = objects.get(key);
    if (!found) return void response.writeHead(404).end();
    const [, first, last] = /^bytes=([0-9]*)-([0-9]*)$/.exec(request.headers.range ?? '') ?? [];
    const size = found.body.length;
    const from = first ? Number(first) : last ? size - Number(last) : 0;
    const body = found.body.subarray(from, first && last ? Number(last) + 1 : size);
    response.writeHead(request.headers.range ? 206 : 200, {
      'content-length': body.length,
      ...(request.headers.range && { 'content-range': `bytes ${from}-${from + body.length - 1}/${size}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  // a reader's idle connections stay: one that closes at the wrong moment is an error to it
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
