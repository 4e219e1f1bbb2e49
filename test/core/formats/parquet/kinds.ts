/** Every type of column, with its extremes and some usual values, for the tests of the Parquet encoder. */
import fc from 'fast-check';
import type { ColumnType } from '../../../../core/formats/column.ts';
import type { Value } from '../../../support/batches.ts';

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const nines = (digits: number): bigint => 10n ** BigInt(digits) - 1n;
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });

export const kinds: Record<string, { type: ColumnType; values: Exclude<Value, null>[] }> = {
  boolean: { type: { kind: 'boolean' }, values: [true, false, false, true, true] },
  int16: { type: { kind: 'int', bits: 16 }, values: [-32768, 32767, 0, -1, 7] },
  int32: { type: { kind: 'int', bits: 32 }, values: [-2147483648, 2147483647, 0, -1, 1000] },
  int64: { type: { kind: 'int', bits: 64 }, values: [int64Min, int64Max, 0n, -1n, 4294967295n, 4294967296n] },
  float32: {
    type: { kind: 'float', bits: 32 },
    values: [0, -0, Number.NaN, Infinity, -Infinity, 1.5, 2 ** -149, 3.4028234663852886e38],
  },
  float64: {
    type: { kind: 'float', bits: 64 },
    values: [
      0,
      -0,
      Number.NaN,
      Infinity,
      -Infinity,
      0.1,
      Number.MIN_VALUE,
      Number.MAX_VALUE,
      -Number.MAX_VALUE,
    ],
  },
  'decimal(1,1)': { type: decimal(1, 1), values: [-9n, 9n, 0n] },
  'decimal(9,0)': { type: decimal(9, 0), values: [-nines(9), nines(9), 0n, 1n] },
  'decimal(10,10)': { type: decimal(10, 10), values: [-nines(10), nines(10), 0n, 1n] },
  'decimal(18,4)': { type: decimal(18, 4), values: [-nines(18), nines(18), 0n, -1n] },
  'decimal(19,2)': { type: decimal(19, 2), values: [-nines(19), nines(19), 0n, -1n] },
  'decimal(38,10)': {
    type: decimal(38, 10),
    values: [-nines(38), nines(38), 0n, -1n, 2n ** 64n, -(2n ** 64n)],
  },
  // 4713 BC and 5874897 AD are PostgreSQL's limits
  date: { type: { kind: 'date' }, values: [-2440588, 2145031948, 0, -1, 20000] },
  time: { type: { kind: 'time' }, values: [0n, 86_399_999_999n, 86_400_000_000n, 1n] },
  timestamp: {
    type: { kind: 'timestamp', utc: false },
    values: [-210_866_803_200_000_000n, int64Max, 0n, -1n],
  },
  timestamptz: {
    type: { kind: 'timestamp', utc: true },
    values: [-210_866_803_200_000_000n, int64Max, 0n, -1n],
  },
  uuid: {
    type: { kind: 'uuid' },
    values: [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '80000000-0000-0000-8000-000000000001',
      '123e4567-e89b-12d3-a456-426614174000',
    ],
  },
  string: {
    type: { kind: 'string' },
    values: ['', 'a', 'äöü €', '𝄞🎼', 'x'.repeat(1_000_000), '\u0000\u0001', 'tide'],
  },
  json: { type: { kind: 'json' }, values: ['{}', '[1, 2.50]', '"é"', 'null', '{"a": {"b": [true, null]}}'] },
  bytes: {
    type: { kind: 'bytes' },
    values: [Buffer.alloc(0), Buffer.of(0), Buffer.of(255, 254), Buffer.alloc(1_000_000, 0xff)],
  },
};

/** Random values of the types, by the same names. */
export const arbitraries: Record<string, fc.Arbitrary<Exclude<Value, null>>> = {
  boolean: fc.boolean(),
  int16: fc.integer({ min: -32768, max: 32767 }),
  int32: fc.integer(),
  int64: fc.bigInt({ min: int64Min, max: int64Max }),
  float32: fc.float(),
  float64: fc.double(),
  'decimal(9,0)': fc.bigInt({ min: -nines(9), max: nines(9) }),
  'decimal(18,4)': fc.bigInt({ min: -nines(18), max: nines(18) }),
  'decimal(38,10)': fc.bigInt({ min: -nines(38), max: nines(38) }),
  date: fc.integer({ min: -2440588, max: 2145031948 }),
  time: fc.bigInt({ min: 0n, max: 86_400_000_000n }),
  timestamp: fc.bigInt({ min: -210_866_803_200_000_000n, max: int64Max }),
  uuid: fc.uuid(),
  string: fc.string({ unit: 'binary', maxLength: 90 }),
  bytes: fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
};
