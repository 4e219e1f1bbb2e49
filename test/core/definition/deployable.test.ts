import { describe, expect, test } from 'vitest';
import { deployedReferences, readToDeploy } from '../../../core/definition/deployable.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import { sourceUrl } from '../../../core/definition/source-url.ts';
import { TidemarkError } from '../../../core/errors.ts';

const arn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf';
const resource = 'db-ABCDEFGHIJKL01234';
const file = 'shop.yaml';

const text = (source: string, more = '') => `name: shop
source: { type: postgres, ${source} }
tables: [public.orders]
target: { url: "s3://lake-\${STAGE}/\${STAGE}/\${TEAM}" }
${more}`;

const lake = { STAGE: 'test', TEAM: 'blue' };

function refusal(act: () => unknown): TidemarkError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError);
    expect((error as Error).message).not.toContain('geheim');
    return error as TidemarkError;
  }
  throw new Error('it was accepted');
}

describe('with a secret', () => {
  const definition = text(`url: "\${DATABASE_URL}", secret: "${arn}"`);

  test('functions get what the definition refers to outside source.url', () => {
    expect(deployedReferences(definition)).toEqual(['STAGE', 'TEAM']);
    expect(readToDeploy(definition, file, lake)).toMatchObject({
      credentials: 'secret',
      environment: lake,
      definition: { source: { secret: arn }, target: { url: 's3://lake-test/test/blue' } },
    });
    expect(readToDeploy(definition, file, lake).definition.source.url).toBeUndefined();
  });

  test('a deployed function reads it without $DATABASE_URL; the laptop does not', () => {
    expect(loadDefinition(definition, file, lake, 'secret').source).not.toHaveProperty('url');
    expect(refusal(() => loadDefinition(definition, file, lake)).code).toBe('EnvironmentMissing');
  });

  test('a host in source.url stays, without the password that belongs to the laptop', () => {
    const beside = text(`url: "postgres://tide:\${PASSWORD}@db.example:5433/shop", secret: "${arn}"`);
    expect(deployedReferences(beside)).toEqual(['STAGE', 'TEAM']);
    expect(readToDeploy(beside, file, lake).definition.source.url).toBe(
      'postgres://tide@db.example:5433/shop',
    );
  });

  test('no url is needed, save on the laptop', () => {
    const { definition: deployed } = readToDeploy(text(`secret: "${arn}"`), file, lake);
    expect(refusal(() => sourceUrl(deployed))).toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringContaining('source.url: nothing stands there'),
    });
    expect(sourceUrl({ source: { ...deployed.source, url: 'postgres://u@h/d' } })).toBe('postgres://u@h/d');
  });

  test('of the app’s own', () => {
    const plain = text('url: "${DATABASE_URL}"');
    expect(readToDeploy(plain, file, lake, 'secret')).toMatchObject({
      credentials: 'secret',
      environment: lake,
    });
  });

  test('the other variables have to be there', () => {
    expect(refusal(() => readToDeploy(definition, file, { STAGE: 'test' }))).toMatchObject({
      code: 'EnvironmentMissing',
      message: 'shop.yaml: target.url: the definition asks for $TEAM, which is not set in the environment',
    });
  });
});

describe('with IAM', () => {
  test('the password of the laptop is left out, and the rest of source.url taken', () => {
    const definition = text(`url: "postgres://\${USER_NAME}:\${PASSWORD}@\${HOST}/shop", iam: ${resource}`);
    expect(deployedReferences(definition)).toEqual(['USER_NAME', 'HOST', 'STAGE', 'TEAM']);
    const environment = { ...lake, USER_NAME: 'tide', HOST: 'db.example' };
    expect(readToDeploy(definition, file, environment)).toMatchObject({
      credentials: 'iam',
      environment,
      definition: { source: { iam: resource, url: 'postgres://tide@db.example/shop' } },
    });
  });

  test.for([
    ['postgres://db.example/shop', 'names no user, which source.iam needs'],
    ['postgres://tide@/shop', 'names no host, which source.iam needs'],
    ['postgres://tide@db.example/shop?sslmode=disable', 'sslmode=disable does not insist on TLS'],
    ['postgres://tide@db.example/shop?sslmode=prefer', 'sslmode=prefer does not insist on TLS'],
    ['postgres://tide:geheim@db.example/shop', 'holds a password when its variables have their values'],
  ] as const)('%s: %s', ([url, message]) => {
    const definition = text(`url: "\${DATABASE_URL}", iam: ${resource}`);
    const error = refusal(() => readToDeploy(definition, file, { ...lake, DATABASE_URL: url }));
    expect(error).toMatchObject({ code: 'DefinitionInvalid', message: expect.stringContaining(message) });
    expect(error.message).toMatch(/^shop\.yaml:2: source\.url: .*; allowed: /);
  });

  test('a laptop may have its own database, without TLS', () => {
    const definition = text(`url: "\${DATABASE_URL}", iam: ${resource}`);
    const DATABASE_URL = 'postgres://dev:dev@127.0.0.1/shop?sslmode=disable';
    expect(loadDefinition(definition, file, { ...lake, DATABASE_URL }).source.url).toBe(DATABASE_URL);
  });
});

describe('what cannot be deployed, all of it at once, each with its place and what is allowed', () => {
  test.for([
    [
      text('url: "${DATABASE_URL}"'),
      /^shop\.yaml:2: source\.url: asks for environment variables.*; allowed: source\.secret: <ARN/,
    ],
    [
      text('url: "postgres://u:geheim@h/d"'),
      /^shop\.yaml:2: source\.url: holds a password.*; allowed: source\.secret/,
    ],
    [
      text('url: "postgres://u@h/d"').replace('name: shop', 'name: shop-data'),
      /^shop\.yaml:1: name: "shop-data" cannot be deployed.*sync "shop"; allowed/,
    ],
    [
      text('url: "postgres://u@h/d"').replace('{ url: "s3', '{ compression: snappy, url: "s3'),
      /^shop\.yaml:4: target\.compression: "snappy".*; allowed: auto or zstd/,
    ],
    [
      text('url: "postgres://u@h/d"').replace('{TEAM}', '{AWS_REGION}'),
      /asks for \$AWS_REGION, which the settings of a function cannot hold; allowed/,
    ],
    [text('url: "postgres://u@h/d"').replace('{TEAM}', '{T}'), /asks for \$T, which/],
    [text('url: "postgres://u@h/d"').replace('{TEAM}', '{NODE_OPTIONS}'), /asks for \$NODE_OPTIONS, which/],
  ] as const)('%s', ([definition, message]) => {
    const error = refusal(() => readToDeploy(definition, file, lake));
    expect(error.code).toBe('DefinitionInvalid');
    expect(error.message.split('\n')).toHaveLength(1);
    expect(error.message).toMatch(message);
  });

  test('several', () => {
    const definition = text('url: "${DATABASE_URL}"')
      .replace('name: shop', 'name: a-data')
      .replace('{TEAM}', '{TZ}');
    expect(refusal(() => readToDeploy(definition, file, lake)).message.split('\n')).toHaveLength(3);
  });

  test('a database that asks for no password may be named as it is', () => {
    expect(readToDeploy(text('url: "postgres://u@h/d"'), file, lake)).toMatchObject({
      credentials: 'url',
      environment: lake,
      definition: { source: { url: 'postgres://u@h/d' } },
    });
  });
});
