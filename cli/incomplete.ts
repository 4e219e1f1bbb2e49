import { type ErrorCode, isErrorCode } from '../core/errors.ts';

/** Why a table is not complete, as far as it is known. */
export type Problem = {
  readonly table: string;
  /** null: not known */
  readonly code: string | null;
  readonly message: string;
  readonly next: string | null;
};

/** What is wrong with the table, without the next step. */
export const problemWords = ({ table, code, message }: Problem): string =>
  `${table}: ${code === null ? '' : `${code}: `}${message}`;

/**
 * Takes apart what Publish says of the tables that are not complete (`… Not complete: a: Code: …; b: …`): the tables'
 * names are known, so that nothing in a message is mistaken for one.
 * @param nextOf what the operator does about an error
 */
export function problemsIn(
  message: string,
  tables: readonly string[],
  nextOf: (code: ErrorCode) => string,
): Problem[] {
  const start = message.indexOf('Not complete: ');
  if (start < 0) return [];
  const text = message.slice(start + 'Not complete: '.length);
  const starts: { table: string; at: number }[] = [];
  for (const table of tables) {
    const opening = `${table}: `;
    if (text.startsWith(opening)) starts.push({ table, at: 0 });
    else {
      const at = text.indexOf(`; ${opening}`);
      if (at >= 0) starts.push({ table, at: at + 2 });
    }
  }
  starts.sort((a, b) => a.at - b.at);
  return starts.map(({ table, at }, index) => {
    const end = starts[index + 1]?.at;
    const whole = text
      .slice(at + table.length + 2, end === undefined ? undefined : end - 2)
      .replace(/; and \d+ more$/, '');
    const [, code, rest] = /^([\w.]+): ([\s\S]*)$/.exec(whole) ?? [];
    return code === undefined
      ? { table, code: null, message: whole, next: null }
      : { table, code, message: rest!, next: isErrorCode(code) ? nextOf(code) : null };
  });
}
