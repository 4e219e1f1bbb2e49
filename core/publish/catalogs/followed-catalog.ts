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
      // an empty one at our place takes nothing from anybody: made for us, or by us, on a server that kept no properties
      const isEmpty = (loaded.metadata.snapshots ?? []).length === 0;
      if (isEmpty && head?.snapshot && !head.inCatalog)
        throw cannotMoveIn(catalog.placeOf(table), head.table);
      if (owner === sync || (isEmpty && owner === undefined)) {
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
        const known = changes.flatMap(({ table, seen, next }) => {
          const before = there(seen);
          return before ? { table, seen: before, next } : [];
        });
        if (known.length < changes.length) return 'unsupported';
        const outcome = await catalog.commitTogether!(known);
        if (outcome !== 'committed') return outcome;
        const heads: TableHead[] = [];
        for (const { table, change } of changes) heads.push(await follow(table, change));
        return heads;
      },
    }),
  };
}

/** To go on with the empty table would take away from readers what they see by its path. */
const cannotMoveIn = (place: string, table: string): TidemarkError =>
  new TidemarkError(
    'CatalogRefused',
    `${place} is there and empty, while table ${table} has been published without it until now: a table moves into a catalog with its history, or not at all; allowed: no such table there, on a server that takes a new table whole (staged); or another target.url, where this table begins anew`,
  );

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
