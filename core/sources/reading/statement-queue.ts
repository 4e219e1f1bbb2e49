/**
 * Runs the short statements of a range one after the other and queues what they bring. The socket is always
 * drained, so that the server never waits in the middle of a statement for a consumer that encodes or uploads;
 * memory stays bounded because a statement is (at most `statementBytesMax`), and the next one is asked for only
 * when less than one statement's bytes wait.
 */
import type { ReadLimits } from '../source.ts';
import { activeClock } from './active-clock.ts';
import { pace, statementBytes, statementBytesMax } from './pace.ts';
import type { Segment } from './segment.ts';

/** What becomes of a statement. */
export type StatementEvents = {
  segment(segment: Segment): void;
  /** All of its rows have come. */
  ended(): void;
  /** The connection is of no use any more. */
  failed(error: unknown): void;
};

/** One connection, that is asked for rows. */
export type RowConnection = {
  readonly spent: boolean;
  /** Asks for the rows behind the key `after`, so many at most. Returns what ends the watch over the answer. */
  ask(after: string | null, rows: number, events: StatementEvents): () => void;
  /** Nothing refers to this chunk's memory any more. */
  recycle(bytes: Buffer): void;
  /** Lets the server wait in the middle of a statement, or go on. */
  rest(on: boolean): void;
  /** Ends it at once, whatever the server is doing. */
  destroy(): void;
};

export type StatementQueue<Connection> = {
  /** the rows to decode next; null: none has come yet, see `state` */
  first(): Segment | null;
  /** The first segment is decoded. */
  shift(): void;
  /** `ended`: no more rows will come, save those that are queued */
  readonly state: 'running' | 'ended' | { readonly failed: unknown };
  /** Resolves when `first` or `state` changes, or after so long. */
  change(withinMs: number): Promise<void>;
  /** Ends it. The connection, if it is still of use. */
  stop(): Connection | null;
};

export type StatementOptions<Connection> = {
  readonly first: Connection;
  /** another connection: a statement that is cut off costs its own */
  open(): Promise<Connection>;
  /** behind which the first statement begins */
  readonly after: string | null;
  readonly limits: ReadLimits;
  /** a guess of a row's width; null: unknown */
  readonly rowBytes: number | null;
  /** The key of the last row of a segment, as text. Null: there is no key, one statement brings all rows. */
  readonly lastKey: ((segment: Segment) => string) | null;
};

export function runStatements<Connection extends RowConnection>(
  options: StatementOptions<Connection>,
): StatementQueue<Connection> {
  const { open, limits, rowBytes, lastKey } = options;
  const steps = pace(limits, rowBytes);
  const clock = activeClock();
  const queue: Segment[] = [];
  let queuedBytes = 0;
  let state: StatementQueue<Connection>['state'] = 'running';
  let connection: Connection | null = options.first;
  /** where the next statement begins, when there is room for it; undefined: one is under way */
  let next: string | null | undefined = options.after;
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
    connection?.destroy();
    connection = null;
    if (state === 'running') state = { failed: error };
    changed();
  };

  function nextStatement(): void {
    if (next === undefined || state !== 'running' || queuedBytes > statementBytes) return;
    const after = next;
    next = undefined;
    if (connection !== null && !connection.spent) {
      ask(connection, after);
      return;
    }
    const mine = ++serial;
    open().then(
      (opened) => {
        if (mine !== serial) return opened.destroy();
        connection = opened;
        ask(opened, after);
      },
      (error) => {
        if (mine === serial) fail(error);
      },
    );
  }

  function ask(through: Connection, after: string | null): void {
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

    unwatch = through.ask(after, rowsWanted, {
      segment(segment) {
        if (mine !== serial) return;
        queue.push(segment);
        rows += segment.rows;
        bytes += segment.end - segment.start;
        queuedBytes += segment.end - segment.start;
        changed();
        if (lastKey === null) {
          if (queuedBytes > statementBytesMax) through.rest(true);
          return;
        }
        const now = clock.ms();
        first ??= { at: now, rows };
        const late = steps.isLate(now - first.at, rows - first.rows, rowsWanted - rows);
        if (rows < rowsWanted && !late && bytes < statementBytesMax) return;
        // now: once it is decoded, its memory is used again
        resumeAt = lastKey(segment);
        if (rows >= rowsWanted) return;
        // too much or too long: the rows so far are whole rows of one statement, and count
        serial++;
        unwatch();
        through.destroy();
        connection = null;
        finished(late);
      },
      ended() {
        if (mine === serial) finished(false);
      },
      failed(error) {
        if (mine === serial) fail(error);
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
        if (queue[0]?.bytes.buffer !== segment.bytes.buffer) connection?.recycle(segment.bytes);
        if (lastKey === null && queuedBytes <= statementBytes) connection?.rest(false);
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
      if (state === 'running' && next === undefined) connection?.destroy();
      const left = connection;
      connection = null;
      state = 'ended';
      return left === null || left.spent ? null : left;
    },
  };
}
