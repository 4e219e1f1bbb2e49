/**
 * Real sandboxes, killed at each kind of call, before and after it took effect: then the state machine tries again, or
 * the execution has failed and is redriven through the API. Every row is compared by DuckDB.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { commandsOfProduct } from './commands.ts';
import { say, spotless } from './report.ts';
import { type Kill, type SandboxWorld, type Seen, sandboxWorld } from './sandbox-world.ts';

const lanes = 2;
let postgres: TestPostgres[];
let worlds: SandboxWorld[];
beforeAll(async () => {
  postgres = await Promise.all(Array.from({ length: lanes }, () => testPostgres()));
  worlds = await Promise.all(postgres.map(sandboxWorld));
}, 180_000);
afterAll(async () => {
  for (const world of worlds ?? []) await world.stop();
  for (const server of postgres ?? []) await server.stop();
}, 60_000);

const nameOf = ({ functionName, kind }: Seen): string => `${functionName}: ${kind}`;

/** Every kind of call that a function makes, before and after it took effect; not always the first one of its kind. */
function killsOf(seen: readonly Seen[]): Kill[] {
  const kinds = new Map<string, Seen[]>();
  for (const one of seen) kinds.set(nameOf(one), [...(kinds.get(nameOf(one)) ?? []), one]);
  return [...kinds.values()].flatMap((calls, i) =>
    (['before', 'after'] as const).map((moment, j) => ({
      ...calls[0]!,
      moment,
      nth: (i + j) % Math.min(calls.length, 3),
    })),
  );
}

/** The second snapshot is the one of most chunks and parts. */
async function undisturbed(world: SandboxWorld): Promise<readonly Seen[]> {
  for (let snapshot = 1; snapshot <= 2; snapshot++) {
    await world.change();
    world.kill(null);
    expect(await world.execute('retrying')).toMatchObject({ status: 'SUCCEEDED' });
  }
  expect(await world.faults()).toEqual([]);
  return [...world.seen];
}

async function killed(
  world: SandboxWorld,
  kill: Kill,
  recovery: 'retry' | 'redrive',
  rows: 'new rows' | 'same rows' = 'new rows',
): Promise<string[]> {
  const before = world.killed();
  if (rows === 'new rows') await world.change();
  world.kill(kill);
  const { arn, status } = await world.execute(recovery === 'retry' ? 'retrying' : 'failing');
  const wrong: string[] = [];
  if (world.killed() === before) wrong.push('nothing was killed');
  if (recovery === 'retry') {
    if (status !== 'SUCCEEDED') wrong.push(`the execution is ${status}`);
  } else {
    // a child that died after its last write leaves a whole log: then Publish has nothing to complain of
    if (status === 'FAILED') {
      const redriven = await world.redrive(arn);
      if (redriven !== 'SUCCEEDED') wrong.push(`the redriven execution is ${redriven}`);
    }
  }
  wrong.push(...(await world.faults()));
  return wrong.map((what) => `${nameOf(kill)}, ${kill.moment} call ${kill.nth}; ${recovery} → ${what}`);
}

test('sandboxes killed at each kind of call: tried again, or redriven, every row is published once', async () => {
  const seen = (await Promise.all(worlds.map(undisturbed)))[0]!;
  const commands = new Set(seen.map(({ kind }) => kind.split(' ')[0]));
  for (const command of [...commandsOfProduct(), 'SQL']) expect([...commands]).toContain(command);
  const kills = killsOf(seen);
  expect(kills.length).toBeGreaterThan(50);
  const waiting = [...kills.entries()];
  const wrong: string[] = [];
  await Promise.all(
    worlds.map(async (world) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [i, kill] = next;
        wrong.push(...(await killed(world, kill, (i >> 1) % 2 === i % 2 ? 'retry' : 'redrive')));
      }
    }),
  );
  report('sandboxes killed', kills.length, wrong);
}, 1_200_000);

test('a Plan killed while it asks whether the execution before it is over: the next try adopts the run', async () => {
  const world = worlds[0]!;
  const wrong: string[] = [];
  for (const moment of ['before', 'after'] as const) {
    await world.change();
    world.kill({ functionName: 'copy-chunk', kind: 'PutItem CHUNK', nth: 0, moment });
    const { status } = await world.execute('failing');
    const ask: Kill = { functionName: 'plan', kind: 'DescribeExecution', nth: 0, moment };
    if (status !== 'FAILED') wrong.push(`the first execution is ${status}`);
    wrong.push(...(await killed(world, ask, 'retry', 'same rows')));
  }
  report('Plan killed at DescribeExecution', 2, wrong);
}, 300_000);

/** The worlds count rows over all tests. */
function report(kind: string, cases: number, wrong: readonly string[]): void {
  const tally = { cases, lost: 0, doubled: 0, changed: 0 };
  for (const world of worlds) {
    tally.lost += world.tally.lost;
    tally.doubled += world.tally.doubled;
    tally.changed += world.tally.changed;
  }
  say(kind, tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}
