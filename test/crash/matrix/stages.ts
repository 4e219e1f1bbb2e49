/** A run of the second snapshot, taken apart: the world as it is before each of its invocations. */
import type { ChunkOrder } from '../../../core/plan/chunk-order.ts';
import type { PlannedRun } from '../../../core/plan/plan-run.ts';
import type { WireCall } from '../../support/sdk-faults.ts';
import type { MatrixCloud } from './cloud.ts';
import type { Invocation, Trouble } from './fault.ts';
import {
  answered,
  copyToEnd,
  fromPlan,
  newWorld,
  placeOfKey,
  type SourceOf,
  tables,
  type World,
} from './world.ts';

export type Stage = {
  readonly name: string;
  /** before the invocation; not to be worked in, only copied */
  readonly world: World;
  readonly execution: string;
  /** null: the invocation is Plan itself */
  readonly planned: PlannedRun | null;
  /** null: Plan or Publish */
  readonly order: ChunkOrder | null;
  /** what is to be copied after it */
  readonly later: readonly ChunkOrder[];
  /** the calls of an undisturbed invocation */
  readonly calls: readonly WireCall[];
};

/** Begins the stage's invocation in a copy of its world. */
export function begin(stage: Stage, world: World, trouble: Trouble | null): Invocation<unknown> {
  const { planned, order, execution } = stage;
  if (!planned) return world.plan(execution, trouble);
  if (order) return world.copy(order, trouble);
  return world.publish(planned.run, false, trouble);
}

export async function stagesOfRun(cloud: MatrixCloud, sourceOf?: SourceOf): Promise<Stage[]> {
  const world = await newWorld(cloud, sourceOf);
  await fromPlan(world, world.newExecution());
  world.snapshot = 2;
  const execution = world.newExecution();
  const stages: Stage[] = [];
  const note = async (name: string, stage: Omit<Stage, 'name' | 'world' | 'execution' | 'calls'>) => {
    const before = { name, world: await world.copyWorld(), execution, calls: [], ...stage };
    const trial = await before.world.copyWorld();
    const invocation = begin(before, trial, null);
    await answered(invocation);
    stages.push({ ...before, calls: invocation.calls });
    trial.place.drop();
  };
  await note('plan', { planned: null, order: null, later: [] });
  const planned = await answered(world.plan(execution));
  const orders = world.ordersOf(planned);
  for (const [i, order] of orders.entries()) {
    const later = orders.slice(i + 1);
    const name = `copy ${tables[order.table]}${order.chunk}`;
    await note(name, { planned, order, later });
    await copyToEnd(world, order);
  }
  await note('publish', { planned, order: null, later: [] });
  return stages;
}

/** What a call is about, in words: `PutObject staging`, `PutItem CHUNK`. */
export function kindOf({ service, command, input }: WireCall): string {
  return `${command} ${service === 's3' ? placeOf(input) : itemOf(input)}`;
}

function placeOf(input: Readonly<Record<string, unknown>>): string {
  const { Objects } = (input.Delete ?? {}) as { Objects?: { Key: string }[] };
  return placeOfKey(String(input.Key ?? input.Prefix ?? Objects?.[0]?.Key));
}

function itemOf(input: Readonly<Record<string, unknown>>): string {
  const { Key, Item, ExpressionAttributeValues } = input as Partial<
    Record<string, Partial<Record<string, { readonly S?: string }>>>
  >;
  const sk = Key?.sk ?? Item?.sk ?? ExpressionAttributeValues?.[':from'];
  return sk?.S?.split('#')[0] ?? '';
}
