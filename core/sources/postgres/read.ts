/** A range of a table → batches. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
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
import { type CopyConnection, copyConnection } from './copy-connection.ts';
import { copyFrames } from './copy-frames.ts';
import { keyText } from './keys.ts';
import { isUnmoved, type PlaceState, placeState } from './place-state.ts';

/** A numeric's display scale says nothing about its value: 1.0 is 1.00. */
const displayScale = [6, 8] as const;

function rowForm(table: CatalogTable): RowForm<CatalogColumn> {
  const name = formatTableName(table.description);
  const { columns, key, keyTexts } = table;
  const fields = columns.length + keyTexts.length;
  return {
    ...{ name, columns, fields, frames: copyFrames(name, fields), decoder: columnDecoder },
    key: key.map(({ name: column, at, wire }) => ({
      ...{ name: column, at, ignored: wire === 'numeric' ? displayScale : null },
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
  try {
    await checkUnmoved(first, table);
  } catch (error) {
    sessions.giveBack(first);
    throw error;
  }
  const form = rowForm(table);
  const connect = (session: Session): CopyConnection => copyConnection(session, table, range.upTo);
  const statements = runStatements({
    first: connect(first),
    open: async () => connect(await sessions.open()),
    after: range.after,
    ...{ limits, rowBytes: table.rowBytes },
    lastKey: table.key.length === 0 ? null : (segment) => lastKeyOf(segment, form),
  });
  let left: Session | null = null;
  try {
    yield* readBatches(statements, rowDecoder(form), limits.batchRows);
    left = statements.stop()?.session ?? null;
    if (table.description.key.by === 'place') {
      left ??= await sessions.open();
      await checkUnmoved(left, table);
    }
  } finally {
    sessions.giveBack(left ?? statements.stop()?.session ?? null);
  }
}

/** Before the first row, and before the last part of the range is committed: all rows lie where they lay. */
async function checkUnmoved(session: Session, { description, tableId }: CatalogTable): Promise<void> {
  const { key } = description;
  if (key.by !== 'place') return;
  const where = formatTableName(description);
  if (isUnmoved(JSON.parse(key.state) as PlaceState, await placeState(session, where, tableId))) return;
  throw new TidemarkError(
    'TableChanged',
    `${where}: its rows have been updated or written anew since it was planned, or the server has begun to count anew; without a key to go by, some of them may be missing or doubled`,
  );
}
