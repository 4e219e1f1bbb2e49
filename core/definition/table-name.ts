import type { TableName } from '../sources/source.ts';

const word = /"(?:[^"]|"")+"|[^".]+/y;

/** The name of a schema or of a table, as it was written. */
export type NameWord = { readonly text: string; readonly isQuoted: boolean };

/**
 * @param schema of a name without one
 * @returns null where the text is no name of a table
 */
export function tableWords(
  text: string,
  schema = 'public',
): { readonly schema: NameWord; readonly table: NameWord } | null {
  const words: NameWord[] = [];
  let at = 0;
  for (;;) {
    word.lastIndex = at;
    const match = word.exec(text);
    if (!match) return null;
    const isQuoted = match[0].startsWith('"');
    words.push({ text: isQuoted ? match[0].slice(1, -1).replaceAll('""', '"') : match[0], isQuoted });
    at = word.lastIndex;
    if (at === text.length) break;
    if (text[at] !== '.') return null;
    at++;
  }
  const [first, second] = words;
  if (words.length === 1) return { schema: { text: schema, isQuoted: true }, table: first! };
  return words.length === 2 ? { schema: first!, table: second! } : null;
}

/**
 * Reads `orders`, `public.orders`, `"odd.schema"."Table "" name"`. Letters keep their case: a name is what the
 * catalog holds, not what SQL would fold it to.
 * @param schema of a name without one
 * @returns null where the text is no such name
 */
export function parseTableName(text: string, schema = 'public'): TableName | null {
  const words = tableWords(text, schema);
  return words && { schema: words.schema.text, table: words.table.text };
}

const quoted = (name: string) => (/[".]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** The one spelling of a table's name in the ledger, in messages and in `current.json`. */
export const formatTableName = (name: TableName): string => `${quoted(name.schema)}.${quoted(name.table)}`;
