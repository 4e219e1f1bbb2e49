/** Every call of an invocation × every way in which it can go wrong × every way on from there. */

import type { ChunkOutcome } from '../../../core/copy/copy-chunk.ts';
import { TidemarkError } from '../../../core/errors.ts';
import { inParallel } from '../../../core/parallel.ts';
import type { PlannedRun } from '../../../core/plan/plan-run.ts';
import { faultsOf, type Tally } from './audit.ts';
import { type Ended, type Invocation, isTransient } from './fault.ts';
import { begin, kindOf, type Stage } from './stages.ts';
import { type Way, ways } from './ways.ts';
import { answered, copyToEnd, fromPlan, fromPublish, redriven, type World } from './world.ts';

/**
 * - `retry`: the state machine calls the same function again, with the same input
 * - `redrive`: its retries are used up, the execution fails and is redriven
 * - `adopt`: the execution is over, and another one begins
 */
export type Recovery = 'retry' | 'redrive' | 'adopt';

export type FaultCase = {
  readonly stage: Stage;
  readonly at: number;
  readonly way: Way;
  readonly recovery: Recovery;
  /** whether a further run follows */
  readonly goesOn: boolean;
};

export const titleOf = ({ stage, at, way, recovery }: FaultCase): string =>
  `${stage.name}, call ${at} (${kindOf(stage.calls[at]!)}): ${way.name}; ${recovery}`;

/** A redriven Plan is called with the same input, as a retried one. */
const recoveriesOf = (stage: Stage): Recovery[] =>
  stage.planned ? ['retry', 'redrive', 'adopt'] : ['retry', 'adopt'];

export function faultCases(stages: readonly Stage[]): FaultCase[] {
  const cases: FaultCase[] = [];
  for (const stage of stages) {
    const recoveries = recoveriesOf(stage);
    for (const [at, call] of stage.calls.entries()) {
      for (const way of ways) {
        if (!way.appliesTo(call)) continue;
        // what dies may go on in every way; the rest takes turns
        const all = way.ends === 'died' ? recoveries : [recoveries[cases.length % recoveries.length]!];
        const meets = way.landing?.startsWith('when') ? (['retry'] as const) : all;
        for (const recovery of meets) {
          const goesOn = way.landing !== undefined || cases.length % 7 === 0;
          cases.push({ stage, at, way, recovery, goesOn });
        }
      }
    }
  }
  return cases;
}

/** Runs the cases; gives what was wrong, each with the case's title. */
export async function runFaultCases(cases: readonly FaultCase[], tally: Tally): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel(cases, 6, async (one) => {
    tally.cases++;
    const found = await withinLimit(runFaultCase(one, tally)).catch((error: unknown) => [
      String((error as Error).stack),
    ]);
    wrong.push(...found.map((what) => `${titleOf(one)} → ${what}`));
  });
  return wrong;
}

const caseMsMax = 300_000;

/** A case that hangs is named instead of the whole test. */
export async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${caseMsMax / 1000} s`)), caseMsMax);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export async function runFaultCase(one: FaultCase, tally: Tally): Promise<string[]> {
  const { stage, at, way, recovery } = one;
  const world = await stage.world.copyWorld();
  const first = begin(stage, world, { at, way });
  const ended = await first.ended;
  const wrong = unexpectedEnd(ended, way);
  const landing = (moment: Way['landing']) => (way.landing === moment ? first.land() : null);

  if (ended.kind === 'answered') await afterwards(stage, world, ended.value);
  else if (recovery === 'retry') {
    const moment =
      way.landing === 'when the next attempt has begun'
        ? 2
        : way.landing === 'when the next attempt is at the same call'
          ? at
          : null;
    const next = begin(stage, world, moment === null ? null : { at: moment, sleeps: 'before' });
    if (moment !== null) {
      await next.asleep;
      await first.land();
      next.wake();
    }
    const answer = await answered(next);
    await landing('after the next attempt');
    await afterwards(stage, world, answer);
  } else if (recovery === 'redrive') await redrive(stage, world);
  else {
    world.alive.delete(stage.execution);
    await fromPlan(world, world.newExecution());
  }

  // where another execution went on, all of it was the next attempt
  const landedLate = await landing('after the next attempt');
  let landed = Boolean(landedLate || (await landing('after publish')));
  wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: landed })));
  if (one.goesOn) {
    await nextRun(world, wrong);
    landed = Boolean(await landing('after the next run'));
    wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: landed })));
    if (landed) {
      await nextRun(world, wrong);
      wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
    }
  }
  world.place.drop();
  return wrong;
}

/** The next snapshot, by an execution of its own. */
export async function nextRun(world: World, wrong: string[]): Promise<void> {
  world.snapshot++;
  const outcome = await fromPlan(world, world.newExecution());
  if (outcome !== 'published') wrong.push(`the next run is ${outcome}`);
}

function unexpectedEnd(ended: Ended<unknown>, way: Way): string[] {
  if (ended.kind === 'failed' && !isTransient(ended.error)) {
    return [`it failed for good: ${(ended.error as Error).stack}`];
  }
  const allowed = {
    died: ['died'],
    failed: ['failed'],
    mended: ['answered'],
    'mended or failed': ['answered', 'failed'],
  }[way.ends];
  return allowed.includes(ended.kind) ? [] : [`the attempt ${ended.kind}, which is not “${way.ends}”`];
}

/** The invocation has answered: on to the execution's end. */
export async function afterwards(stage: Stage, world: World, answer: unknown): Promise<void> {
  const { planned, order, later, execution } = stage;
  if (!planned) {
    const made = answer as PlannedRun;
    if (made.status === 'skipped') throw new Error(`Plan was skipped, because of ${made.execution}`);
    for (const one of world.ordersOf(made)) await copyToEnd(world, one);
    await fromPublish(world, execution, made.run);
    return;
  }
  if (!order) {
    world.alive.delete(execution);
    return;
  }
  if ((answer as ChunkOutcome).status === 'more') await copyToEnd(world, order);
  for (const one of later) await copyToEnd(world, one);
  await fromPublish(world, execution, planned.run);
}

/** The child failed, or Publish did: the execution comes to its failed end, and goes on from there. */
async function redrive(stage: Stage, world: World): Promise<void> {
  const { planned, order, later, execution } = stage;
  if (!planned) throw new Error('a failed Plan is called again with the same input: that is a retry');
  if (order) {
    for (const one of later) await copyToEnd(world, one);
    const published = await incompleteOr(world.publish(planned.run, false));
    if (published === 'complete') {
      world.alive.delete(execution);
      return;
    }
  }
  await redriven(world, execution, planned.run);
}

/** What the failed attempt had done may have been all there was to do. */
async function incompleteOr(publish: Invocation<unknown>): Promise<'complete' | 'incomplete'> {
  const ended = await publish.ended;
  if (ended.kind === 'answered') return 'complete';
  if (
    ended.kind === 'failed' &&
    ended.error instanceof TidemarkError &&
    ended.error.code === 'RunIncomplete'
  ) {
    return 'incomplete';
  }
  throw ended.kind === 'failed' ? ended.error : new Error('Publish died');
}
