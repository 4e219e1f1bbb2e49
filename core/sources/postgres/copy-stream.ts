/**
 * The frames of PostgreSQL's protocol (version 3) that answer one statement.
 * (https://www.postgresql.org/docs/17/protocol-message-formats.html and, for the rows, sql-copy.html)
 */
import { TidemarkError } from '../../errors.ts';
import { frameCutter } from '../reading/frames.ts';
import type { Segment } from '../reading/segment.ts';
import { nothingCame, silenceWatch } from '../reading/silence.ts';
import type { Session } from './connect.ts';
import type { ServerError } from './errors.ts';

/** What RowDescription says of a column. */
export type DescribedColumn = {
  readonly tableId: number;
  readonly columnId: number;
  readonly typeId: number;
  readonly modifier: number;
};

export type StatementHandlers = {
  /** the RowDescription of the nth SELECT (from 0) before the COPY; throws to stop */
  described(columns: readonly DescribedColumn[], select: number): void;
  /** a row of that SELECT, its first value as text; throws to stop */
  selected(first: string, select: number): void;
  copying(fields: number): void;
  segment(segment: Segment): void;
  /** ReadyForQuery; `rows` as CommandComplete of the COPY counts them */
  ready(error: ServerError | null, rows: number): void;
  /** what came is no answer to the statement, nothing came for too long, or a handler threw */
  broken(error: unknown): void;
};

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const copyData = 0x64;
/** type and length */
const headBytes = 5;

const violation = (what: string): TidemarkError =>
  new TidemarkError('ProtocolViolation', `PostgreSQL's answer to COPY: ${what}`);

/**
 * Sends one simple query and takes the socket's data until ReadyForQuery, then gives it back to `pg`. After
 * `broken` the connection is of no use. Returns what ends the wait for an answer that nobody wants any more.
 * @param where begins the messages: `public.orders`
 */
export function sendStatement(
  session: Session,
  where: string,
  sql: string,
  handlers: StatementHandlers,
): () => void {
  const { tap, stream, silenceMsMax } = session;
  const broken = (error: unknown): void => {
    watch.stop();
    tap.take(() => {});
    handlers.broken(error);
  };
  const watch = silenceWatch(silenceMsMax, () => broken(nothingCame(where, silenceMsMax)));
  const feed = frameReader(where, handlers, () => {
    watch.stop();
    tap.take(null);
  });
  tap.take((chunk) => {
    watch.heard();
    try {
      feed(chunk);
    } catch (error) {
      broken(error);
    }
  });
  const text = Buffer.from(`${session.settled(sql)}\0`, 'utf8');
  const head = Buffer.alloc(headBytes);
  head.write('Q');
  head.writeUInt32BE(text.length + 4, 1);
  stream.write(Buffer.concat([head, text]));
  return watch.stop;
}

function frameReader(
  where: string,
  handlers: StatementHandlers,
  giveBack: () => void,
): (chunk: Buffer) => void {
  let headerSeen = false;
  let error: ServerError | null = null;
  let rows = 0;
  /** SELECTs that have been described */
  let selects = 0;

  function control(type: number, frame: Buffer): void {
    switch (String.fromCharCode(type)) {
      case 'T':
        handlers.described(describedColumns(frame), selects++);
        return;
      case 'D':
        handlers.selected(firstValue(frame), selects - 1);
        return;
      case 'H':
        if (frame[headBytes] !== 1) throw violation('not binary');
        handlers.copying(frame.readInt16BE(headBytes + 1));
        return;
      case 'C': {
        const tag = frame.toString('latin1', headBytes, frame.length - 1);
        if (tag.startsWith('COPY ')) rows = Number(tag.slice(5));
        return;
      }
      case 'E':
        error = serverError(frame);
        return;
      case 'Z':
        giveBack();
        handlers.ready(error, rows);
        return;
      case 'c': // CopyDone
      case 'N': // notice
      case 'S': // parameter status
      case 'A': // notification
        return;
      default:
        throw violation(`unexpected message ${String.fromCharCode(type)}`);
    }
  }

  /** The first CopyData begins with the file's header; what follows it may be the first row already. */
  function firstData(frame: Buffer): void {
    headerSeen = true;
    const fixed = headBytes + signature.length + 8;
    if (
      frame.length < fixed ||
      frame.compare(signature, 0, signature.length, headBytes, headBytes + 11) !== 0
    )
      throw violation('no binary header');
    const rest = frame.subarray(fixed + frame.readInt32BE(fixed - 4));
    if (rest.length <= 2) return;
    const row = Buffer.alloc(headBytes + rest.length);
    row[0] = copyData;
    row.writeInt32BE(rest.length + 4, 1);
    rest.copy(row, headBytes);
    handlers.segment({ bytes: row, start: 0, end: row.length, rows: 1, lastRow: 0 });
  }

  return frameCutter(where, {
    headBytes,
    bytes: (chunk, at) => 1 + chunk.readUInt32BE(at + 1),
    // a frame of two bytes is the trailer: a field count of -1
    isRow: (chunk, at, bytes) => chunk[at] === copyData && headerSeen && bytes !== 7,
    control(frame) {
      const [type] = frame as unknown as [number];
      if (type !== copyData) control(type, frame);
      else if (!headerSeen) firstData(frame);
    },
    segment: handlers.segment,
  });
}

/** Of a DataRow with at least one column. */
function firstValue(frame: Buffer): string {
  const at = headBytes + 2;
  const length = frame.readInt32BE(at);
  return length < 0 ? '' : frame.toString('utf8', at + 4, at + 4 + length);
}

function describedColumns(frame: Buffer): DescribedColumn[] {
  const columns: DescribedColumn[] = [];
  let at = headBytes + 2;
  for (let i = frame.readInt16BE(headBytes); i > 0; i--) {
    at = frame.indexOf(0, at) + 1;
    columns.push({
      tableId: frame.readUInt32BE(at),
      columnId: frame.readInt16BE(at + 4),
      typeId: frame.readUInt32BE(at + 6),
      modifier: frame.readInt32BE(at + 12),
    });
    at += 18;
  }
  return columns;
}

/** Of an ErrorResponse the SQLSTATE and the primary message: its details may quote rows. */
function serverError(frame: Buffer): ServerError {
  const fields = new Map<string, string>();
  for (let at = headBytes; at < frame.length && frame[at] !== 0; ) {
    const end = frame.indexOf(0, at + 1);
    fields.set(String.fromCharCode(frame[at] as number), frame.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return { sqlState: fields.get('C') ?? 'XX000', message: fields.get('M') ?? '' };
}
