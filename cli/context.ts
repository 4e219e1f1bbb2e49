import { errorLines, type ShownError } from './errors.ts';
import { printable, wrapped } from './printable.ts';
import type { Surroundings } from './surroundings.ts';
import { type Style, styleFor } from './terminal.ts';

/** What every command works with. */
export type Context = {
  readonly surroundings: Surroundings;
  /** as the user wrote them: relative to the current folder, or absolute */
  readonly definitionFile: string;
  readonly home: string;
  readonly cloud: 'local' | 'aws';
  readonly json: boolean;
  /** how to call it again: `npx tidemark`, `npx tidemark sample` */
  readonly invocation: string;
};

/** What a command has to say at its end: one document for programs, lines for people. */
export type Answer = {
  readonly exitCode: number;
  /** JSON */
  readonly document: unknown;
  readonly lines: (style: Style) => readonly string[];
  readonly error?: ShownError;
};

/** A line about what is going on: never on stdout. */
export function note(context: Context, line: string): void {
  const { stderr, environment } = context.surroundings;
  for (const part of wrapped(printable(line), styleFor(stderr, environment).width)) stderr.write(`${part}\n`);
}

export function give(context: Context, answer: Answer): number {
  const { stdout, stderr, environment } = context.surroundings;
  if (context.json) {
    const document = answer.error ? { ...(answer.document as object), error: answer.error } : answer.document;
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    const lines = answer.lines(styleFor(stdout, environment));
    if (lines.length > 0) stdout.write(`${lines.map((line) => line.trimEnd()).join('\n')}\n`);
    if (answer.error) {
      stderr.write(`${errorLines(answer.error, styleFor(stderr, environment)).join('\n')}\n`);
    }
  }
  return answer.exitCode;
}
