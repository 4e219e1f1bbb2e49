/** Counts since 1970, rounded down, so that what is before it is negative. */

/** 2^13 × 10,546,875 microseconds are a day, 2^10 × 3,515,625 an hour. */
const dayShift = 13;
const dayUnits = 10_546_875;
const hourShift = 10;
const hourUnits = 3_515_625;

/**
 * Microseconds (two halves) by a unit of 2^shift × units, rounded down; exact over all 64 bits: without its lowest `shift`
 * bits the number is below 2^53, and a quotient below 2^32 that is no whole number is further from one than its rounding.
 */
const divided = (low: number, high: number, shift: number, units: number): number =>
  Math.floor((high * 2 ** (32 - shift) + (low >>> shift)) / units);

export const daysOf = (low: number, high: number): number => divided(low, high, dayShift, dayUnits);

/** May be beyond 32 bits: after the year 246952, or as far before 1970. */
export const hoursOf = (low: number, high: number): number => divided(low, high, hourShift, hourUnits);

const daysOf400Years = 146_097;
/** from 0000-03-01 to 1970-01-01 */
const epochDays = 719_468;

/**
 * Months since 1970-01 of a day since 1970-01-01, in the Gregorian calendar, backwards as well. Years begin in March
 * here, so that the leap day is the last one.
 * Source: Howard Hinnant, chrono-compatible low-level date algorithms, civil_from_days
 */
export function monthsOfDays(days: number): number {
  const shifted = days + epochDays;
  const era = Math.floor(shifted / daysOf400Years);
  const day = shifted - era * daysOf400Years;
  const year = Math.floor(
    (day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365,
  );
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  // 0 is March
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  return (era * 400 + year - 1970) * 12 + month + 2;
}

export const yearsOfDays = (days: number): number => Math.floor(monthsOfDays(days) / 12);
