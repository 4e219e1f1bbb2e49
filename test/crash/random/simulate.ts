/** The simulation as a command of its own: in a process that has nothing else to do, of this repository or of a copy. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fault } from './faults.ts';

export type Simulated = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type SimulationOptions = {
  readonly seeds?: number;
  readonly from?: number;
  readonly seed?: number;
  readonly workers?: number;
  readonly failures?: number;
  readonly only?: readonly Fault[];
};

const here = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs seeds and waits for the end. @param root of the repository, or of the copy */
export function simulate(options: SimulationOptions, root: string = here): Promise<Simulated> {
  const words = Object.entries(options).map(([name, value]) =>
    value === null ? `--${name}` : `--${name}=${Array.isArray(value) ? value.join(';') : value}`,
  );
  const program = join(root, 'test/crash/random/main.ts');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...words], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}
