/** One sandbox, seen from the embedded Lambda: its process, the one invocation it works on, its end. */
import { describeExit, functionArn, type SandboxSettings, spawnSandbox } from './process.ts';
import type { FromSandbox, RuntimeError, ToSandbox } from './protocol.ts';

/** As Step Functions gets it: `error` is the error's type, `cause` JSON of the runtime's report. */
export type Outcome =
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly error: string; readonly cause: string };

export type Invocation = {
  readonly requestId: string;
  /** JSON */
  readonly payload: string;
};

export type SandboxHost = {
  readonly pid: number;
  readonly functionName: string;
  /** of the invocation that it works on; null when it is idle */
  requestId(): string | null;
  /** Whether it can take an invocation now. */
  idle(): boolean;
  /** The sandbox must be idle. `interrupted`: a signal of the terminal's ended it before the handler was loaded. */
  run(invocation: Invocation): Promise<Outcome | 'interrupted'>;
  windDown(): void;
  kill(why: 'out of memory' | 'stopped'): void;
  /** when the process is gone */
  readonly ended: Promise<void>;
};

export type SandboxHostSettings = Omit<SandboxSettings, 'line'> & {
  readonly timeoutSeconds: number;
  readonly log: (requestId: string | null, line: string) => void;
};

/** Loading the bundle has this long for itself; what it needs beyond counts as the invocation's time. */
const initMsMax = 10_000;

export function startSandbox(settings: SandboxHostSettings): SandboxHost {
  const { functionName, timeoutSeconds, memoryMB } = settings;
  let current: { invocation: Invocation; settle: (outcome: Outcome | 'interrupted') => void } | null = null;
  let ready = false;
  /** the process is about to end by itself */
  let spent = false;
  let woundDown = false;
  let killedFor: 'timeout' | 'out of memory' | 'stopped' | null = null;
  let deadline: number | null = null;
  let initTimer: NodeJS.Timeout | undefined;
  let timeoutTimer: NodeJS.Timeout | undefined;

  const child = spawnSandbox({
    ...settings,
    line: (line) => settings.log(current?.invocation.requestId ?? null, line),
  });
  // a message that finds the process gone is answered by the process's end
  const send = (message: ToSandbox) => child.send(message, () => {});

  const finish = (outcome: Outcome | 'interrupted'): void => {
    clearTimeout(initTimer);
    clearTimeout(timeoutTimer);
    deadline = null;
    const finished = current;
    // what the handler printed before it answered is still in the pipes: they are read in this turn of the loop
    setImmediate(() => {
      if (current !== finished) return;
      current = null;
      finished?.settle(outcome);
    });
  };
  const fail = (error: RuntimeError): void =>
    finish({ ok: false, error: error.errorType, cause: JSON.stringify(error) });

  const startClock = (): void => {
    if (deadline !== null) return;
    deadline = Date.now() + timeoutSeconds * 1000;
    timeoutTimer = setTimeout(() => kill('timeout'), timeoutSeconds * 1000);
  };
  const deliver = (): void => {
    if (current === null) return;
    clearTimeout(initTimer);
    startClock();
    const { requestId, payload } = current.invocation;
    const invoke = { kind: 'invoke', requestId, payload, memoryMB, functionArn: functionArn(functionName) };
    send({ ...invoke, deadline: deadline ?? 0 } as ToSandbox);
  };
  const kill = (why: NonNullable<typeof killedFor>): void => {
    killedFor ??= why;
    child.kill('SIGKILL');
  };

  child.on('message', (message: FromSandbox) => {
    if (killedFor !== null) return;
    switch (message.kind) {
      case 'ready':
        ready = true;
        if (woundDown) send({ kind: 'wind-down' });
        deliver();
        return;
      case 'init-failed':
        spent = true;
        fail(message.error);
        return;
      case 'returned':
        finish({ ok: true, payload: JSON.parse(message.payload) });
        return;
      case 'failed':
        spent = message.fatal;
        fail(message.error);
    }
  });

  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      spent = true;
      fail({ errorType: 'Runtime.InvalidEntrypoint', errorMessage: error.message });
      resolve();
    });
    child.once('exit', (code, signal) => {
      spent = true;
      const interrupted = !ready && ['SIGINT', 'SIGTERM', 'SIGHUP'].includes(signal ?? '');
      if (interrupted && killedFor === null) finish('interrupted');
      else fail(endOf(current?.invocation.requestId ?? '', killedFor, timeoutSeconds, code, signal));
      resolve();
    });
  });

  return {
    pid: child.pid ?? 0,
    functionName,
    requestId: () => current?.invocation.requestId ?? null,
    idle: () => current === null && !spent && killedFor === null,
    run: (invocation) =>
      new Promise((settle) => {
        current = { invocation, settle };
        if (ready) deliver();
        else initTimer = setTimeout(startClock, initMsMax);
      }),
    windDown: () => {
      woundDown = true;
      if (ready) send({ kind: 'wind-down' });
    },
    kill,
    ended,
  };
}

/** What Lambda reports when a sandbox ended in the middle of an invocation. */
function endOf(
  requestId: string,
  killedFor: 'timeout' | 'out of memory' | 'stopped' | null,
  timeoutSeconds: number,
  code: number | null,
  signal: NodeJS.Signals | null,
): RuntimeError {
  const told = (errorType: string, what: string): RuntimeError => ({
    errorType,
    errorMessage: `RequestId: ${requestId} Error: ${what}`,
  });
  if (killedFor === 'timeout') {
    return told('Sandbox.Timedout', `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`);
  }
  const what = describeExit(code, signal);
  return told(killedFor === 'out of memory' ? 'Runtime.OutOfMemory' : 'Runtime.ExitError', what);
}
