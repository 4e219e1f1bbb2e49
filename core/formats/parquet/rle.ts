import { viewOf } from './plain.ts';

/**
 * Parquet's hybrid of run-length encoding and bit packing, for dictionary indexes.
 * Source: https://github.com/apache/parquet-format/blob/master/Encodings.md
 *
 * A bit-packed run holds a multiple of 8 values (the last one of a page is padded with zeros). A repeated value
 * becomes a run of its own when that is shorter than packing it.
 */

/** Runs that save fewer bytes than this are packed with their neighbours: a run of its own costs two headers. */
const runWorthBytes = 8;

/** Bits that hold the indexes 0 … entries − 1. At least one, as not every reader knows indexes of no bits. */
export const bitWidthOf = (entries: number): number => (entries <= 2 ? 1 : 32 - Math.clz32(entries - 1));

/** The encoding of `count` indexes is never longer than this. */
export const hybridBytesMax = (count: number, bitWidth: number): number =>
  Math.ceil((count + 8) / 8) * bitWidth * 2 + 64;

/**
 * Writes `indexes[0 … count)`, each of `bitWidth` bits (1 … 31), into `out` from `start`.
 * `out` has room for `hybridBytesMax`.
 * @returns the position after the last byte written
 */
export function writeHybrid(
  indexes: Int32Array,
  count: number,
  bitWidth: number,
  out: Buffer,
  start: number,
): number {
  const runMin = Math.max(8, Math.ceil((runWorthBytes * 8) / bitWidth));
  let end = start;
  let packedFrom = 0;
  // a run that is worth it covers every eighth value at least once: the others need no look
  for (let at = 0; at < count; at += 8) {
    const value = indexes[at]!;
    if (value !== indexes[at + 1] && at > 0 && value !== indexes[at - 1]) continue;
    let next = at + 1;
    while (next < count && indexes[next] === value) next++;
    let first = at;
    while (first > packedFrom && indexes[first - 1] === value) first--;
    // what is packed before the run must be a multiple of 8: it takes that many of the run's values
    const taken = (8 - ((first - packedFrom) & 7)) & 7;
    if (next - first - taken >= runMin) {
      end = writePacked(indexes, packedFrom, first + taken, bitWidth, out, end);
      end = writeRun(value, next - first - taken, bitWidth, out, end);
      packedFrom = next;
    }
    at = Math.max(at, (next - 1) & ~7);
  }
  return writePacked(indexes, packedFrom, count, bitWidth, out, end);
}

/** A run of one value: header `length << 1`, then the value in as many whole bytes as its bits need. */
export function writeRun(
  value: number,
  length: number,
  bitWidth: number,
  out: Buffer,
  start: number,
): number {
  let end = writeVarint(length * 2, out, start);
  for (let bits = 0; bits < bitWidth; bits += 8) out[end++] = (value >>> bits) & 0xff;
  return end;
}

/** ULEB128 of a number below 2^32. */
export function writeVarint(value: number, out: Buffer, start: number): number {
  let end = start;
  let rest = value >>> 0;
  while (rest >= 0x80) {
    out[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[end++] = rest;
  return end;
}

function writePacked(
  indexes: Int32Array,
  from: number,
  to: number,
  bitWidth: number,
  out: Buffer,
  start: number,
): number {
  if (from === to) return start;
  const groups = (to - from + 7) >>> 3;
  let end = writeVarint(groups * 2 + 1, out, start);
  const packedEnd = end + groups * bitWidth;
  const view = viewOf(out, out.length);
  // values are packed from the lowest bit on; a value may straddle two words
  let word = 0;
  let bits = 0;
  for (let at = from; at < to; at++) {
    const value = indexes[at]!;
    word |= value << bits;
    bits += bitWidth;
    if (bits >= 32) {
      view.setInt32(end, word, true);
      end += 4;
      bits -= 32;
      word = value >>> (bitWidth - bits);
    }
  }
  for (; bits > 0; bits -= 8) {
    out[end++] = word;
    word >>>= 8;
  }
  while (end < packedEnd) out[end++] = 0;
  return end;
}
