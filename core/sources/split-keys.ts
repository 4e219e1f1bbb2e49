/**
 * Finds keys that cut a table into pieces of about the same number of rows, by asking an index for single keys and for
 * estimates: no sample of pages, no scan. A piece is halved between its own first and last key, so gaps of any size
 * cost nothing, and a piece that holds most rows is halved until it holds few.
 */
import type { KeyScale } from './key-scales.ts';

/** The texts of a key's columns; fewer of them: the beginning of keys. */
export type KeyValues = readonly string[];

export type KeySpace = {
  /** of each column of the key */
  readonly scales: readonly KeyScale[];
  /** The greatest key with after < key ≤ upTo that lies before all keys that begin with `probe` or come after; null: none. */
  lastBefore(probe: KeyValues, after: KeyValues | null, upTo: KeyValues): Promise<KeyValues | null>;
  /** The least key with after < key ≤ upTo. */
  firstAfter(after: KeyValues, upTo: KeyValues): Promise<KeyValues | null>;
  /** About how many rows have after < key ≤ upTo. */
  estimate(after: KeyValues | null, upTo: KeyValues): Promise<number>;
};

/** Rows with a key behind the piece before it, up to `last`. */
export type KeyPiece = { readonly last: KeyValues; readonly rows: number };

export type SplitLimits = {
  /** a piece of so many rows is small enough */
  readonly rows: number;
  /** at most this many questions */
  readonly questions: number;
};

type Piece = KeyPiece & {
  readonly after: KeyValues | null;
  readonly first: KeyValues;
  readonly whole: boolean;
};

/** Where to look first; then elsewhere, as the database's order may be another than was guessed. */
const parts = [1 / 2, 1 / 8, 7 / 8, 1 / 64, 63 / 64, 1 / 1024];

const isSame = (a: KeyValues, b: KeyValues): boolean => a.every((value, i) => value === b[i]);

/** Places to look at for a key between two of a piece, best first: in the first column in which they differ. */
function probes({ scales }: KeySpace, first: KeyValues, last: KeyValues): KeyValues[] {
  const at = first.findIndex((value, i) => value !== last[i]);
  if (at < 0) return [];
  const before = first.slice(0, at);
  const scale = scales[at] as KeyScale;
  const found = parts.flatMap((part) => scale.between(first[at] as string, last[at] as string, part) ?? []);
  // where there is no room between two values of a column, the rows of the second begin a piece of their own
  return [...new Set([...found, last[at] as string])].map((value) => [...before, value]);
}

/**
 * @param min the least key, @param max the greatest
 * @returns the pieces in the key's order, the last one up to `max`
 */
export async function splitKeys(
  space: KeySpace,
  min: KeyValues,
  max: KeyValues,
  limits: SplitLimits,
): Promise<KeyPiece[]> {
  let questions = 1;
  let pieces: Piece[] = [
    { after: null, first: min, last: max, rows: await space.estimate(null, max), whole: false },
  ];

  /** In two, each with its own first and last key; null: there is nothing between. */
  async function halves(piece: Piece): Promise<readonly [Piece, Piece] | null> {
    const { after, first, last } = piece;
    for (const probe of probes(space, first, last)) {
      if (questions >= limits.questions) return null;
      questions++;
      const end = await space.lastBefore(probe, after, last);
      // the database has all of the piece on one side of it
      if (end === null || isSame(end, last)) continue;
      questions += 3;
      const begin = await space.firstAfter(end, last);
      if (begin === null) continue;
      return [
        { after, first, last: end, rows: await space.estimate(after, end), whole: isSame(first, end) },
        { after: end, first: begin, last, rows: await space.estimate(end, last), whole: isSame(begin, last) },
      ];
    }
    return null;
  }

  for (;;) {
    // the largest first, as long as questions are left
    const large = pieces
      .filter(({ rows, whole }) => !whole && rows > limits.rows)
      .sort((a, b) => b.rows - a.rows);
    if (large.length === 0 || questions >= limits.questions) break;
    const split = new Map<Piece, readonly Piece[]>();
    for (const piece of large) {
      if (questions >= limits.questions) break;
      split.set(piece, (await halves(piece)) ?? [{ ...piece, whole: true }]);
    }
    pieces = pieces.flatMap((piece) => split.get(piece) ?? [piece]);
  }
  return pieces.map(({ last, rows }) => ({ last, rows }));
}

/**
 * Pieces as the sample of keys that quantiles are taken of: each piece's last key, but for the greatest, as often as it
 * has rows.
 * @param keys about how many the sample has
 */
export function sampleOf(
  pieces: readonly { readonly last: string; readonly rows: number }[],
  keys: number,
): string[] {
  const rows = pieces.reduce((sum, piece) => sum + Math.max(1, piece.rows), 0);
  const sample: string[] = [];
  let before = 0;
  for (const piece of pieces.slice(0, -1)) {
    before += Math.max(1, piece.rows);
    const upTo = Math.max(sample.length + 1, Math.round((before * keys) / rows));
    while (sample.length < upTo) sample.push(piece.last);
  }
  return sample;
}
