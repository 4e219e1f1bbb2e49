/** How much memory processes have held, by the operating system's account: buffers count, shared code counts. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * The resident set of each process in bytes: on Linux its peak since the process began (so that what comes and
 * goes between two looks counts), elsewhere what it is now. Processes that are gone are left out.
 */
export async function residentBytes(pids: readonly number[]): Promise<Map<number, number>> {
  return process.platform === 'linux' ? fromProc(pids) : fromPs(pids);
}

/** At once: these are no files on a disk, and a turn of the thread pool for each costs many times what is read. */
function fromProc(pids: readonly number[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const pid of pids) {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1];
    if (peak !== undefined) found.set(pid, Number(peak) * 1024);
  }
  return found;
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

async function fromPs(pids: readonly number[]): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  if (pids.length === 0) return found;
  // ps exits with 1 when none of them is left
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')]).catch(() => ({
    stdout: '',
  }));
  for (const line of stdout.split('\n')) {
    const [pid, kibibytes] = line.trim().split(/\s+/).map(Number);
    if (pid && kibibytes) found.set(pid, kibibytes * 1024);
  }
  return found;
}
