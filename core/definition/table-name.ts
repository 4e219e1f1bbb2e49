import type { TableName } from '../sources/source.ts';

const word = /"(?:[^"]|"")+"|[^".]+/y;

/**
 * Reads `orders`, `public.orders`, `"odd.schema"."Table "" name"`. Letters keep their case: a name is what the
 * catalog holds, not what SQL would fold it to.
 * @param schema of a name without one
 * @returns null where the text is no such name
 */
export function parseTableName(text: string, schema = 'public'): TableName | null {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    word.lastIndex = at;
    const match = word.exec(text);
    if (!match) return null;
    words.push(match[0].startsWith('"') ? match[0].slice(1, -1).replaceAll('""', '"') : match[0]);
    at = word.lastIndex;
    if (at === text.length) break;
    if (text[at] !== '.') return null;
    at++;
  }
  if (words.length === 1) return { schema, table: words[0]! };
  if (words.length === 2) return { schema: words[0]!, table: words[1]! };
  return null;
}

const quoted = (name: string) => (/[".]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** The one spelling of a table's name in the ledger, in messages and in `current.json`. */
export const formatTableName = (name: TableName): string => `${quoted(name.schema)}.${quoted(name.table)}`;
