/**
 * The transforms against the specification's values, against PyIceberg 0.12's (`pyiceberg-values.json`, written by hand
 * from it) and, for the calendar, against DuckDB.
 */
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../core/formats/column.ts';
import { daysOf, hoursOf, monthsOfDays, yearsOfDays } from '../../../../core/formats/partition/calendar.ts';
import { distinctValues } from '../../../../core/formats/partition/distinct.ts';
import { hashBytes, hashLong } from '../../../../core/formats/partition/murmur3.ts';
import type { PartitionValue, Transform } from '../../../../core/formats/partition/partition.ts';
import { type Value, vectorOf } from '../../../support/batches.ts';

const types: Readonly<Record<string, ColumnType>> = {
  int: { kind: 'int', bits: 32 },
  long: { kind: 'int', bits: 64 },
  'decimal(9,2)': { kind: 'decimal', precision: 9, scale: 2 },
  'decimal(18,4)': { kind: 'decimal', precision: 18, scale: 4 },
  'decimal(38,10)': { kind: 'decimal', precision: 38, scale: 10 },
  date: { kind: 'date' },
  time: { kind: 'time' },
  timestamp: { kind: 'timestamp', utc: false },
  timestamptz: { kind: 'timestamp', utc: true },
  string: { kind: 'string' },
  uuid: { kind: 'uuid' },
  bytes: { kind: 'bytes' },
  boolean: { kind: 'boolean' },
};

/** A value as it is written in the table, for a vector. */
function toValue(type: ColumnType, text: string): Value {
  if (type.kind === 'string' || type.kind === 'uuid') return text;
  if (type.kind === 'bytes') return Buffer.from(text, 'hex');
  if (type.kind === 'boolean') return text === 'true';
  return type.kind === 'date' || (type.kind === 'int' && type.bits === 32) ? Number(text) : BigInt(text);
}

/** What the transform makes of each row. */
function transformed(
  transform: Transform,
  argument: number | null,
  type: ColumnType,
  values: readonly Value[],
): PartitionValue[] {
  const field = { column: 'c', transform, argument, name: 'c' };
  const distinct = distinctValues(field, type, 'table t, partition c');
  const numbers = new Int32Array(values.length);
  distinct.number(vectorOf(type, values), values.length, numbers);
  return [...numbers].map((number) => distinct.value(number));
}

const written = (type: ColumnType, value: PartitionValue): string =>
  type.kind === 'bytes' && typeof value === 'string'
    ? Buffer.from(value, 'base64').toString('hex')
    : String(value);

describe('the hashes of the specification’s Appendix B', () => {
  const micros = BigInt(Date.UTC(2017, 10, 16, 22, 31, 8)) * 1000n;
  const bytesOfLong = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  };
  test.for([
    ['int and long', bytesOfLong(34n), 2017239379],
    ['decimal', Buffer.from('058c', 'hex'), -500754589],
    ['date', bytesOfLong(17486n), -653330422],
    ['time', bytesOfLong(81_068_000_000n), -662762989],
    ['timestamp', bytesOfLong(micros), -2047944441],
    ['string', Buffer.from('iceberg'), 1210000089],
    ['uuid', Buffer.from('f79c3e09677c4bbda4793f349cb785e7', 'hex'), 1488055340],
    ['binary', Buffer.from('00010203', 'hex'), -188683207],
  ] as const)('%s', ([, bytes, hash]) => {
    expect(hashBytes(bytes, 0, bytes.length)).toBe(hash);
    if (bytes.length === 8) expect(hashLong(bytes.readInt32LE(0), bytes.readInt32LE(4))).toBe(hash);
  });

  // buckets of so many are the hash itself, but for its sign
  test.for([
    ['int', '34', 2017239379],
    ['long', '34', 2017239379],
    ['decimal(9,2)', '1420', -500754589],
    ['decimal(18,4)', '1420', -500754589],
    ['decimal(38,10)', '1420', -500754589],
    ['date', '17486', -653330422],
    ['time', '81068000000', -662762989],
    ['timestamp', String(micros), -2047944441],
    ['timestamptz', String(micros), -2047944441],
    ['string', 'iceberg', 1210000089],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['bytes', '00010203', -188683207],
  ] as const)('of a value in a vector: %s', ([name, text, hash]) => {
    const type = types[name]!;
    expect(transformed('bucket', 1_000_003, type, [toValue(type, text)])).toEqual([
      (hash & 0x7fffffff) % 1_000_003,
    ]);
  });
});

type Case = { transform: Transform; argument: number | null; type: string; values: [string, string][] };
const cases: Case[] = JSON.parse(readFileSync(new URL('pyiceberg-values.json', import.meta.url), 'utf8'));

test.for(cases)('$transform($argument) of $type is as PyIceberg has it', (one) => {
  const type = types[one.type]!;
  const values = one.values.map(([text]) => toValue(type, text));
  const found = transformed(one.transform, one.argument, type, values);
  expect(found.map((value) => written(type, value))).toEqual(one.values.map(([, result]) => result));
});

test('NULL stays NULL, wherever it stands', () => {
  const type = types.int!;
  const values = [null, 5, null, null, 15, 5, null];
  expect(transformed('truncate', 10, type, values)).toEqual([null, 0, null, null, 10, 0, null]);
  expect(transformed('bucket', 4, type, [null, null])).toEqual([null, null]);
  expect(transformed('identity', null, types.string!, [null, '', 'a', null, ''])).toEqual([
    ...[null, '', 'a', null, ''],
  ]);
});

test.for([
  ['boolean', 'true', true],
  ['int', '-7', -7],
  ['long', '-9007199254740993', '-9007199254740993'],
  ['decimal(9,2)', '-1420', '-1420'],
  ['decimal(18,4)', '-123456789012345678', '-123456789012345678'],
  ['decimal(38,10)', String(-(10n ** 37n)), String(-(10n ** 37n))],
  ['date', '-719162', -719162],
  ['time', '86399999999', '86399999999'],
  ['timestamptz', '-9223372036854775807', '-9223372036854775807'],
  ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
  ['string', 'naïve', 'naïve'],
  ['bytes', 'ff00', '/wA='],
] as const)('identity of %s keeps the value', ([name, text, value]) => {
  const type = types[name]!;
  expect(transformed('identity', null, type, [toValue(type, text)])).toEqual([value]);
});

test.for([
  ['int', '-2147483648'],
  ['long', '-9223372036854775808'],
  ['decimal(9,2)', '-999999999'],
  ['decimal(18,4)', '-999999999999999999'],
  ['decimal(38,10)', String(1n - 10n ** 38n)],
] as const)('what %s cannot hold, rounded down, is refused, and does not wrap around', ([name, text]) => {
  const type = types[name]!;
  expect(() => transformed('truncate', 10, type, [toValue(type, text)])).toThrow(
    expect.objectContaining({ code: 'ValueNotRepresentable' }),
  );
});

test('a decimal of ten digits that does not hold its own rounding down is refused, too', () => {
  const type: ColumnType = { kind: 'decimal', precision: 10, scale: 0 };
  expect(transformed('truncate', 10, type, [-9_999_999_990n])).toEqual(['-9999999990']);
  expect(() => transformed('truncate', 10, type, [-9_999_999_999n])).toThrow(/rounded down/);
});

test('a value with more than 256 bytes is refused, without being named', () => {
  expect(() => transformed('identity', null, types.string!, ['x'.repeat(257)])).toThrow(
    'table t, partition c: a value has more than 256 bytes; allowed: up to 256',
  );
  expect(transformed('truncate', 5, types.string!, ['x'.repeat(257)])).toEqual(['xxxxx']);
});

describe('the calendar', () => {
  const halves = (micros: bigint): [low: number, high: number] => [
    Number(BigInt.asUintN(32, micros)),
    Number(micros >> 32n),
  ];
  const floorDiv = (value: bigint, by: bigint): number => Number(value / by) - (value % by < 0n ? 1 : 0);

  test('days and hours are exact at every edge, over all 64 bits', () => {
    const day = 86_400_000_000n;
    const hour = 3_600_000_000n;
    const least = -(2n ** 63n);
    const most = 2n ** 63n - 1n;
    for (let step = -2000n; step <= 2000n; step++) {
      for (const unit of [day, hour]) {
        const edge = ((most / 2000n) * step) / unit;
        for (const near of [-2n, -1n, 0n, 1n]) {
          const micros = edge * unit + near;
          if (micros < least || micros > most) continue;
          expect(daysOf(...halves(micros))).toBe(floorDiv(micros, day));
          expect(hoursOf(...halves(micros))).toBe(floorDiv(micros, hour));
        }
      }
    }
    expect([daysOf(...halves(least)), daysOf(...halves(most))]).toEqual([
      floorDiv(least, day),
      floorDiv(most, day),
    ]);
  });

  test('an hour that does not fit 32 bits is refused', () => {
    const most = 2n ** 31n * 3_600_000_000n;
    expect(transformed('hour', null, types.timestamp!, [most - 1n])).toEqual([2 ** 31 - 1]);
    expect(() => transformed('hour', null, types.timestamp!, [most])).toThrow(/year 246952/);
  });

  test('months and years are DuckDB’s, for 3,200 years day by day', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const duckdb = await instance.connect();
    const from = -800_000;
    const to = 400_000;
    const rows = (
      await duckdb.runAndReadAll(
        `select datediff('month', date '1970-01-01', date '1970-01-01' + i::integer),
           datediff('year', date '1970-01-01', date '1970-01-01' + i::integer) from range(${from}, ${to}) t(i)`,
      )
    ).getRows();
    duckdb.closeSync();
    instance.closeSync();
    expect(rows).toHaveLength(to - from);
    const wrong = rows.flatMap(([months, years], at) => {
      const days = from + at;
      return monthsOfDays(days) === Number(months) && yearsOfDays(days) === Number(years) ? [] : [days];
    });
    expect(wrong).toEqual([]);
  });
});
