import { isErrorCode, nextStepOf, TidemarkError } from '../core/errors.ts';
import { printable, redacted, wrapped } from './printable.ts';
import type { Style } from './terminal.ts';

/** 0 published or nothing to do, 1 not complete, 2 wrong use or definition, 75 another execution or process is at work. */
export const exitCodes = { done: 0, incomplete: 1, wrong: 2, busy: 75 } as const;

/** An error as it is shown: nothing in it is a secret. */
export type ShownError = {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  /** where functions have logged more about it */
  readonly logs?: readonly string[];
};

/** `next` in place of the code's own next step, where more is known. */
export function shown(code: string, message: string, next?: string): ShownError {
  // the disk says so through whatever was writing
  if (code !== 'RunIncomplete' && /ENOSPC|no space left on device/i.test(message)) {
    return { code: 'CloudFull', message: redacted(message), next: nextStepOf('CloudFull') };
  }
  const known = isErrorCode(code) ? code : 'Unexpected';
  return { code, message: redacted(message), next: next ?? nextStepOf(known) };
}

export function shownError(error: unknown): ShownError {
  if (error instanceof TidemarkError) return shown(error.code, error.message, error.next);
  if (error instanceof Error) return shown('Unexpected', error.stack ?? error.message);
  return shown('Unexpected', String(error));
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof TidemarkError)) return exitCodes.incomplete;
  if (error.code === 'CloudBusy') return exitCodes.busy;
  if (error.code === 'CloudBroken' || error.code === 'NotRedrivable') return exitCodes.incomplete;
  return error.kind === 'definition' ? exitCodes.wrong : exitCodes.incomplete;
}

/** What happened beside its mark, and the next step under it; `indent` of all lines. */
export function problemLines(
  mark: string,
  {
    code,
    message,
    next,
    logs = [],
  }: Omit<ShownError, 'code' | 'next'> & {
    readonly code: string | null;
    readonly next: string | null;
  },
  width: number,
  indent = '',
): string[] {
  const beside = (label: string, text: string): string[] =>
    wrapped(printable(text), width - indent.length - 8).map(
      (line, index) => `${indent}  ${index === 0 ? label.padEnd(6) : '      '}${line}`,
    );
  return [
    ...wrapped(printable(code === null ? message : `${code}: ${message}`), width - indent.length - 6).map(
      (line, index) => (index === 0 ? `${indent}${mark} ${line}` : `${indent}    ${line}`),
    ),
    ...(next === null ? [] : beside('next:', next)),
    ...logs.flatMap((log) => beside('log:', log)),
  ];
}

export const errorLines = (error: ShownError, { paint, width }: Style): string[] =>
  problemLines(paint.bad('✗'), error, width);
