/** Which column a table is read by: one that is unique, never null, and that an index walks in order. */
import { TidemarkError } from '../../errors.ts';
import type { CatalogColumn } from './catalog.ts';
import { keyTypes } from './type-map.ts';

export type UniqueIndex = {
  readonly name: string;
  readonly primary: boolean;
  /** built to the end, and used */
  readonly valid: boolean;
  /** has a WHERE: rows outside of it may repeat */
  readonly partial: boolean;
  /** on an expression, not on columns alone */
  readonly expression: boolean;
  readonly columns: readonly string[];
  /** in the order of the column's own `<`: default operator class and the column's collation */
  readonly ordered: boolean;
};

/**
 * The column that the user named, or that of the primary key. A unique constraint may be DEFERRABLE: repeated
 * keys live only inside the transaction that made them, and a statement reads what is committed. A
 * nondeterministic collation will do: uniqueness and comparison agree on what is equal.
 * Throws `KeyMissing`, `KeyUnsupported`.
 */
export function chooseKey(
  where: string,
  columns: readonly CatalogColumn[],
  indexes: readonly UniqueIndex[],
  named: string | null,
): CatalogColumn {
  const name = named ?? primaryKeyColumn(where, columns, indexes);
  const column = columns.find((one) => one.name === name);
  if (column === undefined)
    throw new TidemarkError(
      'KeyMissing',
      `${where} has no column ${name}; its columns are ${columns.map((one) => one.name).join(', ')}`,
    );
  if (!keyTypes.has(column.typeId))
    throw new TidemarkError(
      'KeyUnsupported',
      `${where}: column ${name} is of type ${column.sourceType}, which cannot be a key`,
    );
  if (column.nullable)
    throw new TidemarkError('KeyUnsupported', `${where}: column ${name} may be NULL (it is not NOT NULL)`);
  const reasons: string[] = [];
  for (const index of indexes) {
    if (!index.columns.includes(name)) continue;
    const reason = unfit(index);
    if (reason === null) return column;
    reasons.push(`index ${index.name} ${reason}`);
  }
  const found = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  throw new TidemarkError('KeyUnsupported', `${where}: column ${name} is not unique by itself${found}`);
}

function primaryKeyColumn(
  where: string,
  columns: readonly CatalogColumn[],
  indexes: readonly UniqueIndex[],
): string {
  const primary = indexes.find((index) => index.primary);
  if (primary?.columns.length === 1) return primary.columns[0] as string;
  const others = indexes.filter((index) => {
    const column = columns.find((one) => one.name === index.columns[0]);
    return !index.primary && unfit(index) === null && column !== undefined && keyTypes.has(column.typeId);
  });
  const candidates = others.map((index) => {
    const nullable = columns.find((one) => one.name === index.columns[0])?.nullable === true;
    return `${index.columns[0]}${nullable ? ' (unique, but may be NULL)' : ' (unique and NOT NULL)'}`;
  });
  const found = candidates.length === 0 ? '' : `; \`key:\` could name ${candidates.join(', ')}`;
  if (primary !== undefined)
    throw new TidemarkError(
      'KeyUnsupported',
      `${where}: the primary key has ${primary.columns.length} columns (${primary.columns.join(', ')}), a key has one${found}`,
    );
  throw new TidemarkError('KeyMissing', `${where} has no primary key${found}`);
}

function unfit(index: UniqueIndex): string | null {
  if (index.columns.length !== 1)
    return `is on ${index.columns.length} columns (${index.columns.join(', ')})`;
  if (index.expression) return 'is on an expression';
  if (index.partial) return 'covers only a part of the rows (it has a WHERE)';
  if (!index.valid) return 'is not valid (its building failed or goes on)';
  if (!index.ordered) return 'has another operator class or collation than the column';
  return null;
}
