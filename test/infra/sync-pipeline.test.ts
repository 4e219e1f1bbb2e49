/** What a deployed sync consists of. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleFunctions, functionNames } from '../../functions/bundling.ts';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { definitionFile, full, least } from './definitions.ts';
import { type Resource, type Synthesized, synthesized, testApp } from './template.ts';

let folder: string;
let app: App;
const stacks: Record<string, Synthesized> = {};
let fullFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-pipeline-'));
  app = testApp(join(folder, 'cdk.out'));
  fullFile = definitionFile(folder, 'full', full);
  syncStacks(app, [fullFile, definitionFile(folder, 'least', least)], {});
  for (const child of app.node.children)
    if (child instanceof Stack) stacks[child.node.id] = synthesized(child);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shop = (): Synthesized => stacks['tidemark-shop']!;
const plain = (): Synthesized => stacks['tidemark-plain']!;

/** The only resource of a type. */
const only = (stack: Synthesized, type: string) => {
  const found = stack.ofType(type);
  expect(found).toHaveLength(1);
  const [, resource] = found[0]!;
  return { ...resource, Properties: stack.resolve(resource.Properties) as Record<string, never> };
};

/** The template, but for what changes with the code and with CDK's bootstrap, and the state machine, which has its own tests. */
function golden(stack: Synthesized): unknown {
  const { Resources, Outputs } = JSON.parse(
    JSON.stringify(stack.template.toJSON()).replace(/[0-9a-f]{64}\.zip/g, '<asset>.zip'),
  ) as { Resources: Record<string, Resource>; Outputs?: unknown };
  const resources = Object.entries(Resources).map(([id, each]) => [
    id,
    each.Type === 'AWS::StepFunctions::StateMachine'
      ? { ...each, Properties: { ...each.Properties, DefinitionString: 'infra/sync.asl.json, filled in' } }
      : each,
  ]);
  return { Resources: Object.fromEntries(resources), Outputs };
}

describe('the golden template', () => {
  test.each(['tidemark-shop', 'tidemark-shop-data'])('%s', async (name) => {
    const text = `${JSON.stringify(golden(stacks[name]!), null, 1)}\n`;
    await expect(text).toMatchFileSnapshot(`golden/${name}.template.txt`);
  });
});

describe('the functions', () => {
  test('run on Node 24 and arm64, as the definition says, and know what they work on', () => {
    const functions = shop().ofType('AWS::Lambda::Function');
    expect(functions).toHaveLength(3);
    for (const [, { Properties }] of functions) {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Timeout: 600,
        MemorySize: Properties.FunctionName === 'tidemark-shop-copy-chunk' ? 2048 : 1024,
        TracingConfig: { Mode: 'Active' },
        Environment: {
          Variables: {
            TIDEMARK_LEDGER: 'tidemark-shop',
            TIDEMARK_SOURCE_IAM: 'db-ABCDEFGHIJKL0123456789',
            NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
          },
        },
      });
      expect('VpcConfig' in Properties).toBe(Properties.FunctionName !== 'tidemark-shop-publish');
    }
  });

  test('are the bundles that the laptop runs, and hold the file that the laptop read', async () => {
    const bundles = await bundleFunctions({ outDir: join(folder, 'laptop'), definitionFile: fullFile });
    for (const name of functionNames) {
      for (const file of ['index.js', 'index.js.map', 'package.json', 'tidemark.yaml']) {
        const deployed = readFileSync(join(shop().assetOf(`tidemark-shop-${name}`), file));
        const local = readFileSync(join(bundles[name].folder, file));
        expect(deployed.equals(local), `${name}/${file}`).toBe(true);
      }
    }
  }, 300_000);

  test('have logs of their own, kept as long as the definition says', () => {
    const groups = shop().ofType('AWS::Logs::LogGroup');
    expect(groups.map(([, { Properties }]) => Properties.LogGroupName)).toEqual([
      '/aws/lambda/tidemark-shop-plan',
      '/aws/lambda/tidemark-shop-copy-chunk',
      '/aws/lambda/tidemark-shop-publish',
      '/aws/vendedlogs/states/tidemark-shop',
    ]);
    expect(new Set(groups.map(([, { Properties }]) => Properties.RetentionInDays))).toEqual(new Set([90]));
  });
});

describe('the state machine', () => {
  type State = {
    Retry?: unknown[];
    TimeoutSeconds?: number;
    MaxConcurrency?: number;
    Catch?: unknown;
    ItemProcessor?: { States: Record<string, State> };
  };

  test('has the definition’s numbers, and no Catch', () => {
    const { DefinitionString, StateMachineName } = only(
      shop(),
      'AWS::StepFunctions::StateMachine',
    ).Properties;
    expect(StateMachineName).toBe('tidemark-shop');
    expect(DefinitionString).not.toContain('"Catch"');
    const { States } = JSON.parse(DefinitionString!) as { States: Record<string, State> };
    expect(States.CopyChunks?.MaxConcurrency).toBe(7);
    expect(States.CopyChunks?.ItemProcessor?.States.CopyChunk).toMatchObject({
      // a minute more than the function’s own
      TimeoutSeconds: 660,
      Retry: [{ MaxAttempts: 3, IntervalSeconds: 5, BackoffRate: 1, MaxDelaySeconds: 30 }],
      Arguments: { FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:tidemark-shop-copy-chunk' },
    });
  });

  test('names no partition: it can be deployed to China and GovCloud', () => {
    const [[, { Properties }]] = shop().ofType('AWS::StepFunctions::StateMachine') as [[string, Resource]];
    const written = JSON.stringify(Properties.DefinitionString);
    expect(written).toContain('"Ref":"AWS::Partition"');
    expect(written).not.toContain('arn:aws:');
  });

  test('logs every event but no state, which holds keys of rows', () => {
    expect(only(shop(), 'AWS::StepFunctions::StateMachine').Properties).toMatchObject({
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
      TracingConfiguration: { Enabled: true },
    });
  });
});

describe('what is kept', () => {
  test('the ledger: on demand, restorable, encrypted, not to be deleted', () => {
    expect(only(stacks['tidemark-shop-data']!, 'AWS::DynamoDB::Table')).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        TableName: 'tidemark-shop',
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
        DeletionProtectionEnabled: true,
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      },
    });
  });

  test('the bucket: private, encrypted, its owner’s, TLS only', () => {
    const data = stacks['tidemark-shop-data']!;
    expect(only(data, 'AWS::S3::Bucket')).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketName: 'shop-lake',
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            {
              BucketKeyEnabled: true,
              ServerSideEncryptionByDefault: {
                SSEAlgorithm: 'aws:kms',
                KMSMasterKeyID: expect.stringContaining(':key/1234abcd'),
              },
            },
          ],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        VersioningConfiguration: { Status: 'Enabled' },
        LifecycleConfiguration: {
          Rules: [
            { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
            { Prefix: 'raw/_staging/shop/', ExpirationInDays: 90 },
            { NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
          ],
        },
      },
    });
    expect(JSON.stringify(only(data, 'AWS::S3::BucketPolicy').Properties)).toContain(
      '"aws:SecureTransport":"false"',
    );
  });

  test('a bucket that is there is left as it is', () => {
    expect(stacks['tidemark-plain-data']!.ofType('AWS::S3::Bucket')).toEqual([]);
    expect(plain().ofType('AWS::S3::BucketPolicy')).toEqual([]);
  });

  test('nothing else outlives its stack', () => {
    for (const stack of [shop(), plain()]) {
      expect(Object.values(stack.resources).filter((each) => each.DeletionPolicy === 'Retain')).toEqual([]);
    }
  });
});

describe('the schedule', () => {
  test('starts the state machine on the minute, in its time zone; what it cannot start lies in a queue', () => {
    const machine = 'arn:aws:states:us-east-1:000000000000:stateMachine:tidemark-shop';
    expect(only(shop(), 'AWS::Scheduler::Schedule').Properties).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: {
        Arn: machine,
        Input: '{}',
        DeadLetterConfig: { Arn: expect.stringContaining('MissedStarts') },
        RetryPolicy: { MaximumEventAgeInSeconds: 3600 },
      },
    });
    expect(only(shop(), 'AWS::SQS::Queue').Properties).toMatchObject({ SqsManagedSseEnabled: true });
    expect(JSON.stringify(only(shop(), 'AWS::SQS::QueuePolicy').Properties)).toContain(
      '"aws:SecureTransport":"false"',
    );
  });

  test('is not there where the definition has none', () => {
    for (const type of ['AWS::Scheduler::Schedule', 'AWS::SQS::Queue', 'AWS::CloudWatch::Alarm']) {
      expect(plain().ofType(type)).toEqual([]);
    }
  });
});

describe('people are told', () => {
  test('of the runs of this state machine that failed, timed out or were aborted', () => {
    const { EventPattern, Targets } = only(shop(), 'AWS::Events::Rule').Properties;
    expect(EventPattern).toEqual({
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: {
        status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
        stateMachineArn: ['arn:aws:states:us-east-1:000000000000:stateMachine:tidemark-shop'],
      },
    });
    expect((Targets as unknown as { Arn: string }[]).map(({ Arn }) => Arn)).toEqual([
      expect.stringContaining('SyncNotices'),
      'arn:aws:sns:eu-central-1:111122223333:on-call',
    ]);
  });

  test('by mail, from an encrypted topic that EventBridge and CloudWatch can write to', () => {
    expect(only(shop(), 'AWS::SNS::Subscription').Properties).toMatchObject({
      Protocol: 'email',
      Endpoint: 'data@example.com',
    });
    expect(only(shop(), 'AWS::SNS::Topic').Properties).toMatchObject({
      KmsMasterKeyId: expect.stringContaining('SyncNoticesKey'),
    });
    const writers = (type: string, document: 'PolicyDocument' | 'KeyPolicy') =>
      (
        only(shop(), type).Properties[document] as unknown as {
          Statement: { Effect: string; Principal: { Service?: string } }[];
        }
      ).Statement.filter(({ Effect }) => Effect === 'Allow')
        .map(({ Principal }) => Principal.Service)
        .filter(Boolean)
        .sort();
    expect(writers('AWS::SNS::TopicPolicy', 'PolicyDocument')).toEqual([
      'cloudwatch.amazonaws.com',
      'events.amazonaws.com',
    ]);
    expect(writers('AWS::KMS::Key', 'KeyPolicy')).toEqual([
      'cloudwatch.amazonaws.com',
      'events.amazonaws.com',
    ]);
  });

  test('in the name of this account only, where AWS says for whom it writes', () => {
    const { KeyPolicy } = only(shop(), 'AWS::KMS::Key').Properties as unknown as {
      KeyPolicy: { Statement: { Principal: { Service?: string }; Condition?: unknown }[] };
    };
    const conditionOf = (service: string) =>
      KeyPolicy.Statement.find(({ Principal }) => Principal.Service === service)?.Condition;
    expect(conditionOf('cloudwatch.amazonaws.com')).toEqual({
      StringEquals: { 'aws:SourceAccount': '000000000000' },
    });
    // it would drop every notice
    expect(conditionOf('events.amazonaws.com')).toBeUndefined();
  });

  test('when nothing was published for as long as the definition says', () => {
    expect(only(shop(), 'AWS::CloudWatch::Alarm').Properties).toMatchObject({
      Namespace: 'Tidemark',
      MetricName: 'PublishedRuns',
      Dimensions: [{ Name: 'Sync', Value: 'shop' }],
      Statistic: 'Sum',
      Period: 3600,
      EvaluationPeriods: 26,
      DatapointsToAlarm: 26,
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
      AlarmActions: [expect.stringContaining('SyncNotices'), 'arn:aws:sns:eu-central-1:111122223333:on-call'],
    });
  });
});

describe('cdk-nag (AwsSolutions)', () => {
  const underNag = (text: string): App => {
    const own = testApp(mkdtempSync(join(folder, 'nag-')));
    Validations.of(own).addPlugins(new AwsSolutionsChecks(own));
    syncStacks(own, [definitionFile(mkdtempSync(join(folder, 'nag-')), 'nag', text)], {});
    return own;
  };

  test('finds nothing that is not acknowledged, with a reason', () => {
    for (const text of [full, least]) expect(() => underNag(text).synth()).not.toThrow();
  }, 300_000);

  test('would say so', () => {
    const own = underNag(least);
    new Queue(own.node.findChild('tidemark-plain') as Stack, 'Open');
    expect(() => own.synth()).toThrow('The SQS queue');
  }, 300_000);
});
