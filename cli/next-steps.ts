import { isAbsolute, join } from 'node:path';
import { type ErrorCode, nextStepOf } from '../core/errors.ts';
import type { Context } from './context.ts';
import { type ShownError, shownError } from './errors.ts';
import { sampleDefinition } from './sample-definition.ts';

const defaultHome = '.tidemark';

/** A command, and what it is good for. */
export type NextStep = { readonly command: string; readonly what: string };

/** As a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w./:@%+,=~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** The command line that calls `command` as this one was called. */
export function again(
  context: Pick<Context, 'invocation' | 'home' | 'definitionFile' | 'cloud'>,
  command: string,
): string {
  const isDefault = context.definitionFile === (isSample(context) ? sampleDefinition() : 'tidemark.yaml');
  const config = isDefault ? '' : ` --config ${quoted(context.definitionFile)}`;
  const home = context.home === defaultHome ? '' : ` --home ${quoted(context.home)}`;
  const cloud = context.cloud === 'local' ? '' : ` --cloud ${context.cloud}`;
  return `${context.invocation} ${command}${config}${context.cloud === 'local' ? home : ''}${cloud}`;
}

export const isSample = ({ invocation }: Pick<Context, 'invocation'>): boolean =>
  invocation.endsWith(' sample');

/** How to run again, in the words of the user: `npm start` where that is what was typed. */
export function runCommand(context: Context): string {
  const { surroundings, home } = context;
  const isNpmStart = surroundings.environment.npm_lifecycle_event === 'start' && home === defaultHome;
  return isSample(context) && isNpmStart ? 'npm start' : again(context, 'run');
}

/** The commands in a next step (`tidemark …`), written as this command line was called. */
export const commandsHere = (context: Context, next: string): string =>
  next.replaceAll(
    // help is the same everywhere
    /`tidemark ([^-`][^`]*)`/g,
    (_, command: string) => `\`${command === 'run' ? runCommand(context) : again(context, command)}\``,
  );

/** What the operator does about an error, here. */
export const nextStepHere = (context: Context, code: ErrorCode): string =>
  commandsHere(context, nextStepOf(code));

/** An error as it is shown, with its commands as they are typed here. */
export function shownErrorHere(context: Context, error: unknown): ShownError {
  const found = shownError(error);
  return { ...found, next: commandsHere(context, found.next) };
}

/** What it means that a run began with another definition than the one of the file here, and what to do. */
export function definitionChangedWords(context: Context): string {
  if (context.cloud === 'local')
    return `the definition has changed. ${nextStepHere(context, 'DefinitionChanged')}`;
  return `it began with another definition than ${context.definitionFile}; the deployed one counts. Where that is still the run’s, \`${again(context, 'run')}\` copies the rest; where it was deployed anew since, the same abandons the run and starts a new one of all tables.`;
}

/** The first words of a command that starts something. With the sample, people are to try and kill it. */
export function startingWords(context: Pick<Context, 'home' | 'invocation' | 'cloud'>, sync: string): string {
  if (context.cloud === 'aws') return `sync ${sync} on AWS`;
  const death = `; kill -9 ${process.pid} at any moment loses nothing that is committed`;
  return `starting the embedded cloud in ${context.home}${isSample(context) ? death : ''}`;
}

/** How to look at a folder of files: with DuckDB where they are files of this machine. */
function readingStep(folder: string): NextStep {
  return folder.startsWith('s3://')
    ? { command: `aws s3 ls ${folder.replace(/\/?$/, '/')}`, what: 'list the files' }
    : { command: duckdbCommand(folder), what: 'read the files' };
}

function duckdbCommand(folder: string): string {
  const files = isAbsolute(folder) ? folder : join('.', folder);
  return `duckdb -c "SELECT * FROM '${files}/*.parquet' LIMIT 10"`;
}

/** What to try after a run was published. @param data the folder of a table's files */
export function afterPublishing(context: Context, run: string, data: string | null): NextStep[] {
  const look: NextStep[] = [
    { command: again(context, 'status'), what: 'what readers see now' },
    { command: again(context, `show ${run}`), what: 'chunks, parts, attempts of this run' },
    ...(data === null ? [] : [readingStep(data)]),
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
