/** A session that brings the rows of a table by prepared statements. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { wholeStatementMs } from '../in-one-piece.ts';
import type { RowConnection } from '../reading/statement-queue.ts';
import { repeatedKey } from '../repeated-key.ts';
import { type CatalogTable, tableIdentity } from './catalog.ts';
import { type Session, withinMs } from './connect.ts';
import { serverFailure, sourceFailure } from './errors.ts';
import type { DescribedColumn } from './packets.ts';
import { sendStatement } from './row-stream.ts';
import { checkQuery, rangeQuery } from './statement.ts';
import { codesOf } from './type-map.ts';

export type TableConnection = RowConnection & { readonly session: Session };

/** What the first statement of a read says of its columns: the later ones have to say the same. */
export type FirstDescribed = { columns: readonly DescribedColumn[] | null };

/** @param upTo the end of the range */
export function tableConnection(
  session: Session,
  table: CatalogTable,
  upTo: string,
  first: FirstDescribed,
): TableConnection {
  const where = formatTableName(table.description);
  const statement = (after: string | null, rows: number): string => {
    const sql = rangeQuery(table, after, upTo, rows);
    return table.key.length === 0 ? withinMs(session.server, wholeStatementMs, sql) : sql;
  };
  return {
    session,
    get spent() {
      return session.spent;
    },
    recycle: (bytes) => session.tap.recycle(bytes),
    rest: (on) => session.tap.rest(on),
    destroy: () => session.destroy(),
    ask(after, rows, events) {
      let isOver = false;
      let unwatch = (): void => {
        isOver = true;
      };
      checkTable(session, table, after)
        .then(() => {
          if (isOver) return;
          session.onLost((error) => events.failed(sourceFailure(where, error)));
          unwatch = sendStatement(session, where, statement(after, rows), {
            described(columns) {
              checkColumns(table, columns, first);
            },
            segment: events.segment,
            ready(error) {
              session.onLost(null);
              if (error === null) events.ended();
              else events.failed(serverFailure(where, error, true));
            },
            broken: (error) => events.failed(sourceFailure(where, error)),
          });
        })
        .catch((error) => events.failed(error));
      return () => unwatch();
    },
  };
}

async function checkTable(session: Session, table: CatalogTable, after: string | null): Promise<void> {
  const { description, key } = table;
  const where = formatTableName(description);
  const [[created = null, repeated = null] = []] = await session.query(where, checkQuery(table, after));
  if (tableIdentity(description, { created }) !== description.identity)
    throw new TidemarkError(
      'TableChanged',
      `${where}: it has been altered, or dropped and made anew, while it was read`,
    );
  if (repeated === null) return;
  throw repeatedKey(
    where,
    key.map(({ name }) => name),
  );
}

const bytesCharset = 63;

/** Whether values come as they were planned. A column that is cast, or masked, comes as a text. */
function checkColumns(
  table: CatalogTable,
  described: readonly DescribedColumn[],
  first: FirstDescribed,
): void {
  for (const [i, column] of table.columns.entries()) {
    const now = described[i];
    const before = first.columns?.[i];
    const { wire, mask, constant, type } = column;
    const isWide = wire === 'text' || wire === 'uuid' || wire === 'bytes';
    const same =
      mask !== undefined ||
      constant !== undefined ||
      (now !== undefined &&
        codesOf(wire).includes(now.type) &&
        (!/^u?int/.test(wire) || now.unsigned === (wire.startsWith('u') || isUnsignedMedium(column))) &&
        (wire !== 'decimal' || type.kind !== 'decimal' || now.decimals === type.scale) &&
        (!isWide || (now.charset === bytesCharset) === (wire === 'bytes')) &&
        (before === undefined || JSON.stringify(before) === JSON.stringify(now)));
    if (!same)
      throw new TidemarkError(
        'TableChanged',
        `${formatTableName(table.description)}: column ${column.name} has changed while it was read`,
      );
  }
  first.columns ??= described;
}

/** Its values fit a signed number of four bytes, as which they come. */
const isUnsignedMedium = ({ catalogType }: CatalogTable['columns'][number]): boolean =>
  catalogType.name === 'mediumint' && / unsigned/.test(catalogType.full);
