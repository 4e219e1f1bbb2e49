import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundleFunctions, functionEnvironment } from '../../functions/bundling.ts';
import {
  type LambdaFunction,
  type LambdaOptions,
  type RunningLambda,
  startLambda,
} from '../../local/lambda.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
let running: RunningLambda[];
/** sandboxes that ought to end by themselves */
let orphans: number[];
let lines: { functionName: string; requestId: string | null; line: string }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-lambda-'));
  running = [];
  orphans = [];
  lines = [];
});

afterEach(async () => {
  for (const lambda of running) await lambda.stop();
  for (const pid of orphans) if (alive(pid)) process.kill(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A bundle of plain JavaScript. */
async function bundle(name: string, code: string): Promise<LambdaFunction> {
  const at = join(folder, name);
  await mkdir(at, { recursive: true });
  await writeFile(join(at, 'index.js'), code);
  return { folder: at, handler: 'index.handler', environment: {}, timeoutSeconds: 20, memoryMB: 512 };
}

async function start(
  functions: Record<string, LambdaFunction>,
  more: Partial<LambdaOptions> = {},
): Promise<RunningLambda> {
  const lambda = await startLambda({
    folder: join(folder, 'lambda'),
    functions,
    log: (functionName, requestId, line) => lines.push({ functionName, requestId, line }),
    ...more,
  });
  running.push(lambda);
  return lambda;
}

/** Starts a Lambda with one function `f`. */
async function startOne(code: string, settings: Partial<LambdaFunction> = {}): Promise<RunningLambda> {
  return start({ f: { ...(await bundle('f', code)), ...settings } });
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error('waited for 10 s');
    await sleep(10);
  }
}

/** The outcome of a failure, its cause parsed. */
async function failure(lambda: RunningLambda, payload: unknown = {}) {
  const outcome = await lambda.invoke('f', payload);
  if (outcome.ok) throw new Error(`did not fail, but returned ${JSON.stringify(outcome.payload)}`);
  return { error: outcome.error, cause: JSON.parse(outcome.cause) };
}

describe('an invocation', () => {
  test('gets its payload and context, and answers', async () => {
    const lambda = await startOne(`
      exports.handler = async (event, context) => ({
        event,
        ...context,
        remaining: context.getRemainingTimeInMillis(),
      });`);
    const outcome = await lambda.invoke('f', { text: 'ä\u2028', nested: [1, null] });
    expect(outcome).toMatchObject({
      ok: true,
      payload: {
        event: { text: 'ä\u2028', nested: [1, null] },
        functionName: 'f',
        functionVersion: '$LATEST',
        memoryLimitInMB: '512',
        invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
        awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        remaining: expect.any(Number),
      },
    });
    const { remaining } = (outcome as { payload: { remaining: number } }).payload;
    expect(remaining).toBeGreaterThan(19_000);
    expect(remaining).toBeLessThanOrEqual(20_000);
  });

  test('handlers may be synchronous, return nothing, or be ES modules', async () => {
    const esm = await bundle('esm', '');
    await writeFile(join(esm.folder, 'main.mjs'), 'export const go = { deep: () => 7 };');
    const lambda = await start({
      nothing: await bundle('nothing', 'exports.handler = () => {};'),
      esm: { ...esm, handler: 'main.go.deep' },
    });
    expect(await lambda.invoke('nothing', null)).toEqual({ ok: true, payload: null });
    expect(await lambda.invoke('esm', undefined)).toEqual({ ok: true, payload: 7 });
  });

  test('sees its own environment and nothing of ours', async () => {
    process.env.TIDEMARK_TEST_SECRET = 'secret';
    try {
      const f = await bundle('f', 'exports.handler = async () => process.env;');
      const lambda = await start(
        { f: { ...f, environment: { MINE: '1' } } },
        {
          endpoints: { s3: 'http://127.0.0.1:1', dynamodb: 'http://127.0.0.1:2', sfn: 'http://127.0.0.1:3' },
        },
      );
      const { payload } = (await lambda.invoke('f', {})) as { payload: Record<string, string> };
      expect(payload).toMatchObject({
        MINE: '1',
        AWS_REGION: 'us-east-1',
        AWS_LAMBDA_FUNCTION_NAME: 'f',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
        LAMBDA_TASK_ROOT: f.folder,
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
        AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:2',
        AWS_ENDPOINT_URL_SFN: 'http://127.0.0.1:3',
      });
      expect(payload.TIDEMARK_TEST_SECRET).toBeUndefined();
      expect(payload.HOME).toBeUndefined();
    } finally {
      delete process.env.TIDEMARK_TEST_SECRET;
    }
  });

  test('is alone in its sandbox; warm sandboxes are used again, by the same function only', async () => {
    const code = `
      let count = 0, busy = 0;
      exports.handler = async ({ ms }) => {
        if (++busy > 1) throw new Error('two at once');
        await new Promise((resolve) => setTimeout(resolve, ms));
        busy--;
        return { pid: process.pid, count: ++count };
      };`;
    const lambda = await start({ f: await bundle('f', code), g: await bundle('g', code) });
    const call = async (name: string, ms: number) =>
      ((await lambda.invoke(name, { ms })) as { payload: { pid: number; count: number } }).payload;
    const [a, b] = await Promise.all([call('f', 200), call('f', 200)]);
    expect(a.pid).not.toBe(b.pid);
    const again = await call('f', 0);
    expect([a.pid, b.pid]).toContain(again.pid);
    expect(again.count).toBe(2);
    expect([a.pid, b.pid]).not.toContain((await call('g', 0)).pid);
    expect(lambda.sandboxes()).toHaveLength(3);
    expect(lambda.sandboxes().every(({ requestId }) => requestId === null)).toBe(true);
  });

  test('more than the function’s concurrency are throttled', async () => {
    const lambda = await startOne('exports.handler = () => new Promise((r) => setTimeout(r, 100));', {
      concurrency: 2,
    });
    const outcomes = await Promise.all([1, 2, 3].map(() => lambda.invoke('f', {})));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(2);
    expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: 'Lambda.TooManyRequestsException' });
    expect(await lambda.invoke('f', {})).toMatchObject({ ok: true });
  });

  test('an unknown function is an outcome, too', async () => {
    const outcome = await (await startOne('')).invoke('g', {});
    expect(outcome).toMatchObject({ error: 'Lambda.ResourceNotFoundException' });
  });
});

describe('a failure of the function', () => {
  test('has the name of the error that was thrown; the sandbox stays', async () => {
    const lambda = await startOne(`
      exports.handler = async (event) => {
        if (event.good) return process.pid;
        const error = new Error('the database is away');
        error.name = 'SourceUnavailable';
        throw error;
      };`);
    const before = await lambda.invoke('f', { good: true });
    const failed = await failure(lambda);
    const after = await lambda.invoke('f', { good: true });
    expect(failed.error).toBe('SourceUnavailable');
    expect(failed.cause).toEqual({
      errorType: 'SourceUnavailable',
      errorMessage: 'the database is away',
      trace: expect.arrayContaining([expect.stringContaining('index.js')]),
    });
    expect(after).toEqual(before);
    expect(lines.some(({ line }) => line.includes('the database is away'))).toBe(true);
  });

  test.each([
    ['throw "text"', 'string', 'text'],
    ['null.x', 'TypeError', "Cannot read properties of null (reading 'x')"],
    ['return { big: 1n }', 'Runtime.JSONStringifyError', 'Unable to stringify'],
    ['const a = {}; a.a = a; return a', 'Runtime.JSONStringifyError', 'Unable to stringify'],
    ['return "x".repeat(6291556)', 'Function.ResponseSizeTooLarge', '6291556 bytes'],
  ])('%s → %s', async (body, error, message) => {
    const lambda = await startOne(`exports.handler = async () => { ${body} };`);
    expect(await failure(lambda)).toMatchObject({
      error,
      cause: { errorType: error, errorMessage: expect.stringContaining(message) },
    });
  });

  test.each([
    ['a syntax error', 'exports.handler = (', 'Runtime.UserCodeSyntaxError', 'SyntaxError: '],
    [
      'a missing module',
      'require("no-such-module")',
      'Runtime.ImportModuleError',
      "Cannot find module 'no-such",
    ],
    [
      'no handler',
      'exports.handle = 1',
      'Runtime.HandlerNotFound',
      'index.handler is undefined or not exported',
    ],
    ['no function', 'exports.handler = 1', 'Runtime.HandlerNotFound', 'index.handler is not a function'],
    ['throwing while loading', 'throw new RangeError("boom")', 'RangeError', 'boom'],
    ['exiting while loading', 'process.exit(3)', 'Runtime.ExitError', 'exit status 3'],
  ])('a bundle with %s fails every invocation', async (_, code, error, message) => {
    const lambda = await startOne(code);
    for (let n = 0; n < 2; n++) {
      expect(await failure(lambda)).toMatchObject({
        error,
        cause: { errorType: error, errorMessage: expect.stringContaining(message) },
      });
    }
    await until(() => lambda.sandboxes().length === 0);
  });

  test.each([
    ['process.exit(0)', 'Runtime.ExitError', 'Runtime exited without providing a reason'],
    ['process.exit(1)', 'Runtime.ExitError', 'Runtime exited with error: exit status 1'],
    ['process.abort()', 'Runtime.ExitError', 'Runtime exited with error: signal: aborted'],
    ['setTimeout(() => { throw new RangeError("late") }); await new Promise(() => {})', 'RangeError', 'late'],
    [
      'Promise.reject(new Error("lost")); await new Promise(() => {})',
      'Runtime.UnhandledPromiseRejection',
      'lost',
    ],
  ])('%s ends the sandbox, the next invocation gets a new one', async (body, error, message) => {
    const lambda = await startOne(`exports.handler = async (event) => {
      if (event.good) return process.pid;
      ${body};
    };`);
    const before = await lambda.invoke('f', { good: true });
    expect(await failure(lambda)).toMatchObject({
      error,
      cause: { errorType: error, errorMessage: expect.stringContaining(message) },
    });
    const after = await lambda.invoke('f', { good: true });
    expect(after.ok).toBe(true);
    expect(after).not.toEqual(before);
  });

  test('a sandbox that is killed from outside', async () => {
    const lambda = await startOne('exports.handler = () => new Promise(() => {});');
    const failed = failure(lambda);
    await until(() => lambda.sandboxes().some(({ requestId }) => requestId !== null));
    const [sandbox] = lambda.sandboxes();
    process.kill(sandbox?.pid ?? 0, 'SIGKILL');
    expect(await failed).toEqual({
      error: 'Runtime.ExitError',
      cause: {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${sandbox?.requestId} Error: Runtime exited with error: signal: killed`,
      },
    });
  });

  test('a Node that is not there', async () => {
    const f = await bundle('f', 'exports.handler = () => 1;');
    const lambda = await start({ f }, { nodePath: join(folder, 'no-node') });
    expect(await failure(lambda)).toMatchObject({ error: 'Runtime.InvalidEntrypoint' });
    expect(lambda.sandboxes()).toEqual([]);
  });
});

describe('limits', () => {
  test.each(['await new Promise(() => {})', 'for (;;);'])('time: %s is killed', async (body) => {
    const lambda = await startOne(`exports.handler = async () => { ${body} };`, { timeoutSeconds: 1 });
    const begun = Date.now();
    const failed = failure(lambda);
    await until(() => lambda.sandboxes().some(({ requestId }) => requestId !== null));
    const [sandbox] = lambda.sandboxes();
    expect(await failed).toEqual({
      error: 'Sandbox.Timedout',
      cause: {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${sandbox?.requestId} Error: Task timed out after 1.00 seconds`,
      },
    });
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1_000);
    expect(alive(sandbox?.pid ?? 0)).toBe(false);
    expect(lambda.sandboxes()).toEqual([]);
  });

  test('memory: buffers count, and the function is told from one that dies otherwise', async () => {
    const lambda = await startOne(
      `exports.handler = async ({ megabytes }) => {
        const kept = [];
        for (let i = 0; i < megabytes; i += 10) {
          kept.push(Buffer.alloc(10 * 1024 * 1024, 1));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return kept.length;
      };`,
      { memoryMB: 200 },
    );
    expect(await lambda.invoke('f', { megabytes: 50 })).toEqual({ ok: true, payload: 5 });
    expect(await failure(lambda, { megabytes: 2_000 })).toMatchObject({
      error: 'Runtime.OutOfMemory',
      cause: { errorMessage: expect.stringMatching(/^RequestId: .* signal: killed$/) },
    });
    const reports = lines.filter(({ line }) => line.startsWith('REPORT')).map(({ line }) => line);
    expect(reports[0]).toMatch(/Memory Size: 200 MB Max Memory Used: (8|9|1[0-9])\d MB$/);
    expect(reports[1]).toMatch(/Max Memory Used: 2\d\d MB Status: error Error Type: Runtime.OutOfMemory$/);
  });

  test('payload: six megabytes go in, a byte more does not', async () => {
    const lambda = await startOne('exports.handler = async (event) => event.length;');
    const length = 6 * 1024 * 1024 - 2;
    expect(await lambda.invoke('f', 'x'.repeat(length))).toEqual({ ok: true, payload: length });
    expect(await lambda.invoke('f', 'x'.repeat(length + 1))).toMatchObject({
      error: 'Lambda.RequestEntityTooLargeException',
      cause: expect.stringContaining('6291457 byte payload is too large'),
    });
  });
});

const untilNoTimeIsLeft = `
  exports.handler = async (event, context) => {
    console.log('begun');
    while (context.getRemainingTimeInMillis() > 0) await new Promise((r) => setTimeout(r, 5));
    return 'more';
  };`;

describe('stopping', () => {
  test('winding down takes the time of what runs and of what comes', async () => {
    const lambda = await startOne(untilNoTimeIsLeft);
    const first = lambda.invoke('f', {});
    await until(() => lines.some(({ line }) => line === 'begun'));
    await sleep(50);
    const starting = lambda.invoke('f', {});
    lambda.windDown();
    expect(await first).toEqual({ ok: true, payload: 'more' });
    expect(await starting).toEqual({ ok: true, payload: 'more' });
    expect(
      await Promise.all([lambda.invoke('f', {}), lambda.invoke('f', {}), lambda.invoke('f', {})]),
    ).toEqual(Array(3).fill({ ok: true, payload: 'more' }));
  });

  test('an aborted signal lets go of the invocation and leaves it running', async () => {
    const lambda = await startOne(untilNoTimeIsLeft);
    const stop = new AbortController();
    const invoked = lambda.invoke('f', {}, { signal: stop.signal });
    await until(() => lines.some(({ line }) => line === 'begun'));
    stop.abort(new Error('stopped'));
    await expect(invoked).rejects.toThrow('stopped');
    expect(lambda.sandboxes()).toMatchObject([{ requestId: expect.any(String) }]);
    lambda.windDown();
    await until(() => lambda.sandboxes()[0]?.requestId === null);
    await expect(lambda.invoke('f', {}, { signal: stop.signal })).rejects.toThrow('stopped');
  });

  test('stop kills all and waits for it', async () => {
    const lambda = await startOne('exports.handler = () => { for (;;); }');
    const invoked = lambda.invoke('f', {});
    await until(() => lambda.sandboxes().length === 1);
    const [sandbox] = lambda.sandboxes();
    await lambda.stop();
    expect(alive(sandbox?.pid ?? 0)).toBe(false);
    expect(await invoked).toMatchObject({ error: 'Runtime.ExitError' });
    expect(await lambda.invoke('f', {})).toMatchObject({ error: 'Lambda.ServiceException' });
    await lambda.stop();
  });

  test('the terminal’s signals do not end a sandbox, not even one that has just begun', async () => {
    const lambda = await startOne(untilNoTimeIsLeft);
    const invoked = lambda.invoke('f', {});
    await until(() => lambda.sandboxes().length === 1);
    process.kill(lambda.sandboxes()[0]?.pid ?? 0, 'SIGINT');
    await until(() => lines.some(({ line }) => line === 'begun'));
    const pid = lambda.sandboxes()[0]?.pid ?? 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    await sleep(100);
    lambda.windDown();
    expect(await invoked).toEqual({ ok: true, payload: 'more' });
    expect(lambda.sandboxes()[0]?.pid).toBe(pid);
  });

  test.each([
    ['waits', 'await new Promise(() => {})'],
    ['is busy', 'for (;;);'],
  ])('kill -9 of the embedded Lambda ends a sandbox that %s', async (_, body) => {
    const f = await bundle(
      'f',
      `exports.handler = async () => { console.log('pid', process.pid); ${body} };`,
    );
    const program = `
      import { startLambda } from ${JSON.stringify(join(project, 'local/lambda.ts'))};
      const lambda = await startLambda({
        folder: ${JSON.stringify(join(folder, 'lambda'))},
        functions: { f: ${JSON.stringify(f)} },
        log: (name, id, line) => console.log(line),
      });
      lambda.invoke('f', {});`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(parent.stdout), 'line');
    const pid = Number((line as string).split(' ')[1]);
    expect(alive(pid)).toBe(true);
    orphans.push(pid);
    parent.kill('SIGKILL');
    await until(
      async () => !alive(pid) || /\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
    );
  });
});

describe('logs', () => {
  test('every line goes to its invocation, to the callback and to the function’s file', async () => {
    const lambda = await startOne(`
      exports.handler = async ({ n }, { awsRequestId }) => {
        for (let i = 0; i < 200; i++) console.log('out', n, i, 'ü');
        console.error('err', n);
        return awsRequestId;
      };`);
    const ids: unknown[] = [];
    for (const n of [1, 2]) ids.push(((await lambda.invoke('f', { n })) as { payload: string }).payload);
    for (const [index, requestId] of ids.entries()) {
      const mine = lines.filter((line) => line.requestId === requestId).map(({ line }) => line);
      const printed = mine.filter((line) => line.startsWith('out'));
      expect(printed).toEqual(Array.from({ length: 200 }, (_, i) => `out ${index + 1} ${i} ü`));
      expect(mine).toContain(`err ${index + 1}`);
      expect(mine.at(-1)).toMatch(/^REPORT RequestId: /);
      expect(mine).toHaveLength(202);
    }
    await lambda.stop();
    const file = await readFile(join(folder, 'lambda/logs/f.log'), 'utf8');
    expect(file.trim().split('\n')).toHaveLength(404);
    expect(file).toContain(` ${ids[1]} out 2 199 ü\n`);
  });
});

test('a real bundle, by relative paths: native modules resolve, stack traces name the TypeScript', async () => {
  const entry = join(folder, 'entry.ts');
  await writeFile(
    entry,
    `import snappy from 'snappy';
     export async function handler(event: { text: string; fail?: boolean }) {
       if (event.fail) throw new Error('as asked');
       return snappy.uncompressSync(snappy.compressSync(event.text), { asBuffer: false });
     }`,
  );
  await writeFile(join(folder, 'sync.yaml'), 'name: shop\n');
  const bundles = await bundleFunctions({
    outDir: join(folder, 'functions'),
    definitionFile: join(folder, 'sync.yaml'),
    entries: { f: entry },
  });
  const f = { ...bundles.f, environment: functionEnvironment, timeoutSeconds: 20, memoryMB: 512 };
  const here = (path: string) => relative(process.cwd(), path);
  const lambda = await start(
    { f: { ...f, folder: here(f.folder) } },
    { folder: here(join(folder, 'lambda')) },
  );
  expect(await lambda.invoke('f', { text: 'abc' })).toEqual({ ok: true, payload: 'abc' });
  const { cause } = await failure(lambda, { text: '', fail: true });
  expect(cause.trace.join('\n')).toMatch(/entry\.ts:3:/);
});
