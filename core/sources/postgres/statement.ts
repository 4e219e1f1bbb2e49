/** The SQL of one short statement of a range. */
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { identifier, literal, qualified } from './literals.ts';

/** `FROM` of the table; its alias is t. */
export const fromTable = (table: CatalogTable): string =>
  `FROM ${table.only}${qualified(table.description.schema, table.description.table)} AS t`;

/** The key as an input column: `ORDER BY "id"` alone would mean the output column, which may be cast to text. */
export const keyColumn = (table: CatalogTable): string => `t.${identifier(table.description.key.column)}`;

/** A bare constant of the key's type: the comparison keeps the column's collation and uses its index. */
export const keyConstant = (table: CatalogTable, key: string): string => `${literal(key)}::${table.keyCast}`;

const selected = (column: CatalogColumn): string =>
  column.transfer === 'text' ? `(t.${identifier(column.name)})::text` : `t.${identifier(column.name)}`;

/** The rows with after < key ≤ upTo, in key order, at most so many. */
export function rangeQuery(table: CatalogTable, after: string | null, upTo: string, rows: number): string {
  const key = keyColumn(table);
  const lower = after === null ? '' : `${key} > ${keyConstant(table, after)} AND `;
  return `SELECT ${table.columns.map(selected).join(', ')} ${fromTable(table)}
    WHERE ${lower}${key} <= ${keyConstant(table, upTo)} ORDER BY ${key} LIMIT ${rows}`;
}

/**
 * The statements of one message, thus of one transaction: the first describes the columns as they are now and
 * takes the lock that keeps them so until the COPY is through. It brings a row only where the key `after` is there
 * twice (under a corrupt index): the COPY begins behind all of them, and would lose those that no COPY has brought.
 * For a key of text, a second one brings a row only where the key is ordered by another collation now: its name.
 */
export function copyRange(table: CatalogTable, after: string | null, upTo: string, rows: number): string {
  const columns = table.columns.map((column) => `t.${identifier(column.name)}`).join(', ');
  const second =
    after === null ? 'LIMIT 0' : `WHERE ${keyColumn(table)} = ${keyConstant(table, after)} LIMIT 1 OFFSET 1`;
  return `SELECT ${columns} ${fromTable(table)} ${second};
    ${collationQuery(table)}
    COPY (${rangeQuery(table, after, upTo, rows)}) TO STDOUT (FORMAT binary)`;
}

function collationQuery({ keyCollation, tableId, columns, keyAt }: CatalogTable): string {
  if (keyCollation === null) return '';
  return `SELECT c.collname FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = ${tableId} AND a.attnum = ${columns[keyAt]?.id} AND a.attcollation <> ${keyCollation.id};`;
}
