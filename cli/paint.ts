/** The little colour there is. With `plain` every text stays as it is. */
export type Paint = {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
};

const same = (text: string): string => text;
const code =
  (on: number, off: number) =>
  (text: string): string =>
    text && `\u001b[${on}m${text}\u001b[${off}m`;

export const plain: Paint = { strong: same, faint: same, good: same, bad: same, warning: same };
export const coloured: Paint = {
  strong: code(1, 22),
  faint: code(2, 22),
  good: code(32, 39),
  bad: code(31, 39),
  warning: code(33, 39),
};

/** Colour for a terminal, unless its user does not want it (https://no-color.org) or it knows none. */
export const paintFor = (
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Paint => (stream.isTTY && !environment.NO_COLOR && environment.TERM !== 'dumb' ? coloured : plain);
