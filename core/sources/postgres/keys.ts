/** A key's binary form → the database's exact text of it, which is an offset: cast back, it is the same key. */
import { numericText, numericTextBytes } from './numeric.ts';
import type { KeyWire } from './type-map.ts';

/** @param bytes the memory of `view`, from the same beginning */
export function keyText(
  wire: KeyWire,
  view: DataView,
  bytes: Uint8Array,
  at: number,
  length: number,
): string {
  switch (wire) {
    case 'int2':
      return String(view.getInt16(at));
    case 'int4':
      return String(view.getInt32(at));
    case 'int8':
      return view.getBigInt64(at).toString();
    case 'text':
      return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8');
    case 'uuid':
      return Buffer.from(bytes.buffer, bytes.byteOffset + at, 16)
        .toString('hex')
        .replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
    case 'numeric': {
      const text = Buffer.alloc(numericTextBytes(view, at));
      return text.toString('latin1', 0, numericText(view, at, text, 0));
    }
    case 'date':
      return dateText(view.getInt32(at));
    case 'timestamp':
      return timestampText(view.getBigInt64(at), '');
    case 'timestamptz':
      return timestampText(view.getBigInt64(at), '+00');
    case 'tid':
      return `(${view.getUint32(at)},${view.getUint16(at + 4)})`;
  }
}

const padded = (value: number, digits: number): string => String(value).padStart(digits, '0');

/**
 * Year, month and day of a day counted from 2000-01-01, in the proleptic Gregorian calendar: in years that begin
 * on the first of March, 400 years are 146,097 days, and the months' lengths follow (153 m + 2) / 5.
 */
function civil(day: number): { year: number; monthDay: string } {
  const sinceEpoch = day + 730_425; // days from 0000-03-01 to 2000-01-01
  const era = Math.floor(sinceEpoch / 146_097);
  const dayOfEra = sinceEpoch - era * 146_097;
  const leaps = Math.trunc(dayOfEra / 1_460) - Math.trunc(dayOfEra / 36_524) + Math.trunc(dayOfEra / 146_096);
  const yearOfEra = Math.trunc((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.trunc(yearOfEra / 4) - Math.trunc(yearOfEra / 100));
  const m = Math.trunc((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    monthDay: `${padded(month, 2)}-${padded(dayOfYear - Math.trunc((153 * m + 2) / 5) + 1, 2)}`,
  };
}

/** There is no year 0: 1 BC comes before 1. */
function isoDate(day: number, time: string): string {
  const { year, monthDay } = civil(day);
  return year > 0 ? `${padded(year, 4)}-${monthDay}${time}` : `${padded(1 - year, 4)}-${monthDay}${time} BC`;
}

function dateText(day: number): string {
  if (day === 0x7fffffff) return 'infinity';
  return day === -0x80000000 ? '-infinity' : isoDate(day, '');
}

const dayMicros = 86_400_000_000n;

function timestampText(micros: bigint, zone: string): string {
  if (micros === 0x7fffffffffffffffn) return 'infinity';
  if (micros === -0x8000000000000000n) return '-infinity';
  const rest = ((micros % dayMicros) + dayMicros) % dayMicros;
  const day = Number((micros - rest) / dayMicros);
  const seconds = Math.trunc(Number(rest) / 1_000_000);
  const fraction = padded(Number(rest) % 1_000_000, 6).replace(/0+$/, '');
  const clock = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60, seconds % 60];
  const time = clock.map((part) => padded(part, 2)).join(':');
  return isoDate(day, ` ${time}${fraction === '' ? '' : `.${fraction}`}${zone}`);
}
