import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What stands in the embedded store of a home folder, seen from outside: plain files. */

export type SeenPointer = {
  readonly version: number;
  readonly rows: number;
  readonly files: readonly { readonly key: string; readonly bytes: number; readonly rows: number }[];
};

const bucketOf = (home: string, bucket: string): string => join(home, 's3', bucket);

export function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** @returns null where the table has not been published */
export function readPointer(home: string, bucket: string, folder: string): SeenPointer | null {
  const file = join(bucketOf(home, bucket), folder, 'current.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** The paths of the files that the pointer names. */
export const filesOf = (home: string, bucket: string, pointer: SeenPointer): string[] =>
  pointer.files.map(({ key }) => join(bucketOf(home, bucket), key));

/** What is wrong with a snapshot that a reader sees: files that are missing, or of another size. */
export const faultsOf = (home: string, bucket: string, pointer: SeenPointer): string[] =>
  pointer.files
    .filter(({ key, bytes }) => {
      const path = join(bucketOf(home, bucket), key);
      return !existsSync(path) || statSync(path).size !== bytes;
    })
    .map(({ key }) => `version ${pointer.version} names ${key}, which is missing or of another size`);

/** Data files of a table that its pointer does not name. */
export function strayFiles(home: string, bucket: string, folder: string): string[] {
  const pointer = readPointer(home, bucket, folder);
  const named = new Set(pointer ? filesOf(home, bucket, pointer) : []);
  return filesUnder(join(bucketOf(home, bucket), folder, 'data')).filter((file) => !named.has(file));
}
