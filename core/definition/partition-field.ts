/** A field of `tables[].partition`: `month(created_at)`, `bucket(16, id)`, `country`; a column's name may stand in quotes. */

const transforms = ['identity', 'bucket', 'truncate', 'year', 'month', 'day', 'hour'] as const;

export type DefinedPartitionField = {
  readonly transform: (typeof transforms)[number];
  /** of bucket: how many; of truncate: the width; null: the transform takes none */
  readonly argument: number | null;
  readonly column: string;
};

export const allowedPartition =
  'column, year(column), month(column), day(column), hour(column), bucket(16, column) or truncate(10, column), with a number from 1 to 999999999; a column whose name has a blank, a comma, a parenthesis or a quote stands in double quotes: day("created at")';

const name = String.raw`([^\s()",]+|"(?:[^"]|"")+")`;
const plain = new RegExp(`^${name}$`);
const called = new RegExp(String.raw`^([a-z]+)\(\s*(?:([1-9]\d{0,8})\s*,\s*)?${name}\s*\)$`);

const unquoted = (text: string): string =>
  text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;

/** @returns null where the text is no such field */
export function parsePartitionField(text: string): DefinedPartitionField | null {
  const column = plain.exec(text)?.[1];
  if (column !== undefined) return { transform: 'identity', argument: null, column: unquoted(column) };
  const [, word, digits, of] = called.exec(text) ?? [];
  const transform = transforms.find((known) => known === word);
  if (transform === undefined || of === undefined) return null;
  const takesNumber = transform === 'bucket' || transform === 'truncate';
  if (takesNumber !== (digits !== undefined)) return null;
  return { transform, argument: digits === undefined ? null : Number(digits), column: unquoted(of) };
}

/** Of fields that are the same here, Iceberg takes one of a column: times divide each other, and names would be the same. */
export const partitionFamily = ({ transform }: DefinedPartitionField): string =>
  ['year', 'month', 'day', 'hour'].includes(transform) ? 'year, month, day or hour' : transform;
