import fs from 'node:fs';
import path from 'node:path';
import type { Checksum } from './checksums.ts';
import { errnoOf } from './fault.ts';

/**
 * What S3 keeps with an object and a plain file cannot, and how both change in one step.
 *
 * An object is a file `<folder>/<bucket>/<key>`; its metadata stands in a sidecar,
 * `<folder>/.meta/objects/<bucket>/<hash of the key>.json`. Two files cannot be replaced in one step, so the
 * sidecar holds **two versions, and the data file itself says which one counts**: a version names the data file's
 * size and its modification time, which the server sets to a value of its own that no other version of the key has.
 * The rename of the data file is the only moment at which the object changes:
 *
 *     write    .meta/tmp/…            the new bytes, hashed; checksums hold            object: old
 *     stamp    utimes(tmp, unique)    the new version's binding: size + time           object: old
 *     sidecar  rename                 [old version, new version]                       object: old (first entry)
 *     switch   rename(tmp, key)       ◀ data, ETag, checksum, metadata, all at once    object: new (second entry)
 *     answer   200
 *
 * Dead before the switch: the file still matches the old version, or does not exist; the sidecar's new version
 * matches nothing, and the next write of the key drops it. Dead after it: the file matches the new version. What
 * lies in `.meta/tmp` then is removed at the next start, with the sidecar of a key that never came to be.
 * A deletion renames the file into `.meta/tmp` (the switch), then removes the sidecar, then the file.
 *
 * A copy is a hard link: the copy has the same bytes, size and time, and a sidecar of its own. That is safe because
 * this server never writes into an object's file. A program that does so from outside changes the time with it, and
 * what it wrote is then a *foreign* file: one that no version matches. Foreign files are served with an ETag made of
 * size, time and inode, without checksum and metadata, and copied byte by byte. (Where times are kept in whole
 * seconds, a write in place that changes neither size nor second goes unnoticed; that needs another program.)
 *
 * Everything between looking at an object and the switch runs without giving way to other requests (synchronous
 * calls in a process that owns the folder): that is the lock by which of many conditional writers one wins.
 *
 * Not claimed: power loss. Nothing is fsync'ed; after one, files may be missing or foreign, never mixed silently.
 */

/** What a data file is recognized by. `time`: nanoseconds since 1970, in digits. */
export type Binding = { readonly size: number; readonly time: string };

export type Description = {
  /** without quotes */
  readonly etag: string;
  /** LastModified: milliseconds since 1970 */
  readonly modified: number;
  /** header fields to give back as they were given, x-amz-meta-* among them; names in lower case */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: Checksum | undefined;
};

export type Version = Description & Binding;

type Sidecar = { readonly key: string; readonly versions: readonly Version[] };

export const matches = (a: Binding, b: Binding): boolean => a.size === b.size && a.time === b.time;

/** A sidecar that is missing or unreadable holds no versions: the object is foreign then, not lost. */
export function readSidecar(file: string): Sidecar | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Sidecar;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @param temp a name in `.meta/tmp` that nobody else uses */
export function writeSidecar(file: string, temp: string, sidecar: Sidecar): void {
  try {
    fs.writeFileSync(temp, JSON.stringify(sidecar));
    try {
      fs.renameSync(temp, file);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.renameSync(temp, file);
    }
  } catch (error) {
    fs.rmSync(temp, { force: true });
    throw error;
  }
}

let lastStamp = 0;

/**
 * Gives a finished data file a modification time that differs from `taken`'s, in this file system's own resolution
 * (two seconds at worst: 22 rounds).
 * @returns its binding, as the file system tells it
 */
export function stamp(file: string, taken: Binding | undefined): Binding {
  // in microseconds: as fine as Node sets times
  lastStamp = Math.max(Date.now() * 1000, lastStamp + 1);
  for (let time = lastStamp, step = 1; ; time += step, step *= 2) {
    fs.utimesSync(file, time / 1e6, time / 1e6);
    const binding = bindingOf(fs.statSync(file, { bigint: true }));
    if (taken === undefined || !matches(taken, binding)) return binding;
  }
}

export const bindingOf = (stats: fs.BigIntStats): Binding => ({
  size: Number(stats.size),
  time: String(stats.mtimeNs),
});
