/** What there is to copy on a server, as far as this user may see it. */
import { formatTableName } from '../../definition/table-name.ts';
import type { ListedTable } from '../source.ts';
import type { Session } from './connect.ts';
import { literal } from './literals.ts';

/** The server's own databases. */
const own = ['mysql', 'information_schema', 'performance_schema', 'sys'];
const notOwn = `table_schema NOT IN (${own.map(literal).join(', ')})`;

/**
 * Tables and views of all databases but the server's own. One of which the user has no right at all does not exist to
 * him. Sizes are the storage engine's estimates.
 */
export async function listTables(session: Session, columns: readonly string[]): Promise<ListedTable[]> {
  const where = 'the list of tables';
  const rows = await session.query(
    where,
    `SELECT table_schema, table_name, table_type, CAST(table_rows AS CHAR), CAST(data_length AS CHAR)
     FROM information_schema.tables
     WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW') AND ${notOwn}
     ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)`,
  );
  const found = columns.length === 0 ? [] : await session.query(where, columnsQuery(columns));
  const columnsByTable = new Map<string, string[]>();
  for (const [schema, table, column] of found as string[][]) {
    const name = formatTableName({ schema: schema!, table: table! });
    // as they were asked for: to the server, upper and lower case are the same
    const asked = columns.filter((one) => one.toLowerCase() === column!.toLowerCase());
    columnsByTable.set(name, [...(columnsByTable.get(name) ?? []), ...asked]);
  }
  return rows.map(([schema, table, type, estimate, bytes]) => {
    const name = { schema: schema!, table: table! };
    const kind = type === 'VIEW' ? 'view' : 'table';
    return {
      ...name,
      kind,
      byPattern: kind === 'table',
      columns: columnsByTable.get(formatTableName(name)) ?? [],
      rows: estimate == null ? null : Number(estimate),
      bytes: bytes == null ? null : Number(bytes),
    };
  });
}

const columnsQuery = (columns: readonly string[]): string =>
  `SELECT table_schema, table_name, column_name FROM information_schema.columns
   WHERE column_name IN (${columns.map(literal).join(', ')}) AND ${notOwn} ORDER BY ordinal_position`;
