/** The cases' place in the embedded S3 and DynamoDB, as a laptop has them. */
import { existsSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DescribeTableCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { parquetFormat } from '../../../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import { s3Client, s3Store } from '../../../core/objects/s3.ts';
import { credentials, region } from '../../../local/account.ts';
import { startDynamodb } from '../../../local/dynamodb.ts';
import { startS3 } from '../../../local/s3.ts';
import { pastWire, promptRetries, wireUp } from '../../support/sdk-faults.ts';
import { inOneName, type MatrixCloud, type Place, triesMax } from './cloud.ts';
import { folderObjects } from './folder-objects.ts';

type Item = Record<string, AttributeValue>;

export async function embeddedCloud(): Promise<MatrixCloud> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-matrix-'));
  const database = await startDynamodb({ folder: join(home, 'dynamodb') });
  const objects = await startS3({ folder: join(home, 's3') });
  const common = { region, credentials };
  const dynamodb = dynamodbClient({
    ...common,
    endpoint: database.endpoint,
    retryStrategy: promptRetries(triesMax.dynamodb),
  });
  const s3 = s3Client({ ...common, endpoint: objects.endpoint, retryStrategy: promptRetries(triesMax.s3) });
  wireUp(dynamodb, 'dynamodb');
  wireUp(s3, 's3');
  let places = 0;

  async function createTable(TableName: string): Promise<void> {
    await dynamodb.send(
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
    for (let status = ''; status !== 'ACTIVE'; ) {
      status = (await dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus ?? '';
    }
  }

  async function itemsOf(TableName: string): Promise<Item[]> {
    const items: Item[] = [];
    let from: Item | undefined;
    do {
      const page = await dynamodb.send(
        new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from);
    return items;
  }

  async function fill(TableName: string, items: readonly Item[]): Promise<void> {
    for (let at = 0; at < items.length; at += 25) {
      const puts = items.slice(at, at + 25).map((Item) => ({ PutRequest: { Item } }));
      await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }));
    }
  }

  const folderOf = (name: string): string => join(home, 's3', name);
  const sidecarsOf = (name: string): string => join(home, 's3', '.meta', 'objects', name);

  function placeOf(name: string): Place {
    const folder = folderOf(name);
    return {
      ...folderObjects(folder),
      bucket: name,
      store: inOneName(s3Store(s3, name)),
      ledger: dynamodbLedger(dynamodb, name),
      items: async () => (await pastWire(() => itemsOf(name))).map((item) => unmarshall(item)),
      async copy() {
        const copied = `place-${++places}`;
        // the store never writes into a file, and knows an object by its file's size and time: links will do
        linkTree(folder, folderOf(copied));
        linkTree(sidecarsOf(name), sidecarsOf(copied));
        await createTable(copied);
        await fill(copied, await itemsOf(name));
        return placeOf(copied);
      },
      // its files go with the home folder
      drop() {},
    };
  }

  return {
    format: await parquetFormat({ compression: 'none' }),
    async place() {
      const name = `place-${++places}`;
      await s3.send(new CreateBucketCommand({ Bucket: name }));
      await createTable(name);
      return placeOf(name);
    },
    async stop() {
      dynamodb.destroy();
      s3.destroy();
      await objects.stop();
      await database.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  if (!existsSync(from)) return;
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}
