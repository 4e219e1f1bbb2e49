import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../../core/definition/fingerprint.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import { parsePartitionField } from '../../../core/definition/partition-field.ts';

test.for([
  ['country', ['identity', null, 'country']],
  ['identity(country)', ['identity', null, 'country']],
  ['month(created_at)', ['month', null, 'created_at']],
  ['year( created_at )', ['year', null, 'created_at']],
  ['bucket(16,id)', ['bucket', 16, 'id']],
  ['truncate( 999999999 , größe )', ['truncate', 999_999_999, 'größe']],
  ['"created at"', ['identity', null, 'created at']],
  ['day("created at")', ['day', null, 'created at']],
  ['bucket(2, "a ""quoted"" (name), too")', ['bucket', 2, 'a "quoted" (name), too']],
  ['month', ['identity', null, 'month']],
  ['"month(x)"', ['identity', null, 'month(x)']],
] as const)('%s', ([text, [transform, argument, column]]) => {
  expect(parsePartitionField(text)).toEqual({ transform, argument, column });
});

test.for([
  ...['', ' ', 'a b', 'a,b', 'days(x)', 'Month(x)', 'month()', 'month(a, b)', 'month(3, a)', 'void(x)'],
  ...[
    'bucket(id)',
    'bucket(0, id)',
    'bucket(-1, id)',
    'bucket(1000000000, id)',
    'bucket(16 id)',
    'bucket(1.5, id)',
  ],
  ...['"', '""', '"a', 'a"b', 'month(x', 'month(x) ', '"a"b', 'toString(x)'],
])('%j is no field', (text) => {
  expect(parsePartitionField(text)).toBeNull();
});

const text = (partition: string) => `name: shop
source: { type: postgres, url: postgres://a@h/db }
tables:
  - { name: public.orders, partition: ${partition} }
target: { url: s3://lake/shop }
`;
const load = (partition: string) => loadDefinition(text(partition), 'tidemark.yaml', {});

describe('in a definition', () => {
  test('what is no field is refused with its place, and with what is allowed', () => {
    expect(() => load('["month(a)", "weeks(a)"]')).toThrow(
      /^tidemark\.yaml:4: tables\[0\]\.partition\[1\]: "weeks\(a\)" stands there; allowed: column, year\(column\), .* day\("created at"\)$/,
    );
    expect(() => load('[a, b, c, d, e, f]')).toThrow('allowed: at most 5');
  });

  test.for([
    ['["a", "identity(a)"]', 'one identity of a column'],
    ['["bucket(4, a)", "bucket(8, a)"]', 'one bucket of a column'],
    ['["truncate(4, a)", "truncate(8, a)"]', 'one truncate of a column'],
    ['["day(a)", "hour(a)"]', 'one year, month, day or hour of a column'],
  ])('%s: Iceberg does not take both', ([partition, allowed]) => {
    expect(() => load(partition!)).toThrow(
      new RegExp(
        `^tidemark\\.yaml:4: tables\\[0\\]\\.partition\\[1\\]: .* divides as partition\\[0\\] does; allowed: ${allowed}$`,
      ),
    );
  });

  test('different ones of a column, and the same of different columns, are taken', () => {
    const fields = ['a', 'bucket(4, a)', 'truncate(2, a)', 'day(a)', 'day(b)'];
    expect(load(JSON.stringify(fields)).tables[0]!.partition).toEqual(fields);
  });

  test('it is part of what a run copies; none is as it was before there were any', () => {
    const of = (partition: string) => fingerprint(load(partition));
    // of the version before partitions
    expect(of('[]')).toBe('c57afcf654da616a');
    expect(of('[a]')).not.toBe(of('[]'));
    expect(of('[a]')).not.toBe(of('["day(a)"]'));
    expect(of('["bucket(4, a)"]')).not.toBe(of('["bucket(8, a)"]'));
    expect(of('[a, b]')).not.toBe(of('[b, a]'));
    expect(of('["identity(a)", "bucket( 4,b )"]')).toBe(of('[a, "bucket(4, b)"]'));
  });
});
