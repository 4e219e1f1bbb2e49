/** The scenario's world on AWS: what `cdk deploy` made there, and the queue that hears its notices. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { paginateListExecutions, type SFNClient } from '@aws-sdk/client-sfn';
import { DeleteMessageCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { stateMachineName } from '../../infra/names.ts';
import type { World } from '../scenario/world.ts';
import type { Cdk } from './cdk.ts';
import { type Settings, sync } from './settings.ts';

export type Clients = { readonly sfn: SFNClient; readonly s3: S3Client; readonly sqs: SQSClient };

const calm = { scheduled: false, dying: false };

/** A schedule that was just made fires within two minutes or so. */
const schedulePatienceMs = 5 * 60_000;

/** What commands get of this process's environment: how to reach AWS, and what the definition refers to. */
const passedOn = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        /^(AWS_|DEPLOYED_|NODE_EXTRA_CA_CERTS$|HTTPS?_PROXY$|NO_PROXY$)/i.test(entry[0]) &&
        entry[1] !== undefined,
    ),
  );

/** Deploys. What was deployed stays when it is closed: test/deployed/run.ts destroys it, whatever happened. */
export async function deployedWorld(
  settings: Settings,
  cdk: Pick<Cdk, 'definitionFile' | 'deploy'>,
  { sfn, s3, sqs }: Clients,
  pollMs = 2_000,
): Promise<World> {
  const { queueUrl, topicArn } = await cdk.deploy(calm);
  const [, partition, , , account] = topicArn.split(':');
  const stateMachineArn = `arn:${partition}:states:${settings.region}:${account}:stateMachine:${stateMachineName(sync)}`;
  const heard: string[] = [];

  async function executions(): Promise<Set<string>> {
    const found = new Set<string>();
    for await (const page of paginateListExecutions({ client: sfn }, { stateMachineArn })) {
      for (const { executionArn } of page.executions ?? []) found.add(executionArn!);
    }
    return found;
  }

  return {
    sync,
    definitionFile: cdk.definitionFile,
    environment: { ...passedOn(process.env), NOTICES_TOPIC: topicArn },
    sfn,
    s3,
    target: { bucket: settings.bucket, prefix: `tidemark-${sync}/` },
    sourceUrl: settings.sourceUrl,
    sourceWrites: 'answers',
    patienceMs: 10 * 60_000,
    pollMs,

    async whileSandboxesDie(work) {
      await cdk.deploy({ ...calm, dying: true });
      try {
        // by themselves
        return await work(async () => {});
      } finally {
        await cdk.deploy(calm);
      }
    },

    async fireSchedule() {
      const before = await executions();
      await cdk.deploy({ ...calm, scheduled: true });
      try {
        const giveUpMs = Date.now() + schedulePatienceMs;
        while (Date.now() < giveUpMs) {
          const started = [...(await executions())].find((arn) => !before.has(arn));
          if (started) return started;
          await sleep(pollMs);
        }
        throw new Error(`the schedule has started nothing in ${schedulePatienceMs / 60_000} minutes`);
      } finally {
        await cdk.deploy(calm);
      }
    },

    async notices() {
      for (;;) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
        );
        if (Messages.length === 0) return heard;
        for (const { Body, ReceiptHandle } of Messages) {
          heard.push(Body!);
          await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: ReceiptHandle! }));
        }
      }
    },

    async close() {
      sfn.destroy();
      s3.destroy();
      sqs.destroy();
    },
  };
}
