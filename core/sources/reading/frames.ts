/**
 * Frames of a protocol, cut out of the socket's chunks. Rows are not touched: whole frames are handed on where they
 * lie, only one that spans chunks is put together.
 */
import { TidemarkError } from '../../errors.ts';
import { rowBytesMax, rowTooLong, type Segment } from './segment.ts';

export type Framing = {
  /** of a frame's head, which tells how long the frame is */
  readonly headBytes: number;
  /** A whole frame's length, of its head at `at`. */
  bytes(chunk: Buffer, at: number): number;
  /** Whether the whole frame is a row of those that become segments, as things stand. */
  isRow(chunk: Buffer, at: number, bytes: number): boolean;
  /** Any other frame. Its memory is used again. */
  control(frame: Buffer): void;
  segment(segment: Segment): void;
};

/** @param where begins messages: `public.orders` */
export function frameCutter(where: string, framing: Framing): (chunk: Buffer) => void {
  const { headBytes } = framing;
  /** a frame that has begun in an earlier chunk */
  let partial: Buffer = Buffer.alloc(0);
  let partialBytes = 0;

  /** Hands on all whole frames of `chunk` from `start`; returns where the first that is not whole begins. */
  function wholeFrames(chunk: Buffer, start: number): number {
    let at = start;
    let segmentStart = start;
    let segmentRows = 0;
    let lastRow = start;
    const flush = (): void => {
      if (segmentRows > 0)
        framing.segment({ bytes: chunk, start: segmentStart, end: at, rows: segmentRows, lastRow });
      segmentRows = 0;
    };
    while (at + headBytes <= chunk.length) {
      const length = framing.bytes(chunk, at);
      const end = at + length;
      if (end > chunk.length) break;
      if (framing.isRow(chunk, at, length)) {
        segmentRows++;
        lastRow = at;
        at = end;
        continue;
      }
      flush();
      framing.control(chunk.subarray(at, end));
      at = end;
      segmentStart = at;
    }
    flush();
    return at;
  }

  return (chunk) => {
    let from = 0;
    while (partialBytes > 0 && from < chunk.length) {
      // first its head, which tells its length, then its rest
      const known = partialBytes >= headBytes;
      const needed = known ? framing.bytes(partial, 0) : headBytes;
      if (needed > rowBytesMax)
        throw new TidemarkError('ValueNotRepresentable', `${where}: ${rowTooLong(needed)}`);
      if (partial.length < needed) {
        const longer = Buffer.allocUnsafeSlow(needed);
        partial.copy(longer, 0, 0, partialBytes);
        partial = longer;
      }
      const taken = Math.min(needed - partialBytes, chunk.length - from);
      chunk.copy(partial, partialBytes, from, from + taken);
      partialBytes += taken;
      from += taken;
      if (partialBytes >= headBytes && partialBytes === framing.bytes(partial, 0)) {
        const whole = partial.subarray(0, partialBytes);
        partialBytes = 0;
        partial = Buffer.alloc(0);
        wholeFrames(whole, 0);
      }
    }
    const rest = wholeFrames(chunk, from);
    if (rest < chunk.length) {
      partialBytes = chunk.length - rest;
      partial = Buffer.allocUnsafeSlow(Math.max(headBytes, partialBytes));
      chunk.copy(partial, 0, rest);
    }
  };
}
