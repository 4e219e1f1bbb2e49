/** A range of a table → batches. */
import { formatTableName } from '../../definition/table-name.ts';
import type { Batch } from '../../formats/column.ts';
import { readBatches } from '../reading/read-batches.ts';
import { lastKeyOf, type RowForm, rowDecoder } from '../reading/row-decoder.ts';
import { runStatements } from '../reading/statement-queue.ts';
import type { SessionPool } from '../session-pool.ts';
import type { KeyRange, ReadLimits } from '../source.ts';
import type { CatalogTable } from './catalog.ts';
import { columnDecoder } from './column-decoders.ts';
import type { CatalogColumn } from './columns.ts';
import type { Session } from './connect.ts';
import { keyText } from './keys.ts';
import { type FirstDescribed, type TableConnection, tableConnection } from './row-connection.ts';
import { rowFrames } from './row-frames.ts';
import { widthOf } from './type-map.ts';

function rowForm(table: CatalogTable): RowForm<CatalogColumn> {
  const name = formatTableName(table.description);
  const { columns, key } = table;
  const widths = columns.map(({ wire }) => widthOf(wire));
  return {
    ...{ name, columns, fields: columns.length, frames: rowFrames(name, widths), decoder: columnDecoder },
    key: key.map(({ name: column, at, wire }) => ({
      ...{ name: column, at, ignored: null },
      text: (view, bytes, from, length) => keyText(wire, view, bytes, from, length),
    })),
  };
}

/** See `Source.read`. @param table as the catalog has it now, narrowed to the columns to read */
export async function* readRange(
  first: Session,
  sessions: Pick<SessionPool<Session>, 'open' | 'giveBack'>,
  table: CatalogTable,
  range: KeyRange,
  limits: ReadLimits,
): AsyncGenerator<Batch, void, undefined> {
  const form = rowForm(table);
  const described: FirstDescribed = { columns: null };
  const connect = (session: Session): TableConnection =>
    tableConnection(session, table, range.upTo, described);
  const { rows, bytes } = table.relation;
  const statements = runStatements({
    first: connect(first),
    open: async () => connect(await sessions.open()),
    after: range.after,
    ...{ limits, rowBytes: rows > 0 && bytes > 0 ? bytes / rows : null },
    lastKey: table.key.length === 0 ? null : (segment) => lastKeyOf(segment, form),
  });
  try {
    yield* readBatches(statements, rowDecoder(form), limits.batchRows);
  } finally {
    sessions.giveBack(statements.stop()?.session ?? null);
  }
}
