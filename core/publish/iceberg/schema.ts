/**
 * The lake's columns as Iceberg's schema, and their values as its bounds.
 * Source: https://iceberg.apache.org/spec (version 2): Schemas and Data Types, Appendix C and D.
 */
import type { Column, ColumnType } from '../../formats/column.ts';

/** A primitive type by its name in JSON: `long`, `decimal(15, 2)`, … Nested types are not written here. */
export type IcebergField = {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: string;
  readonly doc?: string;
};

export type IcebergSchema = {
  readonly type: 'struct';
  readonly 'schema-id': number;
  readonly 'identifier-field-ids'?: readonly number[];
  readonly fields: readonly IcebergField[];
};

export function icebergType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return type.bits === 64 ? 'long' : 'int';
    case 'float':
      return type.bits === 64 ? 'double' : 'float';
    case 'decimal':
      return `decimal(${type.precision}, ${type.scale})`;
    case 'date':
      return 'date';
    case 'time':
      return 'time';
    case 'timestamp':
      return type.utc ? 'timestamptz' : 'timestamp';
    case 'uuid':
      return 'uuid';
    case 'string':
    case 'json':
      return 'string';
    case 'bytes':
      return 'binary';
  }
}

export const icebergFields = (columns: readonly Column[]): IcebergField[] =>
  columns.map(({ id, name, type, nullable }) => ({ id, name, required: !nullable, type: icebergType(type) }));

export const sameFields = (a: readonly IcebergField[], b: readonly IcebergField[]): boolean =>
  a.length === b.length &&
  a.every((field, at) => {
    const other = b[at]!;
    return (
      field.id === other.id &&
      field.name === other.name &&
      field.required === other.required &&
      field.type === other.type
    );
  });
