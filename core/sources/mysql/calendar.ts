/** Days, and microseconds of 64 bits, without a Date or a BigInt. */

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/**
 * Days from 1970-01-01, in the proleptic Gregorian calendar; NaN where there is no such day: 0000-00-00, 2026-02-30.
 * In years that begin on the first of March, the months' lengths follow (153 m + 2) / 5.
 */
export function dayOf(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1) return Number.NaN;
  const last = monthDays[month - 1] as number;
  if (day > last && !(month === 2 && day === 29 && isLeap(year))) return Number.NaN;
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 3 : month + 9;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * m + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Writes seconds and microseconds as microseconds in two halves at `ints[to]`. */
export function writeMicros(ints: Int32Array, to: number, seconds: number, micros: number): void {
  // seconds × 10^6 may exceed 2^53: their upper part and their lowest 16 bits apart
  const upper = Math.floor(seconds / 65_536);
  const product = upper * 1_000_000;
  const productUpper = Math.floor(product / 65_536);
  const low = (product - productUpper * 65_536) * 65_536 + (seconds - upper * 65_536) * 1_000_000 + micros;
  ints[to] = low;
  ints[to + 1] = productUpper + Math.floor(low / 2 ** 32);
}
