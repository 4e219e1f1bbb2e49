/** By what a table is read: columns that are unique, never NULL, and that an index walks in order; or what takes their place. */
import { TidemarkError } from '../../errors.ts';
import type { Key } from '../source.ts';
import type { CatalogColumn } from './columns.ts';
import type { Relation } from './relation.ts';
import { keyWires, noKeyTypes } from './type-map.ts';
import { builtInOperators, type Operators, type UniqueIndex } from './unique-indexes.ts';

export type ChosenKey =
  | {
      readonly by: 'columns';
      readonly columns: readonly { readonly column: CatalogColumn; readonly operators: Operators }[];
      /** the catalog knows them to be unique and not NULL; otherwise it is the definition's word */
      readonly known: boolean;
    }
  | { readonly by: 'place' }
  | { readonly by: 'nothing' };

export type KeyedTable = {
  /** for messages */
  readonly where: string;
  readonly kind: Relation['kind'];
  readonly columns: readonly CatalogColumn[];
  readonly indexes: readonly UniqueIndex[];
  readonly server: { readonly version: number; readonly isReplica: boolean };
};

/** Kinds whose columns are never NOT NULL, and that may have no index. */
const isDerived = ({ kind }: KeyedTable): boolean =>
  kind === 'view' || kind === 'materialized view' || kind === 'foreign table';

/**
 * A unique constraint may be DEFERRABLE: repeated keys live only inside the transaction that made them, and a
 * statement reads what is committed. A nondeterministic collation will do: uniqueness and comparison agree on what is
 * equal.
 *
 * @param named the columns that the definition names; null: the primary key, else another unique index whose columns
 *   are NOT NULL, else the place of the rows
 * @param planned of a run that is under way: what it reads by
 * @throws TidemarkError KeyMissing, KeyUnsupported
 */
export function chooseKey(
  table: KeyedTable,
  named: readonly string[] | null,
  planned: Key['by'] | null,
): ChosenKey {
  if (planned === 'place' || planned === 'nothing') return { by: planned };
  if (named !== null) return namedKey(table, named);
  const fitting = table.indexes.filter((index) => unfit(index) === null && isSound(table, index));
  const best = fitting.find(({ primary }) => primary) ?? fitting.sort(byWorth(table))[0];
  return best === undefined ? withoutKey(table) : keyOf(table, best);
}

/** Few columns first; what is cheap to read before texts, and texts before what has to be made one. */
function byWorth(table: KeyedTable) {
  const costs = ({ columns: [first] }: UniqueIndex): number => {
    const { collated, typeId } = columnOf(table, first?.name ?? '');
    return keyWires.has(typeId) ? Number(collated) : 2;
  };
  return (a: UniqueIndex, b: UniqueIndex): number =>
    a.columns.length - b.columns.length || costs(a) - costs(b) || (a.name < b.name ? -1 : 1);
}

const columnOf = ({ columns }: KeyedTable, name: string): CatalogColumn =>
  columns.find((column) => column.name === name) as CatalogColumn;

/** Whether nothing is wrong with its columns. Those of a materialized view are never NOT NULL. */
const isSound = (table: KeyedTable, index: UniqueIndex): boolean =>
  index.columns.every(({ name }) => {
    const column = columnOf(table, name);
    return !noKeyTypes.has(column.typeId) && (!column.nullable || table.kind === 'materialized view');
  });

const keyOf = (table: KeyedTable, index: UniqueIndex): ChosenKey => ({
  by: 'columns',
  columns: index.columns.map(({ name, operators }) => ({ column: columnOf(table, name), operators })),
  known: !isDerived(table),
});

function namedKey(table: KeyedTable, named: readonly string[]): ChosenKey {
  const { where, columns, indexes } = table;
  const what = named.length === 1 ? `column ${named[0]}` : `columns ${named.join(', ')}`;
  for (const name of named) {
    const column = columns.find((one) => one.name === name);
    if (column === undefined)
      throw new TidemarkError(
        'KeyMissing',
        `${where} has no column ${name}; its columns are ${columns.map((one) => one.name).join(', ')}`,
      );
    if (noKeyTypes.has(column.typeId))
      throw new TidemarkError(
        'KeyUnsupported',
        `${where}: column ${name} is of type ${column.sourceType}, which cannot be a key`,
      );
    if (column.nullable && !isDerived(table))
      throw new TidemarkError('KeyUnsupported', `${where}: column ${name} may be NULL (it is not NOT NULL)`);
  }
  const reasons: string[] = [];
  for (const index of indexes) {
    const isSame =
      index.columns.length === named.length && index.columns.every(({ name }) => named.includes(name));
    const reason = unfit(index) ?? (isSame ? null : isOn(index));
    if (reason === null) return keyOf(table, index);
    if (index.columns.some(({ name }) => named.includes(name))) reasons.push(`index ${index.name} ${reason}`);
  }
  if (isDerived(table)) return unprovenKey(table, named);
  const found = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  throw new TidemarkError(
    'KeyUnsupported',
    `${where}: ${what} ${named.length === 1 ? 'is not unique by itself' : 'are not unique together'}${found}`,
  );
}

/** Of a view, or the like: unique by the definition's word. */
function unprovenKey(table: KeyedTable, named: readonly string[]): ChosenKey {
  const columns = named.map((name) => columnOf(table, name));
  const foreign = columns.find(({ castType, isEnum }) => !castType.startsWith('pg_catalog.') && !isEnum);
  if (foreign !== undefined)
    throw new TidemarkError(
      'KeyUnsupported',
      `${table.where}: column ${foreign.name} is of type ${foreign.sourceType}, whose order only an index of ${table.kind === 'view' ? 'a table' : 'this'} would tell`,
    );
  return {
    by: 'columns',
    columns: columns.map((column) => ({ column, operators: builtInOperators })),
    known: false,
  };
}

function withoutKey(table: KeyedTable): ChosenKey {
  const { where, kind, server } = table;
  if (kind === 'view' || kind === 'foreign table')
    throw new TidemarkError(
      'KeyMissing',
      `${where} is a ${kind}, and has no key of its own: \`key:\` has to name columns that are unique together`,
    );
  const hasPlaces = kind !== 'partitioned table' && server.version >= 140_000;
  if (!hasPlaces) return { by: 'nothing' };
  if (server.isReplica)
    throw new TidemarkError(
      'KeyMissing',
      `${where} has no key, and on a replica nobody would notice that its rows move while they are copied${hints(table)}`,
    );
  return { by: 'place' };
}

/** What `key:` could name, if the columns were otherwise. */
function hints({ columns, indexes }: KeyedTable): string {
  const nullable = indexes.filter(
    (index) =>
      unfit(index) === null &&
      index.columns.some(({ name }) => columns.find((one) => one.name === name)?.nullable),
  );
  if (nullable.length === 0) return '';
  const which = nullable.map((index) => index.columns.map(({ name }) => name).join(' and '));
  return `; ${which.join(', or ')} would do as a key, if NOT NULL`;
}

const isOn = ({ columns }: UniqueIndex): string =>
  `is on ${columns.length} ${columns.length === 1 ? 'column' : 'columns'} (${columns.map(({ name }) => name).join(', ')})`;

/** Why rows cannot be walked along the index; null: they can. */
function unfit(index: UniqueIndex): string | null {
  if (index.expression) return 'is on an expression';
  if (index.partial) return 'covers only a part of the rows (it has a WHERE)';
  if (!index.valid) return 'is not valid (its building failed or goes on)';
  if (!index.columns.every(({ ordered }) => ordered))
    return 'has another operator class or collation than the column';
  if (new Set(index.columns.map(({ descending }) => descending)).size > 1)
    return 'orders some columns upwards and some downwards';
  return null;
}

/** For people: why there is no key, and what would be one. */
export const noteOf = (table: KeyedTable, by: 'place' | 'nothing'): string =>
  by === 'place'
    ? `has no key: it is read by where its rows lie (ctid); if rows of it are updated meanwhile, or it is rewritten, the run of it ends with TableChanged${hints(table)}`
    : `has no key: it is read by one statement, and becomes one file${hints(table)}`;
