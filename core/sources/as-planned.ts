import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Key, KeyColumn, SourceColumn, TableDescription } from './source.ts';

/** What a catalog says of a table now. */
export type KnownTable = {
  readonly description: TableDescription;
  readonly columns: readonly SourceColumn[];
  /** of the key: its columns' places among the fields of a row */
  readonly key: readonly { readonly name: string; readonly at: number }[];
};

/**
 * The catalog's table, narrowed to the columns that the description has. Columns that were added since stay
 * out. Throws `TableChanged` where the description does not hold any more.
 * @param another what another identity means
 */
export function asPlanned<Table extends KnownTable>(
  catalog: Table,
  planned: TableDescription,
  another = 'dropped and made anew, or restored',
): Table {
  const where = formatTableName(planned);
  const changed = (what: string): TidemarkError => new TidemarkError('TableChanged', `${where}: ${what}`);
  if (catalog.description.identity !== planned.identity)
    throw changed(`it is another table than the one that was planned (${another})`);
  const columns = planned.columns.map((column): SourceColumn => {
    const now = catalog.columns.find((one) => one.id === (column.number ?? column.id));
    if (now === undefined) throw changed(`column ${column.name} is gone`);
    if (now.name !== column.name) throw changed(`column ${column.name} is now called ${now.name}`);
    if (now.sourceType !== column.sourceType || now.transfer !== column.transfer)
      throw changed(`column ${column.name} was ${column.sourceType}, is now ${now.sourceType}`);
    if (now.nullable && !column.nullable) throw changed(`column ${column.name} may be NULL now`);
    return { ...now, nullable: column.nullable };
  });
  const problem = keyProblem(planned.key, catalog.description.key);
  if (problem !== null) throw changed(problem);
  const key = catalog.key.map((field) => {
    if (field.at >= catalog.columns.length)
      return { ...field, at: field.at - catalog.columns.length + columns.length };
    return { ...field, at: columns.findIndex(({ name }) => name === field.name) };
  });
  // where the rows lay then is what they are held against
  return { ...catalog, columns, key, description: { ...catalog.description, key: planned.key } };
}

const namesOf = (columns: readonly KeyColumn[]): string => columns.map(({ column }) => column).join(', ');

/** What has become of the key; null: nothing. */
function keyProblem(planned: Key, now: Key): string | null {
  if (planned.by !== 'columns' || now.by !== 'columns') return null;
  if (namesOf(planned.columns) !== namesOf(now.columns))
    return `it was read by ${namesOf(planned.columns)}, whose index orders them by ${namesOf(now.columns)} now`;
  for (const [i, { column, collation }] of planned.columns.entries()) {
    const collationNow = now.columns[i]?.collation;
    if (collation !== collationNow)
      return `the key ${column} was ordered by collation ${collation ?? 'unknown'}, is now by ${collationNow ?? 'none'}`;
  }
  return null;
}
