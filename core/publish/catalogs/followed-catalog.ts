import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { Ledger, TableHead } from '../../ledger/ledger.ts';
import type { TableName } from '../../sources/source.ts';
import { ours } from '../iceberg/table.ts';
import type { Catalog, HeadChange, LoadedTable, TableCatalog } from './catalog.ts';

/** The version of a table that is still the ledger's. */
const notYetIn = 'not yet in the catalog';

/**
 * A catalog beside the ledger, which is the truth for its tables, and the heads that follow it:
 *
 *     catalog   the table's metadata := the next,  IF it is as it was loaded    ◀ the moment in which readers' truth changes
 *     head      snapshot := this one,              IF the run has the claim
 *
 * Who died between both finds the run in the table's properties, and moves the head.
 *
 * A table that the ledger has had until now moves in with its history.
 * @param before where it was until then
 */
export function followedCatalog(
  catalog: TableCatalog,
  before: Catalog,
  ledger: Ledger,
  sync: string,
): Catalog {
  /** what was seen there: tables that have not moved in yet are not */
  const there = (seen: LoadedTable | null): LoadedTable | null => (seen?.version === notYetIn ? null : seen);

  async function follow(table: TableName, change: HeadChange): Promise<TableHead> {
    const name = formatTableName(table);
    if (change.kind === 'publish') return ledger.publishTable(sync, name, change.snapshot, null);
    return ledger.changeTable(sync, name, change.kind === 'show' ? change.snapshot : null, null);
  }

  return {
    async load(table, head) {
      const loaded = await catalog.load(table);
      if (!loaded) {
        if (!head?.snapshot || head.inCatalog) return null;
        const moving = await before.load(table, head);
        return moving && { ...moving, version: notYetIn };
      }
      const owner = loaded.metadata.properties?.[ours.sync];
      if (owner === sync) {
        await refuseOtherLedger(ledger, sync, catalog.placeOf(table), loaded.metadata, head);
        return loaded;
      }
      throw new TidemarkError(
        'DefinitionInvalid',
        `tables: ${catalog.placeOf(table)} ${owner ? `is the sync ${owner}’s` : 'was made by another program'}; allowed is a table of this sync’s own: another name (\`as:\`), or this one after that table has been renamed or dropped there`,
      );
    },

    async commit(table, seen, next, change) {
      const outcome = await catalog.commit(table, there(seen), next);
      return outcome === 'changed' ? 'changed' : follow(table, change);
    },

    follow,

    oldMetadataFiles: async (table, loaded) => (await catalog.oldMetadataFiles?.(table, loaded)) ?? [],

    ...(catalog.commitTogether && {
      async commitTogether(changes) {
        const outcome = await catalog.commitTogether!(
          changes.map(({ table, seen, next }) => ({ table, seen: there(seen), next })),
        );
        if (outcome === 'changed') return 'changed';
        const heads: TableHead[] = [];
        for (const { table, change } of changes) heads.push(await follow(table, change));
        return heads;
      },
    }),
  };
}

/** A table of this sync of which this ledger has never heard: a ledger that is gone, or another account's. */
async function refuseOtherLedger(
  ledger: Ledger,
  sync: string,
  place: string,
  { properties }: { readonly properties?: Readonly<Record<string, string>> },
  head: TableHead | null,
): Promise<void> {
  const run = properties?.[ours.run];
  if (head?.inCatalog || run === undefined || (await ledger.run(sync, run))) return;
  throw new TidemarkError(
    'DefinitionInvalid',
    `tables: ${place} was published by run ${run} of sync ${sync}, which this ledger knows nothing of; allowed is a table of this ledger’s own: another name (\`as:\`), or this one after that table has been dropped there`,
  );
}
