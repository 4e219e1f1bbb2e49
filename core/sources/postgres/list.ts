/** What there is to copy in a database. */
import type { ListedTable } from '../source.ts';
import type { Session } from './connect.ts';
import { kinds, type Relation } from './relation.ts';

/** Kinds that have rows of their own, and mostly a key. */
const kindsByPattern: readonly Relation['kind'][] = ['table', 'partitioned table'];

/**
 * All tables and views but temporary ones and those of the system. A pattern takes neither the partitions of a table,
 * whose rows are the table's, nor what an extension has made; children that inherit have rows of their own.
 *
 * Sizes are the catalog's estimates: to ask for the real ones would wait for whoever has locked a table.
 */
export async function listTables(session: Session, columns: readonly string[]): Promise<ListedTable[]> {
  const letters = Object.keys(kinds);
  const rows = await session.query(
    'the list of tables',
    `SELECT n.nspname, c.relname, c.relkind, c.relispartition OR EXISTS (
         SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'),
       CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
       CASE WHEN c.relkind IN ('r', 'm') THEN c.relpages::bigint * current_setting('block_size')::bigint END,
       (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY ($1::text[]))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = ANY ($2::"char"[]) AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
     ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
    [columns, letters],
  );
  return rows.map(([schema, table, letter, isOthers, estimate, bytes, found]) => {
    const kind = kinds[letter as string] as Relation['kind'];
    return {
      schema: schema as string,
      table: table as string,
      kind,
      byPattern: kindsByPattern.includes(kind) && isOthers !== 't',
      columns: found == null ? [] : (JSON.parse(found) as string[]),
      rows: estimate == null ? null : Number(estimate),
      bytes: bytes == null ? null : Number(bytes),
    };
  });
}
