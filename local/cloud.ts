/**
 * The embedded cloud: the object store, the ledger's database, the functions and the state machine, under one
 * folder on loopback. What runs in it is what is deployed: the same state machine, the same bundles, the same SDK.
 *
 *     <home>/s3/<bucket>/<key>   objects, as plain files
 *     <home>/dynamodb            the ledger
 *     <home>/step-functions      executions and their histories
 *     <home>/functions           the bundles, and `logs/<function>.log`
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  CreateStateMachineCommand,
  DescribeStateMachineCommand,
  SFNClient,
  StateMachineDoesNotExist,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import type { Definition } from '../core/definition/options.ts';
import { referencedVariables } from '../core/definition/references.ts';
import { parseTarget } from '../core/objects/keys.ts';
import {
  bundleFunctions,
  type FunctionName,
  functionEnvironment,
  functionNames,
} from '../functions/bundling.ts';
import { stateMachineDefinition } from '../infra/state-machine.ts';
import { credentials, region } from './account.ts';
import { createBucket } from './bucket.ts';
import { ensureLedgerTable, startDynamodb } from './dynamodb.ts';
import { claimHome, type Endpoints } from './instance.ts';
import { type RunningLambda, startLambda } from './lambda.ts';
import { startS3 } from './s3.ts';
import { machineArn } from './step-functions/arns.ts';
import { startStepFunctions } from './step-functions.ts';

export const ledgerTable = 'tidemark-ledger';

/** As in the cloud: a Lambda's longest, and a memory that holds two parts of the default size. */
const functionTimeoutSeconds = 900;
const functionMemoryMB: Readonly<Record<FunctionName, number>> = {
  plan: 512,
  'copy-chunk': 1024,
  publish: 1024,
};

const stateMachineArnOf = (sync: string): string => machineArn(`tidemark-${sync}`);

export type LocalCloud = {
  readonly endpoints: Endpoints;
  readonly stateMachineArn: string;
  /** whether the servers are this process's, and end with it */
  readonly isHost: boolean;
  /**
   * Lets the functions that are at work stop at their next part boundary, and waits for them; no later invocation
   * gets any time. Of no effect where the servers are another process's.
   */
  windDown(): Promise<void>;
  stop(): Promise<void>;
};

export type CloudOptions = {
  /** made if it is not there */
  readonly home: string;
  readonly definition: Definition;
  readonly definitionFile: string;
  /** where the definition's `${NAME}`s are looked up; functions get those and nothing else of it */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

type Invoke = Parameters<typeof startStepFunctions>[0]['lambda']['invoke'];

type Stack = { use<T extends { stop(): Promise<void> }>(server: T): T; stop(): Promise<void> };

/** Stops what was started, the last one first. */
function stackOf(release: () => void): Stack {
  const servers: { stop(): Promise<void> }[] = [];
  return {
    use: (server) => {
      servers.push(server);
      return server;
    },
    stop: async () => {
      for (const server of servers.splice(0).reverse()) await server.stop();
      release();
    },
  };
}

/** Starts the store, the ledger's database and Step Functions on a home folder; `invoke` is what its tasks call. */
async function startServers(stack: Stack, home: string, invoke: Invoke): Promise<Endpoints> {
  const s3 = stack.use(await startS3({ folder: join(home, 's3') }));
  const dynamodb = stack.use(await startDynamodb({ folder: join(home, 'dynamodb') }));
  const objects = { endpoint: s3.endpoint };
  const folder = join(home, 'step-functions');
  const sfn = stack.use(await startStepFunctions({ folder, objects, lambda: { invoke } }));
  await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName: ledgerTable });
  return { s3: s3.endpoint, dynamodb: dynamodb.endpoint, sfn: sfn.endpoint };
}

/**
 * Deploys the definition on the embedded cloud of a home folder and starts it, or finds the one that another
 * process runs there.
 *
 * @throws TidemarkError CloudBusy, CloudBroken, DefinitionMissing
 */
export async function startCloud(options: CloudOptions): Promise<LocalCloud> {
  const home = resolve(options.home);
  const stateMachineArn = stateMachineArnOf(options.definition.name);
  const claim = await claimHome(home, options.definition.name);
  if ('s3' in claim) {
    return {
      endpoints: claim,
      stateMachineArn,
      isHost: false,
      windDown: async () => {},
      stop: async () => {},
    };
  }
  const stack = stackOf(claim.release);
  try {
    const functions = join(home, 'functions');
    const bundles = await bundleFunctions({ outDir: functions, definitionFile: options.definitionFile });
    let lambda: RunningLambda | null = null;
    const endpoints = await startServers(stack, home, (name, payload, { signal }) =>
      lambda!.invoke(name, payload, { signal }),
    );
    const running = stack.use(
      await startLambda({
        folder: functions,
        endpoints,
        functions: Object.fromEntries(
          functionNames.map((name) => [
            name,
            {
              ...bundles[name],
              environment: {
                ...functionEnvironment,
                ...referenced(options),
                TIDEMARK_LEDGER: ledgerTable,
                // there is no other one here
                TIDEMARK_CATALOG: 'ledger',
              },
              timeoutSeconds: functionTimeoutSeconds,
              memoryMB: functionMemoryMB[name],
            },
          ]),
        ),
      }),
    );
    lambda = running;
    await createBucket(endpoints.s3, parseTarget(options.definition.target.url).bucket);
    await deployStateMachine(endpoints.sfn, stateMachineArn, options.definition);
    claim.announce(endpoints);
    return { endpoints, stateMachineArn, isHost: true, windDown: () => windDown(running), stop: stack.stop };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** The variables that the definition refers to: a function sees nothing else of the environment. */
function referenced({ definitionFile, environment }: CloudOptions): Record<string, string> {
  const names = referencedVariables(readFileSync(definitionFile, 'utf8'));
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}

async function windDown(lambda: RunningLambda): Promise<void> {
  lambda.windDown();
  while (lambda.sandboxes().some(({ requestId }) => requestId !== null)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function deployStateMachine(endpoint: string, arn: string, definition: Definition): Promise<void> {
  const client = new SFNClient({ endpoint, region, credentials });
  const { retry } = definition;
  const wanted = JSON.stringify(
    stateMachineDefinition({
      planFunction: 'plan',
      copyChunkFunction: 'copy-chunk',
      publishFunction: 'publish',
      retry: {
        kind: retry.kind,
        intervalSeconds: retry.interval_seconds,
        maxAttempts: retry.attempts,
        maxDelaySeconds: retry.max_interval_seconds,
      },
      maxConcurrency: definition.concurrency,
      taskTimeoutSeconds: functionTimeoutSeconds + 60,
    }),
  );
  try {
    const found = await client.send(new DescribeStateMachineCommand({ stateMachineArn: arn }));
    if (found.definition !== wanted) {
      await client.send(new UpdateStateMachineCommand({ stateMachineArn: arn, definition: wanted }));
    }
  } catch (error) {
    if (!(error instanceof StateMachineDoesNotExist)) throw error;
    await client.send(
      new CreateStateMachineCommand({
        name: arn.split(':').at(-1)!,
        definition: wanted,
        roleArn: 'arn:aws:iam::000000000000:role/embedded',
      }),
    );
  } finally {
    client.destroy();
  }
}

/**
 * What is stored, for those who only look: the servers, but no functions. Or the servers of the process that works in
 * the folder.
 *
 * @throws TidemarkError CloudBusy, CloudBroken
 */
export async function openStorage(home: string): Promise<{ endpoints: Endpoints; stop(): Promise<void> }> {
  const folder = resolve(home);
  const claim = await claimHome(folder, null);
  if ('s3' in claim) return { endpoints: claim, stop: async () => {} };
  const stack = stackOf(claim.release);
  try {
    const endpoints = await startServers(stack, folder, async (name) => ({
      ok: false,
      error: 'Lambda.ServiceException',
      cause: `function ${name} is not there: this process only looks`,
    }));
    return { endpoints, stop: stack.stop };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
