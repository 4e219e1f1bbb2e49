/** What the matrix says at its end: a line a kind, which docs/guarantees.md quotes. */
import type { Tally } from './audit.ts';

export function say(kind: string, { cases, lost, doubled, changed }: Tally): void {
  console.log(
    `crash matrix, ${kind}: ${cases} cases; rows lost ${lost}, doubled ${doubled}, changed ${changed}`,
  );
}

/** Nothing wrong, and not a row. */
export const spotless = (tally: Tally): Tally => ({ ...tally, lost: 0, doubled: 0, changed: 0 });
