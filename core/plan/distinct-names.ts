import type { Definition } from '../definition/options.ts';
import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { TableDescription } from '../sources/source.ts';

/**
 * Query engines do not tell upper and lower case apart in the names of columns. Where a catalog does neither, a table in
 * which nothing else differs between two of them cannot stand there; else people are told.
 *
 * @throws TidemarkError TableUnsupported
 */
export function withDistinctNames(
  description: TableDescription,
  catalog: Definition['target']['catalog']['type'],
): TableDescription {
  const byFolded = new Map<string, string[]>();
  for (const { name } of description.columns) {
    const folded = name.toLowerCase();
    byFolded.set(folded, [...(byFolded.get(folded) ?? []), name]);
  }
  const alike = [...byFolded.values()].filter((names) => names.length > 1);
  if (alike.length === 0) return description;
  const which = alike.map((names) => names.join(' and ')).join('; ');
  const what = `columns ${which} differ in upper and lower case only, and most query engines take them for one`;
  if (catalog === 'ledger') return { ...description, notes: [...description.notes, what] };
  throw new TidemarkError(
    'TableUnsupported',
    `${formatTableName(description)}: ${what}; target.catalog does, too; allowed: names that differ otherwise`,
  );
}
