import { formatTableName } from '../../definition/table-name.ts';
import type { TableName, TableWishes } from '../source.ts';
import type { Session } from './connect.ts';
import { literal } from './literals.ts';

/**
 * The wishes with the names of columns as the table spells them. To the server upper and lower case are the same, and a
 * mask of `email` has to hold for `Email`.
 */
export async function asSpelled(
  session: Session,
  name: TableName,
  wishes: TableWishes,
): Promise<TableWishes> {
  const { asText, key, columns, excludeColumns, mask } = wishes;
  const named = [...asText, ...(key ?? []), ...(columns ?? []), ...excludeColumns, ...Object.keys(mask)];
  if (named.length === 0) return wishes;
  const rows = await session.query(
    formatTableName(name),
    `SELECT column_name FROM information_schema.columns
     WHERE table_schema = ${literal(name.schema)} AND table_name = ${literal(name.table)}`,
  );
  const spelled = new Map(rows.map(([column]) => [column!.toLowerCase(), column!]));
  const spell = (column: string): string => spelled.get(column.toLowerCase()) ?? column;
  return {
    ...wishes,
    asText: asText.map(spell),
    key: key?.map(spell) ?? null,
    columns: columns?.map(spell) ?? null,
    excludeColumns: excludeColumns.map(spell),
    mask: Object.fromEntries(Object.entries(mask).map(([column, how]) => [spell(column), how])),
  };
}
