/** The ledger and the store in memory, for what takes many requests. (Both are held against the embedded ones by tests of their own.) */
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { parquetFormat } from '../../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../../core/ledger/dynamodb.ts';
import { keysOf } from '../../core/objects/keys.ts';
import { s3Client, s3Store } from '../../core/objects/s3.ts';
import type { Embedded } from './embedded.ts';
import { memoryDynamodb } from './memory-dynamodb.ts';
import { memoryS3, type SdkRequest } from './memory-s3.ts';

const bucket = 'lake';

export type Ground = Pick<Embedded, 'ledger' | 'store' | 'format' | 'freshSync'>;

export type InMemory = Ground & {
  /** Puts all objects into another store, for readers that come over HTTP. */
  copyTo(other: Ground): Promise<void>;
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
    async copyTo({ store }) {
      for (const [key, { body, sha256, contentType }] of objects.objects) {
        const hex = Buffer.from(sha256!, 'base64').toString('hex');
        await store.put(key, body, hex, { mediaType: contentType });
      }
    },
  };
}
