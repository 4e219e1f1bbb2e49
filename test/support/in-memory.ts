/**
 * What `startEmbedded` gives, in memory: for tests that make the same small world hundreds of times. The servers that
 * it stands for are held against it by tests of their own.
 */
import { parquetFormat } from '../../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../../core/ledger/dynamodb.ts';
import { keysOf } from '../../core/objects/keys.ts';
import { s3Client, s3Store } from '../../core/objects/s3.ts';
import type { Embedded } from './embedded.ts';
import { memoryDynamodb } from './memory-dynamodb.ts';
import { memoryS3, storeConfigOf } from './memory-s3.ts';

const bucket = 'lake';
const tableName = 'ledger';

export async function startInMemory(): Promise<Embedded> {
  const dynamodb = dynamodbClient(memoryDynamodb().clientConfig);
  const memory = memoryS3({ bucket });
  const s3 = s3Client(storeConfigOf((request) => memory.answer(request)));
  let syncs = 0;
  return {
    ledger: dynamodbLedger(dynamodb, tableName),
    store: s3Store(s3, bucket),
    s3,
    dynamodb,
    tableName,
    format: await parquetFormat({ compression: 'none' }),
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
    },
  };
}
