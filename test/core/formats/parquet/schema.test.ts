import { afterAll, beforeAll, expect, test } from 'vitest';
import { kinds } from './kinds.ts';
import { duckdb, encode, type Judge } from './readers.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await duckdb();
});
afterAll(() => judge.close());

/** name: physical type, converted type, logical type, and the type that DuckDB makes of them */
const micros = 'unit=TimeUnit(MILLIS=<null>, MICROS=MicroSeconds(), NANOS=<null>)';
// DuckDB shows the i8 bitWidth as a character
const integer = (bits: number) => `IntType(bitWidth=${String.fromCharCode(bits)}, isSigned=1)`;
const expected: Record<keyof typeof kinds, [string, string | null, string | null, string]> = {
  boolean: ['BOOLEAN', null, null, 'BOOLEAN'],
  int16: ['INT32', 'INT_16', integer(16), 'SMALLINT'],
  int32: ['INT32', 'INT_32', integer(32), 'INTEGER'],
  int64: ['INT64', 'INT_64', integer(64), 'BIGINT'],
  float32: ['FLOAT', null, null, 'FLOAT'],
  float64: ['DOUBLE', null, null, 'DOUBLE'],
  'decimal(1,1)': ['INT32', 'DECIMAL', 'DecimalType(scale=1, precision=1)', 'DECIMAL(1,1)'],
  'decimal(9,0)': ['INT32', 'DECIMAL', 'DecimalType(scale=0, precision=9)', 'DECIMAL(9,0)'],
  'decimal(10,10)': ['INT64', 'DECIMAL', 'DecimalType(scale=10, precision=10)', 'DECIMAL(10,10)'],
  'decimal(18,4)': ['INT64', 'DECIMAL', 'DecimalType(scale=4, precision=18)', 'DECIMAL(18,4)'],
  'decimal(19,2)': ['FIXED_LEN_BYTE_ARRAY', 'DECIMAL', 'DecimalType(scale=2, precision=19)', 'DECIMAL(19,2)'],
  'decimal(38,10)': [
    'FIXED_LEN_BYTE_ARRAY',
    'DECIMAL',
    'DecimalType(scale=10, precision=38)',
    'DECIMAL(38,10)',
  ],
  date: ['INT32', 'DATE', 'DateType()', 'DATE'],
  time: ['INT64', 'TIME_MICROS', `TimeType(isAdjustedToUTC=0, ${micros})`, 'TIME'],
  timestamp: ['INT64', 'TIMESTAMP_MICROS', `TimestampType(isAdjustedToUTC=0, ${micros})`, 'TIMESTAMP'],
  timestamptz: [
    'INT64',
    'TIMESTAMP_MICROS',
    `TimestampType(isAdjustedToUTC=1, ${micros})`,
    'TIMESTAMP WITH TIME ZONE',
  ],
  uuid: ['FIXED_LEN_BYTE_ARRAY', null, 'UUIDType()', 'UUID'],
  string: ['BYTE_ARRAY', 'UTF8', 'StringType()', 'VARCHAR'],
  json: ['BYTE_ARRAY', 'JSON', 'JsonType()', 'JSON'],
  bytes: ['BYTE_ARRAY', null, null, 'BLOB'],
};

test.each([
  ['REQUIRED', false],
  ['OPTIONAL', true],
])('%s columns of every type', async (repetition, nullable) => {
  const columns = Object.entries(kinds).map(([name, { type }], index) => ({
    // ids need not be dense: a column may have been dropped
    id: index * 3 + 1,
    name,
    type,
    nullable,
  }));
  const path = judge.store(await encode(columns, []));
  const leaves = await judge.query(
    `SELECT name, type, repetition_type AS repetition, converted_type AS converted, logical_type AS logical,
       field_id::int AS id, type_length::int AS length, scale::int AS scale, precision::int AS precision
     FROM parquet_schema('${path}') WHERE num_children IS NULL`,
  );
  const types = await judge.query(`DESCRIBE SELECT * FROM '${path}'`);
  for (const [index, { id, name, type }] of columns.entries()) {
    const [physical, converted, logical, duckdbType] = expected[name]!;
    expect(leaves[index]).toEqual({
      name,
      id,
      repetition,
      type: physical,
      converted,
      logical,
      length: physical === 'FIXED_LEN_BYTE_ARRAY' ? 16 : null,
      scale: type.kind === 'decimal' ? type.scale : null,
      precision: type.kind === 'decimal' ? type.precision : null,
    });
    expect(types[index]).toMatchObject({ column_name: name, column_type: duckdbType });
  }
});
