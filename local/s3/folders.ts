import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from './fault.ts';

/** What the file system says when there is nothing of this name. */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

export function lstat(file: string): fs.BigIntStats | undefined {
  try {
    return fs.lstatSync(file, { bigint: true });
  } catch (error) {
    if (absent.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Removes folders without files, innermost first; what holds a file stays. */
export function pruneTree(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) pruneTree(path.join(folder, entry.name));
  }
  removeEmpty(folder);
}

/** Removes the folders above `file` that hold nothing any more, below `top`. */
export function pruneAbove(file: string, top: string): void {
  for (let above = path.dirname(file); above !== top && removeEmpty(above); ) above = path.dirname(above);
}

function removeEmpty(folder: string): boolean {
  try {
    fs.rmdirSync(folder);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

const linkImpossible = new Set(['EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

/** False where the file system makes no hard link (of this file, any more). */
export function tryLink(existing: string, name: string): boolean {
  try {
    fs.linkSync(existing, name);
    return true;
  } catch (error) {
    if (linkImpossible.has(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
