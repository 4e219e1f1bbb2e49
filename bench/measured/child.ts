/**
 * The measured process: loads what its work needs, says `ready`, begins at a line on stdin, and tells on its last line
 * how long it took. It is bundled into plain JavaScript, so that nothing but the work is in its memory. Its one argument
 * is a `Work` as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEagerly, readLazily } from './limits.ts';
import { readEagerlyFromMysql, readLazilyFromMysql } from './mysql-limits.ts';
import { copyRowObjects } from './row-objects.ts';

export type Work =
  | { readonly kind: 'eager' | 'lazy'; readonly query: string }
  /** a function's bundle, as a sandbox runs it */
  | { readonly kind: 'bundle'; readonly folder: string; readonly event: unknown }
  | { readonly kind: 'row objects'; readonly query: string; readonly file: string }
  /** a program; its time counts, and that of the processes that it has waited for */
  | { readonly kind: 'program'; readonly args: readonly string[] };

export type Told = {
  /** since the epoch, with fractions */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly cpuMs: number;
  /** of this process; null where others did the work */
  readonly peakMB: number | null;
};

const url = process.env.DATABASE_URL!;
const isMysql = url.startsWith('mysql:');

/** Loads what is needed; the clock starts with the work that it returns. */
function prepared(work: Work): () => Promise<unknown> {
  switch (work.kind) {
    case 'eager':
      return () => (isMysql ? readEagerlyFromMysql : readEagerly)(url, work.query);
    case 'lazy':
      return () => (isMysql ? readLazilyFromMysql : readLazily)(url, work.query);
    case 'row objects':
      return () => copyRowObjects(url, work.query, work.file);
    case 'bundle': {
      process.env.LAMBDA_TASK_ROOT = work.folder;
      const { handler } = require(join(work.folder, 'index.js'));
      const deadline = Date.now() + 900_000;
      return () => handler(work.event, { getRemainingTimeInMillis: () => deadline - Date.now() });
    }
    case 'program':
      return async () => {
        const program = spawn(process.execPath, work.args, { stdio: ['ignore', 'ignore', 'inherit'] });
        const [code] = await once(program, 'exit');
        if (code !== 0) throw new Error(`${work.args.join(' ')} ended with ${code}`);
      };
  }
}

/** CPU time of ended children and theirs, in ms, which Linux counts in hundredths of a second. */
function childrenCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** Says that everything is loaded, and waits for the word: those who work at once begin at once. */
async function theWord(): Promise<void> {
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  process.stdin.destroy();
}

async function main(): Promise<void> {
  const work = JSON.parse(process.argv[2]!) as Work;
  const perform = prepared(work);
  await theWord();
  const now = (): number => performance.timeOrigin + performance.now();
  const before = process.cpuUsage();
  const beganMs = now();
  await perform();
  const endedMs = now();
  const { user, system } = process.cpuUsage(before);
  const isAlone = work.kind !== 'program';
  const told: Told = {
    beganMs,
    endedMs,
    cpuMs: isAlone ? (user + system) / 1000 : childrenCpuMs(),
    peakMB: isAlone ? process.resourceUsage().maxRSS / 1024 : null,
  };
  process.stdout.write(`\n${JSON.stringify(told)}\n`, () => process.exit(0));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
