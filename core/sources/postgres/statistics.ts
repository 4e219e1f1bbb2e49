/** What the planner asks for: sizes, the ends of the index, and a sample of pages. */
import { formatTableName } from '../../definition/table-name.ts';
import type { TableStatistics } from '../source.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { fromTable, keyColumn, keyConstant } from './statement.ts';

/** A sample reads between so many pages (8 KiB each, at random places): well below a fifth of a second. */
const pagesMin = 64;
const pagesMax = 1_000;
/** Rows of one page lie close together: a few times more keys are read than are handed on. */
const keysRead = 4;

export async function measureTable(
  session: Session,
  table: CatalogTable,
  sampleKeys: number,
): Promise<TableStatistics> {
  const where = formatTableName(table.description);
  const key = keyColumn(table);
  const from = fromTable(table);
  const size = table.partitioned
    ? `(SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM pg_partition_tree(${table.tableId}) WHERE isleaf)`
    : `pg_relation_size(${table.tableId})`;
  const [ends] = await session.query(
    where,
    `SELECT ${size}, current_setting('block_size'),
       (SELECT ${key}::text ${from} ORDER BY ${key} LIMIT 1),
       (SELECT ${key}::text ${from} ORDER BY ${key} DESC LIMIT 1)`,
  );
  const [bytesText, block, min = null, max = null] = ends ?? [];
  const bytes = Number(bytesText);
  if (min === null || max === null) return { rows: 0, bytes, min: null, max: null, sample: [] };
  const pages = Math.max(1, bytes / Number(block));
  const rowsPerPage = table.rowBytes === null ? 32 : Math.max(1, Number(block) / table.rowBytes);
  const wanted = Math.min(pagesMax, Math.max(pagesMin, (keysRead * sampleKeys) / rowsPerPage));
  const percent = pages <= wanted ? 100 : (100 * wanted) / pages;
  // every nth key of those that were seen, so that about `sampleKeys` cross the wire; the count of all comes along
  const rows = await session.query(
    where,
    `SELECT seen.total, seen.key::text FROM (
       SELECT ${key} AS key, count(*) OVER () AS total, row_number() OVER (ORDER BY ${key}) AS n
       ${from} TABLESAMPLE SYSTEM (${percent})) AS seen
     WHERE seen.n % greatest(1, seen.total / ${Math.max(1, sampleKeys)}) = 0
       AND seen.key < ${keyConstant(table, max)} ORDER BY seen.n`,
  );
  const total = rows.length === 0 ? 1 : Number(rows[0]?.[0]);
  return {
    rows: Math.max(1, Math.round((total * 100) / percent)),
    bytes,
    min,
    max,
    sample: rows.map((row) => row[1] as string),
  };
}
