/** What the planner asks for: sizes, the ends of the index, and a sample of pages. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { tooLargeWithoutKey, wholeBytesMax } from '../in-one-piece.ts';
import { joinKey } from '../key-text.ts';
import type { TableStatistics } from '../source.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { compareKey, filterOf, fromTable, orderBy } from './statement.ts';

/** A sample reads between so many pages (8 KiB each, at random places): well below a fifth of a second. */
const pagesMin = 64;
const pagesMax = 1_000;
/** Rows of one page lie close together: a few times more keys are read than are handed on. */
const keysRead = 4;
/** Of a table about whose rows nothing is known. */
const rowBytesGuess = 256;

type Sizes = { readonly bytes: number; readonly blockBytes: number };

/** @param sampleKeys about how many keys the sample should have */
export async function measureTable(
  session: Session,
  table: CatalogTable,
  sampleKeys: number,
): Promise<TableStatistics> {
  const sizes = await measureSizes(session, table);
  switch (table.description.key.by) {
    case 'nothing':
      if (sizes.bytes > wholeBytesMax)
        throw tooLargeWithoutKey(formatTableName(table.description), sizes.bytes);
      return { ...sizesOnly(table, sizes), min: '', max: '', sample: [] };
    case 'place':
      return measurePlaces(table, sizes, sampleKeys);
    case 'columns':
      return measureKeys(session, table, sizes, sampleKeys);
  }
}

async function measureSizes(session: Session, { tableId, kind, description }: CatalogTable): Promise<Sizes> {
  // pg_partition_tree is since PostgreSQL 12
  const size =
    kind === 'partitioned table'
      ? `(WITH RECURSIVE tree AS (SELECT ${tableId}::oid AS id
            UNION ALL SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.id)
          SELECT coalesce(sum(pg_relation_size(id)), 0) FROM tree)`
      : kind === 'table' || kind === 'materialized view'
        ? `pg_relation_size(${tableId})`
        : '0';
  const [row] = await session.query(
    formatTableName(description),
    `SELECT ${size}, current_setting('block_size')`,
  );
  return { bytes: Number(row?.[0]), blockBytes: Number(row?.[1]) };
}

const sizesOnly = ({ rowBytes }: CatalogTable, { bytes }: Sizes): { rows: number; bytes: number } => ({
  rows: Math.round(bytes / (rowBytes ?? rowBytesGuess)),
  bytes,
});

/** Line pointers of a page are 16 bits. */
const lastOfPage = 65_535;

/** Pages, evenly. */
function measurePlaces(table: CatalogTable, sizes: Sizes, sampleKeys: number): TableStatistics {
  const pages = Math.ceil(sizes.bytes / sizes.blockBytes);
  if (pages === 0) return { rows: 0, bytes: 0, min: null, max: null, sample: [] };
  const wanted = Math.min(pages, sampleKeys);
  const ends = Array.from({ length: wanted - 1 }, (_, i) => Math.floor(((i + 1) * pages) / wanted) - 1);
  return {
    ...sizesOnly(table, sizes),
    min: '(0,0)',
    max: `(${pages - 1},${lastOfPage})`,
    sample: ends.map((page) => `(${page},${lastOfPage})`),
  };
}

async function measureKeys(
  session: Session,
  table: CatalogTable,
  sizes: Sizes,
  sampleKeys: number,
): Promise<TableStatistics> {
  const where = formatTableName(table.description);
  const { bytes, blockBytes } = sizes;
  const from = fromTable(table);
  const key = table.key.map(({ sql }) => `(${sql})::text`).join(', ');
  // all of the table's keys: with a condition, the least that fulfils it may be far from the first
  const [min] = await session.query(where, `SELECT ${key} ${from} ${orderBy(table)} LIMIT 1`);
  const [max] = await session.query(where, `SELECT ${key} ${from} ${orderBy(table, ' DESC')} LIMIT 1`);
  if (min === undefined || max === undefined) return { rows: 0, bytes, min: null, max: null, sample: [] };
  const ends = { min: joinKey(min as string[]), max: joinKey(max as string[]) };
  await checkNoNulls(session, table, where);
  if (table.kind === 'view' || table.kind === 'foreign table')
    return { rows: await estimatedRows(session, table, where), bytes, ...ends, sample: [] };

  const pages = Math.max(1, bytes / blockBytes);
  const rowsPerPage = table.rowBytes === null ? 32 : Math.max(1, blockBytes / table.rowBytes);
  const wanted = Math.min(pagesMax, Math.max(pagesMin, (keysRead * sampleKeys) / rowsPerPage));
  const percent = pages <= wanted ? 100 : (100 * wanted) / pages;
  // every nth key of those that were seen, so that about `sampleKeys` cross the wire; the counts of all come along
  const filter = filterOf(table);
  const rows = await session.query(
    where,
    `SELECT t.total, t.fitting, ${table.key.map((_, i) => `t.k${i}::text`).join(', ')} FROM (
       SELECT ${table.key.map(({ sql }, i) => `${sql} AS k${i}`).join(', ')}, count(*) OVER () AS total,
         count(*) FILTER (WHERE true${filter}) OVER () AS fitting, row_number() OVER (${orderBy(table)}) AS n
       ${from} TABLESAMPLE SYSTEM (${percent})) AS t
     WHERE t.n % greatest(1, t.total / ${Math.max(1, sampleKeys)}) = 0
       AND NOT (${compareKey(sampled(table), 'equal', ends.max)}) AND ${compareKey(sampled(table), 'upTo', ends.max)}
     ORDER BY t.n`,
  );
  const [first] = rows;
  const total = first === undefined ? 1 : Number(first[1]);
  return {
    rows: Math.max(1, Math.round((total * 100) / percent)),
    bytes,
    ...ends,
    sample: rows.map(([, , ...values]) => joinKey(values as string[])),
  };
}

/** The table whose columns are those that the sample has selected. */
const sampled = (table: CatalogTable): CatalogTable => ({
  ...table,
  key: table.key.map((column, i) => ({ ...column, sql: `t.k${i}` })),
});

/** Ranges of a key hold no NULLs: such rows would be lost. Columns that are NOT NULL have none. */
async function checkNoNulls(session: Session, table: CatalogTable, where: string): Promise<void> {
  const nullable = table.key.filter(
    ({ name }) => table.columns.find((column) => column.name === name)?.nullable,
  );
  if (nullable.length === 0) return;
  const isNull = nullable.map(({ sql }) => `${sql} IS NULL`).join(' OR ');
  const found = await session.query(
    where,
    `SELECT 1 ${fromTable(table)} WHERE (${isNull})${filterOf(table)} LIMIT 1`,
  );
  if (found.length > 0)
    throw new TidemarkError(
      'KeyViolated',
      `${where}: a row has NULL in its key (${nullable.map(({ name }) => name).join(', ')})`,
    );
}

/** The planner's, of a relation that has no storage of its own. */
async function estimatedRows(session: Session, table: CatalogTable, where: string): Promise<number> {
  const [row] = await session.query(
    where,
    `EXPLAIN (FORMAT JSON) SELECT 1 ${fromTable(table)} WHERE true${filterOf(table)}`,
  );
  const [explained] = JSON.parse(row?.[0] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return Math.max(1, Math.round(explained?.Plan['Plan Rows'] ?? 1));
}
