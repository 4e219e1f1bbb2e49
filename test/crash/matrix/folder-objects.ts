/** Objects of the embedded store, looked at as the plain files that they are. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Objects } from './cloud.ts';

/** @param folder of the bucket */
export const folderObjects = (folder: string): Objects => ({
  keys: () =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      : [],
  stampOf(key) {
    const stats = statSync(join(folder, key), { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.ino} ${stats.mtimeNs}`;
  },
  bodyOf: (key) => readFileSync(join(folder, key)),
});
