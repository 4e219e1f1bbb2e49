import { type Column, type ColumnType, layoutOf } from '../column.ts';
import type { ThriftWriter } from './thrift.ts';

/**
 * How Parquet names the columns' types: physical type, logical type, and the older converted type that the
 * format asks writers to set as well.
 * Source: https://github.com/apache/parquet-format, parquet.thrift and LogicalTypes.md
 */

const physicalTypes = {
  bool: 0,
  int32: 1,
  int64: 2,
  float: 4,
  double: 5,
  binary: 6,
  fixed: 7,
} as const;

const repetition = { required: 0, optional: 1 } as const;

const converted = {
  utf8: 0,
  decimal: 5,
  date: 6,
  timeMicros: 8,
  timestampMicros: 10,
  int16: 16,
  int32: 17,
  int64: 18,
  json: 19,
} as const;

/** field ids of the union LogicalType */
const logical = {
  string: 1,
  decimal: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  integer: 10,
  json: 12,
  uuid: 14,
} as const;

/** Parquet's number for the physical type of the column's values. */
export const physicalTypeOf = (type: ColumnType): number => physicalTypes[layoutOf(type).of];

/** The root element's name; readers do not look at it. */
const rootName = 'table';

/** Writes the field `schema` of FileMetaData: the root, then a leaf for each column. */
export function writeSchema(thrift: ThriftWriter, field: number, columns: readonly Column[]): void {
  thrift.structList<Column | null>(field, [null, ...columns], (column) => {
    if (column === null) {
      thrift.text(4, rootName);
      thrift.i32(5, columns.length);
    } else {
      writeLeaf(thrift, column);
    }
  });
}

function writeLeaf(thrift: ThriftWriter, { id, name, type, nullable }: Column): void {
  const layout = layoutOf(type);
  thrift.i32(1, physicalTypes[layout.of]);
  if (layout.of === 'fixed') thrift.i32(2, layout.width);
  thrift.i32(3, nullable ? repetition.optional : repetition.required);
  thrift.text(4, name);
  const convertedType = convertedTypeOf(type);
  if (convertedType !== null) thrift.i32(6, convertedType);
  if (type.kind === 'decimal') {
    thrift.i32(7, type.scale);
    thrift.i32(8, type.precision);
  }
  thrift.i32(9, id);
  const member = logicalMemberOf(type);
  if (member !== null) thrift.struct(10, () => thrift.struct(member.field, () => member.body(thrift)));
}

/**
 * Local times and timestamps also get the converted type, although that one means UTC: LogicalTypes.md demands
 * it of writers, and readers that know logical types do not look at it.
 */
function convertedTypeOf(type: ColumnType): number | null {
  switch (type.kind) {
    case 'int':
      return type.bits === 16 ? converted.int16 : type.bits === 32 ? converted.int32 : converted.int64;
    case 'decimal':
      return converted.decimal;
    case 'date':
      return converted.date;
    case 'time':
      return converted.timeMicros;
    case 'timestamp':
      return converted.timestampMicros;
    case 'string':
      return converted.utf8;
    case 'json':
      return converted.json;
    case 'boolean':
    case 'float':
    case 'uuid':
    case 'bytes':
      return null;
  }
}

/** The member of the union LogicalType that a type is, and its fields; null: the physical type says it all. */
type LogicalMember = { readonly field: number; readonly body: (thrift: ThriftWriter) => void };

const empty = (): void => {};

const inMicros =
  (adjustedToUtc: boolean) =>
  (thrift: ThriftWriter): void => {
    thrift.bool(1, adjustedToUtc);
    // the union TimeUnit: its second member is MICROS
    thrift.struct(2, () => thrift.struct(2, empty));
  };

function logicalMemberOf(type: ColumnType): LogicalMember | null {
  switch (type.kind) {
    case 'int':
      return {
        field: logical.integer,
        body: (thrift) => {
          thrift.i8(1, type.bits);
          thrift.bool(2, true);
        },
      };
    case 'decimal':
      return {
        field: logical.decimal,
        body: (thrift) => {
          thrift.i32(1, type.scale);
          thrift.i32(2, type.precision);
        },
      };
    case 'date':
      return { field: logical.date, body: empty };
    case 'time':
      return { field: logical.time, body: inMicros(false) };
    case 'timestamp':
      return { field: logical.timestamp, body: inMicros(type.utc) };
    case 'uuid':
      return { field: logical.uuid, body: empty };
    case 'string':
      return { field: logical.string, body: empty };
    case 'json':
      return { field: logical.json, body: empty };
    case 'boolean':
    case 'float':
    case 'bytes':
      return null;
  }
}
