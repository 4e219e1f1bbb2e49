/** By what a table is read: columns that are unique, never NULL, and that an index walks in order; or what takes their place. */
import { TidemarkError } from '../../errors.ts';
import { tooLargeWithoutKey, wholeBytesMax } from '../in-one-piece.ts';
import type { Key } from '../source.ts';
import type { CatalogColumn } from './columns.ts';
import type { Relation } from './relation.ts';
import { keyFormOf } from './type-map.ts';
import type { UniqueIndex } from './unique-indexes.ts';

export type ChosenKey =
  | {
      readonly by: 'columns';
      readonly columns: readonly CatalogColumn[];
      /** null: it is the definition's word that they are unique, and perhaps no index walks them */
      readonly index: string | null;
    }
  | { readonly by: 'nothing' };

export type KeyedTable = {
  /** for messages */
  readonly where: string;
  readonly relation: Relation;
  readonly columns: readonly CatalogColumn[];
  readonly indexes: readonly UniqueIndex[];
};

/**
 * @param named the columns that the definition names; null: the primary key, else another unique index whose columns
 *   are NOT NULL
 * @param planned of a run that is under way: what it reads by
 * @throws TidemarkError KeyMissing, KeyUnsupported
 */
export function chooseKey(
  table: KeyedTable,
  named: readonly string[] | null,
  planned: Key['by'] | null,
): ChosenKey {
  if (planned === 'nothing') return { by: 'nothing' };
  if (named !== null) return namedKey(table, named);
  const fitting = table.indexes.filter((index) => unfit(index) === null && isSound(table, index));
  const best = fitting.find(({ primary }) => primary) ?? fitting.sort(byWorth(table))[0];
  return best === undefined ? withoutKey(table) : keyOf(table, best);
}

/** Few columns first, and numbers before texts. */
function byWorth(table: KeyedTable) {
  const isText = ({ columns: [first] }: UniqueIndex): number =>
    columnOf(table, first?.name)?.text === null ? 0 : 1;
  return (a: UniqueIndex, b: UniqueIndex): number =>
    a.columns.length - b.columns.length || isText(a) - isText(b) || (a.name < b.name ? -1 : 1);
}

const columnOf = ({ columns }: KeyedTable, name: string | null | undefined): CatalogColumn | undefined =>
  columns.find((column) => column.name === name);

const isSound = (table: KeyedTable, index: UniqueIndex): boolean =>
  index.columns.every(({ name }) => {
    const column = columnOf(table, name);
    return column !== undefined && keyFormOf(column.catalogType) !== null && !column.nullable;
  });

const keyOf = (table: KeyedTable, index: UniqueIndex): ChosenKey => ({
  by: 'columns',
  columns: index.columns.map(({ name }) => columnOf(table, name) as CatalogColumn),
  index: index.name,
});

function namedKey(table: KeyedTable, named: readonly string[]): ChosenKey {
  const { where, columns, indexes, relation } = table;
  const what = named.length === 1 ? `column ${named[0]}` : `columns ${named.join(', ')}`;
  const isView = relation.kind === 'view';
  for (const name of named) {
    const column = columnOf(table, name);
    if (column === undefined)
      throw new TidemarkError(
        'KeyMissing',
        `${where} has no column ${name}; its columns are ${columns.map((one) => one.name).join(', ')}`,
      );
    if (keyFormOf(column.catalogType) === null)
      throw new TidemarkError(
        'KeyUnsupported',
        `${where}: column ${name} is of type ${column.sourceType}, which cannot be a key`,
      );
    if (column.nullable && !isView)
      throw new TidemarkError('KeyUnsupported', `${where}: column ${name} may be NULL (it is not NOT NULL)`);
  }
  if (isView)
    return {
      by: 'columns',
      columns: named.map((name) => columnOf(table, name) as CatalogColumn),
      index: null,
    };
  const reasons: string[] = [];
  for (const index of indexes) {
    const isSame =
      index.columns.length === named.length && index.columns.every(({ name }) => named.includes(name ?? ''));
    const reason = unfit(index) ?? (isSame ? null : isOn(index));
    if (reason === null) return keyOf(table, index);
    if (index.columns.some(({ name }) => named.includes(name ?? '')))
      reasons.push(`index ${index.name} ${reason}`);
  }
  const found = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  throw new TidemarkError(
    'KeyUnsupported',
    `${where}: ${what} ${named.length === 1 ? 'is not unique by itself' : 'are not unique together'}${found}`,
  );
}

function withoutKey(table: KeyedTable): ChosenKey {
  const { where, relation } = table;
  if (relation.kind === 'view')
    throw new TidemarkError(
      'KeyMissing',
      `${where} is a view, and has no key of its own: \`key:\` has to name columns that are unique together`,
    );
  if (relation.bytes > wholeBytesMax) throw tooLargeWithoutKey(where, relation.bytes, hints(table));
  return { by: 'nothing' };
}

/** What `key:` could name, if the columns were otherwise. */
function hints(table: KeyedTable): string {
  const nullable = table.indexes.filter(
    (index) => unfit(index) === null && index.columns.some(({ name }) => columnOf(table, name)?.nullable),
  );
  if (nullable.length === 0) return '';
  const which = nullable.map((index) => index.columns.map(({ name }) => name).join(' and '));
  return `; ${which.join('; ')} would do as a key, if NOT NULL`;
}

const isOn = ({ columns }: UniqueIndex): string =>
  `is on ${columns.length} ${columns.length === 1 ? 'column' : 'columns'} (${columns.map(({ name }) => name).join(', ')})`;

/** Why rows cannot be walked along the index; null: they can. */
function unfit({ columns, usable }: UniqueIndex): string | null {
  if (columns.some(({ name }) => name === null)) return 'is on an expression';
  if (columns.some(({ prefix }) => prefix)) return 'holds only the beginnings of its values';
  if (!usable) return 'has no order, or is not used (ignored or invisible)';
  if (new Set(columns.map(({ descending }) => descending)).size > 1)
    return 'orders some columns upwards and some downwards';
  return null;
}

/** For people: what it means to have no key, and what would be one. */
export const noteOf = (table: KeyedTable): string =>
  `has no key: it is read by one statement, and becomes one file${hints(table)}`;
