/** The SQL of one short statement of a range. */
import { wholeStatementMs } from '../in-one-piece.ts';
import { splitKey } from '../key-text.ts';
import type { CatalogKeyColumn, CatalogTable } from './catalog.ts';
import type { CatalogColumn } from './columns.ts';
import { identifier, literal, qualified } from './literals.ts';
import { builtInOperators } from './unique-indexes.ts';

/**
 * `FROM` of the table; its alias is t. `ONLY` for a plain table: an inheritance parent's key says nothing about its
 * children.
 */
export const fromTable = ({ kind, description: { schema, table } }: CatalogTable): string =>
  `FROM ${kind === 'table' ? 'ONLY ' : ''}${qualified(schema, table)} AS t`;

/** The definition's `where`, to be put behind other conditions; a comment in it ends with its line. */
export const filterOf = ({ description: { where } }: CatalogTable): string =>
  where === undefined ? '' : ` AND (${where}\n)`;

/** In the key's order, one way or the other. Rows that are read by their place come in that order by themselves. */
export function orderBy({ key, description }: CatalogTable, direction: '' | ' DESC' = ''): string {
  if (description.key.by !== 'columns') return '';
  return `ORDER BY ${key.map(({ sql }) => `${sql}${direction}`).join(', ')}`;
}

const constants = (key: readonly CatalogKeyColumn[], text: string): string[] => {
  const values = splitKey(text, key.length);
  return key.map(({ castType }, i) => `${literal(values[i] as string)}::${castType}`);
};

/**
 * The key against a constant one. Rows of columns compare as rows: PostgreSQL walks their index from there. Where an
 * operator lies outside of pg_catalog, the comparison is written out, as it has no name for a row.
 */
export function compareKey(
  { key }: CatalogTable,
  operator: 'above' | 'upTo' | 'equal',
  text: string,
): string {
  const values = constants(key, text);
  if (key.length === 1) return `${key[0]?.sql} ${key[0]?.operators[operator]} ${values[0]}`;
  const isBuiltIn = key.every(({ operators }) => operators.above === builtInOperators.above);
  if (isBuiltIn)
    return `(${key.map(({ sql }) => sql).join(', ')}) ${builtInOperators[operator]} (${values.join(', ')})`;
  const equal = key.map(({ sql, operators }, i) => `${sql} ${operators.equal} ${values[i]}`);
  if (operator === 'equal') return equal.join(' AND ');
  const [first] = key as [CatalogKeyColumn];
  const branches = key.map(({ sql, operators }, i) => {
    const isLast = i === key.length - 1;
    // up to, but for the last column: above the other way round
    const own =
      operator === 'above'
        ? `${sql} ${operators.above} ${values[i]}`
        : `${sql} ${operators.upTo} ${values[i]}${isLast ? '' : ` AND NOT ${equal[i]}`}`;
    return [...equal.slice(0, i), own].join(' AND ');
  });
  const bound =
    operator === 'above'
      ? `(${first.sql} ${first.operators.above} ${values[0]} OR ${equal[0]})`
      : `${first.sql} ${first.operators.upTo} ${values[0]}`;
  return `${bound} AND (${branches.map((branch) => `(${branch})`).join(' OR ')})`;
}

function selected({ name, transfer, mask, constant }: CatalogColumn): string {
  if (constant !== undefined) return `${literal(constant)}::pg_catalog.text`;
  const column = `t.${identifier(name)}`;
  switch (mask) {
    case 'hash':
      return `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to((${column})::text, 'UTF8')), 'hex')`;
    case 'redact':
      return `CASE WHEN ${column} IS NOT NULL THEN 'redacted' END`;
    case 'null':
      return `CASE WHEN false THEN ${column} END`;
    case undefined:
      return transfer === 'text' ? `(${column})::text` : column;
  }
}

/** The rows with after < key ≤ upTo, in key order, at most so many; all rows of a table that has no order. */
export function rangeQuery(table: CatalogTable, after: string | null, upTo: string, rows: number): string {
  const list = [...table.columns.map(selected), ...table.keyTexts].join(', ');
  const from = `SELECT ${list} ${fromTable(table)}`;
  if (table.key.length === 0) return `${from} WHERE true${filterOf(table)}`;
  const lower = after === null ? '' : `${compareKey(table, 'above', after)} AND `;
  return `${from}
    WHERE ${lower}${compareKey(table, 'upTo', upTo)}${filterOf(table)} ${orderBy(table)} LIMIT ${rows}`;
}

/**
 * The statements of one message, thus of one transaction: the first describes the columns as they are now and
 * takes the lock that keeps them so until the COPY is through. It brings a row only where the key `after` is there
 * twice (in a view, or under a corrupt index): the COPY begins behind all of them, and would lose those that no COPY
 * has brought. For a key of text, a second one brings a row only where the key is ordered by another collation now: its
 * name.
 */
export function copyRange(table: CatalogTable, after: string | null, upTo: string, rows: number): string {
  const columns = table.columns
    .map(({ name, constant }) => (constant === undefined ? `t.${identifier(name)}` : 'NULL'))
    .join(', ');
  const isRepeatable = after !== null && table.description.key.by === 'columns';
  const second = isRepeatable
    ? `WHERE ${compareKey(table, 'equal', after)}${filterOf(table)} LIMIT 1 OFFSET 1`
    : 'LIMIT 0';
  const limit = table.key.length === 0 ? `SET LOCAL statement_timeout = ${wholeStatementMs};` : '';
  return `${limit}SELECT ${columns} ${fromTable(table)} ${second};
    ${collationQuery(table)}
    COPY (${rangeQuery(table, after, upTo, rows)}) TO STDOUT (FORMAT binary)`;
}

function collationQuery({ key, tableId }: CatalogTable): string {
  const changed = key.flatMap(({ number, collation }) =>
    collation === null ? [] : [`(a.attnum = ${number} AND a.attcollation <> ${collation.id})`],
  );
  if (changed.length === 0) return '';
  return `SELECT c.collname FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = ${tableId} AND (${changed.join(' OR ')});`;
}
