import { isAbsolute, join } from 'node:path';
import { type ErrorCode, nextStepOf } from '../core/errors.ts';
import type { Context } from './context.ts';
import { sampleDefinition } from './sample-definition.ts';

const defaultHome = '.tidemark';

/** A command, and what it is good for. */
export type NextStep = { readonly command: string; readonly what: string };

/** As a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w./:@%+,=~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** The command line that calls `command` as this one was called. */
export function again(
  context: Pick<Context, 'invocation' | 'home' | 'definitionFile'>,
  command: string,
): string {
  const isDefault = context.definitionFile === (isSample(context) ? sampleDefinition() : 'tidemark.yaml');
  const config = isDefault ? '' : ` --config ${quoted(context.definitionFile)}`;
  const home = context.home === defaultHome ? '' : ` --home ${quoted(context.home)}`;
  return `${context.invocation} ${command}${config}${home}`;
}

export const isSample = ({ invocation }: Pick<Context, 'invocation'>): boolean =>
  invocation.endsWith(' sample');

/** How to run again, in the words of the user: `npm start` where that is what was typed. */
export function runCommand(context: Context): string {
  const { surroundings, home } = context;
  const isNpmStart = surroundings.environment.npm_lifecycle_event === 'start' && home === defaultHome;
  return isSample(context) && isNpmStart ? 'npm start' : again(context, 'run');
}

/** What the operator does about an error, its commands written as this command line was called. */
export const nextStepHere = (context: Context, code: ErrorCode): string =>
  nextStepOf(code).replaceAll(
    /`tidemark ([^`]+)`/g,
    (_, command: string) => `\`${command === 'run' ? runCommand(context) : again(context, command)}\``,
  );

/** The first words of a command that starts the embedded cloud. With the sample, people are to try and kill it. */
export const startingWords = (context: Pick<Context, 'home' | 'invocation'>): string =>
  `starting the embedded cloud in ${context.home}${isSample(context) ? `; kill -9 ${process.pid} at any moment loses nothing that is committed` : ''}`;

export function duckdbCommand(folder: string): string {
  const files = isAbsolute(folder) ? folder : join('.', folder);
  return `duckdb -c "SELECT * FROM '${files}/*.parquet' LIMIT 10"`;
}

/** What to try after a run was published. @param data the folder of a table's files */
export function afterPublishing(context: Context, run: string, data: string | null): NextStep[] {
  const look: NextStep[] = [
    { command: again(context, 'status'), what: 'what readers see now' },
    { command: again(context, `show ${run}`), what: 'chunks, parts, attempts of this run' },
    ...(data === null ? [] : [{ command: duckdbCommand(data), what: 'read the files' }]),
  ];
  if (!isSample(context)) return [...look, { command: again(context, 'run'), what: 'a new snapshot' }];
  return [
    {
      command: runCommand(context),
      what: 'again; kill -9 it halfway; then again',
    },
    ...look,
    { command: 'edit tidemark.yaml', what: 'sizes, tables, your own database' },
  ];
}
