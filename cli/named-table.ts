import type { Definition, TableOptions } from '../core/definition/options.ts';
import { formatTableName, parseTableName } from '../core/definition/table-name.ts';
import { TidemarkError } from '../core/errors.ts';
import { nearestWord } from '../core/nearest.ts';
import type { TableName } from '../core/sources/source.ts';

/**
 * The table of a definition that people mean: with its schema, or without where that is public; of MySQL, where it is a
 * database, without it where one table has that name.
 * @throws TidemarkError UsageWrong, with what there is
 */
export function namedTable(
  { name: sync, source, tables }: Definition,
  text: string,
): { readonly table: TableName; readonly options: TableOptions; readonly index: number } {
  const known = tables.map(({ name }) => parseTableName(name)!);
  const bare = source.type === 'mysql' ? parseTableName(text, '') : null;
  const alike = bare?.schema === '' ? known.filter(({ table }) => table === bare.table) : [];
  const wanted = alike.length === 1 ? alike[0]! : parseTableName(text);
  const names = known.map(formatTableName);
  const index = wanted ? names.indexOf(formatTableName(wanted)) : -1;
  if (wanted && index >= 0) return { table: wanted, options: tables[index]!, index };
  const near = nearestWord(text, names) ?? nearestWord(`public.${text}`, names);
  throw new TidemarkError(
    'UsageWrong',
    `sync ${sync} has no table ${JSON.stringify(text)}${near ? `; did you mean ${near}?` : `; its tables: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`}`,
    { next: 'Name a table as it stands under tables: in the definition.' },
  );
}
