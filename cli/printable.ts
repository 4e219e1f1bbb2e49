import stringWidth from 'string-width';

/** What others wrote (names, messages) without what would steer the terminal; line breaks stay. */
export const printable = (text: string): string =>
  text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** The same on one line. */
export const oneLine = (text: string): string => printable(text.replaceAll(/\s*\n\s*/g, ' '));

/** Passwords in addresses, wherever they come from, do not reach a screen. */
export const redacted = (text: string): string =>
  text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s/]*@/gi, '$1:…@')
    .replaceAll(/([?&]password=)[^\s&]*/gi, '$1…');

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Cuts plain text to a width in terminal cells, with an ellipsis where something was cut off. */
export function fitted(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  if (width <= 0) return '';
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = stringWidth(segment);
    if (used + next > width - 1) break;
    kept += segment;
    used += next;
  }
  return `${kept}…`;
}

/**
 * Breaks plain text at spaces into lines of at most `width` cells, each indented as its paragraph is; a word that is
 * longer is left whole.
 */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    const [indent] = /^ */.exec(paragraph)!;
    let line: string | null = null;
    for (const word of paragraph.slice(indent.length).split(' ')) {
      if (line !== null && stringWidth(line) + 1 + stringWidth(word) > width) {
        lines.push(line);
        line = null;
      }
      line = line === null ? indent + word : `${line} ${word}`;
    }
    lines.push(line ?? '');
  }
  return lines;
}
