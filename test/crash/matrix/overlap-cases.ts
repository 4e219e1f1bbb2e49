/** Attempts and executions that overlap: an old one sleeps at some call, others go on, and then it wakes. */
import { inParallel } from '../../../core/parallel.ts';
import { faultsOf, type Tally } from './audit.ts';
import { type Invocation, isTransient, type Trouble } from './fault.ts';
import { afterwards, nextRun, withinLimit } from './fault-cases.ts';
import { begin, kindOf, type Stage } from './stages.ts';
import { isWrite } from './ways.ts';
import { answered, copyToEnd, fromPlan, fromPublish, redriven, type World } from './world.ts';

/** What happens while the old attempt sleeps. */
export type Meanwhile =
  | 'another attempt finishes'
  | 'the run is published'
  | 'the next run is published'
  | 'its execution is redriven and published'
  | 'another execution adopts the run and publishes it'
  | 'a fresh run is published'
  | 'a fresh run is half copied';

const meanwhiles: readonly Meanwhile[] = [
  'another attempt finishes',
  'the run is published',
  'the next run is published',
  'its execution is redriven and published',
  'another execution adopts the run and publishes it',
  'a fresh run is published',
  'a fresh run is half copied',
];

export type OverlapCase = {
  readonly title: string;
  readonly run: (tally: Tally) => Promise<string[]>;
};

/** An old attempt may fail when it wakes: what it worked on has gone. It must not have done harm. */
async function wokenUp(old: Invocation<unknown>, wrong: string[]): Promise<unknown> {
  old.wake();
  const ended = await old.ended;
  if (ended.kind === 'answered') return ended.value;
  const error = ended.kind === 'failed' ? ended.error : new Error('it died');
  const code = (error as { code?: string }).code ?? '';
  if (!isTransient(error) && code !== 'RunIncomplete') {
    wrong.push(`the old attempt failed: ${(error as Error).stack}`);
  }
  return null;
}

export function sleeperCases(stages: readonly Stage[]): OverlapCase[] {
  return stages.flatMap((stage) =>
    stage.calls.flatMap((call, at) =>
      (['before', 'after'] as const).flatMap((sleeps) =>
        meanwhiles
          // after a call that reads is nearly before the next one: half of the moments each, save for the first two
          .filter((_, i) => isWrite(call) || i < 2 || (at + i) % 2 === (sleeps === 'before' ? 0 : 1))
          .filter((meanwhile) => stage.planned || !meanwhile.includes('redriven'))
          .map((meanwhile) => ({
            title: `${stage.name} sleeps ${sleeps} call ${at} (${kindOf(call)}) while ${meanwhile}`,
            run: (tally: Tally) => sleeperCase(stage, { at, sleeps }, meanwhile, tally),
          })),
      ),
    ),
  );
}

async function sleeperCase(
  stage: Stage,
  trouble: Trouble,
  meanwhile: Meanwhile,
  tally: Tally,
): Promise<string[]> {
  const world = await stage.world.copyWorld();
  const wrong: string[] = [];
  const old = begin(stage, world, trouble);
  await old.asleep;
  const { execution, planned } = stage;
  const fresh = async (): Promise<void> => {
    world.alive.delete(execution);
    world.snapshot++;
    const next = world.newExecution();
    const made = await answered(world.plan(next, null, true));
    const orders = world.ordersOf(made);
    await copyToEnd(world, orders[0]!);
    const rest = async () => {
      for (const order of orders.slice(1)) await copyToEnd(world, order);
      await fromPublish(world, next, made.run);
    };
    if (meanwhile === 'a fresh run is half copied') {
      await wokenUp(old, wrong);
      await rest();
    } else {
      await rest();
      await wokenUp(old, wrong);
    }
  };
  switch (meanwhile) {
    case 'another attempt finishes': {
      const answer = await answered(begin(stage, world, null));
      await wokenUp(old, wrong);
      await afterwards(stage, world, answer);
      break;
    }
    case 'the run is published':
    case 'the next run is published':
      await afterwards(stage, world, await answered(begin(stage, world, null)));
      if (meanwhile === 'the next run is published') await nextRun(world, wrong);
      await wokenUp(old, wrong);
      break;
    case 'its execution is redriven and published':
      await redriven(world, execution, planned!.run);
      await wokenUp(old, wrong);
      break;
    case 'another execution adopts the run and publishes it':
      world.alive.delete(execution);
      await fromPlan(world, world.newExecution());
      await wokenUp(old, wrong);
      break;
    default:
      await fresh();
  }
  // a Plan that wakes up may have begun a run of its own: its execution is over, so somebody adopts that
  if (!planned) await settle(world);
  await lookAround(world, wrong, tally, tally.cases % 4 === 0);
  world.place.drop();
  return wrong;
}

/** Another execution takes up what was left running. */
async function settle(world: World): Promise<void> {
  world.alive.clear();
  await fromPlan(world, world.newExecution());
}

/** What an old attempt has left in staging after the sweep is the next run's business. */
async function lookAround(world: World, wrong: string[], tally: Tally, goesOn: boolean): Promise<void> {
  wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: true })));
  const leftOver = world.place.keys().some((key) => key.includes('/_staging/'));
  if (!leftOver && !goesOn) return;
  await nextRun(world, wrong);
  wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
}

/** Two attempts of one function: the first runs to call i, the second to call j, the first to its end, the second. */
export function pairCases(stage: Stage): OverlapCase[] {
  const moments = [...stage.calls.keys()];
  return moments.flatMap((i) =>
    moments.map((j) => ({
      title: `two attempts of ${stage.name}: to call ${i}, to call ${j}, to the end, to the end`,
      async run(tally) {
        const world = await stage.world.copyWorld();
        const wrong: string[] = [];
        const first = begin(stage, world, { at: i, sleeps: 'before' });
        await first.asleep;
        const second = begin(stage, world, { at: j, sleeps: 'before' });
        await second.asleep;
        const one = await wokenUp(first, wrong);
        const other = await wokenUp(second, wrong);
        const answer = (other ?? one) || (await answered(begin(stage, world, null)));
        await afterwards(stage, world, answer);
        wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
        world.place.drop();
        return wrong;
      },
    })),
  );
}

/** Two attempts of one function, a call of each in turns. */
export function inTurns(stage: Stage, ahead: number): OverlapCase {
  return {
    title: `two attempts of ${stage.name} in turns, one ${ahead} calls ahead`,
    async run(tally) {
      const world = await stage.world.copyWorld();
      const wrong: string[] = [];
      const first = begin(stage, world, { at: ahead, sleeps: 'before' });
      await first.asleep;
      const second = begin(stage, world, null);
      first.wake();
      const endings = await Promise.all([first.ended, second.ended]);
      const answers = endings.flatMap((ended) => (ended.kind === 'answered' ? [ended.value] : []));
      await afterwards(stage, world, answers.at(-1) ?? (await answered(begin(stage, world, null))));
      wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
      world.place.drop();
      return wrong;
    },
  };
}

/**
 * Two executions of one sync: the first one's Plan runs to call i, the second one's to call j, then both go to their
 * ends. Where the first one is alive, one of the two must be skipped; where it is over, the second one may adopt.
 */
export function executionCases(plan: Stage, every: number): OverlapCase[] {
  const moments = [...plan.calls.keys()];
  return (['alive', 'over'] as const).flatMap((first) =>
    moments.flatMap((i) =>
      moments
        .filter((j) => (i + j) % every === 0)
        .map((j) => ({
          title: `two executions, the first one ${first}: its Plan to call ${i}, the other's to call ${j}`,
          run: (tally: Tally) => executionCase(plan, first, i, j, tally),
        })),
    ),
  );
}

async function executionCase(
  plan: Stage,
  first: 'alive' | 'over',
  i: number,
  j: number,
  tally: Tally,
): Promise<string[]> {
  const world = await plan.world.copyWorld();
  const wrong: string[] = [];
  const executions = [plan.execution, world.newExecution()] as const;
  const one = world.plan(executions[0], { at: i, sleeps: 'before' });
  await one.asleep;
  if (first === 'over') world.alive.delete(executions[0]);
  const other = world.plan(executions[1], { at: j, sleeps: 'before' });
  await other.asleep;
  one.wake();
  const madeByOne = await answered(one);
  other.wake();
  const madeByOther = await answered(other);
  const made = [madeByOne, madeByOther];
  const working = made.filter(({ status }) => status === 'planned');
  if (working.length === 0) wrong.push('both were skipped');
  if (first === 'alive' && working.length > 1) wrong.push('both work on the sync, and both are alive');
  // both go on at the same time, as their children would
  await Promise.all(
    made.map(async (planned, which) => {
      if (planned.status === 'skipped') return;
      for (const order of world.ordersOf(planned)) await copyToEnd(world, order);
      const published = await world.publish(planned.run, false).ended;
      const isIncomplete =
        published.kind === 'failed' && (published.error as { code?: string }).code === 'RunIncomplete';
      if (published.kind !== 'answered' && !isIncomplete) wrong.push(`Publish of execution ${which} failed`);
    }),
  );
  await settle(world);
  await lookAround(world, wrong, tally, tally.cases % 4 === 0);
  world.place.drop();
  return wrong;
}

export async function runOverlapCases(cases: readonly OverlapCase[], tally: Tally): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel(cases, 6, async ({ title, run }) => {
    tally.cases++;
    const found = await withinLimit(run(tally)).catch((error: unknown) => [String((error as Error).stack)]);
    wrong.push(...found.map((what) => `${title} → ${what}`));
  });
  return wrong;
}
