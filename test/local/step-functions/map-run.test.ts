import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateMachineDefinition } from '../../../infra/state-machine.ts';
import {
  createMachine,
  ended,
  failing,
  type Kind,
  type Results,
  settings,
  startExecution,
  startWorld,
  until,
  type World,
} from './world.ts';

type Item = { chunk: number };
type Chunk = { item: Item };

const plan = () => ({
  status: 'planned',
  sync: 'shop',
  run: 'r1',
  bucket: 'lake',
  planKey: 'plan.jsonl',
  resultsPrefix: 'results',
});
const publish = () => ({ status: 'published' });
const done = () => ({ status: 'done' });
const lines = (count: number, pad = '') =>
  Array.from({ length: count }, (_, chunk) => `${JSON.stringify({ chunk, pad })}\n`).join('');

let world: World;
beforeAll(async () => {
  world = await startWorld({});
});
afterAll(() => world.stop());

async function mapRunOf(executionArn: string) {
  const { mapRuns } = await world.sfn.send(new ListMapRunsCommand({ executionArn }));
  return world.sfn.send(new DescribeMapRunCommand({ mapRunArn: mapRuns![0]!.mapRunArn }));
}

/** The state machine of a sync, one child at a time, which tolerates less. */
async function createStrict(name: string, tolerance: object) {
  const definition = JSON.parse(JSON.stringify(stateMachineDefinition(settings)));
  delete definition.States.CopyChunks.ToleratedFailurePercentage;
  Object.assign(definition.States.CopyChunks, { MaxConcurrency: 1 }, tolerance);
  const roleArn = 'arn:aws:iam::000000000000:role/local';
  const create = new CreateStateMachineCommand({ name, definition: JSON.stringify(definition), roleArn });
  return (await world.sfn.send(create)).stateMachineArn!;
}

describe('too many failures', () => {
  it.each([
    ['nothing', {}, 0],
    ['a count', { ToleratedFailureCount: 2 }, 2],
    ['a percentage', { ToleratedFailurePercentage: 30 }, 3],
    ['both', { ToleratedFailurePercentage: 30, ToleratedFailureCount: 1 }, 1],
  ])(
    'fail the map run when it tolerates %s, and a redrive goes on with the rest',
    async (kind, tolerance, tolerated) => {
      const machine = await createStrict(kind.replace(' ', '-'), tolerance);
      await world.put('plan.jsonl', lines(10));
      let broken = true;
      const tried: number[] = [];
      world.functions = {
        plan,
        publish,
        'copy-chunk': ({ item }: Chunk) => {
          tried.push(item.chunk);
          return broken && item.chunk > 1 ? failing('TableDenied') : done();
        },
      };
      const executionArn = await startExecution(world.sfn, machine);
      const failed = await ended(world.sfn, executionArn);
      expect(failed).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
      const failures = tolerated + 1;
      expect(await mapRunOf(executionArn)).toMatchObject({
        status: 'FAILED',
        executionCounts: { succeeded: 2, failed: failures, pending: 8 - failures, total: 10 },
      });
      const id = (await mapRunOf(executionArn)).mapRunArn!.split(':').at(-1);
      const manifest = await world.get<Results>(`results/${id}/manifest.json`);
      const read = async (of: Kind) =>
        (
          await Promise.all(
            manifest.ResultFiles[of].map(({ Key }) => world.get<{ Status: string; Input: string }[]>(Key)),
          )
        ).flat();
      expect((await read('FAILED')).map(({ Status }) => Status)).toEqual(Array(failures).fill('FAILED'));
      const pending = await read('PENDING');
      expect(pending).toHaveLength(8 - failures);
      expect(JSON.parse(pending.at(-1)!.Input)).toMatchObject({ chunk: 9 });

      broken = false;
      tried.length = 0;
      await world.sfn.send(new RedriveExecutionCommand({ executionArn }));
      expect((await ended(world.sfn, executionArn)).status).toBe('SUCCEEDED');
      expect(tried).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await mapRunOf(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    },
  );

  it('end the children that still run', async () => {
    const machine = await createStrict('strict', { MaxConcurrency: 3 });
    await world.put('plan.jsonl', lines(5));
    let running = 0;
    world.functions = {
      plan,
      publish,
      'copy-chunk': async ({ item }: Chunk) => {
        if (item.chunk === 0) {
          await until(() => running === 2);
          failing('TableDenied');
        }
        running += 1;
        return new Promise(() => {});
      },
    };
    const executionArn = await startExecution(world.sfn, machine);
    await ended(world.sfn, executionArn);
    expect((await mapRunOf(executionArn)).executionCounts).toMatchObject({
      failed: 1,
      aborted: 2,
      pending: 2,
    });
  });
});

describe('a child', () => {
  it('can be stopped by itself: its map run counts it and goes on', async () => {
    const machine = await createMachine(world.sfn, 'stoppable');
    await world.put('plan.jsonl', lines(3));
    let hanging = false;
    world.functions = {
      plan,
      publish,
      'copy-chunk': ({ item }: Chunk) => {
        if (item.chunk !== 1) return done();
        hanging = true;
        return new Promise(() => {});
      },
    };
    const executionArn = await startExecution(world.sfn, machine);
    await until(() => hanging);
    const { mapRunArn } = await mapRunOf(executionArn);
    const list = new ListExecutionsCommand({ mapRunArn, statusFilter: 'RUNNING' });
    await until(async () => (await world.sfn.send(list)).executions!.length === 1);
    const child = (await world.sfn.send(list)).executions![0]!.executionArn!;
    await world.sfn.send(new StopExecutionCommand({ executionArn: child, error: 'Test.Stop' }));
    expect((await ended(world.sfn, executionArn)).status).toBe('SUCCEEDED');
    expect((await mapRunOf(executionArn)).executionCounts).toMatchObject({ succeeded: 2, aborted: 1 });
    const described = await world.sfn.send(new DescribeExecutionCommand({ executionArn: child }));
    expect(described).toMatchObject({
      status: 'ABORTED',
      error: 'Test.Stop',
      redriveStatus: 'REDRIVABLE_BY_MAP_RUN',
    });
    await expect(world.sfn.send(new RedriveExecutionCommand({ executionArn: child }))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
    });
  });

  it('that asks for more for too long ends at 25,000 events, as on AWS', async () => {
    const machine = await createMachine(world.sfn, 'endless');
    await world.put('plan.jsonl', lines(1));
    world.functions = { plan, publish, 'copy-chunk': () => ({ status: 'more' }) };
    const executionArn = await startExecution(world.sfn, machine);
    expect((await ended(world.sfn, executionArn)).status).toBe('SUCCEEDED');
    const { mapRunArn, executionCounts } = await mapRunOf(executionArn);
    expect(executionCounts).toMatchObject({ failed: 1 });
    const { executions } = await world.sfn.send(new ListExecutionsCommand({ mapRunArn }));
    const child = await world.sfn.send(
      new DescribeExecutionCommand({ executionArn: executions![0]!.executionArn! }),
    );
    expect(child).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  }, 20_000);
});

describe('items', () => {
  it('are the lines of the object as they are: long ones, blank ones between, other scripts, no last newline', async () => {
    const machine = await createMachine(world.sfn, 'items');
    const items = [{ a: 'ä\u2028€😀\\n' }, { long: 'é'.repeat(120_000) }, { n: 3 }, { last: true }];
    const [first, long, ...rest] = items.map((item) => JSON.stringify(item));
    await world.put('plan.jsonl', `${first}\n${long}\r\n\n${rest.join('\n')}`);
    const seen: unknown[] = [];
    world.functions = {
      plan,
      publish,
      'copy-chunk': ({ item }: Chunk) => {
        seen.push(item);
        return done();
      },
    };
    expect((await ended(world.sfn, await startExecution(world.sfn, machine))).status).toBe('SUCCEEDED');
    expect(seen).toHaveLength(4);
    expect(seen).toEqual(expect.arrayContaining(items));

    await world.put('plan.jsonl', `{"n":1}\n${JSON.stringify('é'.repeat(131_072))}\n`);
    const refused = await ended(world.sfn, await startExecution(world.sfn, machine));
    expect(refused).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    expect(refused.cause).toContain('item 2 is larger than 256 KiB');
  });
});

it('2,000 children leave little in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const machine = await createMachine(world.sfn, 'large', { maxConcurrency: 20 });
  const pad = 'p'.repeat(2000);
  world.functions = { plan, publish, 'copy-chunk': () => ({ status: 'done', pad }) };
  const heapAfter = async (count: number) => {
    await world.put('plan.jsonl', lines(count, pad));
    const executionArn = await startExecution(world.sfn, machine);
    expect((await ended(world.sfn, executionArn)).status).toBe('SUCCEEDED');
    expect((await mapRunOf(executionArn)).executionCounts).toMatchObject({
      succeeded: count,
      resultsWritten: count,
    });
    collect();
    return process.memoryUsage().heapUsed;
  };
  await heapAfter(100);
  const before = await heapAfter(100);
  const bytesPerChild = ((await heapAfter(2000)) - before) / 1900;
  // its history alone has about 30 KB
  expect(bytesPerChild).toBeLessThan(1500);
}, 30_000);
