/**
 * The embedded Lambda: runs the very bundles that are deployed, each sandbox a process of its own with its own
 * environment, time and memory limit, killed by SIGKILL. A sandbox takes one invocation at a time and is used
 * again while it is warm.
 *
 * Not as in the cloud: CPU does not follow memory, an idle sandbox is not frozen, and there is no network
 * between function and caller. Memory is the process's resident set, looked at every 50 ms: a function that
 * grows faster than that is killed a little late.
 */
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { TidemarkError } from '../core/errors.ts';
import { openLogs } from './lambda/log.ts';
import { residentBytes } from './lambda/memory.ts';
import { type Endpoints, functionArn, writeSandboxProgram } from './lambda/process.ts';
import { requestBytesMax } from './lambda/protocol.ts';
import { type Outcome, type SandboxHost, startSandbox } from './lambda/sandbox-host.ts';

export type { Outcome } from './lambda/sandbox-host.ts';

export type LambdaFunction = {
  /** the bundle's */
  readonly folder: string;
  /** `<module>.<export>`, as `index.handler` */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly memoryMB: number;
  /** invocations at the same time; more are throttled, as by reserved concurrency */
  readonly concurrency?: number;
};

export type LambdaOptions = {
  /** where the sandboxes' program and `logs/<function>.log` lie; made if it is not there */
  readonly folder: string;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  /** of the other services; sandboxes get them as AWS_ENDPOINT_URL_… */
  readonly endpoints?: Endpoints;
  /** of the Node that sandboxes run; this process's own by default */
  readonly nodePath?: string;
  /** every line that a function prints, and Lambda's REPORT of each invocation; `requestId` null between two */
  readonly log?: (functionName: string, requestId: string | null, line: string) => void;
};

export type RunningLambda = {
  /**
   * Invokes a function and waits for its answer. Failures of the function are outcomes, under the names that
   * Step Functions sees. An aborted `signal` rejects with its reason at once and leaves the sandbox running, as
   * stopping an execution does in the cloud.
   */
  invoke(functionName: string, payload: unknown, options?: { signal?: AbortSignal }): Promise<Outcome>;
  /**
   * From now on every invocation, running or later, has no time left (`getRemainingTimeInMillis() === 0`): a
   * chunk stops at its next part boundary. There is no way back.
   */
  windDown(): void;
  /** The sandboxes that are alive. */
  sandboxes(): { pid: number; functionName: string; requestId: string | null }[];
  /** Kills all sandboxes and waits until they are gone. May be called twice. */
  stop(): Promise<void>;
};

const memoryLookMs = 50;

/** @throws CloudBroken when the folder cannot be written */
export async function startLambda(options: LambdaOptions): Promise<RunningLambda> {
  const { functions, endpoints = {}, nodePath = process.execPath } = options;
  const folder = resolve(options.folder);
  const program = join(folder, 'sandbox.cjs');
  const logs = await prepare(folder, program);
  const sandboxes = new Set<SandboxHost>();
  const peakBytes = new WeakMap<SandboxHost, number>();
  let woundDown = false;
  let stopped: Promise<void> | null = null;

  const log = (functionName: string, requestId: string | null, line: string): void => {
    logs.write(functionName, requestId, line);
    options.log?.(functionName, requestId, line);
  };

  const start = (functionName: string, settings: LambdaFunction): SandboxHost => {
    const sandbox = startSandbox({
      ...{ functionName, endpoints, nodePath, program },
      ...settings,
      folder: resolve(settings.folder),
      log: (requestId, line) => log(functionName, requestId, line),
    });
    if (woundDown) sandbox.windDown();
    sandboxes.add(sandbox);
    void sandbox.ended.then(() => sandboxes.delete(sandbox));
    return sandbox;
  };

  const lookAtMemory = async (): Promise<void> => {
    const resident = await residentBytes([...sandboxes].map(({ pid }) => pid));
    for (const sandbox of sandboxes) {
      const bytes = resident.get(sandbox.pid) ?? 0;
      peakBytes.set(sandbox, Math.max(bytes, peakBytes.get(sandbox) ?? 0));
      const limitMB = functions[sandbox.functionName]?.memoryMB ?? Number.POSITIVE_INFINITY;
      if (bytes > limitMB * 1024 * 1024) sandbox.kill('out of memory');
    }
  };
  let looking = false;
  const looks = setInterval(async () => {
    if (looking || sandboxes.size === 0) return;
    looking = true;
    await lookAtMemory();
    looking = false;
  }, memoryLookMs);
  looks.unref();

  const run = async (functionName: string, settings: LambdaFunction, payload: string): Promise<Outcome> => {
    const requestId = randomUUID();
    const begun = performance.now();
    let sandbox: SandboxHost;
    let outcome: Outcome | 'interrupted';
    do {
      sandbox =
        [...sandboxes].find((warm) => warm.functionName === functionName && warm.idle()) ??
        start(functionName, settings);
      outcome = await sandbox.run({ requestId, payload });
      // Ctrl-C goes to the whole group, and a process that has just begun cannot ignore it yet
    } while (outcome === 'interrupted' && stopped === null);
    if (outcome === 'interrupted') outcome = failure('Runtime.ExitError', 'The embedded Lambda is stopped.');
    if (stopped === null) await lookAtMemory();
    log(functionName, requestId, report(outcome, begun, settings, peakBytes.get(sandbox) ?? 0, requestId));
    return outcome;
  };

  const busyCount = (functionName: string): number =>
    [...sandboxes].filter((sandbox) => sandbox.functionName === functionName && sandbox.requestId() !== null)
      .length;

  const begin = async (functionName: string, payload: unknown): Promise<Outcome> => {
    const settings = functions[functionName];
    if (stopped !== null) return failure('Lambda.ServiceException', 'The embedded Lambda is stopped.');
    if (settings === undefined) {
      const missing = `Function not found: ${functionArn(functionName)}`;
      return failure('Lambda.ResourceNotFoundException', missing);
    }
    const body = JSON.stringify(payload) ?? '{}';
    const bytes = Buffer.byteLength(body);
    if (bytes > requestBytesMax) {
      const tooLarge = `${bytes} byte payload is too large for the RequestResponse invocation type (limit ${requestBytesMax} bytes)`;
      return failure('Lambda.RequestEntityTooLargeException', tooLarge);
    }
    if (busyCount(functionName) >= (settings.concurrency ?? Number.POSITIVE_INFINITY)) {
      return failure('Lambda.TooManyRequestsException', 'Rate Exceeded.');
    }
    return run(functionName, settings, body);
  };

  return {
    invoke: async (functionName, payload, { signal } = {}) => {
      signal?.throwIfAborted();
      const outcome = begin(functionName, payload);
      return signal === undefined ? outcome : unlessAborted(outcome, signal);
    },
    windDown: () => {
      woundDown = true;
      for (const sandbox of sandboxes) sandbox.windDown();
    },
    sandboxes: () =>
      [...sandboxes].map((sandbox) => ({
        pid: sandbox.pid,
        functionName: sandbox.functionName,
        requestId: sandbox.requestId(),
      })),
    stop: () => {
      stopped ??= (async () => {
        clearInterval(looks);
        const all = [...sandboxes];
        for (const sandbox of all) sandbox.kill('stopped');
        await Promise.all(all.map(({ ended }) => ended));
        await logs.close();
      })();
      return stopped;
    },
  };
}

async function prepare(folder: string, program: string): Promise<ReturnType<typeof openLogs>> {
  try {
    await writeSandboxProgram(program);
    return openLogs(join(folder, 'logs'));
  } catch (cause) {
    const message = `The embedded Lambda cannot use ${folder}: ${(cause as Error).message}`;
    throw new TidemarkError('CloudBroken', message, { cause });
  }
}

/** Errors of the service itself have a plain text for their cause. */
const failure = (error: string, cause: string): Outcome => ({ ok: false, error, cause });

/** The last line of an invocation's log. Memory is the sandbox's peak so far, as in the cloud. */
function report(
  outcome: Outcome,
  begun: number,
  settings: LambdaFunction,
  peakBytes: number,
  requestId: string,
): string {
  const durationMs = (performance.now() - begun).toFixed(2);
  const usedMB = Math.ceil(peakBytes / 1024 / 1024);
  const line = `REPORT RequestId: ${requestId} Duration: ${durationMs} ms Memory Size: ${settings.memoryMB} MB Max Memory Used: ${usedMB} MB`;
  return outcome.ok ? line : `${line} Status: error Error Type: ${outcome.error}`;
}

function unlessAborted(outcome: Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
