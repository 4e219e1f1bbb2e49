/** Every request to PostgreSQL × every way in which its connection can fail. */
import { inParallel } from '../../../core/parallel.ts';
import { postgresSource } from '../../../core/sources/postgres/postgres.ts';
import {
  type PostgresFault,
  type PostgresProxy,
  type PostgresRequest,
  postgresProxy,
} from '../../support/postgres-proxy.ts';
import { faultsOf, type Tally } from './audit.ts';
import { isTransient } from './fault.ts';
import { afterwards, nextRun, withinLimit } from './fault-cases.ts';
import { begin, type Stage } from './stages.ts';
import { answered, fromPlan, redriven, type SourceOf, type World } from './world.ts';

const faults: readonly { readonly fault: PostgresFault; appliesTo(request: PostgresRequest): boolean }[] = [
  { fault: 'cut before', appliesTo: () => true },
  { fault: 'cut after', appliesTo: () => true },
  { fault: 'cut in the middle', appliesTo: () => true },
  { fault: 'cut after the first row', appliesTo: ({ isCopy }) => isCopy },
  { fault: 'silent', appliesTo: () => true },
  { fault: 'time limit', appliesTo: ({ text }) => text !== 'password' },
  { fault: 'shut down', appliesTo: () => true },
  { fault: 'too many', appliesTo: ({ text }) => text === 'startup' },
];

/** An attempt that will meet silence does not wait for it as long as the product does. */
const silenceMsMax = 1_500;

/** @param url of the server; each snapshot has a database of its own there: `snapshot2` */
export function sourceThrough(url: string, port: number, options: { silenceMsMax?: number } = {}): SourceOf {
  return (snapshot) => {
    const proxied = new URL(url);
    proxied.port = String(port);
    proxied.pathname = `/snapshot${snapshot()}`;
    return postgresSource({ url: proxied.href, ...options });
  };
}

export type SourceCase = {
  readonly stage: Stage;
  readonly at: number;
  readonly request: PostgresRequest;
  readonly fault: PostgresFault;
};

const titleOf = ({ stage, at, request, fault }: SourceCase): string =>
  `${stage.name}, request ${at} (${request.text.replace(/\s+/g, ' ').slice(0, 60)}): ${fault}`;

async function withProxy<T>(
  url: string,
  world: World,
  work: (proxy: PostgresProxy) => Promise<T>,
): Promise<T> {
  const proxy = await postgresProxy(Number(new URL(url).port));
  world.sourceOf = sourceThrough(url, proxy.port);
  try {
    return await work(proxy);
  } finally {
    await proxy.stop();
  }
}

export async function sourceCases(url: string, stages: readonly Stage[]): Promise<SourceCase[]> {
  const cases: SourceCase[] = [];
  for (const stage of stages) {
    const world = await stage.world.copyWorld();
    const requests = await withProxy(url, world, async (proxy) => {
      await answered(begin(stage, world, null));
      return [...proxy.requests];
    });
    for (const [at, request] of requests.entries()) {
      for (const { fault, appliesTo } of faults) {
        if (appliesTo(request)) cases.push({ stage, at, request, fault });
      }
    }
  }
  return cases;
}

async function sourceCase(url: string, one: SourceCase, number: number, tally: Tally): Promise<string[]> {
  const { stage, at, fault } = one;
  const world = await stage.world.copyWorld();
  const wrong: string[] = [];
  await withProxy(url, world, async (proxy) => {
    proxy.arm(at, fault);
    const patient = world.sourceOf;
    if (fault === 'silent') world.sourceOf = sourceThrough(url, proxy.port, { silenceMsMax });
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

export async function runSourceCases(
  url: string,
  cases: readonly SourceCase[],
  tally: Tally,
): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel([...cases.entries()], 6, async ([number, one]) => {
    tally.cases++;
    const found = await withinLimit(sourceCase(url, one, number, tally)).catch((error: unknown) => [
      String((error as Error).stack),
    ]);
    wrong.push(...found.map((what) => `${titleOf(one)} → ${what}`));
  });
  return wrong;
}
