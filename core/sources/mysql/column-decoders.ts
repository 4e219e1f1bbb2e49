/** One loop per type: the fields of one column, over a run of rows, into its vector as `layoutOf` says. */
import { begin, binary } from '../reading/column-vectors.ts';
import type { ColumnDecoder, Fail, FieldRun } from '../reading/row-decoder.ts';
import type { GrowingVector } from '../reading/vectors.ts';
import { dayOf, writeMicros } from './calendar.ts';
import type { CatalogColumn } from './columns.ts';
import { decimalReader } from './decimal.ts';

export function columnDecoder(column: CatalogColumn, vector: GrowingVector, fail: Fail): ColumnDecoder {
  switch (column.wire) {
    case 'int1':
      return toInt32(vector, fail, 1, (view, at) => view.getInt8(at));
    case 'uint1':
      return toInt32(vector, fail, 1, (view, at) => view.getUint8(at));
    case 'int2':
      return toInt32(vector, fail, 2, (view, at) => view.getInt16(at, true));
    case 'uint2':
    case 'year':
      return toInt32(vector, fail, 2, (view, at) => view.getUint16(at, true));
    case 'int4':
    case 'float4':
      return toInt32(vector, fail, 4, (view, at) => view.getInt32(at, true));
    case 'uint4':
      return uint4(vector, fail);
    case 'int8':
    case 'float8':
      return eightBytes(vector, fail);
    case 'uint8':
      return uint8(vector, fail);
    case 'date':
      return date(vector, fail);
    case 'datetime':
    case 'timestamp':
      return dateTime(vector, fail);
    case 'time':
      return time(vector, fail);
    case 'bit':
      return bits(column, vector, fail);
    case 'uuid':
      return uuid(vector, fail);
    case 'text':
    case 'json':
    case 'bytes':
    case 'decimal-text':
      return binary(vector, fail, 0);
    case 'decimal': {
      if (column.type.kind !== 'decimal') return fail('a decimal is none', 'ProtocolViolation');
      const { precision, scale } = column.type;
      if (precision <= 9) return decimal32(vector, fail, precision, scale);
      if (precision <= 18) return decimal64(vector, fail, precision, scale);
      return decimal128(vector, fail, precision, scale);
    }
  }
}

function toInt32(
  vector: GrowingVector,
  fail: Fail,
  width: number,
  read: (view: DataView, at: number) => number,
): ColumnDecoder {
  return (run) => {
    begin(vector, fail, run, width, 4);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at >= 0) ints[to++] = read(view, at);
    }
    vector.bytes = to << 2;
  };
}

const uint4 =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 4, 8);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      ints[to++] = view.getInt32(at, true);
      ints[to++] = 0;
    }
    vector.bytes = to << 2;
  };

const eightBytes =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 8, 8);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      ints[to++] = view.getInt32(at, true);
      ints[to++] = view.getInt32(at + 4, true);
    }
    vector.bytes = to << 2;
  };

/** A decimal of 20 digits: 128 bits, the greatest first. */
const uint8 =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 8, 16);
    const { view, offsets, end } = run;
    const { view: target } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      target.setInt32(to, 0);
      target.setInt32(to + 4, 0);
      target.setInt32(to + 8, view.getInt32(at + 4, true));
      target.setInt32(to + 12, view.getInt32(at, true));
      to += 16;
    }
    vector.bytes = to;
  };

const noSuchDay = 'a zero date, or a day that is in no calendar, does not fit; files know none';

const date =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, null, 4);
    const { view, offsets, lengths, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      if ((lengths[i] as number) < 4) fail(noSuchDay);
      const day = dayOf(view.getUint16(at, true), view.getUint8(at + 2), view.getUint8(at + 3));
      if (Number.isNaN(day)) fail(noSuchDay);
      ints[to++] = day;
    }
    vector.bytes = to << 2;
  };

/** The zeros at its end are left out on the wire: the microseconds, then the time, then all of it. */
const dateTime =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, null, 8);
    const { view, offsets, lengths, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const length = lengths[i] as number;
      if (length < 4) fail(noSuchDay);
      const day = dayOf(view.getUint16(at, true), view.getUint8(at + 2), view.getUint8(at + 3));
      if (Number.isNaN(day)) fail(noSuchDay);
      const clock =
        length < 7 ? 0 : view.getUint8(at + 4) * 3_600 + view.getUint8(at + 5) * 60 + view.getUint8(at + 6);
      writeMicros(ints, to, day * 86_400 + clock, length < 11 ? 0 : view.getUint32(at + 7, true));
      to += 2;
    }
    vector.bytes = to << 2;
  };

const noTimeOfDay =
  'a time below 00:00:00 or from 24:00:00 on does not fit; in files it is a time of the day';

/** Sign, days, hour, minute, second, microseconds; zeros at the end are left out. */
const time =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, null, 8);
    const { view, offsets, lengths, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const length = lengths[i] as number;
      if (length >= 8 && (view.getUint8(at) !== 0 || view.getUint32(at + 1, true) !== 0)) fail(noTimeOfDay);
      const seconds =
        length < 8 ? 0 : view.getUint8(at + 5) * 3_600 + view.getUint8(at + 6) * 60 + view.getUint8(at + 7);
      writeMicros(ints, to, seconds, length < 12 ? 0 : view.getUint32(at + 8, true));
      to += 2;
    }
    vector.bytes = to << 2;
  };

/** The greatest of up to eight bytes first. */
function bits({ type }: CatalogColumn, vector: GrowingVector, fail: Fail): ColumnDecoder {
  const half = (run: FieldRun, i: number, fromEnd: number): number => {
    const at = run.offsets[i] as number;
    let value = 0;
    for (
      let p = Math.max(0, (run.lengths[i] as number) - fromEnd - 4);
      p < (run.lengths[i] as number) - fromEnd;
      p++
    )
      value = value * 256 + run.view.getUint8(at + p);
    return value;
  };
  const width = type.kind === 'boolean' ? 1 : type.kind === 'int' ? 8 : 16;
  return (run) => {
    begin(vector, fail, run, null, width);
    const { view: target } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < run.end; i++) {
      if ((run.offsets[i] as number) < 0) continue;
      const low = half(run, i, 0);
      if (width === 1) target.setUint8(to, low);
      else if (width === 8) {
        target.setUint32(to, low, true);
        target.setUint32(to + 4, half(run, i, 4), true);
      } else {
        target.setUint32(to, 0);
        target.setUint32(to + 4, 0);
        target.setUint32(to + 8, half(run, i, 4));
        target.setUint32(to + 12, low);
      }
      to += width;
    }
    vector.bytes = to;
  };
}

/** Of characters 0 to 9 and a to f, in either case; 255: none of them. */
const nibbles = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});
const uuidTextBytes = 36;

const uuid =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, uuidTextBytes, 16);
    const { bytes, offsets, end } = run;
    const { data } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      let invalid = 0;
      for (let p = at; p < at + uuidTextBytes; p += 2) {
        // hyphens stand at 8, 13, 18 and 23
        if (p === at + 8 || p === at + 13 || p === at + 18 || p === at + 23) p++;
        const high = nibbles[bytes[p] as number] as number;
        const low = nibbles[bytes[p + 1] as number] as number;
        invalid |= (high | low) & 0xf0;
        data[to++] = (high << 4) | low;
      }
      if (invalid !== 0) fail('a uuid is none', 'ProtocolViolation');
    }
    vector.bytes = to;
  };

function decimal32(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  const reader = decimalReader(precision, scale, fail);
  return (run) => {
    begin(vector, fail, run, null, 4);
    const { bytes, offsets, lengths, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at >= 0) ints[to++] = reader.number(bytes, at, lengths[i] as number);
    }
    vector.bytes = to << 2;
  };
}

function decimal64(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  const reader = decimalReader(precision, scale, fail);
  return (run) => {
    begin(vector, fail, run, null, 8);
    const { bytes, offsets, lengths, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const value = reader.number(bytes, at, lengths[i] as number);
      if (Number.isNaN(value)) {
        const [, , high, low] = reader.parts();
        ints[to] = low;
        ints[to + 1] = high;
      } else {
        ints[to] = value;
        ints[to + 1] = Math.floor(value / 2 ** 32);
      }
      to += 2;
    }
    vector.bytes = to << 2;
  };
}

function decimal128(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  const reader = decimalReader(precision, scale, fail);
  return (run) => {
    begin(vector, fail, run, null, 16);
    const { bytes, offsets, lengths, end } = run;
    const { view: target } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const value = reader.number(bytes, at, lengths[i] as number);
      if (Number.isNaN(value)) {
        const parts = reader.parts();
        for (let p = 0; p < 4; p++) target.setUint32(to + 4 * p, parts[p] as number);
      } else {
        const sign = value < 0 ? -1 : 0;
        target.setInt32(to, sign);
        target.setInt32(to + 4, sign);
        target.setInt32(to + 8, Math.floor(value / 2 ** 32));
        target.setInt32(to + 12, value);
      }
      to += 16;
    }
    vector.bytes = to;
  };
}
