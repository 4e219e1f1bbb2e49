import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Run, TableHead } from '../ledger/ledger.ts';
import { catalogOf, type PublishPlaces } from './catalogs/catalog-of.ts';
import type { Keep } from './iceberg/table.ts';
import { showHead } from './projections.ts';
import type { ReadyTable } from './ready-table.ts';
import { type StagedSnapshot, stageSnapshot } from './staged-snapshot.ts';
import { sweepTable } from './sweep-table.ts';

/** Somebody else changed the table between our look and our commit: this often in a row is no coincidence. */
const commitsMax = 20;

/**
 * Commits the snapshots of tables that are ready, one after the other without delay: all that can be written before is. In
 * one commit, where the catalog can do that.
 * @returns their heads; superseded: a later run has claimed one of them
 */
export async function commitTables(
  places: PublishPlaces,
  owner: Run,
  tables: readonly ReadyTable[],
  keep: Keep,
  nowMs: () => number,
): Promise<TableHead[] | 'superseded'> {
  const { ledger } = places;
  const { sync, run } = owner;
  const catalog = catalogOf(places, sync);
  const heads = new Map<ReadyTable, TableHead>();
  const settle = (ready: ReadyTable, head: TableHead): boolean => {
    heads.set(ready, head);
    return head.publishedRun === run;
  };
  let open: readonly ReadyTable[] = tables;
  for (let tries = 1; open.length > 0; tries++) {
    if (tries > commitsMax)
      throw new TidemarkError(
        'StoreUnavailable',
        `table ${formatTableName(open[0]!.plan.description)} is being changed by others all the time`,
      );
    const staged: { readonly ready: ReadyTable; readonly snapshot: StagedSnapshot }[] = [];
    for (const ready of open) {
      const snapshot = await stageSnapshot(places, catalog, owner, ready, keep, nowMs);
      if (snapshot === 'superseded') return snapshot;
      if ('next' in snapshot) staged.push({ ready, snapshot });
      else if (!settle(ready, snapshot)) return 'superseded';
    }
    const changed: ReadyTable[] = [];
    const together =
      staged.length > 1
        ? await catalog.commitTogether?.(staged.map(({ snapshot }) => snapshot))
        : 'unsupported';
    for (const [at, { ready, snapshot }] of staged.entries()) {
      const head =
        together === undefined || together === 'unsupported'
          ? await catalog.commit(snapshot.table, snapshot.seen, snapshot.next, snapshot.change)
          : together === 'changed'
            ? together
            : together[at]!;
      if (head === 'changed') changed.push(ready);
      else if (!settle(ready, head)) return 'superseded';
    }
    open = [];
    for (const ready of changed) {
      const head = await ledger.tableHead(sync, formatTableName(ready.plan.description));
      open = [...open, { ...ready, head }];
    }
  }
  return [...heads.values()];
}

/** What comes after the commit: what readers open shows the head, what nothing names any more goes. */
export async function finishTable(places: PublishPlaces, sync: string, head: TableHead): Promise<void> {
  const { store, keys } = places;
  if (!(await showHead(places, sync, head))) {
    throw new TidemarkError(
      'ProtocolViolation',
      `s3://${store.bucket}/${keys.manifest(parseTableName(head.table)!, head.snapshot!.run)} is gone: somebody has deleted it`,
    );
  }
  await sweepTable(store, keys, catalogOf(places, sync), head);
}
