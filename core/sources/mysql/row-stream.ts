/**
 * One statement by the protocol for prepared ones, on the socket itself: prepared, executed, its rows handed on where
 * they lie.
 */
import { TidemarkError } from '../../errors.ts';
import { frameCutter } from '../reading/frames.ts';
import { rowBytesMax, rowTooLong, type Segment } from '../reading/segment.ts';
import { nothingCame, silenceWatch } from '../reading/silence.ts';
import type { Session } from './connect.ts';
import type { ServerError } from './errors.ts';
import {
  closeCommand,
  type DescribedColumn,
  describedColumn,
  executeCommand,
  headBytes,
  lengthAt,
  packetBytesMax,
  payloadBytes,
  prepareCommand,
  serverError,
} from './packets.ts';
import { longHeadBytes } from './row-frames.ts';

export type StatementHandlers = {
  /** the columns of the answer, before its rows; throws to stop */
  described(columns: readonly DescribedColumn[]): void;
  segment(segment: Segment): void;
  /** the answer has ended */
  ready(error: ServerError | null): void;
  /** what came is no answer to the statement, nothing came for too long, or a handler threw */
  broken(error: unknown): void;
};

const violation = (what: string): TidemarkError =>
  new TidemarkError('ProtocolViolation', `the server's answer to a prepared statement: ${what}`);

/**
 * Takes the socket's data until the answer has ended, then gives it back to `mysql2`. After `broken` the connection is
 * of no use. Returns what ends the wait for an answer that nobody wants any more.
 * @param where begins the messages: `shop.orders`
 */
export function sendStatement(
  session: Pick<Session, 'tap' | 'stream' | 'silenceMsMax' | 'extendedMetadata' | 'eofPackets'>,
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
  const feed = answerReader(where, session, handlers, {
    send: (packet) => stream.write(packet),
    over() {
      watch.stop();
      tap.take(null);
    },
  });
  tap.take((chunk) => {
    watch.heard();
    try {
      feed(chunk);
    } catch (error) {
      broken(error);
    }
  });
  stream.write(prepareCommand(sql));
  return watch.stop;
}

type Line = {
  send(packet: Buffer): void;
  /** The data are somebody else's again. */
  over(): void;
};

/** What comes next. `rows`: also what ends them. */
type Phase = 'prepared' | 'prepared columns' | 'executed' | 'columns' | 'end of columns' | 'rows' | 'over';

function answerReader(
  where: string,
  session: Pick<Session, 'extendedMetadata' | 'eofPackets'>,
  handlers: StatementHandlers,
  line: Line,
): (chunk: Buffer) => void {
  const { extendedMetadata, eofPackets } = session;
  let phase: Phase = 'prepared';
  let id: number | null = null;
  /** definitions that are still to come, with the packet that ends them */
  let toCome = 0;
  let columns: DescribedColumn[] = [];
  /** a row that comes in several packets, and its bytes so far */
  let long: { memory: Buffer; bytes: number } | null = null;

  function end(error: ServerError | null): void {
    phase = 'over';
    if (id !== null) line.send(closeCommand(id));
    line.over();
    handlers.ready(error);
  }

  function control(frame: Buffer): void {
    const bytes = frame.length - headBytes;
    if (long !== null || (phase === 'rows' && bytes === packetBytesMax)) {
      longRow(frame);
      return;
    }
    const type = frame[headBytes];
    if (type === 0xff) {
      end(serverError(frame));
      return;
    }
    switch (phase) {
      case 'prepared': {
        if (type !== 0 || bytes < 12) throw violation('it is not prepared');
        id = frame.readUInt32LE(headBytes + 1);
        const count = frame.readUInt16LE(headBytes + 5);
        if (count === 0 || frame.readUInt16LE(headBytes + 7) !== 0)
          throw violation('it has no columns, or parameters');
        toCome = count + (eofPackets ? 1 : 0);
        phase = 'prepared columns';
        return;
      }
      case 'prepared columns':
        if (--toCome > 0) return;
        phase = 'executed';
        line.send(executeCommand(id as number));
        return;
      case 'executed':
        [toCome] = lengthAt(frame, headBytes);
        columns = [];
        phase = 'columns';
        return;
      case 'columns':
        columns.push(describedColumn(frame, extendedMetadata));
        if (--toCome > 0) return;
        phase = eofPackets ? 'end of columns' : 'rows';
        handlers.described(columns);
        return;
      case 'end of columns':
        phase = 'rows';
        return;
      case 'rows':
        if (type !== 0xfe) throw violation('neither a row nor an end');
        end(null);
        return;
      case 'over':
        throw violation('more than the answer came');
    }
  }

  function longRow(frame: Buffer): void {
    const bytes = frame.length - headBytes;
    long ??= { memory: Buffer.allocUnsafeSlow(longHeadBytes + 2 * packetBytesMax), bytes: longHeadBytes };
    const needed = long.bytes + bytes;
    if (needed > rowBytesMax)
      throw new TidemarkError('ValueNotRepresentable', `${where}: ${rowTooLong(needed)}`);
    if (needed > long.memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(rowBytesMax, 2 * long.memory.length));
      long.memory.copy(larger, 0, 0, long.bytes);
      long.memory = larger;
    }
    frame.copy(long.memory, long.bytes, headBytes);
    long.bytes = needed;
    if (bytes === packetBytesMax) return;
    const { memory } = long;
    memory.writeUInt32LE(packetBytesMax, 0);
    memory.writeUInt32LE(needed - longHeadBytes, headBytes);
    long = null;
    handlers.segment({ bytes: memory, start: 0, end: needed, rows: 1, lastRow: 0 });
  }

  return frameCutter(where, {
    headBytes,
    bytes: (chunk, at) => headBytes + payloadBytes(chunk, at),
    isRow: (chunk, at, bytes) =>
      phase === 'rows' && long === null && chunk[at + headBytes] === 0 && bytes < headBytes + packetBytesMax,
    control,
    segment: handlers.segment,
  });
}
