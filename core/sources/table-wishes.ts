/** What a definition says of a table, held against the table. */
import { TidemarkError } from '../errors.ts';
import type { Mask, SourceColumn, TableDescription, TableWishes } from './source.ts';

/** Nothing in particular. */
export const noWishes: TableWishes = {
  asText: [],
  key: null,
  columns: null,
  excludeColumns: [],
  where: null,
  mask: {},
  constant: null,
};

/** A column may be called `constructor`. */
export const maskOf = ({ mask }: Pick<TableWishes, 'mask'>, column: string): Mask | undefined =>
  Object.hasOwn(mask, column) ? mask[column] : undefined;

/** The wishes that give this description again, and perhaps more columns, as long as the table has not changed. */
export function wishesOf({ columns, key, where }: TableDescription): TableWishes {
  const added = columns.find(({ constant }) => constant !== undefined);
  return {
    asText: columns
      .filter(
        ({ transfer, mask, constant }) => transfer === 'text' && mask === undefined && constant === undefined,
      )
      .map(({ name }) => name),
    key: key.by === 'columns' ? key.columns.map(({ column }) => column) : null,
    columns: null,
    excludeColumns: [],
    where: where ?? null,
    mask: Object.fromEntries(columns.flatMap(({ name, mask }) => (mask === undefined ? [] : [[name, mask]]))),
    constant: added === undefined ? null : { column: added.name, text: added.constant as string },
  };
}

/**
 * Holds what the definition says of columns against those that there are.
 * @throws TidemarkError DefinitionInvalid
 */
export function checkWishes(where: string, columns: readonly SourceColumn[], wishes: TableWishes): void {
  const names = columns.map(({ name }) => name);
  const lists: [string, readonly string[]][] = [
    ['as_text', wishes.asText],
    ['columns', wishes.columns ?? []],
    ['exclude_columns', wishes.excludeColumns],
    ['mask', Object.keys(wishes.mask)],
  ];
  for (const [option, wanted] of lists) {
    const unknown = wanted.filter((name) => !names.includes(name));
    if (unknown.length > 0)
      throw new TidemarkError(
        'DefinitionInvalid',
        `${option} of ${where} names ${unknown.join(', ')}; its columns are ${names.join(', ')}`,
      );
  }
}

/**
 * Those that the definition asks for.
 * @throws TidemarkError DefinitionInvalid where the key is not among them, or its values would not be the lake's:
 *   they stand in the ledger and in manifests as they are
 */
export function wantedColumns<Column extends SourceColumn>(
  where: string,
  columns: readonly Column[],
  wishes: TableWishes,
  key: readonly string[],
): Column[] {
  const wanted = columns.filter(
    ({ name }) => (wishes.columns?.includes(name) ?? true) && !wishes.excludeColumns.includes(name),
  );
  const { constant } = wishes;
  if (columns.some(({ name }) => name === constant?.column))
    throw new TidemarkError(
      'DefinitionInvalid',
      `${where} has a column ${constant?.column} of its own; allowed: another name for the column that says where a row came from, by \`source_column:\``,
    );
  for (const name of key) {
    const isMasked = maskOf(wishes, name) !== undefined;
    if (!isMasked && wanted.some((column) => column.name === name)) continue;
    throw new TidemarkError(
      'DefinitionInvalid',
      `${isMasked ? 'mask' : 'columns'} of ${where}: ${name} belongs to the key, by whose values the copying goes on after a crash: they stand in the ledger and in manifests as they are; allowed: another \`key:\`, or ${name} as it is`,
    );
  }
  return wanted;
}

/** What every kind of source says of the column that a definition adds. */
export const constantColumn = ({ column, text }: NonNullable<TableWishes['constant']>) =>
  ({
    // no column of a table has this number
    ...{ id: 0, name: column, type: { kind: 'string' }, nullable: false },
    ...{ sourceType: 'text', transfer: 'text', constant: text },
  }) as const satisfies SourceColumn;
