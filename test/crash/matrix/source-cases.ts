/** Every request to a database × every way in which its connection can fail. */
import { expect } from 'vitest';
import { inParallel } from '../../../core/parallel.ts';
import type { SourceFault, SourceProxy, SourceRequest } from '../../support/source-proxy.ts';
import { faultsOf, newTally, type Tally } from './audit.ts';
import type { MatrixCloud } from './cloud.ts';
import { isTransient } from './fault.ts';
import { afterwards, nextRun, withinLimit } from './fault-cases.ts';
import { say, spotless } from './report.ts';
import type { SourceKind } from './source-kinds.ts';
import { begin, type Stage, stagesOfRun } from './stages.ts';
import { answered, fromPlan, redriven, type World } from './world.ts';

const faults: readonly SourceFault[] = [
  'cut before',
  'cut after',
  'cut in the middle',
  'cut after the first row',
  'silent',
  'time limit',
  'shut down',
  'too many',
];

function applies(fault: SourceFault, { text, bringsRows }: SourceRequest, kind: SourceKind): boolean {
  switch (fault) {
    case 'cut after the first row':
      return bringsRows;
    case 'time limit':
      return !kind.timeless.includes(text);
    case 'too many':
      return text === 'startup';
    default:
      return true;
  }
}

/** An attempt that will meet silence does not wait for it as long as the product does. */
const silenceMsMax = 1_500;

type SourceCase = {
  readonly stage: Stage;
  readonly at: number;
  readonly request: SourceRequest;
  readonly fault: SourceFault;
};

const titleOf = ({ stage, at, request, fault }: SourceCase): string =>
  `${stage.name}, request ${at} (${request.text.replace(/\s+/g, ' ').slice(0, 60)}): ${fault}`;

async function withProxy<T>(
  kind: SourceKind,
  world: World,
  work: (proxy: SourceProxy) => Promise<T>,
): Promise<T> {
  const proxy = await kind.proxy(kind.port);
  world.sourceOf = kind.sourceThrough(proxy.port);
  try {
    return await work(proxy);
  } finally {
    await proxy.stop();
  }
}

async function sourceCases(kind: SourceKind, stages: readonly Stage[]): Promise<SourceCase[]> {
  const cases: SourceCase[] = [];
  for (const stage of stages) {
    const world = await stage.world.copyWorld();
    const requests = await withProxy(kind, world, async (proxy) => {
      await answered(begin(stage, world, null));
      return [...proxy.requests];
    });
    for (const [at, request] of requests.entries()) {
      for (const fault of faults) {
        if (applies(fault, request, kind)) cases.push({ stage, at, request, fault });
      }
    }
  }
  return cases;
}

async function sourceCase(
  kind: SourceKind,
  one: SourceCase,
  number: number,
  tally: Tally,
): Promise<string[]> {
  const { stage, at, fault } = one;
  const world = await stage.world.copyWorld();
  const wrong: string[] = [];
  await withProxy(kind, world, async (proxy) => {
    proxy.arm(at, fault);
    const patient = world.sourceOf;
    if (fault === 'silent') world.sourceOf = kind.sourceThrough(proxy.port, silenceMsMax);
    const ended = await begin(stage, world, null).ended;
    world.sourceOf = patient;
    if (proxy.requests.length <= at) wrong.push('the fault was not met');
    if (ended.kind === 'failed') {
      if (!isTransient(ended.error)) wrong.push(`it failed for good: ${(ended.error as Error).stack}`);
      if (number % 2 === 0) await afterwards(stage, world, await answered(begin(stage, world, null)));
      else {
        world.alive.delete(stage.execution);
        await fromPlan(world, world.newExecution());
      }
    } else if (ended.kind === 'answered') await orRedriven(stage, world, ended.value);
    wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
    if (number % 5 === 0) {
      await nextRun(world, wrong);
      wrong.push(...(await faultsOf(world, tally, { mayLeaveStaging: false })));
    }
  });
  world.place.drop();
  return wrong;
}

/** A table whose planning ran into the time limit does not hold back the others: Publish names it, a redrive mends it. */
async function orRedriven(stage: Stage, world: World, answer: unknown): Promise<void> {
  try {
    await afterwards(stage, world, answer);
  } catch (error) {
    if ((error as { code?: string }).code !== 'RunIncomplete') throw error;
    await redriven(world, stage.execution, (answer as { run: string }).run);
  }
}

async function runSourceCases(
  kind: SourceKind,
  cases: readonly SourceCase[],
  tally: Tally,
): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel([...cases.entries()], 6, async ([number, one]) => {
    tally.cases++;
    const found = await withinLimit(sourceCase(kind, one, number, tally)).catch((error: unknown) => [
      String((error as Error).stack),
    ]);
    wrong.push(...found.map((what) => `${titleOf(one)} → ${what}`));
  });
  return wrong;
}

/** Every case of a database, with the least that there must be of them. */
export async function everyRequestBroken(kind: SourceKind, cloud: MatrixCloud): Promise<void> {
  const direct = kind.sourceThrough(kind.port);
  const stages = (await stagesOfRun(cloud, direct)).filter(({ name }) => name !== 'publish');
  const cases = await sourceCases(kind, stages);
  const requests = new Set(cases.map(({ stage, at }) => `${stage.name} ${at}`)).size;
  expect(cases.filter(({ fault }) => fault === 'cut after the first row').length).toBeGreaterThanOrEqual(2);
  expect(requests).toBeGreaterThan(30);
  expect(cases.length).toBeGreaterThan(requests * 5);
  const tally = newTally();
  const wrong = await runSourceCases(kind, cases, tally);
  say(`faults of ${kind.name}, at ${requests} requests`, tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}
