/** All that a sync has stored on this machine, as bytes that can be searched for a value that must not be there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import avsc from 'avsc';
import { credentials, region } from '../../local/account.ts';
import { ledgerTable } from '../../local/cloud.ts';
import { startDynamodb } from '../../local/dynamodb.ts';
import { filesUnder } from './lake.ts';

/** An Avro file's records: its blocks are compressed. */
async function recordsOf(file: string): Promise<string> {
  const records: unknown[] = [];
  for await (const record of avsc.createFileDecoder(file)) records.push(record);
  return JSON.stringify(records, (_, value: unknown) => {
    const bytes = (value as { type?: unknown; data?: unknown } | null)?.type === 'Buffer';
    return bytes ? Buffer.from((value as { data: number[] }).data).toString('latin1') : value;
  });
}

async function ledgerItems(home: string): Promise<string> {
  const server = await startDynamodb({ folder: join(home, 'dynamodb') });
  const client = new DynamoDBClient({ endpoint: server.endpoint, region, credentials });
  try {
    const items: unknown[] = [];
    const pages = paginateScan({ client: DynamoDBDocumentClient.from(client) }, { TableName: ledgerTable });
    for await (const { Items = [] } of pages) items.push(...Items);
    return JSON.stringify(items);
  } finally {
    client.destroy();
    await server.stop();
  }
}

/**
 * What stands in the lake's files (as they are: to be written without compression), in their manifests, in the ledger, in
 * histories and in logs.
 * @param home of a sync that nothing works on
 */
export async function everythingStored(home: string): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const file of filesUnder(home)) {
    found.set(file, readFileSync(file));
    if (file.endsWith('.avro')) found.set(`records of ${file}`, Buffer.from(await recordsOf(file), 'latin1'));
  }
  found.set('the ledger', Buffer.from(await ledgerItems(home)));
  return found;
}

/** The places where a text stands. */
export const placesOf = (stored: ReadonlyMap<string, Buffer>, text: string): string[] =>
  [...stored].flatMap(([place, bytes]) => (bytes.includes(text) ? [place] : []));
