/**
 * The program that a sandbox's process runs: loads the bundle of one function and calls its handler, one
 * invocation at a time, as Lambda's Node runtime does; errors carry the runtime's names. It is bundled into
 * one plain JavaScript file when the embedded Lambda starts, and runs with nothing but Node.
 *
 * Ctrl-C and the end of a terminal reach every process of the group; here they are ignored, because the
 * embedded Lambda winds invocations down itself. When that process is gone, by whatever death, the sandbox
 * kills itself: at once if it is waiting for anything, within a quarter of a second if its handler is busy
 * (a second thread watches).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { type FromSandbox, type RuntimeError, responseBytesMax, type ToSandbox } from './protocol.ts';

const parentPid = Number(process.argv[2]);
const orphanCheckMs = 250;

const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
};

if (isMainThread) void main();
else
  setInterval(() => {
    if (process.ppid !== parentPid) die();
  }, orphanCheckMs);

type Context = {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
};

type Handler = (event: unknown, context: Context) => unknown;

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', die);
  // no heap to speak of, so that it does not count against the function's memory
  const watch = new Worker(__filename, {
    argv: [String(parentPid)],
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  });
  // without it, an orphan whose handler is busy ends only when it next waits for something
  watch.on('error', () => {});
  watch.unref();

  let running: string | null = null;
  let woundDown = false;

  const fatal = (error: RuntimeError, exitCode: number): void => {
    const message: FromSandbox =
      running === null
        ? { kind: 'init-failed', error }
        : { kind: 'failed', requestId: running, error, fatal: true };
    complain(error);
    process.send?.(message, () => process.exit(exitCode));
  };
  process.on('uncaughtException', (error) => fatal(describe(error), 129));
  process.on('unhandledRejection', (reason) => {
    const { errorMessage, trace } = describe(reason);
    fatal({ errorType: 'Runtime.UnhandledPromiseRejection', errorMessage, trace }, 128);
  });

  const handler = await loadHandler(
    process.env.LAMBDA_TASK_ROOT ?? '.',
    process.env._HANDLER ?? 'index.handler',
  ).catch((error: unknown) => describe(error));
  if (typeof handler !== 'function') return fatal(handler, 1);

  process.on('message', async (message: ToSandbox) => {
    if (message.kind === 'wind-down') {
      woundDown = true;
      return;
    }
    const { requestId, deadline } = message;
    running = requestId;
    const context: Context = {
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? '',
      functionVersion: '$LATEST',
      invokedFunctionArn: message.functionArn,
      memoryLimitInMB: String(message.memoryMB),
      awsRequestId: requestId,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME ?? '',
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME ?? '',
      callbackWaitsForEmptyEventLoop: false,
      getRemainingTimeInMillis: () => (woundDown ? 0 : Math.max(0, deadline - Date.now())),
    };
    let answer: FromSandbox;
    try {
      const payload = serialize(await handler(JSON.parse(message.payload), context));
      answer = { kind: 'returned', requestId, payload };
    } catch (thrown) {
      const error = describe(thrown);
      complain(error);
      answer = { kind: 'failed', requestId, error, fatal: false };
    }
    running = null;
    process.send?.(answer);
  });
  process.send?.({ kind: 'ready' } satisfies FromSandbox);
}

/** Lambda's runtime writes every failure to the function's log. */
function complain({ errorType, errorMessage, trace }: RuntimeError): void {
  const what = trace?.length ? trace.join('\n') : `${errorType}: ${errorMessage}`;
  process.stderr.write(`Invoke Error\t${what}\n`);
}

function runtimeError(name: string, message: string): Error {
  const error = new Error(message);
  error.name = `Runtime.${name}`;
  return error;
}

/** `handler` is `module.function`; the module lies in `root` as .js, .mjs or .cjs. */
async function loadHandler(root: string, handler: string): Promise<Handler> {
  const match = /^([^.]+)\.(.+)$/.exec(basename(handler));
  if (match === null || handler.includes('..')) throw runtimeError('MalformedHandlerName', 'Bad handler');
  const [, moduleName = '', path = ''] = match;
  const module = await loadModule(resolve(root, join(handler, '..'), moduleName));
  const found = path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], module);
  if (!found) throw runtimeError('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw runtimeError('HandlerNotFound', `${handler} is not a function`);
  return found as Handler;
}

async function loadModule(path: string): Promise<unknown> {
  const require = createRequire(join(path, '..', 'runtime.js'));
  try {
    if (existsSync(`${path}.mjs`)) return await import(pathToFileURL(`${path}.mjs`).href);
    return require(path);
  } catch (error) {
    if (error instanceof SyntaxError) {
      const wrapped = runtimeError('UserCodeSyntaxError', String(error));
      wrapped.stack = error.stack;
      throw wrapped;
    }
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'MODULE_NOT_FOUND') {
      throw runtimeError('ImportModuleError', String(error));
    }
    throw error;
  }
}

function serialize(result: unknown): string {
  let payload: string;
  try {
    payload = JSON.stringify(result) ?? 'null';
  } catch (error) {
    throw runtimeError(
      'JSONStringifyError',
      `Unable to stringify response body: ${(error as Error).message}`,
    );
  }
  if (Buffer.byteLength(payload) > responseBytesMax) {
    const error = new Error(
      `Response payload size exceeded maximum allowed payload size (${responseBytesMax} bytes).`,
    );
    error.name = 'Function.ResponseSizeTooLarge';
    throw error;
  }
  return payload;
}

function describe(thrown: unknown): RuntimeError {
  if (thrown instanceof Error) {
    return {
      errorType: thrown.name,
      errorMessage: thrown.message,
      trace: (thrown.stack ?? '').split('\n'),
    };
  }
  return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
}
