/**
 * What an older Tidemark left behind, and what it had copied from. The folder `fixture` holds it as it was read out of
 * the embedded cloud, an object and a ledger item a line, and Step Functions' journals as they lay there.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, type PutItemCommandInput } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { createBucket } from '../../local/bucket.ts';
import { ledgerTable } from '../../local/cloud.ts';
import { ensureLedgerTable, startDynamodb } from '../../local/dynamodb.ts';
import { startS3 } from '../../local/s3.ts';

export const bucket = 'lake';
export const sync = 'shop';

/** Rows of `events`, in chunks of 100 and parts of 34; and of `places`, one chunk. */
export const rowsOf = { 'public.events': 400, 'public.places': 30 } as const;

export type OlderTable = keyof typeof rowsOf;

/** The same rows wherever and whenever it is run. */
export const sourceSql = `
  create table events (id bigint primary key, note text, amount numeric(12,2), at timestamptz, payload jsonb);
  insert into events
    select i * 7, case when i % 5 > 0 then 'event ' || i end, i / 7.0, timestamptz '2026-01-01' + i * interval '37 s',
      case when i % 3 = 0 then jsonb_build_object('i', i) end
    from generate_series(1, ${rowsOf['public.events']}) i;
  create table places (id integer primary key, name text not null);
  insert into places select i, 'place ' || i from generate_series(1, ${rowsOf['public.places']}) i;
  analyze events; analyze places;`;

export const definitionYaml = `name: ${sync}
source: { type: postgres, url: "\${DATABASE_URL}" }
tables: [public.events, public.places]
target: { url: "s3://${bucket}/${sync}" }
chunk: { rows: 100 }
part: { rows: 34 }
concurrency: 2
retry: { kind: fixed, attempts: 1 }
`;

export const fixture = fileURLToPath(new URL('fixture', import.meta.url));

export type StoredObject = {
  readonly key: string;
  readonly mediaType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** base64 */
  readonly sha256: string;
  /** base64 where it is not text */
  readonly body: { readonly text: string } | { readonly base64: string };
};

export type LedgerItem = { readonly pk: string; readonly sk: string; readonly [name: string]: unknown };

const linesOf = <T>(name: string): T[] =>
  readFileSync(join(fixture, name), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

export const storedObjects = (): StoredObject[] => linesOf('objects.ndjson');
export const ledgerItems = (): LedgerItem[] => linesOf('ledger.ndjson');

const common = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

/**
 * Puts all of it into a new home, as if the older version had just died there. Only the databases' identities are
 * others: rows are read from a database that the test has made.
 *
 * @param identities of the tables, as the older run's plans have them and as the test's database has them
 */
export async function layOut(home: string, identities: ReadonlyMap<string, string>): Promise<void> {
  mkdirSync(home, { recursive: true });
  for (const [before, now] of identities) {
    // the journals name their lines by where they stand
    if (before.length !== now.length) throw new Error(`the identities ${before} and ${now} differ in length`);
  }
  const rebound = (text: string): string =>
    [...identities].reduce((all, [before, now]) => all.replaceAll(before, now), text);
  const s3 = await startS3({ folder: join(home, 's3') });
  const dynamodb = await startDynamodb({ folder: join(home, 'dynamodb') });
  const objects = new S3Client({ endpoint: s3.endpoint, ...common });
  const client = new DynamoDBClient({ endpoint: dynamodb.endpoint, ...common });
  try {
    await createBucket(s3.endpoint, bucket);
    for (const { key, mediaType, metadata, sha256, body } of storedObjects()) {
      const bytes = 'text' in body ? Buffer.from(rebound(body.text)) : Buffer.from(body.base64, 'base64');
      await objects.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ContentType: mediaType,
          Metadata: metadata,
          ...('text' in body ? { ChecksumAlgorithm: 'SHA256' } : { ChecksumSHA256: sha256 }),
        }),
      );
    }
    await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName: ledgerTable });
    const documents = DynamoDBDocumentClient.from(client);
    for (const Item of ledgerItems()) {
      const put: PutItemCommandInput = { TableName: ledgerTable, Item: Item as never };
      await documents.send(new PutCommand(put));
    }
  } finally {
    objects.destroy();
    client.destroy();
    await s3.stop();
    await dynamodb.stop();
  }
  const states = join(home, 'step-functions');
  cpSync(join(fixture, 'step-functions'), states, { recursive: true });
  for (const file of readdirSync(states, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ndjson')) continue;
    writeFileSync(join(states, file), rebound(readFileSync(join(states, file), 'utf8')));
  }
}
