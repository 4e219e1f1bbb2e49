/**
 * A DECIMAL on the wire is its text: a sign, digits (with zeros before them under ZEROFILL), and after a point as many
 * more as its scale.
 */
import type { Fail } from '../reading/row-decoder.ts';

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;

/** Digits that a double holds exactly. */
const exactDigits = 15;
/** Digits that are added at once: 2^32 times as many is still exact. */
const stepDigits = 5;
const powers = [1, 10, 100, 1_000, 10_000, 100_000];

/** The unscaled value's absolute amount, in four parts of 32 bits, the least first. */
const limbs = new Float64Array(4);

export type DecimalReader = {
  /** The unscaled value, where a double holds it; NaN: then it stands in `high` and `low`. */
  number(bytes: Buffer, at: number, length: number): number;
  /** Of the last value: two's complement, 32 bits each, the greatest first. */
  parts(): readonly [number, number, number, number];
};

/** @param fail for a text that is no value of this type */
export function decimalReader(precision: number, scale: number, fail: Fail): DecimalReader {
  let isNegative = false;

  return {
    number(bytes, from, length) {
      let at = from;
      const end = from + length;
      isNegative = bytes[at] === minus;
      if (isNegative) at++;
      while (at < end && bytes[at] === zero) at++;
      const pointAt = scale === 0 ? end : end - scale - 1;
      if (scale > 0 && bytes[pointAt] !== point)
        return fail('a value has another scale than its type', 'TableChanged');
      // of 0.05, the point has no digit before it that counts
      const digits = at > pointAt ? end - at : end - at - (scale > 0 ? 1 : 0);
      if (digits > precision) return fail('a value has more digits than its type', 'TableChanged');
      if (digits <= exactDigits) {
        let value = 0;
        for (; at < end; at++) if (at !== pointAt) value = value * 10 + digit(bytes, at, fail);
        return isNegative ? -value : value;
      }
      limbs.fill(0);
      for (let left = digits; left > 0; ) {
        const count = left % stepDigits || stepDigits;
        let step = 0;
        for (let i = 0; i < count; i++) {
          if (at === pointAt) at++;
          step = step * 10 + digit(bytes, at++, fail);
        }
        left -= count;
        let carry = step;
        for (let i = 0; i < 4; i++) {
          const sum = (limbs[i] as number) * (powers[count] as number) + carry;
          carry = Math.floor(sum / 2 ** 32);
          limbs[i] = sum - carry * 2 ** 32;
        }
      }
      return Number.NaN;
    },
    parts() {
      const [a, b, c, d] = limbs as unknown as [number, number, number, number];
      if (!isNegative) return [d, c, b, a];
      let carry = 1;
      const negated = [a, b, c, d].map((limb) => {
        const sum = 0xffffffff - limb + carry;
        carry = sum > 0xffffffff ? 1 : 0;
        return sum % 2 ** 32;
      });
      return negated.reverse() as [number, number, number, number];
    },
  };
}

function digit(bytes: Buffer, at: number, fail: Fail): number {
  const value = (bytes[at] as number) - zero;
  return value >= 0 && value <= 9 ? value : fail('a decimal is no number', 'ProtocolViolation');
}
