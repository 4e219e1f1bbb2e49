import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const arn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf';
const kept = { ...process.env };
const secrets = mockClient(SecretsManagerClient);
let db: TestPostgres;

beforeAll(async () => {
  db = await testPostgres();
});
afterAll(async () => {
  secrets.restore();
  process.env = kept;
  await db?.stop();
});

/** A sandbox of its own: what it works with is made once a process. */
async function sandbox(environment: Readonly<Record<string, string>>) {
  const folder = scratchFolder();
  await writeFile(
    join(folder, 'tidemark.yaml'),
    `name: shop
source: { type: postgres, url: "\${DATABASE_URL}", secret: "${arn}" }
tables: [orders]
target: { url: "s3://lake/\${STAGE}" }`,
  );
  process.env = {
    LAMBDA_TASK_ROOT: folder,
    TIDEMARK_LEDGER: 'ledger',
    AWS_REGION: 'us-east-1',
    ...environment,
  };
  vi.resetModules();
  return import('../../functions/places.ts');
}

beforeEach(() => {
  process.env = { ...kept };
});

test('deployed, with a secret: works without what source.url asks for, and logs in as the secret says', async () => {
  secrets
    .on(GetSecretValueCommand, { SecretId: arn })
    .resolves({ SecretString: `${db.url}?sslmode=disable` });
  const { places, openSource } = await sandbox({ TIDEMARK_SOURCE_SECRET: arn, STAGE: 'test' });
  const { definition, keys } = places();
  expect(keys.stagingOfSync).toBe('test/_staging/shop/');
  const source = await openSource(definition);
  expect((await source.identify()).description).toMatch(/^PostgreSQL /);
  await source.close();
});

test('deployed, with a secret: what else it refers to has to be there', async () => {
  const { places } = await sandbox({ TIDEMARK_SOURCE_SECRET: arn });
  expect(() => places()).toThrow('the definition asks for $STAGE');
});

test('on the laptop: source.url, and nothing is asked of Secrets Manager', async () => {
  secrets.reset();
  const { places, openSource } = await sandbox({ DATABASE_URL: db.url, STAGE: 'test' });
  const source = await openSource(places().definition);
  expect((await source.identify()).description).toMatch(/^PostgreSQL /);
  await source.close();
  expect(secrets.calls()).toEqual([]);
});
