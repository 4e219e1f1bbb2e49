/** A range of a table → batches: statements on one side, the decoder on the other. */
import { setImmediate as turn } from 'node:timers/promises';
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { type Batch, batchBytesMax, batchRowsMax } from '../../formats/column.ts';
import type { KeyRange, ReadLimits, TableDescription } from '../source.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { rowDecoder } from './decoder.ts';
import { runStatements } from './statements.ts';

/** A batch that has rows is not held back for longer than this: a slow source still shows progress. */
const batchMsMax = 1_000;

export type Sessions = {
  open(): Promise<Session>;
  /** null: the session is of no use any more */
  giveBack(session: Session | null): void;
};

/** See `Source.read`. @param table as the catalog has it now, narrowed to the columns to read */
export async function* readRange(
  first: Session,
  sessions: Sessions,
  table: CatalogTable,
  range: KeyRange,
  limits: ReadLimits,
): AsyncGenerator<Batch, void, undefined> {
  const decoder = rowDecoder({
    name: formatTableName(table.description),
    columns: table.columns,
    keyAt: table.keyAt,
    keyWire: table.keyWire,
  });
  const batchRows = Math.max(1, Math.min(batchRowsMax, limits.batchRows));
  const statements = runStatements(first, sessions.open, table, range, limits);
  try {
    // where in the first segment the next row begins; -1: a new segment
    let at = -1;
    for (;;) {
      const begun = performance.now();
      while (decoder.rows < batchRows) {
        const segment = statements.first();
        if (segment === null) {
          const waitMs = decoder.rows === 0 ? batchMsMax : batchMsMax - (performance.now() - begun);
          if (statements.state !== 'running' || waitMs <= 0) break;
          await statements.change(waitMs);
          continue;
        }
        if (at < 0) at = segment.start;
        if (decoder.rows > 0 && decoder.bytes + segment.end - at > batchBytesMax) break;
        at = decoder.decode(segment, at, batchRows - decoder.rows);
        if (at < segment.end) break;
        at = -1;
        statements.shift();
      }
      if (decoder.rows > 0) {
        // promises alone never let the socket be read: it is drained before a batch is encoded and afterwards
        await turn();
        yield {
          rows: decoder.rows,
          columns: decoder.columns,
          firstKey: decoder.firstKey,
          lastKey: decoder.lastKey(),
        };
        decoder.clear();
        await turn();
      } else if (statements.state === 'ended') return;
      else if (statements.state !== 'running') throw statements.state.failed;
    }
  } finally {
    sessions.giveBack(statements.stop());
  }
}

/**
 * The catalog's table, narrowed to the columns that the description has. Columns that were added since stay
 * out. Throws `TableChanged` where the description does not hold any more.
 */
export function asPlanned(catalog: CatalogTable, planned: TableDescription): CatalogTable {
  const where = formatTableName(planned);
  const changed = (what: string): TidemarkError => new TidemarkError('TableChanged', `${where}: ${what}`);
  if (catalog.description.identity !== planned.identity)
    throw changed('it is another table than the one that was planned (dropped and made anew, or restored)');
  const columns = planned.columns.map((column): CatalogColumn => {
    const now = catalog.columns.find((one) => one.id === (column.number ?? column.id));
    if (now === undefined) throw changed(`column ${column.name} is gone`);
    if (now.name !== column.name) throw changed(`column ${column.name} is now called ${now.name}`);
    if (now.sourceType !== column.sourceType || now.transfer !== column.transfer)
      throw changed(`column ${column.name} was ${column.sourceType}, is now ${now.sourceType}`);
    if (now.nullable && !column.nullable) throw changed(`column ${column.name} may be NULL now`);
    return { ...now, nullable: column.nullable };
  });
  const keyAt = columns.findIndex((column) => column.name === planned.key.column);
  if (keyAt < 0) throw changed(`the key ${planned.key.column} is not among its columns`);
  const { collation } = planned.key;
  const collationNow = catalog.description.key.collation;
  if (collation !== collationNow)
    throw changed(
      `the key ${planned.key.column} was ordered by collation ${collation ?? 'unknown'}, is now by ${collationNow ?? 'none'}`,
    );
  return { ...catalog, columns, keyAt };
}
