/** The construct in an app of one's own: what the app hands over, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SyncPipeline, type SyncPipelineProps } from '../../infra/sync-pipeline.ts';
import { definitionFile, full, least } from './definitions.ts';
import { synthesized, testApp } from './template.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-own-app-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pipeline = (
  props: (scope: Stack) => Partial<SyncPipelineProps>,
  text = least,
  environment = {},
  stackProps: StackProps = {},
) => {
  const own = testApp(mkdtempSync(join(folder, 'own-')));
  const scope = new Stack(own, 'Own', stackProps);
  const file = definitionFile(mkdtempSync(join(folder, 'own-')), 'own', text);
  const made = new SyncPipeline(scope, 'Sync', { definitionFile: file, environment, ...props(scope) });
  return { made, stack: synthesized(scope) };
};

test('what the app gives counts before what the definition says', () => {
  const { stack } = pipeline((scope) => ({
    bucket: new Bucket(scope, 'Bucket', { bucketName: 'plain-lake' }),
    bucketKey: new Key(scope, 'Key'),
    vpc: new Vpc(scope, 'Vpc', { natGateways: 1, maxAzs: 2 }),
    topics: [new Topic(scope, 'Topic')],
    interfaceEndpoints: true,
    architecture: Architecture.X86_64,
    memorySize: 3000,
    timeout: Duration.minutes(5),
    logRetention: RetentionDays.ONE_DAY,
  }));
  const copyChunk = stack.ofType('AWS::Lambda::Function').find(([id]) => id.startsWith('SyncCopyChunk'))!;
  expect(copyChunk[1].Properties).toMatchObject({
    Architectures: ['x86_64'],
    MemorySize: 3000,
    Timeout: 300,
    VpcConfig: { SubnetIds: [expect.anything(), expect.anything()] },
  });
  expect(JSON.stringify(stack.ofType('AWS::IAM::Role'))).toContain('kms:GenerateDataKey');
  // Step Functions and Secrets Manager
  expect(stack.ofType('AWS::EC2::VPCEndpoint')).toHaveLength(2);
  expect(stack.ofType('AWS::Events::Rule')).toHaveLength(1);
  const ledger = stack.ofType('AWS::DynamoDB::Table')[0]![1];
  expect(ledger).toMatchObject({ DeletionPolicy: 'Retain', Properties: { TableName: 'tidemark-plain' } });
});

test('another bucket than the definition’s is refused', () => {
  expect(() => pipeline((scope) => ({ bucket: Bucket.fromBucketName(scope, 'Bucket', 'other') }))).toThrow(
    'target.url: plain-lake is the bucket there, but the app hands over other',
  );
});

test('a sync twice in one account and region is refused, with both files', () => {
  const { made } = pipeline(() => ({}));
  const twin = () =>
    new SyncPipeline(new Stack(made.node.root as App, 'Twin'), 'Sync', {
      definitionFile: definitionFile(folder, 'twin', least),
      environment: {},
    });
  expect(twin).toThrow(
    /twin\/tidemark\.yaml: name: the sync plain is also what .*own\/tidemark\.yaml defines/,
  );
});

test('two syncs that write the same table are refused, with both files', () => {
  const { made } = pipeline(() => ({}));
  const other = () =>
    new SyncPipeline(new Stack(made.node.root as App, 'Other'), 'Sync', {
      definitionFile: definitionFile(folder, 'other', least.replace('name: plain', 'name: other')),
      environment: {},
    });
  expect(other).toThrow(
    /other\/tidemark\.yaml: target\.url: the table orders lies at s3:\S+, where both would write it, and \S+own\/tidemark\.yaml has it too/,
  );
});

test('more topics than a rule takes are refused, the app’s counted', () => {
  const own = (scope: Stack) => ({
    topics: Array.from({ length: 6 }, (_, n) => new Topic(scope, `Topic${n}`)),
  });
  expect(() => pipeline(own)).toThrow(/sync plain: 6 topics to tell .* allowed: up to 5/);
});

test('what people are told to do names a definition that is not tidemark.yaml', () => {
  const file = join(folder, 'nightly.yaml');
  writeFileSync(file, full.replace('name: shop', 'name: nightly'));
  const scope = new Stack(testApp(join(folder, 'nightly.out')), 'Nightly');
  new SyncPipeline(scope, 'Sync', { definitionFile: file, environment: {} });
  const told = JSON.stringify(synthesized(scope).template.toJSON());
  for (const command of ['run', 'status']) {
    expect(told).toContain(`npx tidemark ${command} --cloud aws --config nightly.yaml`);
    expect(told).not.toMatch(new RegExp(`${command} --cloud aws(?! --config)`));
  }
});

test('a zone has one interface endpoint, however many of its subnets the functions have', () => {
  const text = full
    .replace('[eu-central-1a, eu-central-1b]', '[eu-central-1a, eu-central-1a, eu-central-1b]')
    .replace(/subnets: .*/, 'subnets: [subnet-0000000a, subnet-0000000b, subnet-0000000c]')
    .replace('route_tables', 'interface_endpoints: true\n    route_tables');
  const { stack } = pipeline(() => ({}), text);
  const endpoints = stack
    .ofType('AWS::EC2::VPCEndpoint')
    .filter(([, { Properties }]) => Properties.VpcEndpointType === 'Interface');
  expect(endpoints.map(([, { Properties }]) => Properties.SubnetIds)).toEqual([
    ['subnet-0000000a', 'subnet-0000000c'],
  ]);
  const copyChunk = stack.ofType('AWS::Lambda::Function').find(([id]) => id.startsWith('SyncCopyChunk'))!;
  expect(copyChunk[1].Properties.VpcConfig).toMatchObject({
    SubnetIds: ['subnet-0000000a', 'subnet-0000000b', 'subnet-0000000c'],
  });
});

describe('what lies in another region than its user is refused', () => {
  const secretKey = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const withSecretKey = least.replace('tables:', `  secret_key: ${secretKey}\ntables:`);

  test.each([
    [
      'zones',
      full.replace('eu-central-1b', 'us-east-1b'),
      'deploy.vpc.availability_zones[1]: us-east-1b is in us-east-1, but deploy.bucket_key is in eu-central-1',
    ],
    [
      'a topic',
      full.replace('sns:eu-central-1', 'sns:us-east-1'),
      'deploy.notify[1]: arn:aws:sns:us-east-1:111122223333:on-call is in us-east-1, but deploy.bucket_key',
    ],
    [
      'the key of a secret',
      withSecretKey,
      `source.secret_key: ${secretKey} is in us-east-1, but source.secret is in eu-central-1`,
    ],
  ])('%s', (_what, text, message) => {
    expect(() => pipeline(() => ({}), text)).toThrow(message);
  });

  test('all of it, where the stack’s is known; a local zone is of its region', () => {
    const local = full.replace('eu-central-1b', 'eu-central-1-ham-1a');
    const env = { account: '111122223333', region: 'us-east-1' };
    for (const message of [
      /own\/tidemark\.yaml: deploy\.bucket_key: .* is in eu-central-1, but the stack Own is in us-east-1; allowed: both in one region/,
      /deploy\.vpc\.availability_zones\[1\]: eu-central-1-ham-1a is in eu-central-1,/,
      /deploy\.notify\[1\]: .* the stack Own/,
    ])
      expect(() => pipeline(() => ({}), local, {}, { env })).toThrow(message);
    expect(() => pipeline(() => ({}), local, {}, { env: { ...env, region: 'eu-central-1' } })).not.toThrow();
  });

  test('so is a topic of another account, where the stack’s is known', () => {
    const env = { account: '000000000000', region: 'eu-central-1' };
    expect(() => pipeline(() => ({}), full, {}, { env })).toThrow(
      /deploy\.notify\[1\]: .* is in another account than the stack Own, which is in 000000000000; allowed: topics of that account/,
    );
  });

  test('but a secret may lie elsewhere', () => {
    const env = { account: '000000000000', region: 'us-east-1' };
    expect(() => pipeline(() => ({}), least, {}, { env })).not.toThrow();
  });
});

test('ARNs of the documentation’s account are warned of, at their places', () => {
  const warningsOf = (text: string) =>
    Annotations.fromStack(Stack.of(pipeline(() => ({}), text).made)).findWarning('*', Match.anyValue());
  expect(warningsOf(full).map(({ id, entry }) => [id, entry.data])).toEqual([
    [
      '/Own',
      expect.stringMatching(
        /own\/tidemark\.yaml: deploy\.bucket_key, deploy\.notify\[1\]: the account 111122223333 stands in examples only/,
      ),
    ],
  ]);
  expect(warningsOf(full.replaceAll('111122223333', '444455556666'))).toEqual([]);
});

test('values of the definition’s variables go into the functions’ environment', () => {
  const text = least.replace('{ url: s3://plain-lake }', '{ url: "${LAKE}" }');
  const { stack } = pipeline(() => ({}), text, { LAKE: 's3://the-lake/x' });
  for (const [, { Properties }] of stack.ofType('AWS::Lambda::Function')) {
    expect(Properties.Environment).toMatchObject({ Variables: { LAKE: 's3://the-lake/x' } });
    expect(JSON.stringify(Properties.Environment)).not.toContain('DATABASE_URL');
  }
  expect(() => pipeline(() => ({}), text, {})).toThrow('the definition asks for $LAKE');
});
