/** A table that a Tidemark without Iceberg has published: the next run makes an Iceberg table of it. */
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tableKey } from '../../../../core/ledger/items.ts';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import { icebergReader } from '../../../support/iceberg-reader.ts';
import { numberedRows } from '../../../support/memory-source.ts';
import { type Lake, lake, under } from '../lake-fixture.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };

/** Takes away what an older version does not write. */
async function age({ sync, keys }: Lake): Promise<void> {
  await DynamoDBDocumentClient.from(embedded.dynamodb).send(
    new UpdateCommand({
      TableName: embedded.tableName,
      Key: tableKey(sync, 'public.a'),
      UpdateExpression: 'REMOVE metadata SET #format = :one',
      ExpressionAttributeNames: { '#format': 'format' },
      ExpressionAttributeValues: { ':one': 1 },
    }),
  );
  await embedded.store.delete(await under(embedded, keys.metadataOf(a)));
}

test('its files stay for one generation, for readers that have opened them; then they are swept', async () => {
  const shop = lake(embedded, { a: numberedRows(4, 'old') });
  const old = await shop.runThrough();
  await age(shop);
  expect(await shop.head('a')).toMatchObject({ version: 1, metadata: null });
  shop.source.tables.get('a')!.rows = numberedRows(5, 'new');
  const next = await shop.runThrough();
  expect(await shop.head('a')).toMatchObject({ version: 2, metadata: 1, previousRun: old });
  expect(await icebergReader(embedded.s3).rows(shop.keys.location(a))).toHaveLength(5);
  expect(await shop.read('a')).toEqual(numberedRows(5, 'new'));
  expect(await under(embedded, shop.keys.dataOfRun(a, old))).toHaveLength(4);
  await shop.runThrough();
  expect(await under(embedded, shop.keys.dataOfRun(a, old))).toEqual([]);
  expect(await under(embedded, shop.keys.dataOfRun(a, next))).toHaveLength(5);
});
