/**
 * Keys as text: offsets, boundaries, the first and last key of a file. A key of one column is the database's own text
 * of its value; one of several columns is a JSON list of these.
 */

/** @param values the database's text of each column of the key */
export const joinKey = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] as string) : JSON.stringify(values);

/** @param columns how many the key has */
export const splitKey = (key: string, columns: number): readonly string[] =>
  columns === 1 ? [key] : (JSON.parse(key) as string[]);
