/** A partition field's value, out of the results of its transform, and for people. */
import type { Column, ColumnType } from '../column.ts';
import {
  type PartitionField,
  type PartitionTuple,
  type PartitionValue,
  resultType,
  sourceOf,
} from './partition.ts';

/** @param type of the result */
export function numberValue(type: ColumnType, value: number): PartitionValue {
  if (type.kind === 'boolean') return value === 1;
  return type.kind === 'decimal' ? String(value) : value;
}

/** @param type of the result @param bytes as they lie in a vector, without a length */
export function sliceValue(type: ColumnType, bytes: Buffer): PartitionValue {
  switch (type.kind) {
    case 'string':
    case 'json':
      return bytes.toString('utf8');
    case 'uuid':
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'decimal':
      return bytes.length === 16
        ? String((bytes.readBigInt64BE() << 64n) | bytes.readBigUInt64BE(8))
        : String(bytes.readBigInt64LE());
    case 'int':
    case 'time':
    case 'timestamp':
      return String(bytes.readBigInt64LE());
    default:
      return bytes.toString('base64');
  }
}

const padded = (value: number | bigint, digits: number): string => String(value).padStart(digits, '0');

/** Astronomical: the year before 1 is 0. */
const yearText = (year: number): string => (year < 0 ? `-${padded(-year, 4)}` : padded(year, 4));

const monthText = (months: number): string =>
  `${yearText(1970 + Math.floor(months / 12))}-${padded((((months % 12) + 12) % 12) + 1, 2)}`;

const dayMs = 86_400_000;

/** The year goes its own way: JavaScript's dates end before Iceberg's do. The calendar repeats itself every 400 years. */
function dayText(days: number): string {
  const eras = Math.floor(days / 146_097);
  const date = new Date((days - eras * 146_097) * dayMs);
  return `${yearText(date.getUTCFullYear() + 400 * eras)}-${padded(date.getUTCMonth() + 1, 2)}-${padded(date.getUTCDate(), 2)}`;
}

const dayMicros = 86_400_000_000n;

function timeText(micros: bigint): string {
  const seconds = micros / 1_000_000n;
  const clock = `${padded(seconds / 3600n, 2)}:${padded((seconds / 60n) % 60n, 2)}:${padded(seconds % 60n, 2)}`;
  const rest = micros % 1_000_000n;
  return rest === 0n ? clock : `${clock}.${padded(rest, 6)}`;
}

function timestampText(micros: bigint, utc: boolean): string {
  const time = ((micros % dayMicros) + dayMicros) % dayMicros;
  return `${dayText(Number((micros - time) / dayMicros))}T${timeText(time)}${utc ? '+00:00' : ''}`;
}

function decimalText(unscaled: string, scale: number): string {
  const negative = unscaled.startsWith('-');
  const digits = unscaled.slice(negative ? 1 : 0).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
}

/** A value as people write it: `2026-11` of a month, `2026-11-05-13` of an hour, `12.50` of a decimal; null: NULL. */
export function humanValue(field: PartitionField, source: ColumnType, value: PartitionValue): string | null {
  if (value === null) return null;
  if (field.transform === 'year') return yearText(1970 + Number(value));
  if (field.transform === 'month') return monthText(Number(value));
  if (field.transform === 'hour') {
    const days = Math.floor(Number(value) / 24);
    return `${dayText(days)}-${padded(Number(value) - 24 * days, 2)}`;
  }
  const type = resultType(field, source);
  switch (type.kind) {
    case 'date':
      return dayText(Number(value));
    case 'time':
      return timeText(BigInt(value));
    case 'timestamp':
      return timestampText(BigInt(value), type.utc);
    case 'decimal':
      return decimalText(String(value), type.scale);
    default:
      return String(value);
  }
}

/** A file's values by their fields' names, as people write them. */
export const humanPartition = (
  fields: readonly PartitionField[],
  columns: readonly Column[],
  tuple: PartitionTuple,
): Record<string, string | null> =>
  Object.fromEntries(
    fields.map((field, at) => [
      field.name,
      humanValue(field, sourceOf(columns, field).type, tuple[at] ?? null),
    ]),
  );
