import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Column, ColumnType } from '../formats/column.ts';
import type { Snapshot } from '../ledger/ledger.ts';
import type { SourceColumn, TableDescription } from '../sources/source.ts';

/**
 * Whether a column that was of the one type may be of the other under the same id: what Iceberg calls promotion.
 * Files that are there keep the old type.
 * @see https://iceberg.apache.org/spec/#schema-evolution
 */
function isPromotion(from: ColumnType, to: ColumnType): boolean {
  // 16 bits are an int, too
  if (from.kind === 'int' && to.kind === 'int') return from.bits < 64 || to.bits === 64;
  if (from.kind === 'float' && to.kind === 'float') return from.bits <= to.bits;
  if (from.kind === 'decimal' && to.kind === 'decimal')
    return from.scale === to.scale && from.precision <= to.precision;
  // both are text to Iceberg
  const isText = ({ kind }: ColumnType) => kind === 'string' || kind === 'json';
  if (isText(from) && isText(to)) return true;
  return JSON.stringify(from) === JSON.stringify(to);
}

/**
 * Gives a table's columns the ids that they have in the lake, which are kept for the life of the table there: a column
 * that the source has renamed keeps its own, one that has gone leaves it behind for ever, and one that is new, or of
 * another type, gets a new one. In a table that was made anew, columns are known by their names.
 *
 * @param shown the snapshot that was published last; null: none was
 * @param lastId an id that is taken besides: by another program, in a catalog
 * @param isAppended whether rows stay that have the columns as they were
 * @throws TidemarkError DefinitionInvalid where these would lose their values: a column is of another type now
 */
export function withLakeIds(
  description: TableDescription,
  shown: Snapshot | null,
  lastId = 0,
  isAppended = false,
): TableDescription {
  const numbered = description.columns.map((column) => ({ ...column, number: column.number ?? column.id }));
  if (!shown) return { ...description, columns: numbered };
  const isSameTable = (shown.identity ?? description.identity) === description.identity;
  const numberOf = (column: Column & { readonly number?: number }): number => column.number ?? column.id;
  const isSame = (column: SourceColumn, known: Snapshot['schema'][number]): boolean =>
    isSameTable ? numberOf(known) === numberOf(column) : known.name === column.name;
  let last = Math.max(lastId, shown.lastColumnId ?? 0, ...shown.schema.map(({ id }) => id));
  const columns = numbered.map((column) => {
    const before = shown.schema.find((one) => isSame(column, one));
    const known = before && isPromotion(before.type, column.type) ? before : undefined;
    if (before && !known && isAppended) throw lostValues(description, column, before.type);
    return { ...column, id: known?.id ?? ++last };
  });
  return { ...description, columns };
}

const lostValues = (table: TableDescription, { name, sourceType }: SourceColumn, before: ColumnType) =>
  new TidemarkError(
    'DefinitionInvalid',
    `${formatTableName(table)}: column ${name} is ${sourceType} now, and of another type (${before.kind}) in the rows to which runs are added: readers would see no value in those; allowed: mode: overwrite, another target.url for what comes, or the type that it had`,
  );
