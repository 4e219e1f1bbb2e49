import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateActivityCommand,
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StopExecutionCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startStepFunctions } from '../../../local/step-functions.ts';
import {
  createMachine,
  ended,
  eventsOf,
  failing,
  startExecution,
  startWorld,
  until,
  type World,
} from './world.ts';

let world: World;
let machine: string;
let release: () => void = () => {};
const skipped = () => ({ status: 'skipped' });
const blocked = () => new Promise((resolve) => (release = () => resolve(skipped())));

beforeAll(async () => {
  world = await startWorld({});
  machine = await createMachine(world.sfn, 'api');
});
beforeEach(() => {
  world.functions = { plan: skipped };
});
afterAll(() => world.stop());

const named = (name: string) => expect.objectContaining({ name });
const definition = (next: string) =>
  JSON.stringify({ QueryLanguage: 'JSONata', StartAt: next, States: { [next]: { Type: 'Succeed' } } });
const roleArn = 'arn:aws:iam::000000000000:role/local';

describe('state machines', () => {
  it('are created once, described, updated, listed and deleted, also across a restart', async () => {
    const create = (name: string, text: string) =>
      world.sfn.send(new CreateStateMachineCommand({ name, definition: text, roleArn }));
    const { stateMachineArn, creationDate } = await create('one', definition('A'));
    expect(await create('one', definition('A'))).toMatchObject({ stateMachineArn, creationDate });
    await expect(create('one', definition('B'))).rejects.toEqual(named('StateMachineAlreadyExists'));
    await expect(create('two words', definition('A'))).rejects.toEqual(named('InvalidName'));
    await expect(create('two', '{')).rejects.toEqual(named('InvalidDefinition'));
    await world.sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: definition('C') }));
    await expect(
      world.sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: '{"StartAt":"A"}' })),
    ).rejects.toEqual(named('InvalidDefinition'));
    await world.restart();
    const described = await world.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    expect(described).toMatchObject({
      name: 'one',
      status: 'ACTIVE',
      definition: definition('C'),
      roleArn,
      creationDate,
    });
    const list = async () => (await world.sfn.send(new ListStateMachinesCommand({}))).stateMachines!;
    expect((await list()).map(({ name }) => name)).toEqual(['one', 'api']);
    await world.sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
    expect(await list()).toHaveLength(1);
    await expect(world.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }))).rejects.toEqual(
      named('StateMachineDoesNotExist'),
    );
  });
});

describe('executions', () => {
  it('of one name are one execution while it runs with the same input, and an error otherwise', async () => {
    world.functions = { plan: blocked };
    const start = (input: string) =>
      world.sfn.send(new StartExecutionCommand({ stateMachineArn: machine, name: 'named', input }));
    const first = await start('{"fresh":true}');
    expect(await start('{"fresh":true}')).toMatchObject({
      executionArn: first.executionArn,
      startDate: first.startDate,
    });
    await expect(start('{}')).rejects.toEqual(named('ExecutionAlreadyExists'));
    await until(() => world.calls.plan === 1);
    release();
    await ended(world.sfn, first.executionArn!);
    await expect(start('{"fresh":true}')).rejects.toEqual(named('ExecutionAlreadyExists'));
    expect(world.calls.plan).toBe(1);
    const { executions } = await world.sfn.send(
      new ListExecutionsCommand({ stateMachineArn: machine, statusFilter: 'SUCCEEDED' }),
    );
    expect(executions!.map(({ name }) => name)).toEqual(['named']);
  });

  it('are listed the latest first, in pages that new ones do not disturb', async () => {
    const list = (nextToken?: string) =>
      world.sfn.send(new ListExecutionsCommand({ stateMachineArn: machine, maxResults: 2, nextToken }));
    for (const name of ['p1', 'p2', 'p3'])
      await ended(world.sfn, await startExecution(world.sfn, machine, name));
    const first = await list();
    expect(first.executions!.map(({ name }) => name)).toEqual(['p3', 'p2']);
    await ended(world.sfn, await startExecution(world.sfn, machine, 'p4'));
    const second = await list(first.nextToken);
    expect(second.executions!.map(({ name }) => name)).toEqual(['p1', 'named']);
    expect(second.nextToken).toBeUndefined();
    await expect(list('nothing')).rejects.toEqual(named('InvalidToken'));
  });

  it('have a history that is read in pages, forwards, backwards, and without data', async () => {
    const executionArn = await startExecution(world.sfn, machine);
    await ended(world.sfn, executionArn);
    const all = await eventsOf(world.sfn, executionArn);
    expect(all[0]).toMatchObject({
      id: 1,
      previousEventId: 0,
      executionStartedEventDetails: { input: '{}' },
    });
    expect(all[1]).toMatchObject({ stateEnteredEventDetails: { name: 'Plan', input: '{}' } });
    expect(all[2]!.taskScheduledEventDetails).toMatchObject({
      resourceType: 'lambda',
      resource: 'invoke',
      region: 'us-east-1',
    });
    const read = async (reverseOrder: boolean) => {
      const ids: number[] = [];
      for (let nextToken: string | undefined; ; ) {
        const command = new GetExecutionHistoryCommand({
          executionArn,
          reverseOrder,
          maxResults: 4,
          nextToken,
        });
        const history = await world.sfn.send(command);
        ids.push(...history.events!.map(({ id }) => id!));
        nextToken = history.nextToken;
        if (nextToken === undefined) return ids;
      }
    };
    const ids = all.map(({ id }) => id!);
    expect(await read(false)).toEqual(ids);
    expect(await read(true)).toEqual(ids.toReversed());
    const bare = await world.sfn.send(
      new GetExecutionHistoryCommand({ executionArn, includeExecutionData: false }),
    );
    expect(bare.events![1]!.stateEnteredEventDetails).toEqual({ name: 'Plan' });
  });

  it('take a Task that lasts too long as timed out', async () => {
    const impatient = await createMachine(world.sfn, 'impatient', {
      taskTimeoutSeconds: 1,
      retry: { kind: 'none', intervalSeconds: 1, maxAttempts: 0, maxDelaySeconds: 1 },
    });
    world.functions = { plan: () => new Promise(() => {}) };
    const executionArn = await startExecution(world.sfn, impatient);
    expect(await ended(world.sfn, executionArn)).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    const events = await eventsOf(world.sfn, executionArn);
    expect(events.at(-2)).toMatchObject({
      type: 'TaskTimedOut',
      taskTimedOutEventDetails: { error: 'States.Timeout' },
    });
    world.functions = { plan: () => failing('TableMissing') };
    await world.sfn.send(new RedriveExecutionCommand({ executionArn }));
    expect(await ended(world.sfn, executionArn)).toMatchObject({ error: 'TableMissing', redriveCount: 1 });
  });

  it('have up to 256 KiB of data, counted in bytes', async () => {
    const fitting = 'x'.repeat(262_144 - Buffer.byteLength('{"status":"skipped","pad":""}'));
    const run = async (pad: string) => {
      world.functions = { plan: () => ({ status: 'skipped', pad }) };
      return ended(world.sfn, await startExecution(world.sfn, machine));
    };
    // the result around the payload takes some bytes
    expect((await run(fitting.slice(500))).status).toBe('SUCCEEDED');
    const tooLarge = await run(fitting);
    expect(tooLarge).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(tooLarge.cause).toContain("'Plan'");
    const input = JSON.stringify('x'.repeat(262_143));
    await expect(
      world.sfn.send(new StartExecutionCommand({ stateMachineArn: machine, input })),
    ).rejects.toEqual(named('ValidationException'));
  });
});

describe('what is not there', () => {
  it('is answered as AWS answers it', async () => {
    const arn = (rest: string) => `arn:aws:states:us-east-1:000000000000:${rest}`;
    const executionArn = arn('execution:api:none');
    for (const command of [
      new DescribeExecutionCommand({ executionArn }),
      new DescribeExecutionCommand({ executionArn: arn('execution:api/CopyChunks:none') }),
      new StopExecutionCommand({ executionArn }),
      new GetExecutionHistoryCommand({ executionArn }),
    ]) {
      await expect(world.sfn.send(command as DescribeExecutionCommand)).rejects.toEqual(
        named('ExecutionDoesNotExist'),
      );
    }
    const start = (command: ConstructorParameters<typeof StartExecutionCommand>[0]) =>
      world.sfn.send(new StartExecutionCommand(command));
    await expect(start({ stateMachineArn: arn('stateMachine:none') })).rejects.toEqual(
      named('StateMachineDoesNotExist'),
    );
    await expect(start({ stateMachineArn: 'api' })).rejects.toEqual(named('InvalidArn'));
    await expect(start({ stateMachineArn: machine, input: '{' })).rejects.toEqual(
      named('InvalidExecutionInput'),
    );
    await expect(start({ stateMachineArn: machine, name: '..' })).rejects.toEqual(named('InvalidName'));
    const mapRunArn = arn('mapRun:api/CopyChunks:none');
    await expect(world.sfn.send(new DescribeMapRunCommand({ mapRunArn }))).rejects.toEqual(
      named('ResourceNotFound'),
    );
  });

  it('is an operation that is not known, named with the ones that are', async () => {
    await expect(world.sfn.send(new CreateActivityCommand({ name: 'a' }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringContaining('CreateActivity'),
    });
  });

  it('is a second server on a port that is taken', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-port-'));
    const settings = {
      folder,
      objects: { endpoint: world.s3Endpoint },
      lambda: { invoke: async () => ({ ok: true as const, payload: null }) },
    };
    const first = await startStepFunctions(settings);
    await expect(startStepFunctions({ ...settings, port: first.port })).rejects.toMatchObject({
      code: 'CloudBusy',
    });
    await first.stop();
    rmSync(folder, { recursive: true });
  });
});
