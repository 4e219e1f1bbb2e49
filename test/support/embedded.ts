/** The embedded DynamoDB and S3 in a folder of their own, and what the core needs to work on them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Format } from '../../core/formats/format.ts';
import { parquetFormat } from '../../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../../core/ledger/dynamodb.ts';
import type { Ledger } from '../../core/ledger/ledger.ts';
import { type Keys, keysOf, type Target } from '../../core/objects/keys.ts';
import { s3Client, s3Store } from '../../core/objects/s3.ts';
import type { ObjectStore } from '../../core/objects/store.ts';
import { ensureLedgerTable, startDynamodb } from '../../local/dynamodb.ts';
import { startS3 } from '../../local/s3.ts';

const bucket = 'lake';
const tableName = 'ledger';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

export type Embedded = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly s3: S3Client;
  readonly dynamodb: ReturnType<typeof dynamodbClient>;
  readonly tableName: string;
  readonly format: Format;
  /** Where an object lies as a plain file. */
  fileOf(key: string): string;
  /** A sync's name that no test has used, and its keys under a prefix of its own. */
  freshSync(): { sync: string; keys: Keys; target: Target };
  close(): Promise<void>;
};

export async function startEmbedded(): Promise<Embedded> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-embedded-'));
  const database = await startDynamodb({ folder: join(folder, 'dynamodb') });
  const objects = await startS3({ folder: join(folder, 's3') });
  await ensureLedgerTable({ endpoint: database.endpoint, tableName });
  const dynamodb = dynamodbClient({ endpoint: database.endpoint, region: 'us-east-1', credentials });
  const s3 = s3Client({ endpoint: objects.endpoint, region: 'us-east-1', credentials });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  let syncs = 0;
  return {
    ledger: dynamodbLedger(dynamodb, tableName),
    store: s3Store(s3, bucket),
    s3,
    dynamodb,
    tableName,
    format: await parquetFormat({ compression: 'none' }),
    fileOf: (key) => join(folder, 's3', bucket, key),
    freshSync() {
      const sync = `sync-${++syncs}`;
      const target = { bucket, prefix: `${sync}/` };
      return { sync, target, keys: keysOf(target, sync) };
    },
    async close() {
      dynamodb.destroy();
      s3.destroy();
      await objects.stop();
      await database.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
