import type { Key, KeyColumn, TableDescription } from '../sources/source.ts';

/** As plans had it before keys could have several columns. */
type OneColumnKey = KeyColumn & { readonly by?: undefined };

/** A description out of a plan, perhaps one of an older Tidemark: its key was always one column. */
export function asToday(
  description: Omit<TableDescription, 'key'> & { readonly key: Key | OneColumnKey },
): TableDescription {
  const { key } = description;
  return { ...description, key: key.by === undefined ? { by: 'columns', columns: [key] } : key };
}
