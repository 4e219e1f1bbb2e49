import { isUtf8 } from 'node:buffer';
import type { Bound, Bounds } from './bounds.ts';
import { malformed, viewOf } from './plain.ts';

/** A bound longer than this is shortened: down to a prefix for the least, up from it for the greatest. */
export const boundBytesMax = 64;

/**
 * What may stand in place of a long bound. The format wants it to be a valid value of the type too: any bytes
 * will do for bytes, whole characters for text; a piece of a JSON document is none, so a long one has no bound.
 */
export type Shortening = 'bytes' | 'text' | 'none';

/** One end of the range: the first `boundBytesMax` bytes of the value, and whether it had more. */
type Extreme = {
  readonly bytes: Buffer;
  /** length of the value, or `boundBytesMax + 1` for any that is longer */
  length: number;
  /** the first 4 bytes as a number (missing ones are 0), by which most values are told apart */
  head: number;
};

const extreme = (): Extreme => ({ bytes: Buffer.alloc(boundBytesMax), length: 0, head: 0 });

/** Values in unsigned bytewise order, each with its length before it. Memory does not grow with their length. */
export function binaryBounds(shortening: Shortening): Bounds {
  let seen = false;
  const min = extreme();
  const max = extreme();
  return {
    add(data, bytes, count) {
      const view = viewOf(data, bytes);
      let at = 0;
      for (let taken = 0; taken < count; taken++) {
        const length = at + 4 <= bytes ? view.getUint32(at, true) : bytes;
        const from = at + 4;
        at = from + length;
        if (at > bytes) throw malformed('a value reaches beyond its vector');
        const head = headOf(view, from, length);
        if (!seen) {
          keep(min, data, from, length, head);
          keep(max, data, from, length, head);
          seen = true;
        } else if (head <= min.head && compare(view, from, length, head, min) < 0) {
          keep(min, data, from, length, head);
        } else if (head >= max.head && compare(view, from, length, head, max) > 0) {
          keep(max, data, from, length, head);
        }
      }
      if (at !== bytes) throw malformed('a vector holds more bytes than its values');
    },
    min: () => (seen ? lowerBound(min, shortening) : null),
    max: () => (seen ? upperBound(max, shortening) : null),
    nans: () => null,
    reset() {
      seen = false;
    },
  };
}

function headOf(view: DataView, from: number, length: number): number {
  if (length >= 4) return view.getUint32(from);
  let head = 0;
  for (let index = 0; index < length; index++) head += view.getUint8(from + index) * 2 ** (24 - index * 8);
  return head;
}

/** Below, at or above 0 as the value comes before, with or after the extreme, looking no further than it was kept. */
function compare(view: DataView, from: number, length: number, head: number, other: Extreme): number {
  if (head !== other.head) return head - other.head;
  const common = Math.min(length, other.length, boundBytesMax);
  for (let index = 4; index < common; index++) {
    const difference = view.getUint8(from + index) - other.bytes[index]!;
    if (difference !== 0) return difference;
  }
  return Math.min(length, boundBytesMax + 1) - other.length;
}

function keep(into: Extreme, data: Uint8Array, from: number, length: number, head: number): void {
  into.bytes.set(data.subarray(from, from + Math.min(length, boundBytesMax)));
  into.length = Math.min(length, boundBytesMax + 1);
  into.head = head;
}

function lowerBound({ bytes, length }: Extreme, shortening: Shortening): Bound | null {
  if (length <= boundBytesMax) return { value: Buffer.from(bytes.subarray(0, length)), exact: true };
  if (shortening === 'none') return null;
  const kept = shortening === 'text' ? wholeCharacters(bytes) : bytes;
  return kept === null ? null : { value: Buffer.from(kept), exact: false };
}

function upperBound({ bytes, length }: Extreme, shortening: Shortening): Bound | null {
  if (length <= boundBytesMax) return { value: Buffer.from(bytes.subarray(0, length)), exact: true };
  if (shortening === 'none') return null;
  const value = shortening === 'text' ? nextText(bytes) : nextBytes(bytes);
  return value === null ? null : { value, exact: false };
}

/** The prefix without the character that its end cuts; null if it is not UTF-8. */
function wholeCharacters(prefix: Buffer): Buffer | null {
  // a character has at most 3 bytes after its first one
  for (let cut = 0; cut <= 3; cut++) {
    const kept = prefix.subarray(0, prefix.length - cut);
    if (isUtf8(kept)) return kept;
  }
  return null;
}

/** The least bytes, no longer than the prefix, that come after everything that begins with it. */
function nextBytes(prefix: Buffer): Buffer | null {
  for (let last = prefix.length - 1; last >= 0; last--) {
    if (prefix[last]! < 0xff) {
      const next = Buffer.from(prefix.subarray(0, last + 1));
      next[last] = prefix[last]! + 1;
      return next;
    }
  }
  return null;
}

/** The same for text: a character is raised to the next one. Bytewise order is the order of code points. */
function nextText(prefix: Buffer): Buffer | null {
  const kept = wholeCharacters(prefix);
  if (kept === null) return null;
  const characters = Array.from(kept.toString('utf8'));
  for (let last = characters.length - 1; last >= 0; last--) {
    const code = characters[last]!.codePointAt(0)!;
    if (code === 0x10ffff) continue;
    // surrogates are no characters
    const raised = code === 0xd7ff ? 0xe000 : code + 1;
    return Buffer.from(characters.slice(0, last).join('') + String.fromCodePoint(raised), 'utf8');
  }
  return null;
}
