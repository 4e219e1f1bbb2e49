/** One round of one contestant, and what many rounds come to. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

async function told(world: World, work: Work): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [world.childFile, JSON.stringify(work)], {
    env: world.environment,
    maxBuffer: 16 * 1024 ** 2,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

export async function measure(world: World, { rows, prepare }: Contestant): Promise<Measure> {
  const { works, folder } = await prepare();
  const all = await Promise.all(works.map((work) => told(world, work)));
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
