/**
 * Makes the folder `fixture`: what a run of an older version leaves when it is killed half-way. To be run once for a
 * version whose formats are to be read for ever:
 *
 *     npx tsx test/upgrade/make-fixture.ts [commit = 75bd319] && npx biome check --write test/upgrade
 *
 * It takes the code of that commit out of git into a folder of its own (with this tree's node_modules), lets its command
 * line publish the sync once, changes nothing, runs it again and kills it, with everything it has started, when a part
 * of the second run is committed and about to be renamed. Then it reads everything out of the home's servers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { ledgerTable } from '../../local/cloud.ts';
import { startDynamodb } from '../../local/dynamodb.ts';
import { startS3 } from '../../local/s3.ts';
import { testPostgres } from '../support/postgres.ts';
import { bucket, definitionYaml, fixture, type StoredObject, sourceSql } from './older-run.ts';

const [commit = '75bd319'] = process.argv.slice(2);
/** Chunks have three parts, and two are at work at once: two are done then, and two are not. */
const copiesBeforeDeath = '8';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tidemark-older-'));
const old = join(folder, 'tidemark');
const home = join(folder, 'home');
const common = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

/** Runs the older command line as the leader of a process group. */
function run(environment: Record<string, string>): { signal: NodeJS.Signals | null; status: number | null } {
  const args = [join(old, 'cli/tidemark.js'), 'run', '--config', join(folder, 'shop.yaml'), '--home', home];
  return spawnSync('setsid', ['--wait', process.execPath, ...args], {
    stdio: 'inherit',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
  });
}

async function readObjects(endpoint: string): Promise<StoredObject[]> {
  const client = new S3Client({ endpoint, ...common });
  const found: StoredObject[] = [];
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  for (const { Key } of Contents) {
    const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key, ChecksumMode: 'ENABLED' }));
    const bytes = Buffer.from(await object.Body!.transformToByteArray());
    const isText = /json/.test(object.ContentType ?? '');
    found.push({
      key: Key!,
      mediaType: object.ContentType ?? '',
      metadata: object.Metadata ?? {},
      sha256: object.ChecksumSHA256 ?? '',
      body: isText ? { text: bytes.toString() } : { base64: bytes.toString('base64') },
    });
  }
  client.destroy();
  return found;
}

async function readLedger(endpoint: string): Promise<Record<string, unknown>[]> {
  const client = new DynamoDBClient({ endpoint, ...common });
  const documents = DynamoDBDocumentClient.from(client);
  const found: Record<string, unknown>[] = [];
  for await (const page of paginateScan({ client: documents }, { TableName: ledgerTable })) {
    found.push(...(page.Items ?? []));
  }
  client.destroy();
  return found.sort((a, b) => (`${a.pk} ${a.sk}` < `${b.pk} ${b.sk}` ? -1 : 1));
}

const write = (name: string, lines: readonly unknown[]): void =>
  writeFileSync(join(fixture, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

const postgres = await testPostgres();
try {
  execFileSync('mkdir', [old]);
  execFileSync('sh', ['-c', `git archive "$0" | tar x -C "$1"`, commit, old], { cwd: root });
  symlinkSync(join(root, 'node_modules'), join(old, 'node_modules'));
  await postgres.sql(sourceSql);
  writeFileSync(join(folder, 'shop.yaml'), definitionYaml);
  const environment = { DATABASE_URL: postgres.url };
  if (run(environment).status !== 0) throw new Error('the first run did not succeed');
  run({
    ...environment,
    NODE_OPTIONS: `--import ${fileURLToPath(new URL('kill-at-copy.mjs', import.meta.url))}`,
    TIDEMARK_TEST_COPIES: copiesBeforeDeath,
  });
  rmSync(fixture, { recursive: true, force: true });
  execFileSync('mkdir', [fixture]);
  cpSync(join(home, 'step-functions'), join(fixture, 'step-functions'), { recursive: true });
  const s3 = await startS3({ folder: join(home, 's3') });
  const dynamodb = await startDynamodb({ folder: join(home, 'dynamodb') });
  const ledger = await readLedger(dynamodb.endpoint);
  const [first] = ledger.filter(({ status }) => status === 'published');
  // nobody asks for what the first run's execution went through: it is left out
  const objects = await readObjects(s3.endpoint);
  write(
    'objects.ndjson',
    objects.filter(({ key }) => !key.includes(`/_runs/shop/${first!.run}/`)),
  );
  write('ledger.ndjson', ledger);
  const [ended] = first!.executions as string[];
  const executions = join(fixture, 'step-functions', 'executions', 'tidemark-shop');
  rmSync(join(executions, ended!.split(':').at(-1)!), { recursive: true });
  await s3.stop();
  await dynamodb.stop();
  const files = readdirSync(fixture, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  for (const file of files) {
    const path = join(file.parentPath, file.name);
    process.stdout.write(`${statSync(path).size} ${path.slice(fixture.length + 1)}\n`);
  }
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
