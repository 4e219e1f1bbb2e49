/** As much of test:deployed as can be tried without an account. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateStateMachineCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, test } from 'vitest';
import { loadDefinition } from '../../core/definition/load.ts';
import { s3Client } from '../../core/objects/s3.ts';
import { accountId, credentials, region } from '../../local/account.ts';
import { startStepFunctions } from '../../local/step-functions.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { cdkArguments, definitionOf, type Mode } from './cdk.ts';
import { deployedWorld } from './deployed-world.ts';
import { type Settings, settingsFrom, sync, topicName } from './settings.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

const settings: Settings = {
  region,
  sourceUrl: 'postgres://me@db/shop',
  sourceSecret: `arn:aws:secretsmanager:${region}:${accountId}:secret:shop-AbCdEf`,
  bucket: 'lake-of-mine',
  vpc: null,
};
const topicArn = `arn:aws:sns:${region}:${accountId}:${topicName}`;

describe('an environment that lacks something', () => {
  test('is refused with all that is missing, and nothing is begun; exit code 2', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/deployed/run.ts'], {
      cwd: project,
      env: { PATH: process.env.PATH, HOME: '/nowhere', DEPLOYED_BUCKET: 'mine' },
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(2);
    for (const name of ['AWS_REGION', 'DEPLOYED_SOURCE_URL', 'DEPLOYED_SOURCE_SECRET']) {
      expect(stderr).toContain(`$${name}: `);
    }
    expect(stderr).not.toContain('DEPLOYED_BUCKET');
  });

  test('says of a VPC that is no JSON that it is none', () => {
    const all = {
      AWS_REGION: region,
      DEPLOYED_SOURCE_URL: 'u',
      DEPLOYED_SOURCE_SECRET: 's',
      DEPLOYED_BUCKET: 'b',
    };
    expect(() => settingsFrom({ ...all, DEPLOYED_VPC: 'vpc-1' })).toThrow('$DEPLOYED_VPC is no JSON');
    expect(settingsFrom({ ...all, DEPLOYED_VPC: '{"id":"vpc-1"}' }).vpc).toEqual({ id: 'vpc-1' });
  });
});

describe('what is deployed', () => {
  test('is synthesized offline: the sync, its schedule, notices that are heard, sandboxes that die', () => {
    const folder = scratchFolder();
    const definition = join(folder, 'tidemark.yaml');
    writeFileSync(definition, JSON.stringify(definitionOf(settings, { scheduled: true })));
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/deployed/app.ts'], {
      cwd: project,
      env: {
        PATH: process.env.PATH,
        CDK_DEFAULT_ACCOUNT: accountId,
        CDK_DEFAULT_REGION: region,
        CDK_OUTDIR: join(folder, 'cdk.out'),
        CDK_CONTEXT_JSON: JSON.stringify({ dying: 'true' }),
        DEPLOYED_DEFINITION: definition,
        DEPLOYED_SOURCE_URL: settings.sourceUrl,
      },
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    type Resources = Record<string, { Type: string; Properties: Record<string, never> }>;
    const resources = (stack: string): Resources =>
      JSON.parse(readFileSync(join(folder, 'cdk.out', `${stack}.template.json`), 'utf8')).Resources;
    const of = (stack: string, type: string) =>
      Object.values(resources(stack))
        .filter(({ Type }) => Type === type)
        .map(({ Properties }) => Properties);
    const pipeline = `tidemark-${sync}`;
    expect(of(pipeline, 'AWS::Scheduler::Schedule')).toMatchObject([
      { ScheduleExpression: 'rate(1 minute)' },
    ]);
    expect(of(pipeline, 'AWS::Events::Rule')).toMatchObject([{ Targets: [{ Arn: topicArn }] }]);
    expect(of(`${pipeline}-watch`, 'AWS::SNS::Topic')).toMatchObject([{ TopicName: topicName }]);
    expect(of(`${pipeline}-watch`, 'AWS::SNS::Subscription')).toMatchObject([{ Protocol: 'sqs' }]);
    const wrapped = of(pipeline, 'AWS::Lambda::Function').filter(
      ({ Environment }: { Environment?: { Variables: Record<string, string> } }) =>
        Environment?.Variables.AWS_LAMBDA_EXEC_WRAPPER === '/opt/die-soon',
    );
    expect(wrapped).toMatchObject([
      { FunctionName: `tidemark-${sync}-copy-chunk`, Layers: [expect.anything()] },
    ]);
    expect(of(`${pipeline}-data`, 'AWS::DynamoDB::Table')).toHaveLength(1);
  }, 240_000);

  test('has one definition with and without its schedule: a run goes on under both', async () => {
    const { fingerprint } = await import('../../core/definition/fingerprint.ts');
    const prints = [true, false].map((scheduled) =>
      fingerprint(loadDefinition(JSON.stringify(definitionOf(settings, { scheduled })), 'd', null)),
    );
    expect(prints[0]).toBe(prints[1]);
  });

  test('is destroyed, but for the ledger', () => {
    const args = cdkArguments('/tmp/x', 'destroy', { dying: false });
    expect(args).toEqual(
      expect.arrayContaining([`tidemark-${sync}`, `tidemark-${sync}-watch`, '--exclusively']),
    );
    expect(args.join(' ')).not.toContain('-data');
  });
});

test('the wrapper kills what it starts, by SIGKILL', async () => {
  const wrapper = fileURLToPath(new URL('layer/die-soon', import.meta.url));
  const child = spawn(wrapper, ['sleep', '30'], { env: { ...process.env, DIE_AFTER_SECONDS: '0.2' } });
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
});

describe('the world', () => {
  async function world(onDeploy: (mode: Mode) => void | Promise<void>) {
    const sqs = new SQSClient({ region, credentials });
    const opened = await deployedWorld(
      settings,
      {
        definitionFile: 'd.yaml',
        deploy: async (mode) => {
          await onDeploy(mode);
          return { queueUrl: 'https://queue', topicArn };
        },
      },
      { sfn, s3: s3Client({ region, credentials }), sqs },
      20,
    );
    return { opened, queue: mockClient(sqs) };
  }

  let sfn = new SFNClient({ region, credentials });
  const calm = { scheduled: false, dying: false };

  test('lets sandboxes die only while it is asked to, also where the work fails', async () => {
    const modes: Mode[] = [];
    const { opened } = await world((mode) => {
      modes.push(mode);
    });
    const work = () => {
      expect(modes.at(-1)).toEqual({ ...calm, dying: true });
      return Promise.reject(new Error('the work'));
    };
    await expect(opened.whileSandboxesDie(work)).rejects.toThrow('the work');
    expect(modes).toEqual([calm, { ...calm, dying: true }, calm]);
  });

  test('finds the execution that the schedule has started, and takes the schedule away', async () => {
    const invoke = async () => ({ ok: true as const, payload: '{}' });
    const server = await startStepFunctions({
      folder: scratchFolder(),
      objects: { endpoint: 'http://127.0.0.1:1' },
      lambda: { invoke },
    });
    sfn = new SFNClient({ endpoint: server.endpoint, region, credentials });
    try {
      const { stateMachineArn } = await sfn.send(
        new CreateStateMachineCommand({
          name: `tidemark-${sync}`,
          roleArn: 'arn:aws:iam::000000000000:role/r',
          definition: JSON.stringify({
            QueryLanguage: 'JSONata',
            StartAt: 'Done',
            States: { Done: { Type: 'Succeed' } },
          }),
        }),
      );
      const start = async () =>
        (await sfn.send(new StartExecutionCommand({ stateMachineArn: stateMachineArn! }))).executionArn!;
      await start();
      const modes: Mode[] = [];
      let scheduled = '';
      const { opened } = await world((mode) => {
        modes.push(mode);
        if (mode.scheduled)
          setTimeout(async () => {
            scheduled = await start();
          }, 100);
      });
      expect(await opened.fireSchedule()).toBe(scheduled);
      expect(modes).toEqual([calm, { ...calm, scheduled: true }, calm]);
      expect(opened.environment).toMatchObject({ NOTICES_TOPIC: topicArn });
    } finally {
      sfn.destroy();
      await server.stop();
    }
  });

  test('hears each notice once, and remembers it', async () => {
    const { opened, queue } = await world(() => {});
    queue
      .on(ReceiveMessageCommand)
      .resolvesOnce({ Messages: [{ Body: 'one', ReceiptHandle: '1' }] })
      .resolvesOnce({ Messages: [{ Body: 'two', ReceiptHandle: '2' }] })
      .resolves({});
    queue.on(DeleteMessageCommand).resolves({});
    expect(await opened.notices()).toEqual(['one', 'two']);
    expect(await opened.notices()).toEqual(['one', 'two']);
    expect(queue.commandCalls(DeleteMessageCommand).map(({ args }) => args[0].input.ReceiptHandle)).toEqual([
      '1',
      '2',
    ]);
  });
});
