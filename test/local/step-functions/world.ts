import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type StateMachineSettings, stateMachineDefinition } from '../../../infra/state-machine.ts';
import { startS3 } from '../../../local/s3.ts';
import type { Invoke } from '../../../local/step-functions/interpreter.ts';
import { startStepFunctions } from '../../../local/step-functions.ts';

export const bucket = 'lake';
const client = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };

/** Functions in this process, by name; they throw an error whose name is the error's. */
export type Functions = { readonly [name: string]: (payload: never, call: number) => unknown };

/** Calls plain functions as Lambda would, and counts the calls. */
export function invoking(functions: () => Functions, calls: Record<string, number>): Invoke {
  return async (name, payload) => {
    calls[name] = (calls[name] ?? 0) + 1;
    try {
      const result = await functions()[name]!(payload as never, calls[name]);
      return { ok: true, payload: JSON.parse(JSON.stringify(result ?? null)) };
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error;
      return { ok: false, error: errorType, cause: JSON.stringify({ errorMessage, errorType, trace: [] }) };
    }
  };
}

export function failing(name: string, message = 'as the test wants it'): never {
  const error = new Error(message);
  error.name = name;
  throw error;
}

/** An embedded S3 and Step Functions in a folder of their own. */
export type World = {
  readonly folder: string;
  readonly s3: S3Client;
  readonly s3Endpoint: string;
  /** of the engine that runs now */
  sfn: SFNClient;
  functions: Functions;
  /** how often each function was called */
  readonly calls: Record<string, number>;
  put(key: string, body: string): Promise<unknown>;
  get<T>(key: string): Promise<T>;
  /** Stops the engine, and starts another one on its folder. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export async function startWorld(functions: Functions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-sfn-'));
  const objects = await startS3({ folder: join(folder, 's3') });
  const s3 = new S3Client({ ...client, endpoint: objects.endpoint, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const calls: Record<string, number> = {};
  const lambda = { invoke: invoking(() => world.functions, calls) };
  const startEngine = () => startStepFunctions({ folder: join(folder, 'sfn'), objects, lambda });
  let engine = await startEngine();
  const world: World = {
    folder,
    s3,
    s3Endpoint: objects.endpoint,
    sfn: clientOf(engine.endpoint),
    functions,
    calls,
    put: (key, body) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: Buffer.from(body) })),
    async get<T>(key: string) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return JSON.parse(await Body!.transformToString()) as T;
    },
    async restart() {
      await engine.stop();
      engine = await startEngine();
      world.sfn = clientOf(engine.endpoint);
    },
    async stop() {
      await engine.stop();
      await objects.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}

export const clientOf = (endpoint: string): SFNClient => new SFNClient({ ...client, endpoint });

export type Results = {
  DestinationBucket: string;
  MapRunArn: string;
  ResultFiles: Record<Kind, ResultFile[]>;
};
export type Kind = 'SUCCEEDED' | 'FAILED' | 'PENDING';
export type ResultFile = { Key: string; Size: number };
export type Entry = {
  Status: string;
  Input: string;
  Output?: string;
  Error?: string;
  [field: string]: unknown;
};

/** The entries of one kind that a map run wrote, by the manifest that its execution names. */
export async function entriesOf(world: World, results: { Key: string }, kind: Kind): Promise<Entry[]> {
  const { ResultFiles } = await world.get<Results>(results.Key);
  const files = await Promise.all(ResultFiles[kind].map(({ Key }) => world.get<Entry[]>(Key)));
  return files.flat();
}

export const settings: StateMachineSettings = {
  planFunction: 'plan',
  copyChunkFunction: 'copy-chunk',
  publishFunction: 'publish',
  retry: { kind: 'fixed', intervalSeconds: 1, maxAttempts: 2, maxDelaySeconds: 2 },
  maxConcurrency: 4,
  taskTimeoutSeconds: 60,
};

/** Creates the state machine of a sync. @returns its ARN */
export async function createMachine(
  sfn: SFNClient,
  name: string,
  changed: Partial<StateMachineSettings> = {},
) {
  const definition = JSON.stringify(stateMachineDefinition({ ...settings, ...changed }));
  const roleArn = 'arn:aws:iam::000000000000:role/local';
  const { stateMachineArn } = await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn }));
  return stateMachineArn!;
}

export async function startExecution(sfn: SFNClient, stateMachineArn: string, name?: string) {
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: '{}' }));
  return executionArn!;
}

/** Waits until an execution is over. */
export async function ended(sfn: SFNClient, executionArn: string): Promise<DescribeExecutionOutput> {
  for (;;) {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== 'RUNNING') return execution;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function eventsOf(sfn: SFNClient, executionArn: string): Promise<HistoryEvent[]> {
  const { events } = await sfn.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
  return events!;
}

export async function eventTypesOf(sfn: SFNClient, executionArn: string): Promise<string[]> {
  return (await eventsOf(sfn, executionArn)).map(({ type }) => type!);
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
