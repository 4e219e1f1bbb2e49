import { type PlannedRun, planRun } from '../../core/plan/plan-run.ts';
import { prepareTable } from '../../core/publish/projections.ts';
import { sweepStagingBefore } from '../../core/publish/sweep.ts';
import { openSources } from '../../core/sources/named-sources.ts';
import { log } from '../log.ts';
import { openCatalog } from '../open-catalog.ts';
import { openSource, places } from '../places.ts';
import { isOver } from './executions.ts';

/** What the state Plan sends. */
export type PlanEvent = {
  /** ARN of the execution */
  readonly execution: string;
  /** abandon an unfinished run */
  readonly fresh: boolean;
};

export async function handler({ execution, fresh }: PlanEvent): Promise<PlannedRun> {
  const here = places();
  const { definition, ledger, store, keys } = here;
  const catalog = await openCatalog(here);
  const { manifests } = definition.target;
  const sources = await openSources((name) => openSource(definition, name));
  try {
    const planned = await planRun(
      { ledger, store, keys, source: sources.source, other: sources.other },
      definition,
      { execution, fresh, isOver },
      (head) => prepareTable({ ledger, store, keys, catalog, manifests }, definition.name, head),
      (run) => sweepStagingBefore(store, keys, run),
    );
    log(planned);
    return planned;
  } finally {
    await sources.close();
  }
}
