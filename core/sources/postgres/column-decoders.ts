/** One loop per type: the fields of one column, over a run of rows, into its vector as `layoutOf` says. */
import { begin, binary } from '../reading/column-vectors.ts';
import type { ColumnDecoder, Fail } from '../reading/row-decoder.ts';
import { type GrowingVector, reserveBytes } from '../reading/vectors.ts';
import type { CatalogColumn } from './columns.ts';
import { notFiniteName, numericText, numericTextBytes, unscaledBig, unscaledNumber } from './numeric.ts';

export function columnDecoder(column: CatalogColumn, vector: GrowingVector, fail: Fail): ColumnDecoder {
  switch (column.wire) {
    case 'bool':
      return bool(vector, fail);
    case 'int2':
      return int2(vector, fail);
    case 'int4':
    case 'float4':
      return fourBytes(vector, fail);
    case 'int8':
    case 'float8':
      return eightBytes(vector, fail);
    case 'date':
      return date(vector, fail);
    case 'time':
      return time(vector, fail);
    case 'timestamp':
      return timestamp(vector, fail);
    case 'uuid':
      return uuid(vector, fail);
    case 'text':
    case 'bytes':
      return binary(vector, fail, 0);
    case 'jsonb':
      return binary(vector, fail, 1);
    case 'numeric-text':
      return numericAsText(vector, fail);
    case 'numeric': {
      if (column.type.kind !== 'decimal') return fail('a numeric is no decimal', 'ProtocolViolation');
      const { precision, scale } = column.type;
      if (precision <= 9) return decimal32(vector, fail, precision, scale);
      if (precision <= 18) return decimal64(vector, fail, precision, scale);
      return decimal128(vector, fail, precision, scale);
    }
  }
}

const bool =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 1, 1);
    const { bytes, offsets, end } = run;
    const { data } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at >= 0) data[to++] = bytes[at] as number;
    }
    vector.bytes = to;
  };

const int2 =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 2, 4);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at >= 0) ints[to++] = view.getInt16(at);
    }
    vector.bytes = to << 2;
  };

const fourBytes =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 4, 4);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at >= 0) ints[to++] = view.getInt32(at);
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
      ints[to++] = view.getInt32(at + 4);
      ints[to++] = view.getInt32(at);
    }
    vector.bytes = to << 2;
  };

const uuid =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 16, 16);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      for (let part = 0; part < 16; part += 4) ints[to++] = view.getInt32(at + part, true);
    }
    vector.bytes = to << 2;
  };

const infinite = 'infinity does not fit; files know no infinite date or time';
/** days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch */
const epochDays = 10_957;

const date =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 4, 4);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const day = view.getInt32(at);
      // the greatest date, 5874897-12-31, is far below int32's end: only infinity is not
      if (day === 0x7fffffff || day === -0x80000000) fail(infinite);
      ints[to++] = day + epochDays;
    }
    vector.bytes = to << 2;
  };

/** 24:00:00 in microseconds, as two halves */
const midnightHigh = Math.floor(86_400_000_000 / 2 ** 32);
const midnightLow = 86_400_000_000 % 2 ** 32;

const time =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 8, 8);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const high = view.getInt32(at);
      const low = view.getInt32(at + 4);
      if (high === midnightHigh && low >>> 0 === midnightLow)
        fail('24:00:00 does not fit; in files a day ends before midnight');
      ints[to++] = low;
      ints[to++] = high;
    }
    vector.bytes = to << 2;
  };

/** microseconds from 1970-01-01 to 2000-01-01, as two halves */
const epochMicros = epochDays * 86_400_000_000;
const epochHigh = Math.floor(epochMicros / 2 ** 32);
const epochLow = epochMicros % 2 ** 32;

const timestamp =
  (vector: GrowingVector, fail: Fail): ColumnDecoder =>
  (run) => {
    begin(vector, fail, run, 8, 8);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const high = view.getInt32(at);
      const low = view.getUint32(at + 4);
      if (
        (high === 0x7fffffff && low === 0xffffffff) || // infinity
        (high === -0x80000000 && low === 0)
      )
        fail(infinite);
      const sum = low + epochLow;
      const carried = high + epochHigh + (sum >= 2 ** 32 ? 1 : 0);
      if (carried > 0x7fffffff)
        fail('a time after 294247-01-10 04:00:54.775807 does not fit in 64 bits of microseconds since 1970');
      ints[to++] = sum;
      ints[to++] = carried;
    }
    vector.bytes = to << 2;
  };

function numericAsText(vector: GrowingVector, fail: Fail): ColumnDecoder {
  return (run) => {
    begin(vector, fail, run, null, 4);
    const { view, offsets, end } = run;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      reserveBytes(vector, 4 + numericTextBytes(view, at));
      const to = vector.bytes + 4;
      const textEnd = numericText(view, at, vector.data, to);
      vector.view.setInt32(vector.bytes, textEnd - to, true);
      vector.bytes = textEnd;
    }
  };
}

/** Why `unscaledNumber` and `unscaledBig` find no number below 10^precision. */
function unfit(view: DataView, at: number, fail: Fail, precision: number, scale: number): never {
  const special = notFiniteName(view, at);
  return fail(
    `${special ?? 'a value'} does not fit a decimal of ${precision} digits, ${scale} after the point`,
  );
}

/** The exact integer, checked against the precision. */
function unscaled(view: DataView, at: number, fail: Fail, precision: number, scale: number): bigint {
  const value = unscaledBig(view, at, scale);
  const limit = 10n ** BigInt(precision);
  if (value === null || value >= limit || value <= -limit) return unfit(view, at, fail, precision, scale);
  return value;
}

function decimal32(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  const limit = 10 ** precision;
  return (run) => {
    begin(vector, fail, run, null, 4);
    const { view, offsets, end } = run;
    const { ints } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const value = unscaledNumber(view, at, scale);
      if (!(value < limit && value > -limit)) unfit(view, at, fail, precision, scale);
      ints[to++] = value;
    }
    vector.bytes = to << 2;
  };
}

function decimal64(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  const limit = 10 ** precision;
  return (run) => {
    begin(vector, fail, run, null, 8);
    const { view, offsets, end } = run;
    const { ints, view: target } = vector;
    let to = vector.bytes >> 2;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const value = unscaledNumber(view, at, scale);
      if (value < limit && value > -limit) {
        ints[to] = value;
        ints[to + 1] = Math.floor(value / 2 ** 32);
      } else target.setBigInt64(to << 2, unscaled(view, at, fail, precision, scale), true);
      to += 2;
    }
    vector.bytes = to << 2;
  };
}

function decimal128(vector: GrowingVector, fail: Fail, precision: number, scale: number): ColumnDecoder {
  return (run) => {
    begin(vector, fail, run, null, 16);
    const { view, offsets, end } = run;
    const { view: target } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      const at = offsets[i] as number;
      if (at < 0) continue;
      const value = unscaledNumber(view, at, scale);
      if (Number.isNaN(value)) {
        const big = unscaled(view, at, fail, precision, scale);
        target.setBigInt64(to, big >> 64n);
        target.setBigInt64(to + 8, BigInt.asIntN(64, big));
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
