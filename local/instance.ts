/**
 * One process at a time works in a home folder. It says so in `instance.json`, with the addresses of its servers, so
 * that other processes can talk to it instead of opening its files. A file that a killed process left over is found
 * stale by its pid and the time at which that process began.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../core/errors.ts';

export type Endpoints = { readonly s3: string; readonly dynamodb: string; readonly sfn: string };

type Instance = {
  readonly pid: number;
  /** of the process, in the system's own units; null where the system does not tell */
  readonly began: string | null;
  /** whose functions its servers run; null: none, it only looks */
  readonly sync: string | null;
  /** null: no servers for others (it starts, or only looks) */
  readonly endpoints: Endpoints | null;
};

const fileOf = (home: string): string => join(home, 'instance.json');

/** When a process began, and whether it is dead but not yet taken note of (a zombie); nulls where nobody tells. */
function processAt(pid: number): { began: string | null; isDead: boolean } {
  try {
    // after the command's name, which may hold anything but ends with the last parenthesis: fields 3 and 22 of all
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { began: fields[19] ?? null, isDead: /^[ZX]$/i.test(fields[0] ?? '') };
  } catch {
    return { began: null, isDead: false };
  }
}

function isAlive({ pid, began }: Instance): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = processAt(pid);
  return !now.isDead && (now.began === null || began === null || now.began === began);
}

function read(file: string): Instance | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // not there, not by us, or by a system that died with it
  }
}

/**
 * Takes a dead process's file away. Another process may have done so before and put its own there: what was moved
 * aside is looked at, and put back if it is not what was seen to be stale.
 */
function removeStale(home: string, seen: Instance | null): void {
  const aside = `${fileOf(home)}.stale.${process.pid}`;
  try {
    renameSync(fileOf(home), aside);
    if (read(aside)?.pid !== seen?.pid) linkSync(aside, fileOf(home));
  } catch {
    // it has gone meanwhile, or there is a newer one: the next look tells
  } finally {
    rmSync(aside, { force: true });
  }
}

/** In one step: nobody ever reads half of it. With `isFirst` it fails with EEXIST where the file is there. */
function write(home: string, instance: Instance, isFirst: boolean): void {
  const next = `${fileOf(home)}.${process.pid}`;
  writeFileSync(next, JSON.stringify(instance));
  try {
    if (isFirst) linkSync(next, fileOf(home));
    else renameSync(next, fileOf(home));
  } finally {
    rmSync(next, { force: true });
  }
}

/** Not by `recursive`: Node 20 goes round for ever where a file system refuses with ENOENT, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder) && statSync(folder).isDirectory()) return;
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // another process may have made it meanwhile; what is there may also be a file
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}

/** How long to wait for a process that only looks, or is just starting or stopping. */
const patienceMs = 10_000;

export type Claim = {
  /** Tells other processes where the servers are. */
  announce(endpoints: Endpoints): void;
  release(): void;
};

/**
 * Makes this process the one that works in the folder.
 * @param sync whose functions are to run here; null: none, to look at what is stored
 * @returns the servers of the process that does already, where there is one
 * @throws TidemarkError CloudBusy where another process holds the folder without servers, or works on another sync:
 *   its functions hold that one's definition; CloudBroken
 */
export async function claimHome(home: string, sync: string | null): Promise<Claim | Endpoints> {
  const mine = { pid: process.pid, began: processAt(process.pid).began, sync, endpoints: null };
  const giveUpMs = Date.now() + patienceMs;
  const unusable = (cause: unknown): TidemarkError =>
    new TidemarkError('CloudBroken', `the folder ${home} cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  for (;;) {
    try {
      makeFolder(home);
    } catch (error) {
      throw unusable(error); // EEXIST, too: what is there is no folder
    }
    try {
      write(home, mine, true);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(error);
    }
    const other = read(fileOf(home));
    if (other && isAlive(other)) {
      if (other.endpoints && (sync === null || other.sync === sync)) return other.endpoints;
      if (other.endpoints) {
        throw new TidemarkError('CloudBusy', `process ${other.pid} works in ${home}, on sync ${other.sync}`);
      }
      if (Date.now() > giveUpMs) {
        throw new TidemarkError(
          'CloudBusy',
          `process ${other.pid} works in ${home} (since ${patienceMs / 1000} s)`,
        );
      }
      await sleep(100);
    } else {
      removeStale(home, other);
    }
  }
  return {
    announce: (endpoints) => write(home, { ...mine, endpoints }, false),
    release: () => {
      if (read(fileOf(home))?.pid === process.pid) rmSync(fileOf(home), { force: true });
    },
  };
}
