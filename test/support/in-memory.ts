/** The ledger and the store in memory, for what takes many requests. (Both are held against the embedded ones by tests of their own.) */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { parquetFormat } from '../../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../../core/ledger/dynamodb.ts';
import { keysOf } from '../../core/objects/keys.ts';
import { s3Client, s3Store } from '../../core/objects/s3.ts';
import type { Embedded } from './embedded.ts';
import { memoryDynamodb } from './memory-dynamodb.ts';
import { type MemoryS3, memoryS3, type SdkRequest } from './memory-s3.ts';

const bucket = 'lake';

export type Ground = Pick<Embedded, 'ledger' | 'store' | 'format' | 'freshSync'>;

export type InMemory = Ground & {
  /** for readers that come over HTTP */
  readonly endpoint: string;
  stop(): Promise<void>;
};

export async function inMemory(): Promise<InMemory> {
  const objects = memoryS3({ bucket });
  const client = s3Client({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: {
      async handle(request: SdkRequest) {
        return { response: objects.answer(request) };
      },
    } as unknown as NonNullable<S3ClientConfig['requestHandler']>,
  });
  const dynamodb = dynamodbClient(memoryDynamodb().clientConfig);
  let syncs = 0;
  return {
    ledger: dynamodbLedger(dynamodb, 'ledger'),
    store: s3Store(client, bucket),
    format: await parquetFormat({ compression: 'none' }),
    freshSync() {
      const sync = `memory-${++syncs}`;
      const target = { bucket, prefix: `${sync}/` };
      return { sync, target, keys: keysOf(target, sync) };
    },
    ...(await served(objects.objects)),
  };
}

/** Objects by their path, whole or a range of them. */
async function served(objects: MemoryS3['objects']): Promise<Pick<InMemory, 'endpoint' | 'stop'>> {
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
