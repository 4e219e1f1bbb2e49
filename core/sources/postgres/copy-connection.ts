/** A session that brings the rows of a table by COPY. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { RowConnection } from '../reading/statement-queue.ts';
import { repeatedKey } from '../repeated-key.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { type DescribedColumn, sendStatement } from './copy-stream.ts';
import { serverFailure, sourceFailure } from './errors.ts';
import { copyRange } from './statement.ts';

export type CopyConnection = RowConnection & { readonly session: Session };

/** @param upTo the end of the range */
export function copyConnection(session: Session, table: CatalogTable, upTo: string): CopyConnection {
  const where = formatTableName(table.description);
  const names = table.key.map(({ name }) => name).join(', ');
  return {
    session,
    get spent() {
      return session.spent;
    },
    recycle: (bytes) => session.tap.recycle(bytes),
    rest: (on) => session.tap.rest(on),
    destroy: () => session.destroy(),
    ask(after, rowsWanted, events) {
      let rows = 0;
      session.onLost((error) => events.failed(sourceFailure(where, error)));
      return sendStatement(session, where, copyRange(table, after, upTo, rowsWanted), {
        described(columns, select) {
          if (select === 0) checkColumns(table, columns);
        },
        selected(first, select) {
          if (select === 0)
            throw repeatedKey(
              where,
              table.key.map(({ name }) => name),
            );
          throw new TidemarkError(
            'TableChanged',
            `${where}: the key ${names} was ordered by collation ${table.key
              .flatMap(({ collation }) => collation?.description ?? [])
              .join(', ')}, is now by ${first}`,
          );
        },
        copying(fields) {
          if (fields !== table.columns.length + table.keyTexts.length)
            throw new TidemarkError('ProtocolViolation', `${where}: COPY brings ${fields} columns`);
        },
        segment(segment) {
          rows += segment.rows;
          events.segment(segment);
        },
        ready(error, counted) {
          session.onLost(null);
          if (error !== null) events.failed(serverFailure(where, error));
          else if (counted !== rows)
            events.failed(
              new TidemarkError('ProtocolViolation', `${where}: ${rows} of ${counted} rows came`),
            );
          else events.ended();
        },
        broken: (error) => events.failed(sourceFailure(where, error)),
      });
    },
  };
}

function checkColumns(table: CatalogTable, described: readonly DescribedColumn[]): void {
  for (const [i, column] of table.columns.entries()) {
    const now = described[i];
    if (column.constant !== undefined) continue;
    const same =
      now?.tableId === table.tableId &&
      now.columnId === column.id &&
      now.typeId === column.typeId &&
      now.modifier === column.modifier;
    if (!same)
      throw new TidemarkError(
        'TableChanged',
        `${formatTableName(table.description)}: column ${column.name} has changed while it was read`,
      );
  }
}
