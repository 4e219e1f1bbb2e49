/** A sync as its owner has it: a definition and a home of its own, worked with by the command line, looked at from outside. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, runTidemark, type Started, startTidemark } from './command-line.ts';
import { faultsOf, filesOf, filesUnder, readPointer, type SeenPointer, strayFiles } from './lake.ts';

export const bucket = 'lake';

/** What a test sets of a definition; the rest is small and impatient. */
export type DefinitionChanges = Readonly<Record<string, unknown>>;

export type SyncWorld = {
  readonly home: string;
  readonly config: string;
  /** Writes the definition anew, with these changes against what it was first. */
  define(changes: DefinitionChanges): void;
  start(...words: string[]): Started;
  run(...words: string[]): Promise<Ended>;
  /** Runs with `--json`. */
  ask(...words: string[]): Promise<Ended & { readonly document: Document }>;
  /** @param folder of the table, as it is called under the target: `public.orders` */
  pointer(folder: string): SeenPointer | null;
  /** The paths of the files of the table's snapshot. */
  files(folder: string): string[];
  /** What a reader would stumble over: nothing, always. */
  faults(folder: string): string[];
  strays(folder: string): string[];
  /** Data files of the table, published or not. */
  dataFiles(folder: string): string[];
  staged(): string[];
  /** Everything that lies under a table's folder, with its time of change and its content: to be held against later. */
  state(folder: string): ReadonlyMap<string, string>;
  /** Waits until a run has given so many data files their names; fails where it ends before. */
  untilFiles(folder: string, count: number, running: Started): Promise<void>;
  /** Stops a run and all its sandboxes there, does something, and lets them go on: they meet it in their middle. */
  whileFrozen(folder: string, count: number, running: Started, act: () => Promise<unknown>): Promise<void>;
};

/** Of what `--json` prints, what tests look at. */
export type Document = {
  readonly outcome?: string;
  readonly run?: string | null;
  readonly tables?: readonly {
    readonly table: string;
    readonly state: string;
    readonly rows: number;
    readonly version: number;
    readonly problem: {
      readonly code: string | null;
      readonly message: string;
      readonly next: string | null;
    } | null;
  }[];
  readonly copied?: { readonly rows: number; readonly parts: number };
  readonly committedBefore?: { readonly rows: number; readonly parts: number };
  readonly error?: { readonly code: string; readonly message: string; readonly next: string };
};

/**
 * @param folder an existing one; the world lies in it under its name
 * @param definition options beside the name and the target; `source` beside its type
 */
export function syncWorld(
  folder: string,
  name: string,
  definition: DefinitionChanges,
  environment: Readonly<Record<string, string>> = {},
): SyncWorld {
  const home = join(folder, `${name}-home`);
  const config = join(folder, `${name}.yaml`);
  const lake = join(home, 's3', bucket);
  const folderOf = (table: string): string => join(name, table);
  const args = ['--config', config, '--home', home];
  const start = (...words: string[]): Started => startTidemark([...args, ...words], environment);
  const run = (...words: string[]): Promise<Ended> => runTidemark([...args, ...words], environment);
  const pointer = (table: string): SeenPointer | null => readPointer(home, bucket, folderOf(table));
  const dataFiles = (table: string): string[] => filesUnder(join(lake, folderOf(table), 'data'));
  const define = (changes: DefinitionChanges): void => {
    const whole: Record<string, unknown> = {
      name,
      target: { url: `s3://${bucket}/${name}` },
      retry: { kind: 'fixed', attempts: 1 },
      ...definition,
      ...changes,
    };
    // JSON is YAML; a line each, so that messages can name lines
    const lines = Object.entries(whole).map(([option, value]) => `${option}: ${JSON.stringify(value)}\n`);
    writeFileSync(config, lines.join(''));
  };
  const untilFiles = async (table: string, count: number, running: Started): Promise<void> => {
    let over = false;
    running.ended.then(() => {
      over = true;
    });
    while (!over && dataFiles(table).length < count) await sleep(5);
    if (over) throw new Error(`the run had ended before: ${running.stderr()}`);
  };
  define({});
  return {
    home,
    config,
    define,
    start,
    run,
    async ask(...words) {
      const ended = await run(...words, '--json');
      return { ...ended, document: JSON.parse(ended.stdout) };
    },
    pointer,
    files: (table) => filesOf(home, bucket, pointer(table)!),
    faults: (table) => {
      const seen = pointer(table);
      return seen ? faultsOf(home, bucket, seen) : [];
    },
    strays: (table) => strayFiles(home, bucket, folderOf(table)),
    dataFiles,
    staged: () => filesUnder(join(lake, name, '_staging')),
    state: (table) =>
      new Map(
        filesUnder(join(lake, folderOf(table))).map((file) => [
          file,
          `${statSync(file).mtimeMs} ${readFileSync(file).toString('base64')}`,
        ]),
      ),
    untilFiles,
    async whileFrozen(table, count, running, act) {
      await untilFiles(table, count, running);
      process.kill(-running.pid, 'SIGSTOP');
      try {
        await act();
      } finally {
        process.kill(-running.pid, 'SIGCONT');
      }
    },
  };
}
