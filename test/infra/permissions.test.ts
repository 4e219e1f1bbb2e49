/** Every role of a deployed sync: who may do what on which resource, and why a resource is `*`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTablePattern } from '../../core/definition/table-pattern.ts';
import { tablePatterns } from '../../infra/permissions.ts';
import { SyncPipeline } from '../../infra/sync-pipeline.ts';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { definitionFile, full, least } from './definitions.ts';
import { type Statement, statementsOf } from './iam.ts';
import { type Synthesized, synthesized, testApp } from './template.ts';

let folder: string;
const stacks: Record<string, Synthesized> = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-permissions-'));
  const app = testApp(join(folder, 'cdk.out'));
  syncStacks(app, [definitionFile(folder, 'full', full), definitionFile(folder, 'least', least)], {});
  for (const child of app.node.children)
    if (child instanceof Stack) stacks[child.node.id] = synthesized(child);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rolesOf = (stack: Synthesized): string[] => stack.ofType('AWS::IAM::Role').map(([id]) => id);

/** A role's statements as lines: effect, actions, resources, conditions. */
function linesOf(statements: readonly Statement[]): string[] {
  const short = (arn: string) =>
    arn
      .replace('arn:aws:', '')
      .replaceAll(':us-east-1:000000000000:', '::')
      .replace(/^s3:::/, 's3://');
  return statements.map(({ effect, actions, resources, conditions }) => {
    const only = Object.entries(conditions).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => ` if ${key} ${operator} ${values.map(short).join(' ')}`),
    );
    const deny = effect === 'Deny' ? 'DENY ' : '';
    return `${deny}${actions.join(' ')} on ${resources.map(short).join(' ')}${only.join('')}`;
  });
}

const linesFor = (name: string): string[] => {
  const stack = stacks['tidemark-shop']!;
  return linesOf(statementsOf(stack, rolesOf(stack).find((id) => id.startsWith(`Sync${name}`))!));
};

const ledger = 'dynamodb::table/tidemark-shop';
const lake = 's3://shop-lake/raw';
const key = 'kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const withKey = `kms:Decrypt kms:GenerateDataKey on ${key} if kms:ViaService StringEquals s3.eu-central-1.amazonaws.com`;
const logIn = 'rds-db:connect on rds-db::dbuser:db-ABCDEFGHIJKL0123456789/tidemark';
const traces = 'xray:PutTraceSegments xray:PutTelemetryRecords on *';
const logsOf = (name: string) =>
  `logs:CreateLogStream logs:PutLogEvents on logs::log-group:/aws/lambda/tidemark-shop-${name}:*`;
const interfaces =
  'ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses on *';
const inVpc = (name: string) => [
  interfaces,
  `DENY ${interfaces} if lambda:SourceFunctionArn ArnEquals lambda::function:tidemark-shop-${name}`,
];

const items = `${ledger} if dynamodb:LeadingKeys ForAllValues:StringLike SYNC#shop`;
const logs = `${ledger} if dynamodb:LeadingKeys ForAllValues:StringLike RUN#shop#*`;
const seeing = 's3:ListBucket on s3://shop-lake if s3:prefix StringLike';

/** The whole of it: what stands here is granted, what does not is not. */
const expected: Readonly<Record<string, readonly string[]>> = {
  PlanRole: [
    `dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem on ${items}`,
    `s3:GetObject on ${lake}/_runs/shop/*/tables/* ${lake}/public.orders/manifests/* ${lake}/public.orders/current.json ${lake}/public.orders/metadata/* ${lake}/sales.lines/manifests/* ${lake}/sales.lines/current.json ${lake}/sales.lines/metadata/*`,
    `s3:PutObject on ${lake}/_runs/shop/*/tables/* ${lake}/_runs/shop/*/plan-*.jsonl ${lake}/public.orders/current.json ${lake}/public.orders/metadata/version-hint.text ${lake}/sales.lines/current.json ${lake}/sales.lines/metadata/version-hint.text`,
    `s3:DeleteObject on ${lake}/_staging/shop/*`,
    `${seeing} raw/_staging/shop/* raw/_runs/shop/*/tables/* raw/public.orders/manifests/* raw/public.orders/current.json raw/public.orders/metadata/* raw/sales.lines/manifests/* raw/sales.lines/current.json raw/sales.lines/metadata/*`,
    withKey,
    'states:DescribeExecution on states::execution:tidemark-shop:*',
    logIn,
    logsOf('plan'),
    ...inVpc('plan'),
    traces,
  ],
  CopyChunkRole: [
    `dynamodb:GetItem on ${items}`,
    `dynamodb:GetItem dynamodb:PutItem dynamodb:Query on ${logs}`,
    `s3:GetObject on ${lake}/_runs/shop/*/tables/* ${lake}/_staging/shop/* ${lake}/public.orders/data/* ${lake}/sales.lines/data/*`,
    `s3:PutObject on ${lake}/_staging/shop/* ${lake}/public.orders/data/* ${lake}/sales.lines/data/*`,
    `s3:DeleteObject on ${lake}/_staging/shop/*`,
    `${seeing} raw/_runs/shop/*/tables/* raw/_staging/shop/* raw/public.orders/data/* raw/sales.lines/data/*`,
    withKey,
    logIn,
    logsOf('copy-chunk'),
    ...inVpc('copy-chunk'),
    traces,
  ],
  // neither the source nor the VPC
  PublishRole: [
    `dynamodb:GetItem dynamodb:UpdateItem on ${items}`,
    `dynamodb:Query on ${logs}`,
    `s3:GetObject on ${lake}/_staging/shop/* ${lake}/_runs/shop/*/tables/* ${lake}/_runs/shop/*/results/* ${lake}/public.orders/* ${lake}/sales.lines/*`,
    `s3:PutObject on ${lake}/public.orders/* ${lake}/sales.lines/*`,
    `s3:DeleteObject on ${lake}/_staging/shop/* ${lake}/public.orders/data/* ${lake}/public.orders/metadata/* ${lake}/sales.lines/data/* ${lake}/sales.lines/metadata/*`,
    `${seeing} raw/_staging/shop/* raw/_runs/shop/*/tables/* raw/_runs/shop/*/results/* raw/public.orders/* raw/sales.lines/*`,
    withKey,
    logsOf('publish'),
    traces,
  ],
  MachineRole: [
    'lambda:InvokeFunction on lambda::function:tidemark-shop-plan lambda::function:tidemark-shop-copy-chunk lambda::function:tidemark-shop-publish',
    `s3:GetObject on ${lake}/_runs/shop/*/plan-*.jsonl ${lake}/_runs/shop/*/results/*`,
    `s3:PutObject s3:ListMultipartUploadParts s3:AbortMultipartUpload on ${lake}/_runs/shop/*/results/*`,
    withKey,
    'states:StartExecution on states::stateMachine:tidemark-shop',
    'states:DescribeExecution states:StopExecution states:RedriveExecution on states::execution:tidemark-shop:* states::execution:tidemark-shop/*',
    'logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups on *',
    'xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets on *',
  ],
  ScheduleRole: [
    'states:StartExecution on states::stateMachine:tidemark-shop',
    expect.stringMatching(/^sqs:SendMessage on sqs::SyncMissedStarts\w+$/),
  ],
};

describe('the roles', () => {
  test('are these', () => {
    const found = rolesOf(stacks['tidemark-shop']!).map((id) => /^Sync(\w+Role)/.exec(id)?.[1]);
    expect(found.sort()).toEqual(Object.keys(expected).sort());
    for (const stack of ['tidemark-shop-data', 'tidemark-plain-data'])
      expect(rolesOf(stacks[stack]!)).toEqual([]);
  });

  test.each(Object.keys(expected))('%s may do this, and nothing else', (role) => {
    expect(linesFor(role)).toEqual(expected[role]);
  });

  test('a secret, and a bucket without a prefix, in place of a VPC, IAM and a key', () => {
    const stack = stacks['tidemark-plain']!;
    const statements = statementsOf(stack, rolesOf(stack).find((id) => id.startsWith('SyncCopyChunkRole'))!);
    expect(linesOf(statements)).toEqual([
      'dynamodb:GetItem on dynamodb::table/tidemark-plain if dynamodb:LeadingKeys ForAllValues:StringLike SYNC#plain',
      'dynamodb:GetItem dynamodb:PutItem dynamodb:Query on dynamodb::table/tidemark-plain if dynamodb:LeadingKeys ForAllValues:StringLike RUN#plain#*',
      's3:GetObject on s3://plain-lake/_runs/plain/*/tables/* s3://plain-lake/_staging/plain/* s3://plain-lake/public.orders/data/*',
      's3:PutObject on s3://plain-lake/_staging/plain/* s3://plain-lake/public.orders/data/*',
      's3:DeleteObject on s3://plain-lake/_staging/plain/*',
      's3:ListBucket on s3://plain-lake if s3:prefix StringLike _runs/plain/*/tables/* _staging/plain/* public.orders/data/*',
      'secretsmanager:GetSecretValue on secretsmanager:eu-central-1:111122223333:secret:plain-AbCdEf',
      'logs:CreateLogStream logs:PutLogEvents on logs::log-group:/aws/lambda/tidemark-plain-copy-chunk:*',
      traces,
    ]);
  });
});

describe('the key of a bucket that the app hands over', () => {
  const keyArn = 'arn:aws:kms:eu-central-1:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab';
  const withBucket = (
    handOver: (scope: Stack) => Bucket | ReturnType<typeof Bucket.fromBucketName>,
    text = least,
  ) => {
    const scope = new Stack(testApp(mkdtempSync(join(folder, 'handed-'))), 'Own');
    const definition = definitionFile(mkdtempSync(join(folder, 'handed-')), 'own', text);
    new SyncPipeline(scope, 'Sync', { definitionFile: definition, environment: {}, bucket: handOver(scope) });
    const stack = synthesized(scope);
    return ['Plan', 'CopyChunk', 'Publish', 'Machine'].map((name) => {
      const role = rolesOf(stack).find((id) => id.startsWith(`Sync${name}Role`))!;
      return linesOf(statementsOf(stack, role)).filter((line) => line.includes('kms:'));
    });
  };
  const named = (scope: Stack) =>
    Bucket.fromBucketAttributes(scope, 'Lake', {
      bucketName: 'plain-lake',
      encryptionKey: Key.fromKeyArn(scope, 'LakeKey', keyArn),
    });

  test('may be used by all who use the bucket', () => {
    const granted = `kms:Decrypt kms:GenerateDataKey on ${keyArn.replace('arn:aws:', '')} if kms:ViaService StringEquals s3.eu-central-1.amazonaws.com`;
    for (const lines of withBucket(named)) expect(lines).toEqual([granted]);
  });

  test('also where CDK makes both', () => {
    const made = (scope: Stack) =>
      new Bucket(scope, 'Lake', { bucketName: 'plain-lake', encryption: BucketEncryption.KMS });
    for (const lines of withBucket(made)) {
      expect(lines).toEqual([
        expect.stringMatching(/^kms:Decrypt kms:GenerateDataKey on kms::LakeKey\w+ if /),
      ]);
    }
  });

  test('and nothing of KMS where the bucket has none', () => {
    const plain = (scope: Stack) => Bucket.fromBucketName(scope, 'Lake', 'plain-lake');
    for (const lines of withBucket(plain)) expect(lines).toEqual([]);
  });

  test('is not another than the definition’s', () => {
    const other = keyArn.replace('99999999', '11111111');
    expect(() => withBucket(named, `${least}deploy: { bucket_key: "${other}" }\n`)).toThrow(
      `deploy.bucket_key: ${other} stands there, but the app’s bucket has the key ${keyArn}; allowed: the same one`,
    );
    expect(() => withBucket(named, `${least}deploy: { bucket_key: "${keyArn}" }\n`)).not.toThrow();
  });
});

/** Actions that AWS checks against `*` only, and who has them. */
const withoutResource: readonly {
  readonly action: RegExp;
  readonly roles: RegExp;
  readonly reason: string;
}[] = [
  {
    action: /^xray:(PutTraceSegments|PutTelemetryRecords)$/,
    roles: /^Sync(Plan|CopyChunk|Publish|Machine)Role/,
    reason: 'traces are no resources',
  },
  {
    action: /^xray:GetSampling(Rules|Targets)$/,
    roles: /^SyncMachineRole/,
    reason: 'sampling is the account’s',
  },
  {
    action:
      /^logs:((Create|Get|Update|Delete)LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe(ResourcePolicies|LogGroups))$/,
    roles: /^SyncMachineRole/,
    reason: 'vended logs: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
  },
  {
    action:
      /^ec2:(CreateNetworkInterface|DescribeNetworkInterfaces|DescribeSubnets|DeleteNetworkInterface|(Unassign|Assign)PrivateIpAddresses)$/,
    roles: /^Sync(Plan|CopyChunk)Role/,
    reason:
      'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html, and the code is denied them',
  },
];

describe('of every role in every stack', () => {
  const all = () =>
    Object.values(stacks).flatMap((stack) =>
      rolesOf(stack).flatMap((role) =>
        statementsOf(stack, role)
          .filter(({ effect }) => effect === 'Allow')
          .flatMap(({ actions, resources }) =>
            actions.flatMap((action) => resources.map((resource) => ({ role, action, resource }))),
          ),
      ),
    );

  test('no action is a pattern', () => {
    expect(all().length).toBeGreaterThan(80);
    expect(all().filter(({ action }) => !/^[a-z0-9-]+:[A-Za-z]+$/.test(action))).toEqual([]);
  });

  test('a resource with a `*` is a place of this sync’s own, or has a reason', () => {
    const wide = all().filter(({ resource }) => resource.includes('*') && !isNarrow(resource));
    const without = wide.filter(
      ({ role, action }) =>
        !withoutResource.some((each) => each.action.test(action) && each.roles.test(role)),
    );
    expect(without).toEqual([]);
    for (const each of withoutResource)
      expect(wide.some(({ action }) => each.action.test(action))).toBe(true);
  });

  /** A folder of this sync’s own, its log group, its executions. */
  const isNarrow = (resource: string): boolean =>
    /^arn:aws:s3:::[\w-]+\/(raw\/)?(_staging|_runs)\/(shop|plain)\/|^arn:aws:s3:::[\w-]+\/(raw\/)?(public\.orders|sales\.lines)\//.test(
      resource,
    ) ||
    /:log-group:\/aws\/lambda\/tidemark-(shop|plain)-[a-z-]+:\*$/.test(resource) ||
    /:execution:tidemark-(shop|plain)[:/]\*$/.test(resource);
});

describe('tables in a role', () => {
  const tables = (count: number, schemas: number, characters = 10): string[] =>
    Array.from({ length: count }, (_, n) => `schema${n % schemas}.${`t_${n}`.padEnd(characters, '_')}`);
  const patterns = (names: readonly string[]) => names.map((name) => parseTablePattern(name)!);
  const statesArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:tidemark-shop';
  const ground = {
    sync: 'shop',
    target: { bucket: 'lake', prefix: 'raw/' },
    ledgerArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/tidemark-shop',
    bucketArn: 'arn:aws:s3:::lake',
    bucketKeyArn: null,
    stateMachineArn: statesArn,
    executionsArn: `${statesArn}:*`,
    glue: null,
    manifests: [],
    source: [],
  };

  test('are named while they fit, then their schemas, then what looks like a table', () => {
    expect(tablePatterns(ground, patterns(['public.odd name']))).toEqual(['raw/public.odd!20name']);
    expect(tablePatterns(ground, patterns(tables(16, 2)))).toHaveLength(16);
    expect(tablePatterns(ground, patterns(tables(2000, 2)))).toEqual(['raw/schema0.*', 'raw/schema1.*']);
    expect(tablePatterns(ground, patterns(tables(2000, 500)))).toEqual(['raw/*.*']);
  });

  test('are what patterns match, with a wildcard for each of theirs', () => {
    const of = patterns(['public.*', 'sales.ö?_x', '*.log_*', '"a.*"."?"']);
    expect(tablePatterns(ground, of)).toEqual([
      'raw/public.*',
      'raw/sales.!c3!b6*_x',
      'raw/*.log_*',
      'raw/a!2e!2a.!3f',
    ]);
  });

  test('a prefix that is too long for a role is refused', () => {
    const target = { bucket: 'lake', prefix: `${'a'.repeat(900)}/` };
    expect(() => tablePatterns({ ...ground, target }, patterns(tables(1, 1)))).toThrow(
      /DefinitionInvalid|target.url: a prefix of 901 characters/,
    );
  });

  /** Of all policies of each role, with the longest names that a deployment may put in. */
  function roleSizes(count: number, bucket: number, prefix: number, characters: number): number[] {
    const name = `big-${count}-${bucket}-${prefix}-${characters}`;
    const names = tables(count, 1, characters);
    const big = full
      .replace('[public.orders, sales.lines]', JSON.stringify(names))
      .replace(/^name: shop$/m, `name: ${name}`)
      .replace('s3://shop-lake/raw', `s3://${'b'.repeat(bucket)}/${'p'.repeat(prefix)}`);
    const app = testApp(join(folder, `${name}.out`));
    syncStacks(app, [definitionFile(folder, name, big)], {});
    const stack = synthesized(app.node.findChild(`tidemark-${name}`) as Stack);
    const size = (value: unknown): number => JSON.stringify(stack.resolve(value ?? [])).length;
    const policies = stack.ofType('AWS::IAM::Policy');
    return stack.ofType('AWS::IAM::Role').map(([id, { Properties }]) => {
      const own = policies.filter(([, policy]) =>
        JSON.stringify(policy.Properties.Roles).includes(`"${id}"`),
      );
      return own.reduce(
        (sum, [, policy]) => sum + size(policy.Properties.PolicyDocument),
        size(Properties.Policies),
      );
    });
  }

  test.each([
    [23, 9, 3, 10],
    [16, 30, 4, 20],
    [14, 53, 3, 24],
    [20, 53, 3, 24],
    [16, 63, 1, 30],
    [12, 63, 1, 63],
    [19, 40, 1, 30],
    [1, 63, 250, 63],
    [200, 63, 60, 20],
  ])(
    'IAM takes the roles of %i tables, in a bucket of %i characters, a prefix of %i, names of %i',
    (...lengths) => {
      const largest = Math.max(...roleSizes(...lengths));
      expect(largest).toBeGreaterThan(2_000);
      expect(largest).toBeLessThan(10_240);
    },
    60_000,
  );
});
