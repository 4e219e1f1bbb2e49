/**
 * By what a table's files are divided: each file holds the rows of one value of each field.
 * Source: https://iceberg.apache.org/spec/#partition-transforms
 */
import type { Column, ColumnType } from '../column.ts';

export type Transform = 'identity' | 'bucket' | 'truncate' | 'year' | 'month' | 'day' | 'hour';

/** A transform of a column, as a run's plan froze it. */
export type PartitionField = {
  /** its name, in the description that the plan froze beside it */
  readonly column: string;
  readonly transform: Transform;
  /** of bucket: how many; of truncate: the width; null: the transform takes none */
  readonly argument: number | null;
  /** as Iceberg names it: `created_at_month`, `id_bucket`, `name_trunc`; of identity, the column's */
  readonly name: string;
};

/**
 * A field's value, such that JSON keeps it:
 *
 * | result | value |
 * |---|---|
 * | boolean | boolean |
 * | int, date and what the other transforms of times give | number: a count, of days, months … since 1970 |
 * | long, time, timestamp (µs), decimal (unscaled) | its digits |
 * | string, uuid (with hyphens) | the text |
 * | bytes | base64 |
 */
export type PartitionValue = null | boolean | number | string;

/** A value for each of the fields, in their order. */
export type PartitionTuple = readonly PartitionValue[];

const suffixes: Readonly<Record<Transform, string>> = {
  identity: '',
  bucket: '_bucket',
  truncate: '_trunc',
  year: '_year',
  month: '_month',
  day: '_day',
  hour: '_hour',
};

export const partitionName = (column: string, transform: Transform): string =>
  `${column}${suffixes[transform]}`;

/** `bucket(16, id)`, for messages: as the definition spells it. */
export const fieldText = ({ column, transform, argument }: PartitionField): string => {
  if (transform === 'identity') return column;
  return argument === null ? `${transform}(${column})` : `${transform}(${argument}, ${column})`;
};

/** The column that a field divides by. */
export const sourceOf = <C extends Column>(columns: readonly C[], field: PartitionField): C =>
  columns.find(({ name }) => name === field.column)!;

/** What a transform makes of a type. */
export function resultType({ transform }: Pick<PartitionField, 'transform'>, type: ColumnType): ColumnType {
  switch (transform) {
    case 'identity':
    case 'truncate':
      return type;
    case 'day':
      return { kind: 'date' };
    case 'bucket':
    case 'year':
    case 'month':
    case 'hour':
      return { kind: 'int', bits: 32 };
  }
}

/**
 * The types that a transform takes. Floating point is left out of `identity`, though Iceberg allows it: −0 and 0, and the
 * many NaNs, are equal to one reader and not to the next. So is json: it is the database's text of it, with blanks.
 */
const sources: Readonly<Record<Transform, readonly ColumnType['kind'][]>> = {
  identity: ['boolean', 'int', 'decimal', 'date', 'time', 'timestamp', 'uuid', 'string', 'bytes'],
  bucket: ['int', 'decimal', 'date', 'time', 'timestamp', 'uuid', 'string', 'bytes'],
  truncate: ['int', 'decimal', 'string', 'bytes'],
  year: ['date', 'timestamp'],
  month: ['date', 'timestamp'],
  day: ['date', 'timestamp'],
  hour: ['timestamp'],
};

export const sourceKinds = (transform: Transform): readonly ColumnType['kind'][] => sources[transform];
