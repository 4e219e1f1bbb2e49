import type { Part, Run } from '../core/ledger/ledger.ts';
import { inParallel } from '../core/parallel.ts';
import { readTablePlan, type TablePlan } from '../core/plan/table-plan.ts';
import type { ChunkActivity, Cloud } from './cloud.ts';
import { growingLog } from './growing-log.ts';
import type { Sighting } from './progress.ts';

/** Requests for plans at once. */
const requestsMax = 8;
/** A plan that was not there when the copying had begun is looked for every so many times. */
const latePlanEvery = 10;

export async function allParts(cloud: Cloud, sync: string, run: string): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const part of cloud.ledger.partsOfRun(sync, run)) parts.push(part);
  return parts;
}

/** Reads again and again what is known of a run; a plan that was found is not read twice, nor a chunk that is done. */
export function sightingReader(
  cloud: Cloud,
  { sync, run, tables }: Run,
): (activity: ChunkActivity | null) => Promise<Sighting> {
  const plans = new Map<number, TablePlan>();
  const log = growingLog(cloud.ledger, sync, run);
  const chunksOf = (table: number): number | null => {
    const plan = plans.get(table);
    return plan ? Math.max(1, plan.chunks.length) : null;
  };
  let times = 0;
  return async (activity) => {
    const missing = tables.map((_, index) => index).filter((index) => !plans.has(index));
    if (activity === null || times++ % latePlanEvery === 0) {
      await inParallel(missing, requestsMax, async (index) => {
        const plan = await readTablePlan(cloud.store, cloud.keys, run, index);
        if (plan) plans.set(index, plan);
      });
    }
    const parts = await log.read(chunksOf);
    const heads = await cloud.ledger.tableHeads(sync);
    return {
      run,
      tables,
      plans: tables.map((_, index) => plans.get(index) ?? null),
      heads,
      parts,
      activity,
    };
  };
}

/** What is known of a run now. */
export const sightingOf = (cloud: Cloud, run: Run, activity: ChunkActivity | null): Promise<Sighting> =>
  sightingReader(cloud, run)(activity);
