import { writeRun, writeVarint } from './rle.ts';

/**
 * Bits out of bytes: booleans are stored as bits, and so are the definition levels, which say of each row
 * whether it has a value.
 */

/** Packs `count` bytes of 0 or 1 into bits, lowest bit first. @returns the position after the last byte written */
export function packBits(flags: Uint8Array, count: number, out: Buffer, start: number): number {
  let end = start;
  const whole = count & ~7;
  let at = 0;
  for (; at < whole; at += 8) {
    out[end++] =
      flags[at]! |
      (flags[at + 1]! << 1) |
      (flags[at + 2]! << 2) |
      (flags[at + 3]! << 3) |
      (flags[at + 4]! << 4) |
      (flags[at + 5]! << 5) |
      (flags[at + 6]! << 6) |
      (flags[at + 7]! << 7);
  }
  if (at < count) {
    let last = 0;
    for (let bit = 0; at < count; at++, bit++) last |= flags[at]! << bit;
    out[end++] = last;
  }
  return end;
}

/** A run is worth its header when it replaces at least this many packed bytes. */
const runBytesMin = 8;

/** The definition levels of `rows` rows are never longer than this. */
export const levelsBytesMax = (rows: number): number => (rows >>> 2) + 64;

/**
 * Writes the definition levels of a page (format v1: their length in 4 bytes, then runs of one-bit levels)
 * into `out` from `start`. `out` has room for `levelsBytesMax`, `scratch` for a bit per row.
 * @param values how many of the rows have a value
 * @returns the position after the last byte written
 */
export function writeLevels(
  present: Uint8Array,
  rows: number,
  values: number,
  scratch: Buffer,
  out: Buffer,
  start: number,
): number {
  const body = start + 4;
  const uniform = values === rows || values === 0;
  const end = uniform
    ? writeRun(values === 0 ? 0 : 1, rows, 1, out, body)
    : writeMixed(scratch, packBits(present, rows, scratch, 0), rows, out, body);
  out.writeUInt32LE(end - body, start);
  return end;
}

/** Runs are looked for in whole packed bytes, which is eight times less work than row by row. */
function writeMixed(packed: Buffer, length: number, rows: number, out: Buffer, start: number): number {
  let end = start;
  let literalFrom = 0;
  let at = 0;
  const flushLiteral = (to: number): void => {
    if (to === literalFrom) return;
    end = writeVarint((to - literalFrom) * 2 + 1, out, end);
    out.set(packed.subarray(literalFrom, to), end);
    end += to - literalFrom;
  };
  while (at < length) {
    const byte = packed[at]!;
    let next = at + 1;
    if (byte === 0 || byte === 0xff) while (next < length && packed[next] === byte) next++;
    if (next - at >= runBytesMin) {
      flushLiteral(at);
      // the last byte may stand for fewer than 8 rows
      end = writeRun(byte & 1, Math.min(next * 8, rows) - at * 8, 1, out, end);
      literalFrom = next;
    }
    at = next;
  }
  flushLiteral(length);
  return end;
}

/** How many of the first `rows` bytes are 1. */
export function countPresent(present: Uint8Array, rows: number): number {
  let count = 0;
  for (let row = 0; row < rows; row++) count += present[row]!;
  return count;
}
