import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  StopExecutionCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stateMachineDefinition } from '../../../infra/state-machine.ts';
import {
  createMachine,
  ended,
  entriesOf,
  eventsOf,
  eventTypesOf,
  failing,
  settings,
  startExecution,
  startWorld,
  until,
  type World,
} from './world.ts';

type Item = { chunk: number; table: string };
type Chunk = { item: Item; retry: number };
type Published = {
  redriveCount: number;
  currentRedriveCount: number;
  results: { Bucket: string; Key: string };
};

const planned = {
  status: 'planned',
  sync: 'shop',
  run: 'r1',
  bucket: 'lake',
  planKey: 'plans/plan.jsonl',
  resultsPrefix: 'results/r1',
};

const items = (count: number): Item[] =>
  Array.from({ length: count }, (_, chunk) => ({ chunk, table: 'orders' }));
const jsonl = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

let world: World;
let machine: string;
const done = () => ({ status: 'done' });
const published = () => ({ status: 'published' });

beforeAll(async () => {
  world = await startWorld({});
  machine = await createMachine(world.sfn, 'tidemark-shop');
  return () => world.stop();
});

beforeEach(async () => {
  await world.put('plans/plan.jsonl', jsonl(items(6)));
  for (const name of Object.keys(world.calls)) delete world.calls[name];
});

describe('a run', () => {
  it('goes from the plan through all chunks to publish, and leaves a history as AWS does', async () => {
    const payloads: Record<string, unknown[]> = { plan: [], 'copy-chunk': [], publish: [] };
    world.functions = {
      plan: (payload: unknown) => {
        payloads.plan!.push(payload);
        return planned;
      },
      'copy-chunk': (payload: Chunk) => {
        payloads['copy-chunk']!.push(payload);
        // chunk 0 needs three invocations
        const before = payloads['copy-chunk']!.filter(
          (each) => (each as Chunk).item.chunk === payload.item.chunk,
        );
        return payload.item.chunk === 0 && before.length < 3 ? { status: 'more' } : done();
      },
      publish: (payload: unknown) => {
        payloads.publish!.push(payload);
        return published();
      },
    };
    const arn = await startExecution(world.sfn, machine, 'first');
    expect(arn).toBe('arn:aws:states:us-east-1:000000000000:execution:tidemark-shop:first');
    const execution = await ended(world.sfn, arn);
    expect(execution).toMatchObject({
      status: 'SUCCEEDED',
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
    });

    expect(payloads.plan).toEqual([{ execution: arn, fresh: false }]);
    expect(world.calls).toEqual({ plan: 1, 'copy-chunk': 8, publish: 1 });
    const chunks = payloads['copy-chunk'] as Chunk[];
    expect(chunks.every(({ retry }) => retry === 0)).toBe(true);
    expect(chunks.filter(({ item }) => item.chunk === 0).map(({ item }) => item)).toEqual(
      Array.from({ length: 3 }, () => ({ chunk: 0, table: 'orders' })),
    );
    const [asked] = payloads.publish as [Published];
    const { status: _, ...carried } = planned;
    expect(asked).toMatchObject({ ...carried, redriveCount: 0, currentRedriveCount: 0 });
    expect(JSON.parse(execution.output!)).toMatchObject({ status: 'published', sync: 'shop', run: 'r1' });

    expect(await eventTypesOf(world.sfn, arn)).toEqual([
      ...[
        'ExecutionStarted',
        'TaskStateEntered',
        'TaskScheduled',
        'TaskStarted',
        'TaskSucceeded',
        'TaskStateExited',
      ],
      ...['ChoiceStateEntered', 'ChoiceStateExited'],
      ...['MapStateEntered', 'MapStateStarted', 'MapRunStarted', 'MapRunSucceeded', 'MapStateSucceeded'],
      ...[
        'MapStateExited',
        'TaskStateEntered',
        'TaskScheduled',
        'TaskStarted',
        'TaskSucceeded',
        'TaskStateExited',
      ],
      ...['ChoiceStateEntered', 'ChoiceStateExited', 'SucceedStateEntered', 'SucceedStateExited'],
      'ExecutionSucceeded',
    ]);
    const succeeded = await entriesOf(world, asked.results, 'SUCCEEDED');
    expect(succeeded.map(({ Input }) => JSON.parse(Input))).toEqual(items(6));
    expect(succeeded[3]).toMatchObject({ Status: 'SUCCEEDED', Output: '{"status":"done"}', RedriveCount: 0 });
    expect(await entriesOf(world, asked.results, 'FAILED')).toEqual([]);
  });

  it('lists its map run and its children, page by page', async () => {
    world.functions = { plan: () => planned, 'copy-chunk': done, publish: published };
    const executionArn = await startExecution(world.sfn, machine);
    await ended(world.sfn, executionArn);
    const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn }));
    const mapRunArn = mapRuns![0]!.mapRunArn!;
    expect(mapRunArn).toMatch(
      /^arn:aws:states:us-east-1:000000000000:mapRun:tidemark-shop\/CopyChunks:[0-9a-f-]{36}$/,
    );
    const mapRun = await world.sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    expect(mapRun).toMatchObject({
      executionArn,
      status: 'SUCCEEDED',
      maxConcurrency: 4,
      toleratedFailurePercentage: 100,
      redriveCount: 0,
      executionCounts: { total: 6, succeeded: 6, failed: 0, running: 0, pending: 0, resultsWritten: 6 },
    });
    const names: string[] = [];
    for (let nextToken: string | undefined; ; ) {
      const listed = await world.sfn.send(new ListExecutionsCommand({ mapRunArn, maxResults: 4, nextToken }));
      names.push(...listed.executions!.map(({ name }) => name!));
      nextToken = listed.nextToken;
      if (nextToken === undefined) break;
    }
    expect(new Set(names).size).toBe(6);
    const child = `arn:aws:states:us-east-1:000000000000:execution:tidemark-shop/CopyChunks:${names[0]}`;
    const described = await world.sfn.send(new DescribeExecutionCommand({ executionArn: child }));
    expect(described).toMatchObject({
      mapRunArn,
      status: 'SUCCEEDED',
      input: JSON.stringify(items(6)[5]),
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:tidemark-shop/CopyChunks',
    });
    expect(await eventTypesOf(world.sfn, child)).toContain('TaskSucceeded');
  });

  it('that is skipped ends well', async () => {
    world.functions = { plan: () => ({ status: 'skipped', sync: 'shop', run: 'r0', execution: 'another' }) };
    const execution = await ended(world.sfn, await startExecution(world.sfn, machine));
    expect(execution.status).toBe('SUCCEEDED');
    expect(JSON.parse(execution.output!)).toMatchObject({ status: 'skipped', execution: 'another' });
  });

  it('never has more children at work than the limit, and gets by without items', async () => {
    let atWork = 0;
    let most = 0;
    world.functions = {
      plan: () => planned,
      publish: published,
      'copy-chunk': async () => {
        most = Math.max(most, ++atWork);
        await new Promise((resolve) => setTimeout(resolve, 15));
        atWork -= 1;
        return done();
      },
    };
    await world.put('plans/plan.jsonl', jsonl(items(20)));
    expect((await ended(world.sfn, await startExecution(world.sfn, machine))).status).toBe('SUCCEEDED');
    expect(most).toBe(4);
    await world.put('plans/plan.jsonl', '');
    expect((await ended(world.sfn, await startExecution(world.sfn, machine))).status).toBe('SUCCEEDED');
    expect(world.calls['copy-chunk']).toBe(20);
  });
});

describe('a plan without chunks', () => {
  it('goes to publish at once: every table has been published by this run', async () => {
    const asked: Published[] = [];
    world.functions = {
      plan: () => ({ ...planned, chunks: 0 }),
      publish: (payload: Published) => {
        asked.push(payload);
        return published();
      },
    };
    const executionArn = await startExecution(world.sfn, machine);
    expect(await ended(world.sfn, executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(world.calls).toEqual({ plan: 1, publish: 1 });
    expect(asked).toEqual([
      { sync: 'shop', run: 'r1', results: null, redriveCount: 0, currentRedriveCount: 0 },
    ]);
  });
});

describe('a failure', () => {
  it('that is transient is retried, with the count in the payload and the delay between', async () => {
    const times: number[] = [];
    const retries: number[] = [];
    world.functions = {
      plan: () => planned,
      publish: published,
      'copy-chunk': ({ item, retry }: Chunk) => {
        if (item.chunk !== 2) return done();
        times.push(Date.now());
        retries.push(retry);
        return retries.length < 3 ? failing('SourceUnavailable') : done();
      },
    };
    expect((await ended(world.sfn, await startExecution(world.sfn, machine))).status).toBe('SUCCEEDED');
    expect(retries).toEqual([0, 1, 2]);
    // interval 1 s; that it does not grow is retry.test.ts's
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(990);
  });

  it('that lasts, or is not transient, fails its child only; FAILED results say why', async () => {
    let asked: Published | undefined;
    world.functions = {
      plan: () => planned,
      publish: (payload: Published) => {
        asked = payload;
        return published();
      },
      'copy-chunk': ({ item }: Chunk) => {
        if (item.chunk === 1) failing('TableDenied', 'permission denied for orders');
        if (item.chunk === 4) failing('Sandbox.Timedout');
        return done();
      },
    };
    const executionArn = await startExecution(world.sfn, machine);
    expect((await ended(world.sfn, executionArn)).status).toBe('SUCCEEDED');
    // 4 chunks, TableDenied once, Sandbox.Timedout three times
    expect(world.calls['copy-chunk']).toBe(8);
    const failed = await entriesOf(world, asked!.results, 'FAILED');
    expect(failed.map(({ Error: name }) => name)).toEqual(['TableDenied', 'Sandbox.Timedout']);
    expect(failed[0]).toMatchObject({ Status: 'FAILED', Input: JSON.stringify(items(6)[1]) });
    expect(JSON.parse(String(failed[0]!.Cause))).toMatchObject({
      errorMessage: 'permission denied for orders',
    });
    expect(await entriesOf(world, asked!.results, 'SUCCEEDED')).toHaveLength(4);
    const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn }));
    const { mapRunArn } = mapRuns![0]!;
    const { executionCounts } = await world.sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    expect(executionCounts).toMatchObject({ total: 6, succeeded: 4, failed: 2 });
    const { executions } = await world.sfn.send(
      new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED' }),
    );
    expect(executions).toHaveLength(2);
  });

  it('of Publish is redriven there: go-again plans and walks once more, in a map run of its own', async () => {
    const complete = new Set<number>();
    let repaired = false;
    const asked: Published[] = [];
    const copied: number[] = [];
    world.functions = {
      plan: () => planned,
      'copy-chunk': ({ item }: Chunk) => {
        if (complete.has(item.chunk)) return done();
        if (item.chunk === 5 && !repaired) failing('TableDenied');
        copied.push(item.chunk);
        complete.add(item.chunk);
        return done();
      },
      publish: (payload: Published) => {
        asked.push(payload);
        if (payload.currentRedriveCount > payload.redriveCount) return { status: 'go-again' };
        return complete.size === 6 ? published() : failing('RunIncomplete', 'orders: chunk 5');
      },
    };
    const executionArn = await startExecution(world.sfn, machine);
    const failed = await ended(world.sfn, executionArn);
    expect(failed).toMatchObject({ status: 'FAILED', error: 'RunIncomplete', redriveStatus: 'REDRIVABLE' });
    expect(JSON.parse(failed.cause!)).toMatchObject({
      errorMessage: 'orders: chunk 5',
      errorType: 'RunIncomplete',
    });
    expect(world.calls.publish).toBe(1);

    repaired = true;
    const redrive = new RedriveExecutionCommand({ executionArn, clientToken: 'once' });
    const { redriveDate } = await world.sfn.send(redrive);
    // a lost answer: the client sends the same again
    expect((await world.sfn.send(redrive)).redriveDate).toEqual(redriveDate);
    const succeeded = await ended(world.sfn, executionArn);
    expect(succeeded).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(world.calls).toEqual({ plan: 2, 'copy-chunk': 12, publish: 3 });
    expect(copied.sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(asked.map(({ redriveCount, currentRedriveCount }) => [redriveCount, currentRedriveCount])).toEqual(
      [
        [0, 0],
        [0, 1],
        [1, 1],
      ],
    );
    const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn }));
    expect(mapRuns).toHaveLength(2);
    const types = await eventTypesOf(world.sfn, executionArn);
    const at = types.indexOf('ExecutionRedriven');
    // the state was entered before; it is not entered again
    expect(types.slice(at - 1, at + 3)).toEqual([
      'ExecutionFailed',
      'ExecutionRedriven',
      'TaskScheduled',
      'TaskStarted',
    ]);
    await expect(world.sfn.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
    });
  });

  it('of an item reader, a result or an expression names itself as AWS does', async () => {
    const endOf = async () => ended(world.sfn, await startExecution(world.sfn, machine));
    world.functions = {
      plan: () => ({ ...planned, planKey: 'nowhere' }),
      'copy-chunk': done,
      publish: published,
    };
    const unread = await endOf();
    expect(unread).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    expect(unread.cause).toContain('s3://lake/nowhere');
    await world.put('broken.jsonl', '{"chunk":1}\nno item\n');
    world.functions = { ...world.functions, plan: () => ({ ...planned, planKey: 'broken.jsonl' }) };
    expect((await endOf()).cause).toContain('item 2 is not JSON');
    world.functions = { ...world.functions, plan: () => ({ status: 'planned', sync: 'shop' }) };
    const unknown = await endOf();
    expect(unknown.error).toBe('States.QueryEvaluationError');
    expect(unknown.cause).toContain('$states.input.bucket');
    world.functions = { ...world.functions, plan: () => ({ ...planned, padding: 'é'.repeat(131_072) }) };
    expect((await endOf()).error).toBe('States.DataLimitExceeded');
  });
});

describe('a stopped execution', () => {
  it('is ABORTED at once with its children; a redrive runs only the unsuccessful ones, and those not started', async () => {
    let blocked = true;
    const finished: number[] = [];
    const waiting: (() => void)[] = [];
    world.functions = {
      plan: () => planned,
      publish: published,
      'copy-chunk': async ({ item }: Chunk) => {
        if (blocked && item.chunk >= 2) await new Promise<void>((resolve) => waiting.push(resolve));
        finished.push(item.chunk);
        return done();
      },
    };
    await world.put('plans/plan.jsonl', jsonl(items(10)));
    const executionArn = await startExecution(world.sfn, machine);
    await until(() => waiting.length === 4);
    const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn }));
    const mapRunArn = mapRuns![0]!.mapRunArn;
    const describeMapRun = () => world.sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    expect((await describeMapRun()).executionCounts).toMatchObject({
      running: 4,
      succeeded: 2,
      pending: 4,
      total: 10,
    });

    await world.sfn.send(new StopExecutionCommand({ executionArn, error: 'Test.Stop', cause: 'enough' }));
    const stopped = await world.sfn.send(new DescribeExecutionCommand({ executionArn }));
    expect(stopped).toMatchObject({ status: 'ABORTED', error: 'Test.Stop', cause: 'enough' });
    const aborted = await describeMapRun();
    expect(aborted).toMatchObject({
      status: 'ABORTED',
      executionCounts: { aborted: 4, succeeded: 2, pending: 4 },
    });

    blocked = false;
    const before = finished.length;
    await world.sfn.send(new RedriveExecutionCommand({ executionArn }));
    expect(await ended(world.sfn, executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(finished.slice(before).sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    // what ran when it was stopped lives on, and nobody listens
    for (const go of waiting) go();
    await until(() => finished.length === before + 12);
    const mapRun = await describeMapRun();
    expect(mapRun).toMatchObject({
      status: 'SUCCEEDED',
      redriveCount: 1,
      executionCounts: { succeeded: 10 },
    });
    const { executions } = await world.sfn.send(new ListExecutionsCommand({ mapRunArn }));
    expect(executions!.map(({ redriveCount }) => redriveCount).sort()).toEqual([
      0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
    ]);
    const redriven = executions!.find(({ redriveCount }) => redriveCount === 1)!;
    const types = await eventTypesOf(world.sfn, redriven.executionArn!);
    expect(types.slice(3, 8)).toEqual([
      ...['TaskStarted', 'ExecutionAborted', 'ExecutionRedriven', 'TaskScheduled', 'TaskStarted'],
    ]);
    expect(types.filter((type) => type === 'ExecutionSucceeded')).toHaveLength(1);
    expect(await eventTypesOf(world.sfn, executionArn)).toContain('MapRunRedriven');
  });

  it('does not wait for the delay of a retry', async () => {
    const slow = await createMachine(world.sfn, 'slow', {
      retry: { kind: 'fixed', intervalSeconds: 3600, maxAttempts: 2, maxDelaySeconds: 3601 },
    });
    world.functions = { plan: () => failing('LedgerUnavailable') };
    const executionArn = await startExecution(world.sfn, slow);
    await until(async () => (await eventTypesOf(world.sfn, executionArn)).includes('TaskFailed'));
    await world.sfn.send(new StopExecutionCommand({ executionArn }));
    await world.sfn.send(new RedriveExecutionCommand({ executionArn }));
    await until(() => world.calls.plan === 2);
    await world.sfn.send(new StopExecutionCommand({ executionArn }));
  });
});

describe('an engine that is started again', () => {
  it('finds what was done, and aborts what ran: a redrive goes on with it', async () => {
    let blocked = true;
    world.functions = {
      plan: () => planned,
      publish: published,
      'copy-chunk': ({ item }: Chunk) => (blocked && item.chunk > 2 ? new Promise(() => {}) : done()),
    };
    const finished = await startExecution(world.sfn, machine, 'over-before');
    blocked = false;
    await ended(world.sfn, finished);
    blocked = true;
    const running = await startExecution(world.sfn, machine, 'in-the-middle');
    await until(() => world.calls['copy-chunk'] === 12);
    const before = await eventsOf(world.sfn, finished);

    await world.restart();
    expect(await eventsOf(world.sfn, finished)).toEqual(before);
    const aborted = await world.sfn.send(new DescribeExecutionCommand({ executionArn: running }));
    expect(aborted).toMatchObject({
      status: 'ABORTED',
      error: 'Local.EngineStopped',
      redriveStatus: 'REDRIVABLE',
    });
    const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn: running }));
    const { mapRunArn } = mapRuns![0]!;
    const { status, executionCounts } = await world.sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    expect(status).toBe('ABORTED');
    expect(executionCounts).toMatchObject({ succeeded: 3, aborted: 3, running: 0, total: 6 });

    blocked = false;
    // the definition that the execution was started with is the one that is redriven
    const definition = JSON.stringify(
      stateMachineDefinition({ ...settings, publishFunction: 'publish-next' }),
    );
    await world.sfn.send(new UpdateStateMachineCommand({ stateMachineArn: machine, definition }));
    await world.sfn.send(new RedriveExecutionCommand({ executionArn: running }));
    expect(await ended(world.sfn, running)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(world.calls['copy-chunk']).toBe(15);
    expect(world.calls.plan).toBe(2);
  });
});
