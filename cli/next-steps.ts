import { isAbsolute, join } from 'node:path';
import type { Context } from './context.ts';

/** A command, and what it is good for. */
export type NextStep = { readonly command: string; readonly what: string };

/** The command line that calls `command` as this one was called. */
export function again(context: Pick<Context, 'invocation' | 'home' | 'definitionFile'>, command: string): string {
  const config = context.definitionFile === 'tidemark.yaml' ? '' : ` --config ${context.definitionFile}`;
  const home = context.home === '.tidemark' ? '' : ` --home ${context.home}`;
  // the sample finds its own definition
  return `${context.invocation} ${command}${context.invocation.endsWith('sample') ? '' : config}${home}`;
}

export const isSample = ({ invocation }: Pick<Context, 'invocation'>): boolean => invocation.endsWith(' sample');

export function duckdbCommand(folder: string): string {
  const files = isAbsolute(folder) ? folder : join('.', folder);
  return `duckdb -c "SELECT * FROM '${files}/*.parquet' LIMIT 10"`;
}

/** What to try after a run was published. @param data the folder of a table's files */
export function afterPublishing(context: Context, run: string, data: string | null): NextStep[] {
  const look: NextStep[] = [
    { command: again(context, 'status'), what: 'what readers see now' },
    { command: again(context, `show ${run}`), what: 'this run: chunks, parts, retries' },
    ...(data === null ? [] : [{ command: duckdbCommand(data), what: 'read the files' }]),
  ];
  if (!isSample(context)) return [...look, { command: again(context, 'run'), what: 'a new snapshot' }];
  return [
    {
      command: 'npm start',
      what: 'again, and kill -9 it halfway; then once more: it copies only the rest',
    },
    ...look,
    { command: 'edit tidemark.yaml', what: 'other sizes of chunks and parts, or your own database as source.url' },
  ];
}
