/** Each example is an app that synthesizes as it stands: in its own folder, without an account or a network. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDefinition } from '../../core/definition/load.ts';
import { parseTableName } from '../../core/definition/table-name.ts';
import { isDefined, tableOptions } from '../../core/definition/table-options.ts';

type Template = {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> }>
  >;
};

let folder: string;
const templates: Record<string, Template> = {};
const examples = readdirSync('examples').sort();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-examples-'));
  await synthesizeAll();
  for (const name of examples) {
    const file = readdirSync(join(folder, name)).find((each) => each.endsWith('.template.json'))!;
    templates[name] = JSON.parse(readFileSync(join(folder, name, file), 'utf8'));
  }
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `cdk synth` runs each in its folder, but in one process: the functions are bundled once. CDK synthesizes at its end. */
const program = `
  for (const name of ${JSON.stringify(examples)}) {
    process.chdir(process.argv[1] + '/' + name);
    process.env.CDK_OUTDIR = process.argv[2] + '/' + name;
    await import(process.cwd() + '/app.ts');
  }`;

const synthesizeAll = () =>
  new Promise<void>((done, fail) => {
    const args = ['--import', 'tsx', '--input-type=module', '-e', program, resolve('examples'), folder];
    const env = { PATH: process.env.PATH, HOME: folder };
    execFile(process.execPath, args, { env }, (error, _stdout, stderr) =>
      error ? fail(new Error(stderr)) : done(),
    );
  });

const ofType = (name: string, type: string) =>
  Object.values(templates[name]!.Resources).filter((each) => each.Type === type);

test('there is one for each way that docs speak of, and the CDK CLI finds its app', () => {
  expect(examples).toEqual(['existing-bucket', 'minimal', 'vpc-rds', 'whole-schemas']);
  for (const name of examples) {
    expect(JSON.parse(readFileSync(join('examples', name, 'cdk.json'), 'utf8'))).toEqual({
      app: 'node --import tsx app.ts',
    });
  }
});

test('minimal: a schedule, a ledger that is kept, and people who are told', () => {
  expect(ofType('minimal', 'AWS::Scheduler::Schedule')[0]?.Properties.ScheduleExpression).toBe(
    'rate(15 minutes)',
  );
  expect(ofType('minimal', 'AWS::DynamoDB::Table')[0]).toMatchObject({ DeletionPolicy: 'Retain' });
  expect(ofType('minimal', 'AWS::SNS::Subscription')[0]?.Properties.Endpoint).toBe('data@example.com');
  expect(ofType('minimal', 'AWS::S3::Bucket')).toEqual([]);
});

test('vpc-rds: private subnets, endpoints for what is outside of them, IAM in place of a password', () => {
  const endpoints = ofType('vpc-rds', 'AWS::EC2::VPCEndpoint').map(
    ({ Properties }) => Properties.VpcEndpointType,
  );
  expect(endpoints.sort()).toEqual(['Gateway', 'Gateway', 'Interface']);
  const roles = JSON.stringify(ofType('vpc-rds', 'AWS::IAM::Role'));
  expect(roles).toContain(':dbuser:db-ABCDEFGHIJKL0123456789/tidemark');
  expect(roles).not.toContain('secretsmanager');
  expect(ofType('vpc-rds', 'AWS::EC2::SecurityGroupIngress')).toContainEqual(
    expect.objectContaining({ Properties: expect.objectContaining({ FromPort: 5432 }) }),
  );
  expect(ofType('vpc-rds', 'AWS::S3::Bucket')[0]).toMatchObject({ DeletionPolicy: 'Retain' });
});

test('existing-bucket: nothing of the bucket is touched, its key may be used', () => {
  for (const type of ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::KMS::Key']) {
    expect(ofType('existing-bucket', type)).toEqual([]);
  }
  expect(JSON.stringify(ofType('existing-bucket', 'AWS::IAM::Role'))).toContain(
    'key/1234abcd-12ab-34cd-56ef-1234567890ab',
  );
  expect(ofType('existing-bucket', 'AWS::CloudWatch::Alarm')[0]?.Properties.EvaluationPeriods).toBe(25);
});

test('whole-schemas: the roles hold what the patterns match; what each table gets is what its comments say', () => {
  const roles = JSON.stringify(ofType('whole-schemas', 'AWS::IAM::Role'));
  for (const folder of ['public.*', '*.lookup_*', 'reporting.customers'])
    expect(roles).toContain(`crm/${folder}/data/*`);
  const file = join('examples', 'whole-schemas', 'tidemark.yaml');
  const definition = loadDefinition(readFileSync(file, 'utf8'), file, null);
  const of = (name: string) => tableOptions(definition, parseTableName(name)!);
  expect(of('public.orders')).toMatchObject({
    mask: { email: 'hash', phone: 'redact', birthday: 'null' },
    mode: 'append',
    exclude_columns: ['password_hash'],
  });
  expect(of('reporting.customers').mask).toEqual({});
  const isOurs = (name: string) => isDefined(definition, parseTableName(name)!);
  expect(['public.customers', 'other.lookup_1'].map(isOurs)).toEqual([true, true]);
  expect(['public.tmp_1', 'public.sessions', 'other.lookup_10'].map(isOurs)).toEqual([false, false, false]);
});
