import type { Definition } from '../core/definition/options.ts';
import { parseTableName } from '../core/definition/table-name.ts';
import type { TablePlan } from '../core/plan/table-plan.ts';
import type { NamedSources } from '../core/sources/named-sources.ts';
import type { Rights, WantedTable } from '../core/sources/source.ts';

export type AccountRights = Rights & {
  /** of the definition's `sources`; null: `source` */
  readonly source: string | null;
};

/** Whoever looks (`check`, `plan`, `run --count`) comes besides the chunks. */
const lookers = 1;

/**
 * What the account of each source may do beyond reading what a run would, and statements for one that may do just that.
 * @param tables of a run that began now, with how each would be copied; null: it may not be read
 */
export async function accountRights(
  sources: NamedSources,
  definition: Definition,
  tables: ReadonlyMap<string, TablePlan | null>,
): Promise<readonly AccountRights[]> {
  const wanted = new Map<string | null, WantedTable[]>([[null, []]]);
  const add = (source: string | null, table: WantedTable): void => {
    wanted.set(source, [...(wanted.get(source) ?? []), table]);
  };
  for (const [name, plan] of tables) {
    if (plan === null) add(null, { name: parseTableName(name)!, columns: null });
    else if (plan.members === undefined) add(null, wantedOf(plan.description));
    else for (const { source, description } of plan.members) add(source, wantedOf(description));
  }
  const all: AccountRights[] = [];
  for (const [source, list] of wanted) {
    if (list.length === 0) continue;
    const { iam } = source === null ? definition.source : definition.sources[source]!;
    const account = { connections: definition.concurrency + lookers, iam: iam !== undefined };
    const open = source === null ? sources.source : await sources.other(source);
    all.push({ source, ...(await open.rights(list, account)) });
  }
  return all;
}

/** A condition may name any column; a table without a key is read by a column that nobody is granted by itself. */
function wantedOf({ schema, table, columns, where, key }: TablePlan['description']): WantedTable {
  const named = columns.filter(({ constant }) => constant === undefined).map(({ name }) => name);
  return { name: { schema, table }, columns: where !== undefined || key.by === 'place' ? null : named };
}
