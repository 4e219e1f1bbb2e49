/** Which tables a line of the definition means: the one that it names, or all that a pattern matches. */
import type { TableName } from '../sources/source.ts';
import { type NameWord, tableWords } from './table-name.ts';

/** What a name is made of: texts that stand for themselves, `*` any run of characters, `?` one. */
export type NamePiece = { readonly text: string } | { readonly wildcard: '*' | '?' };

export type TablePattern = {
  readonly schema: readonly NamePiece[];
  readonly table: readonly NamePiece[];
  /** the one table that it names; null: it is a pattern */
  readonly exact: TableName | null;
  readonly matches: (name: TableName) => boolean;
};

const piecesOf = ({ text, isQuoted }: NameWord): NamePiece[] =>
  isQuoted
    ? [{ text }]
    : // * twice is * once
      (text.match(/\*+|\?|[^*?]+/g) ?? []).map((piece) => {
        const [first] = piece;
        return first === '*' || first === '?' ? { wildcard: first } : { text: piece };
      });

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

const expressionOf = (pieces: readonly NamePiece[]): RegExp => {
  const inside = pieces.map((piece) => {
    if ('text' in piece) return escaped(piece.text);
    return piece.wildcard === '*' ? '.*' : '.';
  });
  return new RegExp(`^${inside.join('')}$`, 'su');
};

const isLiteral = (pieces: readonly NamePiece[]): boolean => pieces.every((piece) => 'text' in piece);

/**
 * Reads `public.orders`, `public.*`, `*.*`, `public.order_?`. Upper and lower case count; a `*` or `?` within double
 * quotes stands for itself.
 * @returns null where the text is neither a name nor a pattern
 */
export function parseTablePattern(text: string): TablePattern | null {
  const words = tableWords(text);
  if (!words) return null;
  const [schema, table] = [piecesOf(words.schema), piecesOf(words.table)];
  const [ofSchema, ofTable] = [expressionOf(schema), expressionOf(table)];
  const isExact = isLiteral(schema) && isLiteral(table);
  return {
    schema,
    table,
    exact: isExact ? { schema: words.schema.text, table: words.table.text } : null,
    matches: (name) => ofSchema.test(name.schema) && ofTable.test(name.table),
  };
}
