/** SQL text: the only place where names and values become part of a statement. */

/** A name of any form: mixed case, spaces, reserved words, quotes. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const qualified = (schema: string, table: string): string =>
  `${identifier(schema)}.${identifier(table)}`;

/** A string constant, whatever `standard_conforming_strings` is. */
export const literal = (value: string): string => {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return quoted.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
};
