/**
 * Integers rounded down to a multiple of a width: v − (((v % W) + W) % W), towards −∞. Of decimals the unscaled integer.
 * What then lies below the type's least value is refused: other writers let it wrap around.
 */
import { batchRowsMax } from '../column.ts';
import type { Results } from './transforms.ts';

type Fail = () => never;

/** @param digits of a decimal; null: it is an int */
export function truncate32(width: number, digits: number | null, fail: Fail): Results {
  const least = digits === null ? -(2 ** 31) : 1 - 10 ** digits;
  return {
    kind: 'numbers',
    read({ data, values }, out) {
      for (let i = 0; i < values; i++) {
        const rounded = roundedDown(data.readInt32LE(i * 4), width);
        if (rounded < least) fail();
        out[i] = rounded;
      }
    },
  };
}

/** Exact as long as no number here leaves 53 bits: remainders of doubles are. */
function roundedDown(value: number, width: number): number {
  const remainder = value % width;
  return value - (remainder < 0 ? remainder + width : remainder);
}

/** Widths have nine digits at most: what is not below this may leave 53 bits. */
const exactMax = 2 ** 53 - 10 ** 9;

export function truncate64(width: number, digits: number | null, fail: Fail): Results {
  const rounded = Buffer.alloc(batchRowsMax * 8);
  const least = digits === null ? -(2n ** 63n) : 1n - 10n ** BigInt(digits);
  const leastNumber = Number(least);
  return {
    kind: 'slices',
    read({ data, values }, out) {
      out.data = rounded;
      for (let i = 0, at = 0; i < values; i++, at += 8) {
        const high = data.readInt32LE(at + 4);
        const value = high * 2 ** 32 + data.readUInt32LE(at);
        if (Math.abs(value) < exactMax) {
          const result = roundedDown(value, width);
          if (result < leastNumber) fail();
          rounded.writeInt32LE(result | 0, at);
          rounded.writeInt32LE(Math.floor(result / 2 ** 32), at + 4);
        } else {
          const result = roundedDownBig(data.readBigInt64LE(at), width);
          if (result < least) fail();
          rounded.writeBigInt64LE(result, at);
        }
        out.starts[i] = at;
        out.ends[i] = at + 8;
      }
    },
  };
}

function roundedDownBig(value: bigint, width: number): bigint {
  const wide = BigInt(width);
  const remainder = value % wide;
  return value - (remainder < 0n ? remainder + wide : remainder);
}

export function truncate128(width: number, digits: number, fail: Fail): Results {
  const rounded = Buffer.alloc(batchRowsMax * 16);
  const least = 1n - 10n ** BigInt(digits);
  return {
    kind: 'slices',
    read({ data, values }, out) {
      out.data = rounded;
      for (let i = 0, at = 0; i < values; i++, at += 16) {
        const value = (data.readBigInt64BE(at) << 64n) | data.readBigUInt64BE(at + 8);
        const result = roundedDownBig(value, width);
        if (result < least) fail();
        rounded.writeBigInt64BE(result >> 64n, at);
        rounded.writeBigUInt64BE(BigInt.asUintN(64, result), at + 8);
        out.starts[i] = at;
        out.ends[i] = at + 16;
      }
    },
  };
}

/** Where the shortest two's complement of a big-endian integer begins: without bytes that only repeat its sign. */
export function shortestFrom(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (
    at < to - 1 &&
    ((bytes[at] === 0x00 && bytes[at + 1]! < 0x80) || (bytes[at] === 0xff && bytes[at + 1]! >= 0x80))
  )
    at++;
  return at;
}
