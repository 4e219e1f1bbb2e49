import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { TidemarkError } from '../core/errors.ts';
import { credentials, region } from './account.ts';
import { type Engine, openEngine } from './step-functions/engine.ts';
import type { Invoke } from './step-functions/interpreter.ts';
import { type Operations, operationsOf } from './step-functions/operations.ts';
import { serve } from './step-functions/server.ts';

export type StepFunctionsSettings = {
  /** keeps state machines, executions and their histories; only one engine at a time may use it */
  readonly folder: string;
  /** a free one when left out */
  readonly port?: number;
  /**
   * What Tasks call. `signal` is aborted when the engine stops, not when an execution is stopped or a Task times
   * out: as on AWS, the function runs on then, and nobody waits for it.
   */
  readonly lambda: { readonly invoke: Invoke };
  /** where the Map reads its items and writes its results */
  readonly objects: { readonly endpoint: string };
};

export type StepFunctions = {
  readonly endpoint: string;
  readonly port: number;
  /** Stops at once. Executions that run are ABORTED when the engine starts again, and can be redriven. */
  stop(): Promise<void>;
};

/**
 * Starts Tidemark's embedded Step Functions on 127.0.0.1, for `@aws-sdk/client-sfn`. It runs the states that
 * infra/sync.asl.json uses and refuses every other definition. What it has acknowledged survives a `kill -9`.
 *
 * @throws TidemarkError CloudBusy: the port is taken; CloudBroken: the folder cannot be used, or holds a damaged
 *   journal; FormatTooNew: a newer version has written there
 */
export async function startStepFunctions(settings: StepFunctionsSettings): Promise<StepFunctions> {
  const { folder, port = 0, lambda, objects } = settings;
  const s3 = new S3Client({
    endpoint: objects.endpoint,
    region,
    forcePathStyle: true,
    credentials,
  });
  // the port first: who finds it taken must not end what the owner of the folder runs
  let operations: Operations = {};
  const server = serve(() => operations);
  await listen(server, port);
  let engine: Engine;
  try {
    engine = openEngine(folder, lambda.invoke, s3);
  } catch (error) {
    server.close();
    if (error instanceof TidemarkError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TidemarkError('CloudBroken', `The embedded Step Functions cannot use ${folder} (${reason}).`, {
      cause: error,
    });
  }
  operations = operationsOf(engine);
  const { port: listening } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${listening}`,
    port: listening,
    async stop() {
      engine.stop();
      s3.destroy();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      const message = `Port ${port} on 127.0.0.1, for the embedded Step Functions, is taken.`;
      throw new TidemarkError('CloudBusy', message, { cause: error });
    }
    const message = `The embedded Step Functions cannot listen on 127.0.0.1:${port} (${(error as Error).message}).`;
    throw new TidemarkError('CloudBroken', message, { cause: error });
  }
}
