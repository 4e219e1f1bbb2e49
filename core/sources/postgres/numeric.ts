/**
 * PostgreSQL's numeric on the wire: int16 count of digits, weight (of the first digit, in powers of 10,000), sign
 * (0 +, 0x4000 −, 0xC000 NaN, 0xD000 ∞, 0xF000 −∞), display scale; then the digits, base 10,000, an int16 each.
 * (numeric_send in src/backend/utils/adt/numeric.c)
 */
const negative = 0x4000;
const notFinite = 0xc000;

/** 10^0 … 10^4 */
const powers = [1, 10, 100, 1_000, 10_000];

/**
 * value × 10^scale as an exact double; NaN where only a BigInt holds it or where the value has no such form
 * (then `unscaledBig` tells).
 */
export function unscaledNumber(view: DataView, at: number, scale: number): number {
  const count = view.getInt16(at);
  const sign = view.getUint16(at + 4);
  if (sign >= notFinite) return Number.NaN;
  if (count === 0) return 0;
  // the power of ten that one unit of the last digit stands for, in the unscaled number
  let exponent = 4 * (view.getInt16(at + 2) - count + 1) + scale;
  let value = 0;
  const last = at + 8 + 2 * (count - 1);
  for (let p = at + 8; p < last; p += 2) value = value * 10_000 + view.getInt16(p);
  const digit = view.getInt16(last);
  if (exponent >= 0) {
    value = value * 10_000 + digit;
    for (; exponent >= 4; exponent -= 4) value *= 10_000;
    value *= powers[exponent] as number;
  } else {
    // its lower decimals must be zeros
    const cut = powers[-exponent];
    if (cut === undefined || digit % cut !== 0) return Number.NaN;
    value = value * (10_000 / cut) + digit / cut;
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  return sign === negative ? -value : value;
}

/** value × 10^scale; null where the value is NaN or infinite, or has more decimals than `scale`. */
export function unscaledBig(view: DataView, at: number, scale: number): bigint | null {
  const count = view.getInt16(at);
  const sign = view.getUint16(at + 4);
  if (sign >= notFinite) return null;
  let value = 0n;
  for (let i = 0; i < count; i++) value = value * 10_000n + BigInt(view.getInt16(at + 8 + 2 * i));
  const exponent = 4 * (view.getInt16(at + 2) - count + 1) + scale;
  if (count > 0 && exponent >= 0) value *= 10n ** BigInt(exponent);
  else if (count > 0) {
    const cut = 10n ** BigInt(-exponent);
    if (value % cut !== 0n) return null;
    value /= cut;
  }
  return sign === negative ? -value : value;
}

/** Why a value is not finite, or null. */
export function notFiniteName(view: DataView, at: number): 'NaN' | 'Infinity' | '-Infinity' | null {
  const sign = view.getUint16(at + 4);
  if (sign < notFinite) return null;
  if (sign === 0xd000) return 'Infinity';
  return sign === 0xf000 ? '-Infinity' : 'NaN';
}

/** An upper bound of the bytes of `numericText`. */
export function numericTextBytes(view: DataView, at: number): number {
  return 16 + 4 * Math.max(0, view.getInt16(at + 2) + 1) + view.getInt16(at + 6);
}

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;

/** Writes what `value::text` gives to `target` at `to`; returns where it ends. */
export function numericText(view: DataView, at: number, target: Uint8Array, to: number): number {
  const special = notFiniteName(view, at);
  let p = to;
  if (special !== null) {
    for (let i = 0; i < special.length; i++) target[p++] = special.charCodeAt(i);
    return p;
  }
  const count = view.getInt16(at);
  const weight = view.getInt16(at + 2);
  if (view.getUint16(at + 4) === negative) target[p++] = minus;
  const digit = (i: number): number => (i >= 0 && i < count ? view.getInt16(at + 8 + 2 * i) : 0);
  if (weight < 0) target[p++] = zero;
  for (let i = 0; i <= weight; i++) {
    const four = digit(i);
    if (i > 0 || four >= 1000) target[p++] = zero + Math.trunc(four / 1000);
    if (i > 0 || four >= 100) target[p++] = zero + (Math.trunc(four / 100) % 10);
    if (i > 0 || four >= 10) target[p++] = zero + (Math.trunc(four / 10) % 10);
    target[p++] = zero + (four % 10);
  }
  const decimals = view.getInt16(at + 6);
  if (decimals > 0) target[p++] = point;
  for (let d = 0; d < decimals; d++) {
    const four = digit(weight + 1 + Math.trunc(d / 4));
    target[p++] = zero + (Math.trunc(four / (powers[3 - (d % 4)] as number)) % 10);
  }
  return p;
}
