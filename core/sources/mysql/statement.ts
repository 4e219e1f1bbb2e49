/** The SQL of one short statement of a range. */
import { TidemarkError } from '../../errors.ts';
import { splitKey } from '../key-text.ts';
import type { KeyValues } from '../split-keys.ts';
import type { CatalogKeyColumn, CatalogTable } from './catalog.ts';
import type { CatalogColumn } from './columns.ts';
import { identifier, literal, qualified } from './literals.ts';
import { type KeyForm, textSql } from './type-map.ts';

/** `FROM` of the table, made to walk its key's index; its alias is t. */
export function fromTable({ index, description: { schema, table } }: CatalogTable): string {
  const force = index === null ? '' : ` FORCE INDEX (${identifier(index)})`;
  return `FROM ${qualified(schema, table)} AS t${force}`;
}

/** The definition's `where`, to be put behind other conditions; a comment in it ends with its line. */
export const filterOf = ({ description: { where } }: CatalogTable): string =>
  where === undefined ? '' : ` AND (${where}\n)`;

/** In the key's order, one way or the other. */
function orderBy({ key }: CatalogTable, direction: '' | ' DESC' = ''): string {
  if (key.length === 0) return '';
  return `ORDER BY ${key.map(({ sql }) => `${sql}${direction}`).join(', ')}`;
}

/** What a constant is made of: nothing else becomes part of a statement as it is. */
const forms: Readonly<Record<KeyForm, RegExp>> = {
  integer: /^-?\d+$/,
  decimal: /^-?\d+(\.\d+)?$/,
  float: /^-?\d+(\.\d+)?(e[+-]?\d+)?$/,
  date: /^\d{4}-\d\d-\d\d$/,
  datetime: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/,
  time: /^-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?$/,
  uuid: /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i,
  bytes: /^([\da-f]{2})*$/i,
  text: /^/,
};

/** A constant of the key's own type: the index is used, and it compares as the column does. */
function constant({ form, text, name }: CatalogKeyColumn, value: string): string {
  if (!forms[form].test(value))
    throw new TidemarkError('ProtocolViolation', `an offset of the key column ${name} is no ${form}`);
  switch (form) {
    case 'integer':
    case 'decimal':
      return value;
    case 'float':
      return value.includes('e') ? value : `${value}e0`;
    case 'date':
      return `DATE'${value}'`;
    case 'datetime':
      return `TIMESTAMP'${value}'`;
    case 'time':
      return `TIME'${value}'`;
    case 'uuid':
      return `CAST('${value}' AS UUID)`;
    case 'bytes':
      return `x'${value}'`;
    case 'text':
      // a collation that is told counts before the column's own, and is the same: nothing is converted but the constant
      return text === null
        ? literal(value)
        : `CONVERT(${literal(value)} USING ${text.charset}) COLLATE ${text.collation}`;
  }
}

type Comparison = '>' | '<' | '<=' | '=';

/**
 * The key's first columns against constant values of them. Rows of several columns are compared column by column, written
 * out: of `(a, b) > (x, y)` neither server makes a range of its index, of `a > x OR (a = x AND b > y)` both do, for all
 * columns.
 */
function compareValues(
  { key }: Pick<CatalogTable, 'key'>,
  comparison: Comparison,
  values: KeyValues,
): string {
  const columns = key.slice(0, values.length);
  const constants = columns.map((column, i) => constant(column, values[i] as string));
  if (comparison === '=') return columns.map(({ sql }, i) => `${sql} = ${constants[i]}`).join(' AND ');
  const last = columns.length - 1;
  const strict = comparison === '>' ? '>' : '<';
  let compared = `${columns[last]?.sql} ${comparison} ${constants[last]}`;
  for (let i = last - 1; i >= 0; i--) {
    const { sql } = columns[i] as CatalogKeyColumn;
    compared = `(${sql} ${strict} ${constants[i]} OR (${sql} = ${constants[i]} AND ${compared}))`;
  }
  return compared;
}

/** The whole key against a constant one. */
const compareKey = (table: CatalogTable, comparison: Comparison, text: string): string =>
  compareValues(table, comparison, splitKey(text, table.key.length));

function selected({ name, transfer, mask, constant, catalogType }: CatalogColumn): string {
  if (constant !== undefined) return literal(constant);
  const column = `t.${identifier(name)}`;
  switch (mask) {
    case 'hash':
      return `SHA2(CONVERT(${textSql(catalogType, column)} USING utf8mb4), 256)`;
    case 'redact':
      return `IF(${column} IS NULL, NULL, _utf8mb4'redacted')`;
    case 'null':
      return 'NULL';
    case undefined:
      return transfer === 'text' ? textSql(catalogType, column) : column;
  }
}

/** The key's columns as they are read: what is cast to text is so here. */
const keyColumns = ({ key, columns }: CatalogTable): string =>
  key.map(({ at }) => selected(columns[at] as CatalogColumn)).join(', ');

/** The rows with after < key ≤ upTo, in key order, at most so many; all rows of a table that has no order. */
export function rangeQuery(table: CatalogTable, after: string | null, upTo: string, rows: number): string {
  const from = `SELECT ${table.columns.map(selected).join(', ')} ${fromTable(table)}`;
  if (table.key.length === 0) return `${from} WHERE true${filterOf(table)}`;
  const lower = after === null ? '' : `${compareKey(table, '>', after)} AND `;
  return `${from}
    WHERE ${lower}${compareKey(table, '<=', upTo)}${filterOf(table)} ${orderBy(table)} LIMIT ${rows}`;
}

/**
 * What is asked before the rows behind `after`: the time that stands in the table's identity, and whether the key `after`
 * is there twice (in a view, or under a corrupt index): the statement begins behind all of them, and would lose
 * those that none has brought. It is a transaction of its own: what changes between the two is noticed by the next one.
 */
export function checkQuery(table: CatalogTable, after: string | null): string {
  const { schema, table: name } = table.description;
  const created = `SELECT CAST(create_time AS CHAR) FROM information_schema.tables
    WHERE table_schema = ${literal(schema)} AND table_name = ${literal(name)}`;
  const repeated =
    after === null || table.key.length === 0
      ? 'NULL'
      : `(SELECT 'twice' ${fromTable(table)} WHERE ${compareKey(table, '=', after)}${filterOf(table)} LIMIT 1 OFFSET 1)`;
  return `SELECT (${created}), ${repeated}`;
}

const keysWithin = (table: CatalogTable, after: KeyValues | null, upTo: KeyValues): string => {
  const lower = after === null ? '' : `${compareValues(table, '>', after)} AND `;
  return `${fromTable(table)} WHERE ${lower}${compareValues(table, '<=', upTo)}`;
};

/** Single keys by their index. All of the table's: with a condition, the least that fulfils it may be far from the first. */
export const keyQueries = {
  least: (table: CatalogTable): string =>
    `SELECT ${keyColumns(table)} ${fromTable(table)} ${orderBy(table)} LIMIT 1`,
  greatest: (table: CatalogTable): string =>
    `SELECT ${keyColumns(table)} ${fromTable(table)} ${orderBy(table, ' DESC')} LIMIT 1`,
  /** The least with after < key ≤ upTo. */
  firstAfter: (table: CatalogTable, after: KeyValues, upTo: KeyValues): string =>
    `SELECT ${keyColumns(table)} ${keysWithin(table, after, upTo)} ${orderBy(table)} LIMIT 1`,
  /** The greatest with after < key ≤ upTo and key < probe, which may be the beginning of keys. */
  lastBefore: (table: CatalogTable, probe: KeyValues, after: KeyValues | null, upTo: KeyValues): string =>
    `SELECT ${keyColumns(table)} ${keysWithin(table, after, upTo)} AND ${compareValues(table, '<', probe)}
    ${orderBy(table, ' DESC')} LIMIT 1`,
  /** Not to be run: what the optimizer says of it is the estimate. */
  all: (table: CatalogTable, after: KeyValues | null, upTo: KeyValues): string =>
    `SELECT 1 ${keysWithin(table, after, upTo)}`,
};
