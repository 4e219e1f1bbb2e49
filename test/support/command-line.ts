import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../cli/tidemark.js', import.meta.url));

export type Ended = {
  /** null: killed by a signal */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type Started = {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** what it has printed on stderr by now */
  readonly stderr: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGKILL to the process and all it has started that are of its group */
  readonly killGroup: () => void;
};

/** Starts `tidemark …` as a person would in a shell, as the leader of a process group of its own. */
export function startTidemark(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Started {
  const child: ChildProcess = spawn(process.execPath, [program, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, GOGC: process.env.GOGC, ...environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (data) => {
    stdout += data;
  });
  child.stderr!.on('data', (data) => {
    stderr += data;
  });
  return {
    pid: child.pid!,
    ended: new Promise((resolve) => {
      child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    }),
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
    killGroup: () => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
  };
}

export const runTidemark = (
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<Ended> => startTidemark(args, environment).ended;

/** The sandboxes that a running `tidemark` has right now. */
export function sandboxesOf(pid: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='])
    .toString()
    .split('\n')
    .flatMap((line) => {
      const [, child, parent, args] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return Number(parent) === pid && args?.includes('sandbox.cjs') ? [Number(child)] : [];
    });
}
