/**
 * Runs the short statements of a range one after the other and queues what they bring. The socket is always
 * drained, so that the server never waits in the middle of a statement for a consumer that encodes or uploads;
 * memory stays bounded because a statement is (at most `statementBytesMax`), and the next one is asked for only
 * when less than one statement's bytes wait.
 */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { KeyRange, ReadLimits } from '../source.ts';
import { activeClock } from './active-clock.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { type DescribedColumn, type Segment, sendStatement } from './copy-stream.ts';
import { keyOfRow } from './decoder.ts';
import { serverFailure, sourceFailure } from './errors.ts';
import { pace, statementBytes, statementBytesMax } from './pace.ts';
import { copyRange } from './statement.ts';

export type StatementQueue = {
  /** the rows to decode next; null: none has come yet, see `state` */
  first(): Segment | null;
  /** The first segment is decoded. */
  shift(): void;
  /** `ended`: no more rows will come, save those that are queued */
  readonly state: 'running' | 'ended' | { readonly failed: unknown };
  /** Resolves when `first` or `state` changes, or after so long. */
  change(withinMs: number): Promise<void>;
  /** Ends it. The session, if it is still of use. */
  stop(): Session | null;
};

/** @param open makes another connection: a statement that is cut off costs its own */
export function runStatements(
  firstSession: Session,
  open: () => Promise<Session>,
  table: CatalogTable,
  range: KeyRange,
  limits: ReadLimits,
): StatementQueue {
  const where = formatTableName(table.description);
  const steps = pace(limits, table.rowBytes);
  const clock = activeClock();
  const queue: Segment[] = [];
  let queuedBytes = 0;
  let state: StatementQueue['state'] = 'running';
  let session: Session | null = firstSession;
  /** where the next statement begins, when there is room for it; undefined: one is under way */
  let next: string | null | undefined = range.after;
  /** of the statement under way; events of a former one count no more */
  let serial = 0;
  let wake: (() => void) | null = null;
  /** ends the watch over the statement under way */
  let unwatch = (): void => {};

  const changed = (): void => {
    const waiting = wake;
    wake = null;
    waiting?.();
  };
  const fail = (error: unknown): void => {
    serial++;
    unwatch();
    session?.destroy();
    session = null;
    if (state === 'running') state = { failed: error };
    changed();
  };

  function nextStatement(): void {
    if (next === undefined || state !== 'running' || queuedBytes > statementBytes) return;
    const after = next;
    next = undefined;
    if (session !== null && !session.spent) {
      send(session, after);
      return;
    }
    const mine = ++serial;
    open().then(
      (opened) => {
        if (mine !== serial) return opened.destroy();
        session = opened;
        send(opened, after);
      },
      (error) => {
        if (mine === serial) fail(error);
      },
    );
  }

  function send(through: Session, after: string | null): void {
    const mine = ++serial;
    const rowsWanted = steps.rows;
    const begun = clock.ms();
    let rows = 0;
    let bytes = 0;
    /** when its first rows came, and how many they were */
    let first: { readonly at: number; readonly rows: number } | null = null;
    /** where the next statement begins; null: this one found less than it asked for */
    let resumeAt: string | null = null;

    const finished = (late: boolean): void => {
      steps.took(rows, bytes, clock.ms() - begun, late);
      if (resumeAt === null) state = 'ended';
      else next = resumeAt;
      nextStatement();
      changed();
    };

    through.onLost((error) => {
      if (mine === serial) fail(sourceFailure(where, error));
    });
    unwatch = sendStatement(through, where, copyRange(table, after, range.upTo, rowsWanted), {
      described(columns, select) {
        if (select === 0) checkColumns(table, columns);
      },
      selected(collation, select) {
        const { column } = table.description.key;
        if (select === 0)
          throw new TidemarkError(
            'KeyViolated',
            `${where}: the key column ${column} has the same value twice`,
          );
        throw new TidemarkError(
          'TableChanged',
          `${where}: the key ${column} was ordered by collation ${table.keyCollation?.description}, is now by ${collation}`,
        );
      },
      copying(fields) {
        if (fields !== table.columns.length)
          throw new TidemarkError('ProtocolViolation', `${where}: COPY brings ${fields} columns`);
      },
      segment(segment) {
        if (mine !== serial) return;
        queue.push(segment);
        rows += segment.rows;
        bytes += segment.end - segment.start;
        queuedBytes += segment.end - segment.start;
        changed();
        const now = clock.ms();
        first ??= { at: now, rows };
        const late = steps.isLate(now - first.at, rows - first.rows, rowsWanted - rows);
        if (rows < rowsWanted && !late && bytes < statementBytesMax) return;
        // now: once it is decoded, its memory is used again
        resumeAt = keyOfRow(segment, segment.lastRow, table.keyAt, table.keyWire);
        if (rows >= rowsWanted) return;
        // too much or too long: the rows so far are whole rows of one statement, and count
        serial++;
        unwatch();
        through.destroy();
        session = null;
        finished(late);
      },
      ready(error, counted) {
        if (mine !== serial) return;
        through.onLost(null);
        if (error !== null) return fail(serverFailure(where, error));
        if (counted !== rows)
          return fail(new TidemarkError('ProtocolViolation', `${where}: ${rows} of ${counted} rows came`));
        finished(false);
      },
      broken(error) {
        if (mine === serial) fail(sourceFailure(where, error));
      },
    });
  }

  nextStatement();
  return {
    first: () => queue[0] ?? null,
    shift() {
      const segment = queue.shift();
      if (segment !== undefined) {
        queuedBytes -= segment.end - segment.start;
        // several segments may lie in one chunk
        if (queue[0]?.bytes.buffer !== segment.bytes.buffer) session?.tap.recycle(segment.bytes);
      }
      nextStatement();
    },
    get state() {
      return state;
    },
    change(withinMs) {
      return new Promise((done) => {
        const late = setTimeout(changed, withinMs);
        wake = () => {
          clearTimeout(late);
          done();
        };
      });
    },
    stop() {
      clock.stop();
      serial++;
      unwatch();
      // a statement is under way, or a connection is: `next` is set only between two statements
      if (state === 'running' && next === undefined) session?.destroy();
      const left = session;
      session = null;
      state = 'ended';
      return left === null || left.spent ? null : left;
    },
  };
}

function checkColumns(table: CatalogTable, described: readonly DescribedColumn[]): void {
  for (const [i, column] of table.columns.entries()) {
    const now = described[i];
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
