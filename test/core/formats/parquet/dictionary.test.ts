import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ColumnType, layoutOf } from '../../../../core/formats/column.ts';
import { dictionaryOf } from '../../../../core/formats/parquet/dictionary.ts';
import {
  expectedDistinct,
  isDictionaryWorthwhile,
} from '../../../../core/formats/parquet/dictionary-probe.ts';
import { plainBytes, type Value, vectorOf } from '../../../support/batches.ts';

const limits = { entries: 65_536, bytes: 1024 * 1024 };
const types: Record<string, [ColumnType, fc.Arbitrary<Exclude<Value, null>>]> = {
  int32: [{ kind: 'int', bits: 32 }, fc.integer()],
  int64: [{ kind: 'int', bits: 64 }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  double: [{ kind: 'float', bits: 64 }, fc.double()],
  uuid: [{ kind: 'uuid' }, fc.uuid()],
  string: [{ kind: 'string' }, fc.string({ maxLength: 12 })],
};

test.each(Object.entries(types))(
  '%s: each index leads to its value, and each value has one',
  (_name, [type, value]) => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 40 }),
        fc.array(fc.nat(), { maxLength: 3000 }),
        (pool, picks) => {
          const values = pool.length === 0 ? [] : picks.map((pick) => pool[pick % pool.length]!);
          const { data, bytes } = vectorOf(type, values);
          const dictionary = dictionaryOf(layoutOf(type), limits)!;
          const indexes = new Int32Array(values.length);
          expect(dictionary.index(data, bytes, values.length, indexes)).toBe(true);
          const distinct = [...new Set(values.map((each) => plainBytes(type, each).toString('latin1')))];
          expect(dictionary.plain().toString('latin1')).toBe(distinct.join(''));
          expect([dictionary.entries, dictionary.bytes]).toEqual([distinct.length, distinct.join('').length]);
          const position = new Map(distinct.map((each, index) => [each, index]));
          expect([...indexes]).toEqual(
            values.map((each) => position.get(plainBytes(type, each).toString('latin1'))),
          );
        },
      ),
    );
  },
);

test.each(Object.entries(types))('%s: it grows to its limit and then stays as it was', (name, [type]) => {
  const make = (index: number): Exclude<Value, null> => {
    if (name === 'int64') return BigInt(index) << 30n;
    if (name === 'string') return `value ${index}`;
    if (name === 'uuid') return index.toString(16).padStart(32, '0');
    return index * 1024;
  };
  const dictionary = dictionaryOf(layoutOf(type), { entries: 20_005, bytes: 10_000_000 })!;
  const indexes = new Int32Array(30_000);
  const vector = (from: number, to: number) =>
    vectorOf(
      type,
      Array.from({ length: to - from }, (_, index) => make(from + index)),
    );
  const first = vector(0, 20_000);
  expect(dictionary.index(first.data, first.bytes, 20_000, indexes)).toBe(true);
  expect([...indexes.subarray(0, 20_000)]).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
  const plain = Buffer.from(dictionary.plain());
  expect(plain.equals(first.data)).toBe(true);
  // found again, after the table has grown several times
  expect(dictionary.index(first.data, first.bytes, 20_000, indexes)).toBe(true);
  expect([...indexes.subarray(0, 20_000)]).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
  expect(dictionary.entries).toBe(20_000);
  // five of the new ones would still fit
  const more = vector(19_990, 20_010);
  expect(dictionary.index(more.data, more.bytes, 20, indexes)).toBe(false);
  expect(dictionary.entries).toBe(20_000);
  expect(dictionary.plain().equals(plain)).toBe(true);
  dictionary.clear();
  expect(dictionary.index(more.data, more.bytes, 20, indexes)).toBe(true);
  expect(dictionary.plain().equals(more.data)).toBe(true);
});

test('the limit of bytes', () => {
  const type: ColumnType = { kind: 'string' };
  const dictionary = dictionaryOf(layoutOf(type), { entries: 100, bytes: 30 })!;
  const { data, bytes } = vectorOf(type, ['0123456789', '0123456789', 'abcdefghij', '!']);
  const indexes = new Int32Array(4);
  expect(dictionary.index(data, bytes, 3, indexes)).toBe(true);
  expect(dictionary.index(data, bytes, 4, indexes)).toBe(false);
  expect([dictionary.entries, dictionary.bytes]).toEqual([2, 28]);
});

test('the number of distinct values, judged by a sample', () => {
  const rows = 1_000_000;
  // a fixed sequence that looks random
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const estimate = (value: (index: number) => number): number => {
    const seen = new Set<number>();
    for (let index = 0; index < 2048; index++) seen.add(value(index));
    const first = seen.size;
    for (let index = 2048; index < 4096; index++) seen.add(value(index));
    return expectedDistinct(4096, first, seen.size - first, rows);
  };
  expect(estimate(() => random(10))).toBe(10);
  for (const distinct of [500, 2500, 10_000]) {
    expect(Math.abs(estimate(() => random(distinct)) / distinct - 1)).toBeLessThan(0.2);
  }
  expect(estimate((index) => index)).toBe(rows);
  expect(estimate((index) => index >> 2)).toBe(rows / 4);
  expect(estimate(() => random(10_000_000))).toBeGreaterThan(65_536);
});

test('which columns get a dictionary', () => {
  const decide = (
    type: ColumnType,
    value: (index: number) => Exclude<Value, null>,
    rows = 1_000_000,
  ): boolean => {
    const { data, bytes, values } = vectorOf(
      type,
      Array.from({ length: 8192 }, (_, index) => value(index)),
    );
    const dictionary = dictionaryOf(layoutOf(type), limits)!;
    return isDictionaryWorthwhile(dictionary, limits, data, bytes, values, rows, new Int32Array(4096));
  };
  const int32: ColumnType = { kind: 'int', bits: 32 };
  const text: ColumnType = { kind: 'string' };
  const scattered = (index: number, distinct: number) => (Math.imul(index, 0x9e3779b1) >>> 8) % distinct;
  expect(decide(int32, (index) => index)).toBe(false);
  expect(decide(int32, () => 7)).toBe(true);
  expect(decide(int32, (index) => scattered(index, 2500))).toBe(true);
  expect(decide(text, (index) => `mode ${index % 7}`)).toBe(true);
  expect(decide(text, (index) => `${index} ${scattered(index, 1e6)}`)).toBe(false);
  expect(decide(text, (index) => 'x'.repeat(10_000) + (index % 200))).toBe(false);
});
