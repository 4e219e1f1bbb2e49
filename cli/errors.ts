import { isErrorCode, nextStepOf, TidemarkError } from '../core/errors.ts';
import { printable, redacted, wrapped } from './printable.ts';
import type { Style } from './terminal.ts';

/** 0 published or nothing to do, 1 not complete, 2 wrong use or definition, 75 another execution works on the sync. */
export const exitCodes = { done: 0, incomplete: 1, wrong: 2, busy: 75 } as const;

/** An error as it is shown: nothing in it is a secret. */
export type ShownError = {
  readonly code: string;
  readonly message: string;
  readonly next: string;
};

const unexpectedNext =
  'This should not happen: please report it, with these lines. What is committed is safe; `tidemark run` goes on.';

/** `next` in place of the code's own next step, where more is known. */
export const shown = (code: string, message: string, next?: string): ShownError => ({
  code,
  message: redacted(message),
  next: next ?? (isErrorCode(code) ? nextStepOf(code) : unexpectedNext),
});

export function shownError(error: unknown): ShownError {
  if (error instanceof TidemarkError) return shown(error.code, error.message, error.next);
  if (error instanceof Error) return shown('Unexpected', error.stack ?? error.message);
  return shown('Unexpected', String(error));
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof TidemarkError)) return exitCodes.incomplete;
  if (error.code === 'CloudBusy') return exitCodes.busy;
  if (error.code === 'CloudBroken') return exitCodes.incomplete;
  return error.kind === 'definition' ? exitCodes.wrong : exitCodes.incomplete;
}

/** Code, what happened and where; the next step under it. */
export function errorLines({ code, message, next }: ShownError, { paint, width }: Style): string[] {
  const lines = printable(`${code}: ${message}`)
    .split('\n')
    .flatMap((line) => wrapped(line, width - 6));
  return [
    ...lines.map((line, index) => (index === 0 ? `${paint.bad('✗')} ${line}` : `    ${line}`)),
    ...wrapped(printable(next), width - 8).map((line, index) =>
      index === 0 ? `  next: ${line}` : `        ${line}`,
    ),
  ];
}
