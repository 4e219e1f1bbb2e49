/** Partition values of every type: into a manifest's Avro and back, and into a list's bounds. */
import { describe, expect, test } from 'vitest';
import type { Column, ColumnType } from '../../../../core/formats/column.ts';
import type {
  PartitionField,
  PartitionTuple,
  PartitionValue,
  Transform,
} from '../../../../core/formats/partition/partition.ts';
import { dataFile } from '../../../../core/publish/iceberg/data-file.ts';
import {
  type ManifestEntry,
  readManifest,
  writeManifest,
} from '../../../../core/publish/iceberg/manifest.ts';
import type { PartitionSpec } from '../../../../core/publish/iceberg/metadata.ts';
import {
  asWritten,
  decimalBytes,
  fieldSummaries,
  partitioningOf,
  partitionRecord,
  partitionTexts,
} from '../../../../core/publish/iceberg/partition-avro.ts';

const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });

type TypeCase = {
  readonly type: ColumnType;
  readonly transform?: Transform;
  /** ascending */
  readonly values: readonly Exclude<PartitionValue, null>[];
  readonly avro: unknown;
  /** of the first and the last */
  readonly bounds: readonly [string, string];
};

const cases: Readonly<Record<string, TypeCase>> = {
  boolean: { type: { kind: 'boolean' }, values: [false, true], avro: 'boolean', bounds: ['00', '01'] },
  int: {
    type: { kind: 'int', bits: 16 },
    values: [-32768, -1, 0, 32767],
    avro: 'int',
    bounds: ['0080ffff', 'ff7f0000'],
  },
  long: {
    type: { kind: 'int', bits: 64 },
    values: ['-9223372036854775808', '-9007199254740993', '-1', '0', '9223372036854775807'],
    avro: 'long',
    bounds: ['0000000000000080', 'ffffffffffffff7f'],
  },
  'decimal(9,2)': {
    type: decimal(9, 2),
    values: ['-999999999', '-129', '-128', '0', '127', '128', '999999999'],
    avro: { type: 'fixed', name: 'decimal_1000', size: 4, logicalType: 'decimal', precision: 9, scale: 2 },
    bounds: ['c4653601', '3b9ac9ff'],
  },
  'decimal(38,0)': {
    type: decimal(38, 0),
    values: [String(1n - 10n ** 38n), '-1', '0', '128'],
    avro: { type: 'fixed', name: 'decimal_1000', size: 16, logicalType: 'decimal', precision: 38, scale: 0 },
    bounds: ['b4c4b357a5793b85f675ddc000000001', '0080'],
  },
  date: {
    type: { kind: 'date' },
    values: [-719162, 0, 17486],
    avro: { type: 'int', logicalType: 'date' },
    bounds: ['c606f5ff', '4e440000'],
  },
  'day of a timestamp': {
    type: { kind: 'timestamp', utc: true },
    transform: 'day',
    values: [-1, 0],
    avro: { type: 'int', logicalType: 'date' },
    bounds: ['ffffffff', '00000000'],
  },
  'month of a date': {
    type: { kind: 'date' },
    transform: 'month',
    values: [-1, 682],
    avro: 'int',
    bounds: ['ffffffff', 'aa020000'],
  },
  time: {
    type: { kind: 'time' },
    values: ['0', '86399999999'],
    avro: { type: 'long', logicalType: 'time-micros' },
    bounds: ['0000000000000000', 'ff5fd71d14000000'],
  },
  timestamp: {
    type: { kind: 'timestamp', utc: false },
    values: ['-9223372036854775807', '0', '9223372036854775807'],
    avro: { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false },
    bounds: ['0100000000000080', 'ffffffffffffff7f'],
  },
  timestamptz: {
    type: { kind: 'timestamp', utc: true },
    values: ['1', '9007199254740993'],
    avro: { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true },
    bounds: ['0100000000000000', '0100000000002000'],
  },
  uuid: {
    type: { kind: 'uuid' },
    values: ['00000000-0000-0000-0000-000000000001', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
    avro: { type: 'fixed', name: 'uuid_1000', size: 16, logicalType: 'uuid' },
    bounds: ['00000000000000000000000000000001', 'f79c3e09677c4bbda4793f349cb785e7'],
  },
  string: {
    type: { kind: 'string' },
    // UTF-8 puts U+FFFD before U+1D11E, UTF-16 the other way round
    values: ['', 'a', '\uFFFD', '𝄞'],
    avro: 'string',
    bounds: ['', 'f09d849e'],
  },
  bytes: { type: { kind: 'bytes' }, values: ['', 'AA==', '//79'], avro: 'bytes', bounds: ['', 'fffefd'] },
};

const schema = { type: 'struct', 'schema-id': 0, fields: [] } as const;

function manifestOf(
  { type, transform = 'identity' }: TypeCase,
  name: string,
  tuples: readonly PartitionTuple[],
) {
  const columns: Column[] = [{ id: 7, name, type, nullable: true }];
  const fields: PartitionField[] = [{ column: name, transform, argument: null, name }];
  const spec: PartitionSpec = {
    'spec-id': 3,
    fields: [{ 'source-id': 7, 'field-id': 1000, name, transform }],
  };
  const partitioning = partitioningOf(spec, fields, columns);
  const entries = tuples.map((tuple, at): ManifestEntry => {
    const file = { path: `s3://lake/${at}`, format: 'PARQUET', rows: 1, bytes: 1 };
    const record = asWritten(partitionRecord(fields, columns, tuple), fields, partitioning);
    const plain = { status: 1, snapshot_id: 1, sequence_number: null, file_sequence_number: null } as const;
    return { ...plain, partitioning, data_file: dataFile(file, columns, null, record) };
  });
  return { spec, partitioning, entries, body: writeManifest(entries, schema, spec, partitioning) };
}

const hex = (bytes: Buffer | null): string | null => bytes?.toString('hex') ?? null;

describe.for(Object.entries(cases))('%s', ([, one]) => {
  const values: PartitionValue[] = [null, ...one.values];
  const { entries, partitioning, body } = manifestOf(
    one,
    'c',
    values.map((value) => [value]),
  );

  test('is of Iceberg’s type, and comes back as it was written', () => {
    expect(partitioning.fields).toEqual([
      { name: 'c', 'field-id': 1000, type: ['null', one.avro], default: null },
    ]);
    const read = readManifest(body);
    expect(read.map(({ data_file }) => ({ ...data_file.partition }))).toEqual(
      entries.map(({ data_file }) => data_file.partition),
    );
    expect(read[0]!.partitioning).toEqual(partitioning);
    // what was read is written again as it was
    const again = writeManifest(read, schema, { 'spec-id': 3, fields: [] }, read[0]!.partitioning);
    expect(readManifest(again).map(({ data_file }) => data_file)).toEqual(
      read.map(({ data_file }) => data_file),
    );
  });

  test.for([
    ['as it is to be written', () => entries],
    ['as it was read', () => readManifest(body)],
  ] as const)('has bounds in the type’s order, %s', ([, of]) => {
    const records = of().map(({ data_file }) => data_file.partition);
    for (const inOrder of [records, [...records].reverse()]) {
      const [summary] = fieldSummaries(partitioning.fields, inOrder);
      expect([hex(summary!.lower_bound), hex(summary!.upper_bound)]).toEqual(one.bounds);
      expect([summary!.contains_null, summary!.contains_nan]).toEqual([true, false]);
    }
    expect(fieldSummaries(partitioning.fields, records.slice(1))[0]!.contains_null).toBe(false);
    expect(fieldSummaries(partitioning.fields, records.slice(0, 1))[0]).toMatchObject({
      lower_bound: null,
      upper_bound: null,
    });
    expect(new Set(partitionTexts(of())).size).toBe(values.length);
    expect(new Set(partitionTexts([...of(), ...of()])).size).toBe(values.length);
  });
});

test('an unscaled number gets the bytes that its precision needs', () => {
  expect([1, 2, 3, 4, 5, 9, 10, 18, 19, 38].map(decimalBytes)).toEqual([1, 1, 2, 2, 3, 4, 5, 8, 9, 16]);
});

test('two fields of one type are two types to Avro, which names them', () => {
  const columns: Column[] = ['a', 'b'].map((name, at) => ({
    ...{ id: at, name, type: decimal(9, 2), nullable: false },
  }));
  const fields = columns.map(
    ({ name }): PartitionField => ({
      ...{ column: name, transform: 'identity', argument: null, name },
    }),
  );
  const spec: PartitionSpec = {
    'spec-id': 1,
    fields: columns.map(({ id, name }) => ({
      ...{ 'source-id': id, 'field-id': 1000 + id, name, transform: 'identity' },
    })),
  };
  const partitioning = partitioningOf(spec, fields, columns);
  const file = { path: 's3://lake/0', format: 'PARQUET', rows: 1, bytes: 1 };
  const record = asWritten(partitionRecord(fields, columns, ['1', '-2']), fields, partitioning);
  const entry: ManifestEntry = {
    ...{ status: 1, snapshot_id: 1, sequence_number: null, file_sequence_number: null, partitioning },
    data_file: dataFile(file, columns, null, record),
  };
  const [read] = readManifest(writeManifest([entry], schema, spec, partitioning));
  expect({ ...read!.data_file.partition }).toEqual({
    a: Buffer.from('00000001', 'hex'),
    b: Buffer.from('fffffffe', 'hex'),
  });
});

test('a name that Avro does not take is written without what it does not take', () => {
  const { partitioning, body } = manifestOf(cases.int!, 'größe 1', [[5]]);
  expect(partitioning.fields).toEqual([
    expect.objectContaining({ name: 'gr_xF6_xDFe_x201', 'iceberg-field-name': 'größe 1', 'field-id': 1000 }),
  ]);
  expect(readManifest(body)[0]!.data_file.partition.gr_xF6_xDFe_x201).toBe(5);
});
