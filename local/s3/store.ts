import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { requireConditions, type WriteConditions } from './conditions.ts';
import { errnoOf, noSuchBucket, S3Fault } from './fault.ts';
import { lstat, pruneAbove, pruneTree, tryLink } from './folders.ts';
import { isBucketName, keyHash, keyProblem, requireStorable, unstorable } from './keys.ts';
import {
  bindingOf,
  type Description,
  matches,
  readSidecar,
  stamp,
  type Version,
  writeSidecar,
} from './sidecar.ts';

/**
 * Objects as files. How an object and its metadata change in one step, and what a kill leaves: see sidecar.ts.
 * All functions that are not async run in one step of this process; nothing happens in between.
 */
export type StoredObject = Version & {
  readonly inode: bigint;
  /** another program wrote this file: it has no metadata, and may be written in place again */
  readonly foreign: boolean;
};

export type Store = {
  readonly folder: string;
  /** where uploads in parts live until they are completed */
  readonly uploads: string;
  buckets(): { readonly name: string; readonly created: Date }[];
  /** @throws S3Fault BucketAlreadyOwnedByYou, InvalidBucketName */
  createBucket(bucket: string): void;
  /** @returns the bucket's folder @throws S3Fault NoSuchBucket */
  requireBucket(bucket: string): string;
  /** A name in `.meta/tmp` that nobody else gets; of the object that the file shall become, where there is one. */
  tempName(bucket?: string, key?: string): string;
  look(bucket: string, key: string): StoredObject | undefined;
  /** Opens what `look` sees. The caller closes `fd`. */
  open(bucket: string, key: string): { readonly fd: number; readonly object: StoredObject } | undefined;
  /** Links what `look` sees to the name `temp`; false where the file system makes no hard link. */
  pin(bucket: string, key: string, temp: string): boolean;
  /** Makes the finished file `temp` the object, if the conditions hold. */
  commit(
    bucket: string,
    key: string,
    temp: string,
    description: Description,
    conditions: WriteConditions,
  ): void;
  /**
   * As `commit`, for a file made by `pin`, whose time must stay. False: nothing happened, since the present object
   * could not be told from this one (another file of the same size and time); copy the bytes instead.
   */
  commitPinned(
    bucket: string,
    key: string,
    temp: string,
    description: Description,
    conditions: WriteConditions,
  ): boolean;
  /** Deletes the object if it exists. @throws S3Fault PreconditionFailed, or NoSuchKey, with a condition only */
  remove(bucket: string, key: string, ifMatch: string | undefined): Promise<void>;
};

/**
 * Opens the folder, makes it if need be and removes what dead writes left over. One process at a time may own it.
 * @throws the file system's errors
 */
export function openStore(folderGiven: string): Store {
  fs.mkdirSync(folderGiven, { recursive: true });
  const folder = fs.realpathSync.native(folderGiven);
  const meta = path.join(folder, '.meta');
  const temps = path.join(meta, 'tmp');
  const uploads = path.join(meta, 'uploads');
  for (const needed of [temps, uploads]) fs.mkdirSync(needed, { recursive: true });
  const ignoresCase = fs.existsSync(path.join(folder, '.META'));

  const bucketFolder = (bucket: string): string => path.join(folder, bucket);
  const fileOf = (bucket: string, key: string): string => path.join(folder, bucket, ...key.split('/'));
  // spread over 256 folders: some file systems are slow with very many names in one
  const sidecarOf = (bucket: string, hash: string): string =>
    path.join(meta, 'objects', bucket, hash.slice(0, 2), `${hash.slice(2)}.json`);

  const session = randomBytes(6).toString('hex');
  let temp = 0;
  const tempName = (bucket?: string, key?: string): string => {
    const unique = `${session}-${temp++}`;
    const whose = bucket === undefined || key === undefined ? '' : `${bucket}~${keyHash(key)}~`;
    return path.join(temps, whose + unique);
  };

  /** On a file system that takes `A` for `a`, a file is an object's only under its very name. */
  const hasThisName = (file: string): boolean => !ignoresCase || fs.realpathSync.native(file) === file;

  const described = (bucket: string, key: string, stats: fs.BigIntStats): StoredObject => {
    const binding = bindingOf(stats);
    const inode = stats.ino;
    const versions = readSidecar(sidecarOf(bucket, keyHash(key)))?.versions;
    const version = versions?.find((one) => matches(one, binding));
    if (version !== undefined) return { ...version, inode, foreign: false };
    const etag = createHash('md5').update(`${binding.size} ${binding.time} ${inode}`).digest('hex');
    const headers = { 'content-type': 'binary/octet-stream' };
    return { ...binding, etag, modified: Number(stats.mtimeMs), headers, inode, foreign: true };
  };

  const locate = (bucket: string, key: string): fs.BigIntStats | undefined => {
    if (keyProblem(key) !== undefined) return undefined;
    const file = fileOf(bucket, key);
    const stats = lstat(file);
    return stats?.isFile() === true && hasThisName(file) ? stats : undefined;
  };

  const look = (bucket: string, key: string): StoredObject | undefined => {
    const stats = locate(bucket, key);
    return stats && described(bucket, key, stats);
  };

  const requireBucket = (bucket: string): string => {
    if (!isBucketName(bucket)) throw noSuchBucket(bucket);
    const stats = fs.statSync(bucketFolder(bucket), { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true) throw noSuchBucket(bucket);
    return bucketFolder(bucket);
  };

  /** Everything that must hold before a write. @returns what stands there now */
  const admit = (bucket: string, key: string, conditions: WriteConditions): StoredObject | undefined => {
    requireStorable(key);
    requireBucket(bucket);
    const current = look(bucket, key);
    requireConditions(key, current, conditions);
    return current;
  };

  /** Sees to it that a file can be renamed to the key's path. @throws S3Fault where another key is in the way */
  const makeWay = (bucket: string, key: string): void => {
    const file = fileOf(bucket, key);
    const parent = path.dirname(file);
    try {
      fs.mkdirSync(parent, { recursive: true });
    } catch (error) {
      const code = errnoOf(error);
      if (code !== 'ENOTDIR' && code !== 'EEXIST') throw error;
      throw unstorable(key, 'one of its prefixes is itself the key of an object');
    }
    if (lstat(file)?.isDirectory()) pruneTree(file);
    const there = lstat(file);
    if (there?.isDirectory()) throw unstorable(key, 'there are objects whose keys begin with it and "/"');
    if (!hasThisName(parent) || (there !== undefined && !hasThisName(file))) {
      throw unstorable(key, 'this file system takes it for another key that differs in case only');
    }
    if (there !== undefined && !there.isFile()) throw unstorable(key, 'its place is taken by something else');
  };

  const describe = (bucket: string, key: string, versions: readonly Version[]): void =>
    writeSidecar(sidecarOf(bucket, keyHash(key)), tempName(bucket, key), { key, versions });

  /** The last two steps: the sidecar knows both versions, then the data file switches. */
  const replace = (
    bucket: string,
    key: string,
    from: string,
    current: StoredObject | undefined,
    next: Version,
  ): void => {
    makeWay(bucket, key);
    if (current === undefined || current.foreign) {
      describe(bucket, key, [next]);
    } else {
      const { inode: _, foreign: __, ...version } = current;
      describe(bucket, key, [version, next]);
    }
    fs.renameSync(from, fileOf(bucket, key));
  };

  // What a name in tmp was for stands in it, so that a sidecar without an object goes with it.
  for (const name of fs.readdirSync(temps)) {
    const [bucket, hash] = name.split('~');
    if (bucket !== undefined && hash !== undefined) {
      const sidecar = readSidecar(sidecarOf(bucket, hash));
      if (sidecar !== undefined && lstat(fileOf(bucket, sidecar.key)) === undefined) {
        fs.rmSync(sidecarOf(bucket, hash), { force: true });
      }
    }
    fs.rmSync(path.join(temps, name), { recursive: true, force: true });
  }

  return {
    folder,
    uploads,
    tempName,
    look,
    requireBucket,

    buckets: () =>
      fs
        .readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && isBucketName(entry.name))
        .map(({ name }) => ({ name, created: fs.statSync(bucketFolder(name)).birthtime }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),

    createBucket: (bucket) => {
      if (!isBucketName(bucket)) {
        throw new S3Fault('InvalidBucketName', 'The specified bucket is not valid.', { BucketName: bucket });
      }
      try {
        fs.mkdirSync(bucketFolder(bucket));
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        throw new S3Fault(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
          { BucketName: bucket },
        );
      }
    },

    open: (bucket, key) => {
      if (locate(bucket, key) === undefined) return undefined;
      const fd = fs.openSync(fileOf(bucket, key), 'r');
      try {
        return { fd, object: described(bucket, key, fs.fstatSync(fd, { bigint: true })) };
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
    },

    pin: (bucket, key, name) => tryLink(fileOf(bucket, key), name),

    commit: (bucket, key, from, description, conditions) => {
      const current = admit(bucket, key, conditions);
      const binding = stamp(from, current);
      replace(bucket, key, from, current, { ...description, ...binding });
    },

    commitPinned: (bucket, key, from, description, conditions) => {
      const current = admit(bucket, key, conditions);
      const stats = fs.lstatSync(from, { bigint: true });
      const version = { ...description, ...bindingOf(stats) };
      if (current === undefined || !matches(current, version)) {
        replace(bucket, key, from, current, version);
        return true;
      }
      if (current.inode !== stats.ino) return false;
      // the object already is this very file: its sidecar alone changes, which is one step
      describe(bucket, key, [version]);
      fs.unlinkSync(from);
      return true;
    },

    remove: async (bucket, key, ifMatch) => {
      const top = requireBucket(bucket);
      const current = look(bucket, key);
      requireConditions(key, current, { ifMatch });
      if (current === undefined) return;
      const gone = tempName(bucket, key);
      const file = fileOf(bucket, key);
      fs.renameSync(file, gone);
      fs.rmSync(sidecarOf(bucket, keyHash(key)), { force: true });
      pruneAbove(file, top);
      // freeing a large file's blocks takes milliseconds: not in the step that others wait for
      await fs.promises.rm(gone, { force: true });
    },
  };
}
