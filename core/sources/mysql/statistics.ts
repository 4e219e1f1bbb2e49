/** What the planner asks for: sizes, the ends of the key, and keys that cut the table into pieces. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import {
  bytesScale,
  dateScale,
  dateTimeScale,
  decimalScale,
  floatScale,
  integerScale,
  type KeyScale,
  mariadbUuidScale,
  textScale,
  timeScale,
} from '../key-scales.ts';
import { joinKey } from '../key-text.ts';
import type { TableStatistics } from '../source.ts';
import { type KeySpace, sampleOf, splitKeys } from '../split-keys.ts';
import type { CatalogKeyColumn, CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { askKey } from './key-rows.ts';
import { filterOf, fromTable, keyQueries } from './statement.ts';

/** Pieces of a chunk: so many, or fewer where that would be … */
const piecesPerChunk = 8;
/** … more than these of a table. Each costs four questions of less than a millisecond, and the ways to the server. */
const piecesMax = 16_000;
const questionsPerPiece = 8;

/**
 * @param sampleKeys about how many keys the sample should have
 * @param chunkRows about how many rows a chunk shall have
 */
export async function measureTable(
  session: Session,
  table: CatalogTable,
  sampleKeys: number,
  chunkRows: number,
): Promise<TableStatistics> {
  const { rows, bytes, kind } = table.relation;
  if (table.key.length === 0) return { rows, bytes, min: '', max: '', sample: [] };
  await checkNoNulls(session, table);
  const min = await askKey(session, table, keyQueries.least(table));
  const max = await askKey(session, table, keyQueries.greatest(table));
  if (min === null || max === null) return { rows: 0, bytes, min: null, max: null, sample: [] };
  const ends = { bytes, min: joinKey(min), max: joinKey(max) };
  // nothing says that a view's rows can be had in the order of its key without reading all of them
  if (kind === 'view') return { ...ends, rows: await estimatedRows(session, table), sample: [] };

  const pieceRows = Math.ceil(Math.max(chunkRows / piecesPerChunk, rows / piecesMax));
  const pieces = await splitKeys(keySpace(session, table), min, max, {
    rows: pieceRows,
    questions: questionsPerPiece * Math.min(piecesMax, 64 + (4 * rows) / pieceRows),
  });
  const found = pieces.map((piece) => ({ last: joinKey(piece.last), rows: piece.rows }));
  return {
    ...ends,
    rows: Math.max(
      1,
      likelyRows(
        rows,
        found.reduce((sum, piece) => sum + piece.rows, 0),
      ),
    ),
    sample: sampleOf(found, sampleKeys),
  };
}

/** Estimates of pieces may be twice what is there: they say how pieces compare. The engine's count may be very old. */
const likelyRows = (counted: number, estimated: number): number =>
  counted * 4 > estimated ? counted : estimated;

function scaleOf({ form, text, scale }: CatalogKeyColumn): KeyScale {
  switch (form) {
    case 'integer':
      return integerScale;
    case 'decimal':
      return decimalScale(scale);
    case 'float':
      return floatScale;
    case 'date':
      return dateScale;
    case 'datetime':
      return dateTimeScale;
    case 'time':
      return timeScale;
    case 'uuid':
      return mariadbUuidScale;
    case 'bytes':
      return bytesScale;
    case 'text':
      return textScale(/_bin$/.test(text?.collation ?? '') ? 'codes' : 'dictionary');
  }
}

/** The table's keys, by its index: each question reads one entry of it, or none (EXPLAIN). */
function keySpace(session: Session, table: CatalogTable): KeySpace {
  const where = formatTableName(table.description);
  const { lastBefore, firstAfter, all } = keyQueries;
  return {
    scales: table.key.map(scaleOf),
    lastBefore: (probe, after, upTo) => askKey(session, table, lastBefore(table, probe, after, upTo)),
    firstAfter: (after, upTo) => askKey(session, table, firstAfter(table, after, upTo)),
    estimate: (after, upTo) => explainedRows(session, where, all(table, after, upTo)),
  };
}

/** The optimizer's estimate; of what the index proves to be empty there is none: 0. */
async function explainedRows(session: Session, where: string, select: string): Promise<number> {
  const explained = await session.query(where, `EXPLAIN FORMAT=TRADITIONAL ${select}`);
  // MySQL has two columns more than MariaDB: partitions, and filtered behind the rows
  const at = session.server.family === 'MariaDB' ? 8 : 9;
  return Math.max(0, ...explained.map((row) => Number(row[at] ?? 0)));
}

/** Of a view; 1 for who may not see what lies behind it, and is told no plan. It is one chunk in any case. */
async function estimatedRows(session: Session, table: CatalogTable): Promise<number> {
  const where = formatTableName(table.description);
  const rows = explainedRows(session, where, `SELECT 1 ${fromTable(table)} WHERE true${filterOf(table)}`);
  return Math.max(
    1,
    await rows.catch((error) => {
      if (error instanceof TidemarkError && error.kind === 'source') return 1;
      throw error;
    }),
  );
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
