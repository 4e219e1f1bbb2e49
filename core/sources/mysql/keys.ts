/** A key's binary form → the database's exact text of it, which is an offset: read back, it is the same key. */
import type { Wire } from './type-map.ts';

const padded = (value: number, digits: number): string => String(value).padStart(digits, '0');

/** Year, month, day; nothing at all for 0000-00-00. */
const dateText = (view: DataView, at: number, length: number): string =>
  length === 0
    ? '0000-00-00'
    : `${padded(view.getUint16(at, true), 4)}-${padded(view.getUint8(at + 2), 2)}-${padded(view.getUint8(at + 3), 2)}`;

const clockText = (view: DataView, at: number, hours: number): string =>
  `${padded(hours, 2)}:${padded(view.getUint8(at + 1), 2)}:${padded(view.getUint8(at + 2), 2)}`;

const fraction = (micros: number): string => (micros === 0 ? '' : `.${padded(micros, 6).replace(/0+$/, '')}`);

function dateTimeText(view: DataView, at: number, length: number): string {
  const clock = length >= 7 ? clockText(view, at + 4, view.getUint8(at + 4)) : '00:00:00';
  const micros = length >= 11 ? view.getUint32(at + 7, true) : 0;
  return `${dateText(view, at, length)} ${clock}${fraction(micros)}`;
}

function timeText(view: DataView, at: number, length: number): string {
  if (length === 0) return '00:00:00';
  const hours = view.getUint32(at + 1, true) * 24 + view.getUint8(at + 5);
  const micros = length >= 12 ? view.getUint32(at + 8, true) : 0;
  return `${view.getUint8(at) === 1 ? '-' : ''}${clockText(view, at + 5, hours)}${fraction(micros)}`;
}

/** @param bytes the memory of `view`, from the same beginning */
export function keyText(wire: Wire, view: DataView, bytes: Uint8Array, at: number, length: number): string {
  const memory = (): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
  switch (wire) {
    case 'int1':
      return String(view.getInt8(at));
    case 'uint1':
      return String(view.getUint8(at));
    case 'int2':
      return String(view.getInt16(at, true));
    case 'uint2':
    case 'year':
      return String(view.getUint16(at, true));
    case 'int4':
      return String(view.getInt32(at, true));
    case 'uint4':
      return String(view.getUint32(at, true));
    case 'int8':
      return view.getBigInt64(at, true).toString();
    case 'uint8':
      return view.getBigUint64(at, true).toString();
    // the shortest digits of which the server makes the same number; a float is compared as the double that it is
    case 'float4':
      return String(view.getFloat32(at, true));
    case 'float8':
      return String(view.getFloat64(at, true));
    case 'bit':
      return BigInt(`0x${memory().toString('hex')}`).toString();
    case 'date':
      return dateText(view, at, length);
    case 'datetime':
    case 'timestamp':
      return dateTimeText(view, at, length);
    case 'time':
      return timeText(view, at, length);
    case 'bytes':
      return memory().toString('hex');
    case 'decimal':
    case 'decimal-text':
    case 'uuid':
    case 'json':
    case 'text':
      return memory().toString('utf8');
  }
}
