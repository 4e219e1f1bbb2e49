import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, expect, it } from 'vitest';
import { clientOf, createMachine, ended, eventsOf, startExecution, startWorld, type World } from './world.ts';

let world: World | undefined;
let engine: ChildProcess | undefined;

afterEach(async () => {
  engine?.kill('SIGKILL');
  await world?.stop();
});

/** One engine at a time works in a folder: the one before, if it still lives, is killed first. */
async function startProcess(folder: string, s3: string) {
  if (engine && engine.exitCode === null && engine.signalCode === null) {
    engine.kill('SIGKILL');
    await once(engine, 'exit');
  }
  const script = join(import.meta.dirname, 'engine-process.ts');
  const started = spawn(process.execPath, ['--import', 'tsx', script, folder, s3], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  engine = started;
  const [endpoint] = (await once(started.stdout, 'data')) as [Buffer];
  return { process: started, sfn: clientOf(endpoint.toString().trim()) };
}

it('kill -9 at any moment loses nothing acknowledged, and runs no state again that was exited', async () => {
  world = await startWorld({});
  const chunks = 150;
  await world.put(
    'plan.jsonl',
    Array.from({ length: chunks }, (_, chunk) => `{"chunk":${chunk}}\n`).join(''),
  );
  const folder = join(world.folder, 'killed');

  let executionArn = '';
  let aborts = 0;
  for (const killAfterMs of [30, 120, 60, 200, 90, null]) {
    const { process, sfn } = await startProcess(folder, world.s3Endpoint);
    if (executionArn === '') {
      executionArn = await startExecution(sfn, await createMachine(sfn, 'killed', { maxConcurrency: 3 }));
    } else {
      const { status, error } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status === 'SUCCEEDED') break;
      expect({ status, error }).toEqual({ status: 'ABORTED', error: 'Local.EngineStopped' });
      aborts += 1;
      await sfn.send(new RedriveExecutionCommand({ executionArn }));
    }
    if (killAfterMs === null) await ended(sfn, executionArn);
    else await sleep(killAfterMs);
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
  expect(aborts).toBeGreaterThan(1);

  const { sfn } = await startProcess(folder, world.s3Endpoint);
  const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
  expect(execution).toMatchObject({ status: 'SUCCEEDED', redriveCount: aborts });
  const parent = await eventsOf(sfn, executionArn);
  expect(parent.map(({ id }) => id)).toEqual(parent.map((_, index) => index + 1));
  expect(parent.filter(({ type }) => type === 'ExecutionRedriven')).toHaveLength(aborts);

  const { mapRuns } = await sfn.send(new ListMapRunsCommand({ executionArn }));
  const { mapRunArn } = mapRuns!.at(-1)!;
  const { executions } = await sfn.send(new ListExecutionsCommand({ mapRunArn, maxResults: 1000 }));
  const copied: number[] = [];
  for (const child of executions!) {
    const events = await eventsOf(sfn, child.executionArn!);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === 'ExecutionSucceeded')).toHaveLength(1);
    // whoever was redriven goes on where it was: no state is entered twice
    for (const type of ['TaskStateEntered', 'TaskStateExited', 'ChoiceStateEntered', 'SucceedStateEntered']) {
      expect(events.filter((event) => event.type === type).length).toBe(1);
    }
    copied.push((JSON.parse(events[0]!.executionStartedEventDetails!.input!) as { chunk: number }).chunk);
  }
  expect(copied.sort((a, b) => a - b)).toEqual(Array.from({ length: chunks }, (_, chunk) => chunk));
}, 60_000);
