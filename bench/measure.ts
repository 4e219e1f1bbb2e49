/** One round of one contestant, and what many rounds come to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Contestant, Role } from './contestants.ts';
import type { Told, Work } from './measured/child.ts';
import type { World } from './world.ts';

export type Measure = {
  readonly rowsPerSecond: number;
  readonly cpuSecondsPerMillionRows: number;
  /** of the largest process; null: not measured */
  readonly peakMB: number | null;
  /** of the files that were written; null: none were */
  readonly bytesPerRow: number | null;
};

export type Summary = Measure & {
  readonly name: string;
  readonly role: Role;
  readonly rows: number;
  /** median of the rounds' ratios to the limit's speed in the same round */
  readonly ofLimit: number;
  readonly rounds: readonly Measure[];
};

/** The bytes of the Parquet files under a folder. */
async function parquetBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = names.filter((name) => name.endsWith('.parquet')).map((name) => stat(join(folder, name)));
  return (await Promise.all(files)).reduce((sum, { size }) => sum + size, 0);
}

/** A process that has loaded its work; it begins when it is told to. */
async function loaded(world: World, work: Work): Promise<{ begin(): Promise<Told> }> {
  const child = spawn(process.execPath, [world.childFile, JSON.stringify(work)], {
    env: world.environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const output = createInterface(child.stdout).on('line', (line) => lines.push(line));
  const failed = exited.then(([code]) => {
    throw new Error(`the measured process ended with ${code}`);
  });
  failed.catch(() => {});
  await Promise.race([once(output, 'line'), failed]);
  return {
    async begin() {
      const closed = once(output, 'close');
      child.stdin.end('begin\n');
      const [code] = await exited;
      if (code !== 0) throw new Error(`the measured process ended with ${code}`);
      await closed;
      return JSON.parse(lines.at(-1)!);
    },
  };
}

export async function measure(world: World, { rows, prepare }: Contestant): Promise<Measure> {
  const { works, folder } = await prepare();
  const processes = await Promise.all(works.map((work) => loaded(world, work)));
  const all = await Promise.all(processes.map((one) => one.begin()));
  const wallMs =
    Math.max(...all.map(({ endedMs }) => endedMs)) - Math.min(...all.map(({ beganMs }) => beganMs));
  const peaks = all.flatMap(({ peakMB }) => (peakMB === null ? [] : [peakMB]));
  return {
    rowsPerSecond: (rows / wallMs) * 1000,
    cpuSecondsPerMillionRows: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1000 / (rows / 1e6),
    peakMB: peaks.length > 0 ? Math.max(...peaks) : null,
    bytesPerRow: folder === null ? null : (await parquetBytes(folder)) / rows,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

const medianOf = (rounds: readonly Measure[], of: (measure: Measure) => number | null): number | null => {
  const values = rounds.map(of).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
};

/** @param limit the limit's measures, of the same rounds */
export function summarize(
  { name, role, rows }: Contestant,
  rounds: readonly Measure[],
  limit: readonly Measure[],
): Summary {
  return {
    name,
    role,
    rows,
    ofLimit: median(rounds.map(({ rowsPerSecond }, round) => rowsPerSecond / limit[round]!.rowsPerSecond)),
    rowsPerSecond: median(rounds.map(({ rowsPerSecond }) => rowsPerSecond)),
    cpuSecondsPerMillionRows: median(rounds.map((round) => round.cpuSecondsPerMillionRows)),
    peakMB: medianOf(rounds, ({ peakMB }) => peakMB),
    bytesPerRow: medianOf(rounds, ({ bytesPerRow }) => bytesPerRow),
    rounds,
  };
}
