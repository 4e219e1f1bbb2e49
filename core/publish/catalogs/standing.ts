import { TidemarkError } from '../../errors.ts';
import { currentSnapshot, type Snapshot, snapshotOf } from '../iceberg/metadata.ts';
import { ours } from '../iceberg/table.ts';
import type { LoadedTable } from './catalog.ts';

/** A run that wants to publish a table. */
export type Publisher = {
  readonly sync: string;
  readonly run: string;
  /** the run before it, by the table's head */
  readonly publishedRun: string | null;
  readonly operation: 'append' | 'overwrite';
};

/**
 * How a run stands to a table as it was loaded. published: it has committed before, and its answer was lost, or it died
 * before the head followed. superseded: a later run has.
 *
 * Else the snapshot on which its own goes. That is the current one, save for an append over what an abandoned run has
 * committed to a catalog after it was abandoned: no head ever showed it, so that it does not count.
 *
 * @throws TidemarkError CatalogRefused where such a commit cannot be left out: another program has built on it
 */
export function standingOf(
  loaded: LoadedTable | null,
  { sync, run, publishedRun, operation }: Publisher,
): 'published' | 'superseded' | { readonly parent: Snapshot | undefined } {
  if (!loaded) return { parent: undefined };
  const { metadata, file } = loaded;
  const last = metadata.properties?.[ours.run];
  if (last === run) return 'published';
  if (last !== undefined && last > run) return 'superseded';

  const wasNeverShown = ({ summary }: Snapshot): boolean =>
    summary[ours.sync] === sync && summary[ours.run]! > (publishedRun ?? '');
  const before = (snapshot: Snapshot): Snapshot | undefined =>
    snapshotOf(metadata, snapshot['parent-snapshot-id']);
  let parent = currentSnapshot(metadata);
  if (operation === 'overwrite') return { parent };
  while (parent && wasNeverShown(parent)) parent = before(parent);
  for (let older = parent; older; older = before(older)) {
    if (!wasNeverShown(older)) continue;
    throw new TidemarkError(
      'CatalogRefused',
      `${file}: snapshot ${older['snapshot-id']} is of run ${older.summary[ours.run]}, which was abandoned, and another program has committed snapshot ${parent!['snapshot-id']} on top of it; allowed: a table that is rolled back to before it, by \`tidemark rollback\``,
    );
  }
  return { parent };
}
