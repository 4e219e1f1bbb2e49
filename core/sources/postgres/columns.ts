/** The columns of a table, as PostgreSQL's catalog knows them, and what becomes of each. */
import type { SourceColumn, TableWishes } from '../source.ts';
import { constantColumn, maskOf } from '../table-wishes.ts';
import type { Session } from './connect.ts';
import { mapMasked, mapType, type Wire } from './type-map.ts';

/** A column with what its values look like on the wire. */
export type CatalogColumn = SourceColumn & {
  readonly wire: Wire;
  /** base type (domains resolved) and modifier, as RowDescription tells them */
  readonly typeId: number;
  readonly modifier: number;
  /** the base type's name, quoted: what a constant is cast to; without a modifier */
  readonly castType: string;
  /** has an order that depends on a collation */
  readonly collated: boolean;
  readonly isEnum: boolean;
};

export type Columns = {
  readonly columns: CatalogColumn[];
  readonly notes: { readonly column: string; readonly text: string }[];
  /** columns that this user may not read */
  readonly denied: ReadonlySet<string>;
};

/** All columns of the table. Which of them are copied is up to `wantedColumns` (table-wishes.ts). */
export async function readColumns(
  session: Session,
  tableId: number,
  where: string,
  { asText, mask }: TableWishes,
): Promise<Columns> {
  // A domain over a domain …: its modifier may come from any level. Its NOT NULL does not count: PostgreSQL
  // itself lets NULLs into such columns. Nor does one that is NOT VALID (since PostgreSQL 18).
  const rows = await session.query(
    where,
    `WITH RECURSIVE resolved AS (
       SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier
       FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT r.attnum, t.typbasetype, CASE WHEN r.modifier = -1 THEN t.typtypmod ELSE r.modifier END
       FROM resolved r JOIN pg_type t ON t.oid = r.type AND t.typtype = 'd')
     SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), r.type, r.modifier, t.typtype,
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = $1 AND n.contype = 'n'
         AND NOT n.convalidated AND a.attnum = ANY (n.conkey)),
       has_column_privilege($1::oid, a.attnum, 'SELECT'),
       quote_ident(tn.nspname) || '.' || quote_ident(t.typname), a.attcollation <> 0
     FROM resolved r JOIN pg_type t ON t.oid = r.type AND t.typtype <> 'd'
       JOIN pg_namespace tn ON tn.oid = t.typnamespace
       JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = r.attnum
     ORDER BY a.attnum`,
    [tableId],
  );
  const columns: CatalogColumn[] = [];
  const notes: { readonly column: string; readonly text: string }[] = [];
  const denied = new Set<string>();
  for (const row of rows) {
    const [id, name, sourceType, typeId, modifier, typtype, notNull, allowed, castType, collated] =
      row as string[];
    const base = { id: Number(typeId), typtype: typtype as string, modifier: Number(modifier) };
    const masked = maskOf({ mask }, name as string);
    const mapping =
      masked === undefined
        ? mapType(base, sourceType as string, asText.includes(name as string))
        : mapMasked(base, sourceType as string, masked);
    if (mapping.note !== null)
      notes.push({ column: name as string, text: `column ${name} is copied as text: ${mapping.note}` });
    if (allowed !== 't') denied.add(name as string);
    columns.push({
      id: Number(id),
      name: name as string,
      type: mapping.type,
      nullable: notNull !== 't' || masked === 'null',
      sourceType: sourceType as string,
      transfer: mapping.transfer,
      ...(masked !== undefined && { mask: masked }),
      wire: mapping.wire,
      typeId: base.id,
      modifier: base.modifier,
      castType: castType as string,
      collated: collated === 't',
      isEnum: typtype === 'e',
    });
  }
  return { columns, notes, denied };
}

/** The column that the definition adds. */
export const addedColumn = (constant: NonNullable<TableWishes['constant']>): CatalogColumn => ({
  ...constantColumn(constant),
  ...{ wire: 'text', typeId: 25, modifier: -1, castType: 'pg_catalog.text', collated: false, isEnum: false },
});
