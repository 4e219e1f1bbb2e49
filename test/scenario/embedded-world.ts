/**
 * The scenario's world on this machine: the embedded cloud at its own endpoints, the schedule and the notices as the
 * synthesized template has them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { paginateListExecutions, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { loadDefinition } from '../../core/definition/load.ts';
import { s3Client } from '../../core/objects/s3.ts';
import { pipelineStackName } from '../../infra/names.ts';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { accountId, credentials, region } from '../../local/account.ts';
import { ledgerTable, startCloud } from '../../local/cloud.ts';
import { sandboxesOf } from '../support/command-line.ts';
import { testPostgres } from '../support/postgres.ts';
import { definitionOptions } from './scenario-definition.ts';
import { type ExecutionEvent, noticesOf, scheduleOf } from './template.ts';
import type { World } from './world.ts';

const sync = 'scenario';
/** It may have ended by itself since it was seen. */
function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Until the state machine has noticed. */
const strikePauseMs = 500;

/** Gives a definition's file the shape that a deployment wants; JSON is YAML. */
function writeDefinition(folder: string): string {
  const file = join(folder, 'tidemark.yaml');
  const definition = {
    name: sync,
    source: {
      type: 'postgres',
      url: '${SCENARIO_SOURCE}',
      secret: `arn:aws:secretsmanager:${region}:${accountId}:secret:scenario-AbCdEf`,
    },
    target: { url: 's3://scenario-lake/shop' },
    schedule: 'rate(1 hour)',
    deploy: { notify: [`arn:aws:sns:${region}:${accountId}:scenario`] },
    ...definitionOptions,
  };
  writeFileSync(file, JSON.stringify(definition));
  return file;
}

function synthesized(definitionFile: string, environment: Readonly<Record<string, string>>): Template {
  const app = new App({ analyticsReporting: false });
  syncStacks(app, [definitionFile], environment, { env: { account: accountId, region } });
  return Template.fromStack(app.node.findChild(pipelineStackName(sync)) as Stack);
}

/** Each change of an execution's status into one that is an end, as EventBridge would tell of it. */
function statusChanges(sfn: SFNClient, stateMachineArn: string) {
  const events: ExecutionEvent[] = [];
  const told = new Set<string>();
  async function look(): Promise<void> {
    for await (const { executions } of paginateListExecutions({ client: sfn }, { stateMachineArn })) {
      for (const { executionArn, name, status, stopDate } of executions ?? []) {
        if (!stopDate || status === 'RUNNING') continue;
        // a redriven execution ends once more
        const change = `${executionArn} ${status} ${stopDate.getTime()}`;
        if (told.has(change)) continue;
        told.add(change);
        events.push({
          source: 'aws.states',
          'detail-type': 'Step Functions Execution Status Change',
          detail: { executionArn: executionArn!, stateMachineArn, name: name!, status: status! },
        });
      }
    }
  }
  let over = false;
  const watching = (async () => {
    while (!over) {
      await look();
      await sleep(100);
    }
  })();
  // it is awaited at the end only
  watching.catch(() => {});
  return {
    events: async () => {
      await look();
      return events;
    },
    async stop() {
      over = true;
      await watching;
    },
  };
}

export async function embeddedWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-embedded-world-'));
  const definitionFile = writeDefinition(folder);
  const postgres = await testPostgres();
  const environment = { SCENARIO_SOURCE: postgres.url };
  const template = synthesized(definitionFile, environment);
  const definition = loadDefinition(readFileSync(definitionFile, 'utf8'), definitionFile, environment);
  const cloud = await startCloud({ home: join(folder, 'home'), definition, definitionFile, environment });
  const { endpoints, stateMachineArn } = cloud;
  const sfn = new SFNClient({ endpoint: endpoints.sfn, region, credentials });
  const s3 = s3Client({ endpoint: endpoints.s3, region, credentials });
  const changes = statusChanges(sfn, stateMachineArn);

  return {
    sync,
    definitionFile,
    environment: {
      ...environment,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_SFN: endpoints.sfn,
      AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
      AWS_ENDPOINT_URL_S3: endpoints.s3,
      TIDEMARK_LEDGER: ledgerTable,
    },
    sfn,
    s3,
    target: { bucket: 'scenario-lake', prefix: 'shop/' },
    sourceUrl: postgres.url,
    sourceWrites: 'files',
    patienceMs: 120_000,
    pollMs: 50,

    whileSandboxesDie: (work) =>
      work(async () => {
        for (const pid of sandboxesOf(process.pid)) killed(pid);
        await sleep(strikePauseMs);
      }),

    async fireSchedule() {
      const target = scheduleOf(template, stateMachineArn);
      if (target.state !== 'ENABLED') throw new Error('the schedule is not enabled');
      const started = await sfn.send(
        new StartExecutionCommand({ stateMachineArn: target.stateMachineArn, input: target.input }),
      );
      return started.executionArn!;
    },

    notices: async () =>
      (await changes.events()).flatMap((event) => noticesOf(template, stateMachineArn, event)),

    async close() {
      await changes.stop();
      sfn.destroy();
      s3.destroy();
      await cloud.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
