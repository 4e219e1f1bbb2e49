import { expect, test } from 'vitest';
import type { ColumnType } from '../../../core/formats/column.ts';
import { partitionOf } from '../../../core/plan/partition.ts';
import type { SourceColumn, TableDescription } from '../../../core/sources/source.ts';

const types: Readonly<Record<string, ColumnType>> = {
  flag: { kind: 'boolean' },
  small: { kind: 'int', bits: 16 },
  id: { kind: 'int', bits: 64 },
  ratio: { kind: 'float', bits: 64 },
  amount: { kind: 'decimal', precision: 9, scale: 2 },
  day: { kind: 'date' },
  clock: { kind: 'time' },
  at: { kind: 'timestamp', utc: true },
  code: { kind: 'uuid' },
  name: { kind: 'string' },
  doc: { kind: 'json' },
  blob: { kind: 'bytes' },
};

const columns = Object.entries(types).map(
  ([name, type], at): SourceColumn => ({
    ...{ id: at + 1, name, type, nullable: true, sourceType: `pg_${name}`, transfer: 'binary' },
  }),
);
const description: TableDescription = {
  ...{ schema: 'public', table: 't', identity: '1', notes: [] },
  columns,
  key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
};

/** The specification's table of transforms and source types, less floating point and json. */
const taken: Readonly<Record<string, readonly string[]>> = {
  'identity(': ['flag', 'small', 'id', 'amount', 'day', 'clock', 'at', 'code', 'name', 'blob'],
  'bucket(4, ': ['small', 'id', 'amount', 'day', 'clock', 'at', 'code', 'name', 'blob'],
  'truncate(4, ': ['small', 'id', 'amount', 'name', 'blob'],
  'year(': ['day', 'at'],
  'month(': ['day', 'at'],
  'day(': ['day', 'at'],
  'hour(': ['at'],
};

test.for(Object.entries(taken))('%s… takes the types that the specification says', ([call, names]) => {
  for (const name of Object.keys(types)) {
    const resolve = () => partitionOf(description, [`${call}${name})`]);
    if (names.includes(name)) expect(resolve(), name).toHaveLength(1);
    else
      expect(resolve, name).toThrow(
        expect.objectContaining({
          code: 'DefinitionInvalid',
          message: expect.stringMatching(
            new RegExp(
              `^partition of public\\.t: \\w+ takes no column of type \\w+ \\(${name}, pg_${name}\\); allowed: `,
            ),
          ),
        }),
      );
  }
});

test('fields are named as Iceberg names them', () => {
  expect(
    partitionOf(description, ['name', 'bucket(16, id)', 'truncate(3, name)', 'month(at)', 'year(day)']),
  ).toEqual([
    { column: 'name', transform: 'identity', argument: null, name: 'name' },
    { column: 'id', transform: 'bucket', argument: 16, name: 'id_bucket' },
    { column: 'name', transform: 'truncate', argument: 3, name: 'name_trunc' },
    { column: 'at', transform: 'month', argument: null, name: 'at_month' },
    { column: 'day', transform: 'year', argument: null, name: 'day_year' },
  ]);
  expect(partitionOf(description, [])).toEqual([]);
});

test('a column that is not there is refused; one that is nearly called so is named', () => {
  expect(() => partitionOf(description, ['bucket(2, amuont)'])).toThrow(
    `partition of public.t: there is no column amuont; its columns are ${Object.keys(types).join(', ')}; did you mean amount?`,
  );
});

test('a field that would be called as a column is, is refused', () => {
  const more = { ...columns[1]!, id: 99, name: 'at_day' };
  expect(() => partitionOf({ ...description, columns: [...columns, more] }, ['day(at)'])).toThrow(
    'partition of public.t: day(at) would be called at_day, as a column of the table is',
  );
});
