/**
 * MurmurHash3, x86 variant of 32 bits, with seed 0: what Iceberg's buckets are made of.
 * Source: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp (public domain), spec's Appendix B
 */

const c1 = 0xcc9e2d51 | 0;
const c2 = 0x1b873593 | 0;

const mixed = (hash: number, block: number): number => {
  const scrambled = Math.imul(block, c1);
  const bits = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), c2);
  return (Math.imul((bits << 13) | (bits >>> 19), 5) + 0xe6546b64) | 0;
};

function finished(hash: number, length: number): number {
  let bits = hash ^ length;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Of the eight little-endian bytes of a 64-bit integer, given as its two halves. */
export const hashLong = (low: number, high: number): number => finished(mixed(mixed(0, low), high), 8);

/** Of the bytes from `from` up to `to`. */
export function hashBytes(data: Uint8Array, from: number, to: number): number {
  let hash = 0;
  let at = from;
  for (; at + 4 <= to; at += 4)
    hash = mixed(hash, data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24));
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= data[at]! << shift;
  if (((to - from) & 3) !== 0) {
    const scrambled = Math.imul(rest, c1);
    hash ^= Math.imul((scrambled << 15) | (scrambled >>> 17), c2);
  }
  return finished(hash, to - from);
}
