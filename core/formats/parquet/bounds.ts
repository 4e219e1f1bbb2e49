import { viewOf, wordsOf } from './plain.ts';

/** A least or greatest value as it stands in statistics; not exact where it was shortened. */
export type Bound = { readonly value: Uint8Array; readonly exact: boolean };

/** The least and the greatest of many values, in the order that Parquet gives the column's type (TYPE_ORDER). */
export type Bounds = {
  /** Takes `count` values from their PLAIN bytes, which fill the first `bytes` of `data`. */
  add(data: Uint8Array, bytes: number, count: number): void;
  /** null: there was no value, or none that may be written */
  min(): Bound | null;
  max(): Bound | null;
  /** how many values were NaN; null for types that have none */
  nans(): number | null;
  reset(): void;
};

const exact = (bytes: number, write: (value: Buffer) => void): Bound => {
  const value = Buffer.alloc(bytes);
  write(value);
  return { value, exact: true };
};

/** A byte each, 0 or 1, as `ColumnVector` has them. */
export function booleanBounds(): Bounds {
  let falses = false;
  let trues = false;
  return {
    add(data, _bytes, count) {
      for (let at = 0; at < count && !(falses && trues); at++) {
        if (data[at] === 0) falses = true;
        else trues = true;
      }
    },
    min: () => (falses || trues ? exact(1, (value) => value.writeUInt8(falses ? 0 : 1)) : null),
    max: () => (falses || trues ? exact(1, (value) => value.writeUInt8(trues ? 1 : 0)) : null),
    nans: () => null,
    reset() {
      falses = false;
      trues = false;
    },
  };
}

export function int32Bounds(): Bounds {
  let seen = false;
  let min = 0;
  let max = 0;
  return {
    add(data, bytes, count) {
      if (count === 0) return;
      const words = wordsOf(data, bytes);
      let low = seen ? min : words[0]!;
      let high = seen ? max : words[0]!;
      for (let at = 0; at < count; at++) {
        const value = words[at]!;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      min = low;
      max = high;
      seen = true;
    },
    min: () => (seen ? exact(4, (value) => value.writeInt32LE(min)) : null),
    max: () => (seen ? exact(4, (value) => value.writeInt32LE(max)) : null),
    nans: () => null,
    reset() {
      seen = false;
    },
  };
}

/** Compares high words as signed, then low words as unsigned: no BigInt per value. */
export function int64Bounds(): Bounds {
  let seen = false;
  let minHigh = 0;
  let minLow = 0;
  let maxHigh = 0;
  let maxLow = 0;
  return {
    add(data, bytes, count) {
      if (count === 0) return;
      const words = wordsOf(data, bytes);
      let lowHigh = seen ? minHigh : words[1]!;
      let lowLow = seen ? minLow : words[0]! >>> 0;
      let highHigh = seen ? maxHigh : words[1]!;
      let highLow = seen ? maxLow : words[0]! >>> 0;
      for (let at = 0; at < count * 2; at += 2) {
        const low = words[at]! >>> 0;
        const high = words[at + 1]!;
        if (high < lowHigh || (high === lowHigh && low < lowLow)) {
          lowHigh = high;
          lowLow = low;
        }
        if (high > highHigh || (high === highHigh && low > highLow)) {
          highHigh = high;
          highLow = low;
        }
      }
      minHigh = lowHigh;
      minLow = lowLow;
      maxHigh = highHigh;
      maxLow = highLow;
      seen = true;
    },
    min: () => (seen ? int64Bound(minHigh, minLow) : null),
    max: () => (seen ? int64Bound(maxHigh, maxLow) : null),
    nans: () => null,
    reset() {
      seen = false;
    },
  };
}

const int64Bound = (high: number, low: number): Bound =>
  exact(8, (value) => {
    value.writeUInt32LE(low, 0);
    value.writeInt32LE(high, 4);
  });

/**
 * NaNs are counted, and where there is one there are no bounds: the format leaves NaN out of min and max, but DuckDB
 * (1.5), for which NaN is the greatest value, then skips row groups that `x > 1` or `x = 'nan'` should find.
 * A zero is written as −0 below and +0 above, as the format demands, and so is not said to be exact.
 */
export function floatBounds(bits: 32 | 64): Bounds {
  const width = bits / 8;
  let numbers = 0;
  let nans = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const bound = (number: number, zero: number): Bound | null => {
    if (numbers === 0 || nans > 0) return null;
    const value = Buffer.alloc(width);
    const written = number === 0 ? zero : number;
    if (bits === 64) value.writeDoubleLE(written);
    else value.writeFloatLE(written);
    return { value, exact: number !== 0 };
  };
  return {
    add(data, bytes, count) {
      const view = viewOf(data, bytes);
      let low = min;
      let high = max;
      let notNumbers = 0;
      for (let at = 0; at < bytes; at += width) {
        const value = bits === 64 ? view.getFloat64(at, true) : view.getFloat32(at, true);
        if (value < low) low = value;
        if (value > high) high = value;
        if (Number.isNaN(value)) notNumbers++;
      }
      min = low;
      max = high;
      nans += notNumbers;
      numbers += count - notNumbers;
    },
    min: () => bound(min, -0),
    max: () => bound(max, 0),
    nans: () => nans,
    reset() {
      numbers = 0;
      nans = 0;
      min = Number.POSITIVE_INFINITY;
      max = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Values of 16 bytes, big-endian: uuid compares them as they are, decimal as two's complement. */
export function fixed16Bounds(signed: boolean): Bounds {
  let seen = false;
  const min = new Float64Array(4);
  const max = new Float64Array(4);
  const bound = (words: Float64Array): Bound =>
    exact(16, (value) => {
      for (let word = 0; word < 4; word++) value.writeInt32BE(words[word]! | 0, word * 4);
    });
  return {
    add(data, bytes) {
      const view = viewOf(data, bytes);
      for (let at = 0; at < bytes; at += 16) {
        const first = signed ? view.getInt32(at) : view.getUint32(at);
        if (seen && first > min[0]! && first < max[0]!) continue;
        if (!seen || comesBefore(view, at, first, min)) keep(view, at, first, min);
        if (!seen || comesAfter(view, at, first, max)) keep(view, at, first, max);
        seen = true;
      }
    },
    min: () => (seen ? bound(min) : null),
    max: () => (seen ? bound(max) : null),
    nans: () => null,
    reset() {
      seen = false;
    },
  };
}

function comesBefore(view: DataView, at: number, first: number, words: Float64Array): boolean {
  if (first !== words[0]) return first < words[0]!;
  for (let word = 1; word < 4; word++) {
    const value = view.getUint32(at + word * 4);
    if (value !== words[word]) return value < words[word]!;
  }
  return false;
}

function comesAfter(view: DataView, at: number, first: number, words: Float64Array): boolean {
  if (first !== words[0]) return first > words[0]!;
  for (let word = 1; word < 4; word++) {
    const value = view.getUint32(at + word * 4);
    if (value !== words[word]) return value > words[word]!;
  }
  return false;
}

function keep(view: DataView, at: number, first: number, words: Float64Array): void {
  words[0] = first;
  for (let word = 1; word < 4; word++) words[word] = view.getUint32(at + word * 4);
}
