import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';

/** Deletes the objects under a prefix; `before` a key, and those that are wanted away, if that is said. */
export async function deleteUnder(
  store: ObjectStore,
  prefix: string,
  { before, isWanted = () => true }: { before?: string; isWanted?: (key: string) => boolean } = {},
): Promise<void> {
  let batch: string[] = [];
  for await (const { key } of store.list(prefix, before)) {
    if (!isWanted(key)) continue;
    batch.push(key);
    if (batch.length === 1000) {
      await store.delete(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await store.delete(batch);
}

export const lastSegment = (folder: string): string => folder.split('/').at(-2)!;

/** Deletes what a run left in staging. Only for a run that is over: see `PartFile` on when a staged file may go. */
export const sweepStagingOf = (store: ObjectStore, keys: Keys, run: string): Promise<void> =>
  deleteUnder(store, keys.stagingOf(run));

/**
 * Deletes the staging of all runs of the sync before `run`. A sync has one run at a time and ids grow, so those are
 * over; a later run's staging is never touched, not even by a Plan that slept through its own run's end.
 */
export async function sweepStagingBefore(store: ObjectStore, keys: Keys, run: string): Promise<void> {
  for await (const folder of store.listFolders(keys.stagingOfSync)) {
    if (lastSegment(folder) < run) await deleteUnder(store, folder);
  }
}
