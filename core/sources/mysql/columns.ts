/** The columns of a table, as the server's information_schema knows them, and what becomes of each. */
import type { SourceColumn, TableName, TableWishes } from '../source.ts';
import { constantColumn, maskOf } from '../table-wishes.ts';
import type { Session } from './connect.ts';
import { identifier, literal, qualified } from './literals.ts';
import { type CatalogType, mapMasked, mapType, type Wire } from './type-map.ts';

/** A column with what its values look like on the wire. */
export type CatalogColumn = SourceColumn & {
  readonly wire: Wire;
  readonly catalogType: CatalogType;
  /** of a text; null: no text */
  readonly text: { readonly charset: string; readonly collation: string } | null;
};

export type Columns = {
  readonly columns: CatalogColumn[];
  readonly notes: { readonly column: string; readonly text: string }[];
  /** columns that this user may not read */
  readonly denied: ReadonlySet<string>;
};

/** All columns of the table that this user may see. Which of them are copied is up to `wantedColumns` (table-wishes.ts). */
export async function readColumns(
  session: Session,
  { schema, table }: TableName,
  where: string,
  { asText, mask }: TableWishes,
): Promise<Columns> {
  const ofTable = `WHERE table_schema = ${literal(schema)} AND table_name = ${literal(table)}`;
  const rows = await session.query(
    where,
    `SELECT CAST(ordinal_position AS CHAR), column_name, CAST(data_type AS CHAR), CAST(column_type AS CHAR), is_nullable,
       CAST(COALESCE(numeric_precision, 0) AS CHAR), CAST(COALESCE(numeric_scale, 0) AS CHAR), character_set_name,
       collation_name, privileges
     FROM information_schema.columns ${ofTable} ORDER BY ordinal_position`,
  );
  const isReadable = (row: readonly (string | null)[]): boolean => /(^|,)select(,|$)/.test(row[9] ?? '');
  const texts = rows.filter((row) => row[2] === 'longtext' && isReadable(row)).map((row) => row[1] as string);
  const isJson = await jsonColumns(session, where, { schema, table }, texts);
  const columns: CatalogColumn[] = [];
  const notes: { readonly column: string; readonly text: string }[] = [];
  const denied = new Set<string>();
  for (const row of rows) {
    const [id, name, type, full, nullable, precision, scale] = row as string[];
    const [charset = null, collation = null] = row.slice(7);
    const catalogType: CatalogType = {
      ...{ name: (type as string).toLowerCase(), full: full as string },
      ...{ precision: Number(precision), scale: Number(scale), isJson: isJson.has(name as string) },
    };
    const masked = maskOf({ mask }, name as string);
    const mapping =
      masked === undefined
        ? mapType(catalogType, asText.includes(name as string))
        : mapMasked(catalogType, masked);
    if (mapping.note !== null) notes.push({ column: name as string, text: noteOf(name as string, mapping) });
    if (!isReadable(row)) denied.add(name as string);
    columns.push({
      id: Number(id),
      name: name as string,
      type: mapping.type,
      nullable: nullable !== 'NO' || masked === 'null',
      sourceType: full as string,
      transfer: mapping.transfer,
      ...(masked !== undefined && { mask: masked }),
      ...{ wire: mapping.wire, catalogType },
      text: charset === null || collation === null ? null : { charset, collation },
    });
  }
  return { columns, notes, denied };
}

const noteOf = (name: string, { note, type }: { note: string | null; type: SourceColumn['type'] }): string =>
  type.kind === 'string' ? `column ${name} is copied as text: ${note}` : `column ${name} ${note}`;

/**
 * MariaDB's JSON is a text, with a check of the column's own. Who may only read the table is not told its checks, and is
 * told the columns of an answer.
 */
async function jsonColumns(
  session: Session,
  where: string,
  table: TableName,
  readable: readonly string[],
): Promise<ReadonlySet<string>> {
  if (session.server.family !== 'MariaDB' || readable.length === 0) return new Set();
  const names = readable.map((name) => `t.${identifier(name)}`).join(', ');
  return session.jsonColumns(
    where,
    `SELECT ${names} FROM ${qualified(table.schema, table.table)} AS t LIMIT 0`,
  );
}

/** The column that the definition adds. */
export const addedColumn = (constant: NonNullable<TableWishes['constant']>): CatalogColumn => ({
  ...constantColumn(constant),
  ...{ wire: 'text', text: null },
  catalogType: { name: 'text', full: 'text', precision: 0, scale: 0, isJson: false },
});
