/**
 * Whatever has happened, it can be gone on with: a new execution, without any fault, adopts or replaces what stands
 * there and publishes it; what is still on its way may take effect after that; and the execution after it leaves
 * nothing in staging and no file that no snapshot needs.
 */
import type { Expected } from './invariants.ts';
import { keys, type Task } from './tasks.ts';
import { viewOf } from './view.ts';
import type { Request, World } from './world.ts';

export type Alone = (world: World, task: Task) => Promise<{ world: World; ended: string }>;
type Land = (world: World, request: Request) => { world: World; fault: string | null };

const execution = (by: string): Task => ({ kind: 'plan', by, fresh: false, tries: 0 });

/** What is wrong about a world in which an execution has just ended by itself, or null. */
function publishedFault(world: World, expected: Expected, ended: string): string | null {
  const view = viewOf(world);
  if (ended !== 'returns') return `going on ended: ${ended}`;
  const run = view.head?.run ?? '';
  if (view.runs.get(run)?.status !== 'published') return `going on did not publish run ${run}`;
  for (const table of expected.tables) {
    const [head, pointer] = [view.tableHeads.get(table), view.pointers.get(table)];
    if (head?.snapshot?.run !== run) return `going on left the head of ${table} at ${head?.snapshot?.run}`;
    if (pointer?.version !== head.version)
      return `going on left the pointer of ${table} at ${pointer?.version}`;
  }
  const own = view.staged.find((key) => key.startsWith(keys.stagingOf(run)));
  return own ? `going on left ${own} in staging` : null;
}

/** @returns what is wrong, or null */
export async function goOnFault(
  alone: Alone,
  land: Land,
  expected: Expected,
  from: World,
  late: readonly Request[],
): Promise<string | null> {
  const first = await alone(from, execution('E6'));
  const fault = publishedFault(first.world, expected, first.ended);
  if (fault) return fault;
  let { world } = first;
  for (const request of late) {
    const landed = land(world, request);
    if (landed.fault) return `after going on, a late request took effect: ${landed.fault}`;
    world = landed.world;
  }
  const second = await alone(world, execution('E7'));
  const again = publishedFault(second.world, expected, second.ended);
  if (again) return again;
  const view = viewOf(second.world);
  if (view.staged.length > 0) return `after two executions ${view.staged[0]} is still in staging`;
  const needed = [...view.tableHeads.values()].flatMap(({ snapshot, previousRun }) => [
    snapshot?.run,
    previousRun,
  ]);
  const stray = view.finals.find((key) => !needed.some((run) => key.includes(`/data/${run}/`)));
  return stray ? `after two executions ${stray} is still there, and no snapshot needs it` : null;
}
