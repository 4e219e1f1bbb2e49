import { publishGroup } from '../../core/definition/publish-group.ts';
import { parseTableName } from '../../core/definition/table-name.ts';
import { type PublishedRun, publishRun } from '../../core/publish/publish-run.ts';
import { log } from '../log.ts';
import { openCatalog } from '../open-catalog.ts';
import { places } from '../places.ts';
import { readFailures } from './failures.ts';
import { publishedMetric } from './metric.ts';

/** What the state Publish sends: what the Map (or Plan, where nothing was left to copy) handed on. */
export type PublishEvent = {
  readonly run: string;
  /** where ResultWriter wrote; null where no Map ran */
  readonly results: { readonly Bucket: string; readonly Key: string } | null;
  /** the execution's RedriveCount when the chunks were walked, and now */
  readonly redriveCount: number;
  readonly currentRedriveCount: number;
};

/**
 * A redrive re-enters Publish with the input it had: a count that has grown since says so, and the chunks are to be
 * planned and walked once more before anything is judged incomplete again.
 *
 * A run that is published is counted, also when an invocation before this one has published it and died.
 */
export async function handler(event: PublishEvent): Promise<PublishedRun> {
  const here = places();
  const { definition, ledger, store, keys } = here;
  const catalog = await openCatalog(here);
  const goAgain = event.currentRedriveCount > event.redriveCount;
  const reasons = () => readFailures(store, event.results?.Key);
  const published = await publishRun(
    { ledger, store, keys, catalog, manifests: definition.target.manifests },
    definition.name,
    event.run,
    goAgain,
    reasons,
    Date.now,
    {
      keep: definition.target.keep,
      groupOf: (table) => publishGroup(definition, parseTableName(table)!),
    },
  );
  log(published);
  if (published.status !== 'go-again') {
    const run = await ledger.run(definition.name, event.run);
    if (run?.status === 'published') log(publishedMetric(run));
  }
  return published;
}
