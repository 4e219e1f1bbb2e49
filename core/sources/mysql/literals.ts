/** SQL text: the only place where names and values become part of a statement. */

/** A name of any form: spaces, reserved words, backticks. */
export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

export const qualified = (schema: string, table: string): string =>
  `${identifier(schema)}.${identifier(table)}`;

/** A text, as its bytes: no rule of escaping, no character set of the session says what it is. */
export const literal = (value: string): string => `_utf8mb4 x'${Buffer.from(value, 'utf8').toString('hex')}'`;
