import { randomUUID } from 'node:crypto';
import { region } from '../account.ts';
import type { TaskState } from './definition.ts';
import { detailsOf, StateFailed, unlessHalted, withinDataLimit } from './failure.ts';
import type { Entered } from './interpreter.ts';
import { nextDelayMs, type Retrier, waitMs } from './retry.ts';
import type { Json } from './template.ts';

const resource = { resourceType: 'lambda', resource: 'invoke' };

/**
 * Calls the function of a Task until it succeeds or no retrier takes its error. Returns the state's output.
 *
 * @throws StateFailed the last error
 */
export async function runTask(state: TaskState, entered: Entered): Promise<Json> {
  const attempts = new Map<Retrier, number>();
  for (let retryCount = 0; ; retryCount += 1) {
    try {
      return await attempt(state, entered, retryCount);
    } catch (error) {
      if (!(error instanceof StateFailed)) throw error;
      const delayMs = nextDelayMs(state.retriers, attempts, error.error);
      if (delayMs === null) throw error;
      await waitMs(delayMs, entered.running.halt);
    }
  }
}

async function attempt(state: TaskState, entered: Entered, retryCount: number): Promise<Json> {
  const { halt } = entered.running;
  const variable = entered.variable(retryCount);
  const payload = await unlessHalted(state.payload.evaluate(variable), halt);
  const parameters = withinDataLimit(
    JSON.stringify({ FunctionName: state.functionName, Payload: payload }),
    `The input of the task of '${entered.name}'`,
  );
  entered.emit('TaskScheduled', {
    ...resource,
    region,
    parameters,
    ...(state.timeoutSeconds === null ? {} : { timeoutInSeconds: state.timeoutSeconds }),
  });
  entered.emit('TaskStarted', resource);
  const result = await callFunction(state, entered, payload);
  const output = resultJson(result, entered);
  entered.emit('TaskSucceeded', { ...resource, output, outputDetails: { truncated: false } });
  return state.output === null ? result : unlessHalted(state.output.evaluate({ ...variable, result }), halt);
}

function resultJson(result: Json, entered: Entered): string {
  try {
    return withinDataLimit(JSON.stringify(result), `The state/task '${entered.name}' returned a result that`);
  } catch (error) {
    if (error instanceof StateFailed) entered.emit('TaskFailed', { ...resource, ...detailsOf(error) });
    throw error;
  }
}

/** A call that lasts too long, or whose execution is ended, goes on by itself, as on AWS: nobody waits for it. */
async function callFunction(state: TaskState, entered: Entered, payload: Json): Promise<Json> {
  const { invoke, engine, halt } = entered.running;
  const call = invoke(state.functionName, payload, { signal: engine }).catch((error: unknown) => ({
    ok: false as const,
    error: 'Lambda.SdkClientException',
    cause: error instanceof Error ? error.message : String(error),
  }));
  const answer = await unlessHalted(within(call, state.timeoutSeconds), halt);
  if (answer === 'timeout') {
    const failure = new StateFailed('States.Timeout', null);
    entered.emit('TaskTimedOut', { ...resource, ...detailsOf(failure) });
    throw failure;
  }
  if (!answer.ok) {
    const failure = new StateFailed(answer.error, answer.cause);
    entered.emit('TaskFailed', { ...resource, ...detailsOf(failure) });
    throw failure;
  }
  return {
    ExecutedVersion: '$LATEST',
    Payload: (answer.payload ?? null) as Json,
    SdkHttpMetadata: { HttpStatusCode: 200 },
    SdkResponseMetadata: { RequestId: randomUUID() },
    StatusCode: 200,
  };
}

const timerMsMax = 2 ** 31 - 1;

async function within<T>(call: Promise<T>, timeoutSeconds: number | null): Promise<T | 'timeout'> {
  if (timeoutSeconds === null) return call;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), Math.min(timeoutSeconds * 1000, timerMsMax));
    // an engine that has stopped is not kept alive by it
    timer.unref();
  });
  try {
    return await Promise.race([call, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
