/** What the planner asks for: sizes, the ends of the key. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { TableStatistics } from '../source.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { askKeys } from './key-rows.ts';
import { filterOf, fromTable, orderBy } from './statement.ts';

/** @param sampleKeys about how many keys the sample should have */
export async function measureTable(
  session: Session,
  table: CatalogTable,
  _sampleKeys: number,
): Promise<TableStatistics> {
  const { rows, bytes } = table.relation;
  if (table.description.key.by !== 'columns') return { rows, bytes, min: '', max: '', sample: [] };
  const ends = (direction: '' | ' DESC') =>
    askKeys(session, table, `${fromTable(table)} ${orderBy(table, direction)} LIMIT 1`);
  await checkNoNulls(session, table);
  // all of the table's keys: with a condition, the least that fulfils it may be far from the first
  const [min] = await ends('');
  const [max] = await ends(' DESC');
  if (min === undefined || max === undefined) return { rows: 0, bytes, min: null, max: null, sample: [] };
  return { rows: Math.max(1, rows), bytes, min, max, sample: [] };
}

/** Ranges of a key hold no NULLs: such rows would be lost. Columns that are NOT NULL have none. */
async function checkNoNulls(session: Session, table: CatalogTable): Promise<void> {
  const where = formatTableName(table.description);
  const nullable = table.key.filter(
    ({ name }) => table.columns.find((column) => column.name === name)?.nullable,
  );
  if (nullable.length === 0) return;
  const isNull = nullable.map(({ sql }) => `${sql} IS NULL`).join(' OR ');
  const found = await session.query(
    where,
    `SELECT 'NULL' ${fromTable(table)} WHERE (${isNull})${filterOf(table)} LIMIT 1`,
  );
  if (found.length > 0)
    throw new TidemarkError(
      'KeyViolated',
      `${where}: a row has NULL in its key (${nullable.map(({ name }) => name).join(', ')})`,
    );
}
