import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { loadDefinition } from '../../core/definition/load.ts';
import type { Access } from '../../core/sources/postgres/access.ts';
import { parseAddress } from '../../core/sources/postgres/address.ts';
import { bundleFunctions } from '../../functions/bundling.ts';
import { credentialsIn, sourceAccess } from '../../functions/source-access.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const arn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf';
const secrets = mockClient(SecretsManagerClient);
beforeEach(() => secrets.reset());
afterAll(() => secrets.restore());

const definition = (source: string) =>
  loadDefinition(
    `{ name: shop, source: { type: postgres, ${source} }, tables: [orders], target: { url: s3://lake } }`,
    'tidemark.yaml',
    {},
  );
const url = 'postgres://tide@db.example/shop';

test('the laptop: source.url, whatever else stands there', () => {
  const both = definition(`url: "${url}", secret: "${arn}"`);
  expect([credentialsIn({}), sourceAccess(both, {}).url]).toEqual(['url', url]);
  expect([credentialsIn({ TIDEMARK_SOURCE_SECRET: '' })]).toEqual(['url']);
  expect(() => sourceAccess(definition(`secret: "${arn}"`), {})).toThrow('source.url: nothing stands there');
});

test('with a secret: its address, and a second look when the password is refused', async () => {
  const environment = { TIDEMARK_SOURCE_SECRET: arn };
  secrets.on(GetSecretValueCommand, { SecretId: arn }).resolves({ SecretString: 'postgres://u:p@h/d' });
  const access = sourceAccess(definition(`secret: "${arn}"`), environment).url as Access;
  expect(credentialsIn(environment)).toBe('secret');
  expect(await access.address()).toMatchObject({
    host: 'h',
    user: 'u',
    password: 'p',
    sslMode: 'verify-full',
  });
  expect(access.refusedPausesMs.length).toBeGreaterThan(0);
  expect(access.refusedHint?.(await access.address())).toContain(arn);
});

test('with IAM: a token, and the right that is needed where it is refused', async () => {
  const environment = { TIDEMARK_SOURCE_IAM: 'db-ABCDEFGHIJKL01234', AWS_REGION: 'eu-west-1' };
  const access = sourceAccess(definition(`url: "${url}", iam: db-ABCDEFGHIJKL01234`), environment)
    .url as Access;
  expect(credentialsIn(environment)).toBe('iam');
  expect(access.refusedHint?.(parseAddress(url))).toContain(
    'rds-db:connect on arn:aws:rds-db:eu-west-1:<account>:dbuser:db-ABCDEFGHIJKL01234/tide,',
  );
});

describe('a bundle', () => {
  test('holds the clients of secrets and tokens, and runs none of their code before a connection is wanted', async () => {
    const folder = await scratchFolder();
    const definitionFile = new URL('../../tidemark.yaml', import.meta.url).pathname;
    const bundles = await bundleFunctions({ outDir: folder, definitionFile });
    const code = await readFile(join(bundles['copy-chunk'].folder, 'index.js'), 'utf8');
    // wrapped, to be run when it is asked for: what is imported at the top of a file stands there as it is
    expect(code).toMatch(/"functions\/source-credentials\.ts"\(\) \{/);
    expect(code).toMatch(/client-secrets-manager\/dist-cjs\/index\.js"\(/);
    expect(code).toMatch(/rds-signer\/dist-cjs\/index\.js"\(/);
  });
});
