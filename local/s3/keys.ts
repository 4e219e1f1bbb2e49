import { createHash } from 'node:crypto';
import { S3Fault } from './fault.ts';

/** What a name of a bucket looks like (S3's rules for general purpose buckets, those that matter for folders). */
const bucketName = /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export const isBucketName = (name: string): boolean => bucketName.test(name);

/** The limit of S3, in bytes of UTF-8. */
const keyBytesMax = 1024;
/** The limit of every common file system, in bytes. */
const nameBytesMax = 255;

/**
 * Why a file system cannot hold this key as a path beneath the bucket's folder, or undefined.
 * Two keys that cannot both be paths (`a` and `a/b`) are found when the object is written.
 */
export function keyProblem(key: string): string | undefined {
  for (const name of key.split('/')) {
    if (name === '') return 'it begins or ends with "/" or has an empty segment';
    if (name === '.' || name === '..') return `it has a segment "${name}"`;
    if (Buffer.byteLength(name) > nameBytesMax)
      return `one of its segments is longer than ${nameBytesMax} bytes`;
  }
  if (key.includes('\0')) return 'it has a NUL character';
  if (process.platform === 'win32' && (/[<>:"\\|?*]/.test(key) || /[. ](\/|$)/.test(key))) {
    return 'Windows does not allow such a file name';
  }
  return undefined;
}

/** @throws S3Fault KeyTooLongError, or InvalidArgument for a key that only real S3 could hold */
export function requireStorable(key: string): void {
  if (Buffer.byteLength(key) > keyBytesMax) {
    throw new S3Fault('KeyTooLongError', 'Your key is too long', { MaxSizeAllowed: String(keyBytesMax) });
  }
  const problem = keyProblem(key);
  if (problem !== undefined) throw unstorable(key, problem);
}

export const unstorable = (key: string, problem: string): S3Fault =>
  new S3Fault(
    'InvalidArgument',
    `The embedded S3 keeps objects as plain files and cannot hold this key: ${problem}.`,
    { ArgumentName: 'Key', ArgumentValue: key },
  );

/** A name for a key's metadata that every file system can hold and tell apart. */
export const keyHash = (key: string): string => createHash('sha256').update(key).digest('hex');

// In UTF-16, U+E000 to U+FFFF stand above the surrogates (U+10000 and more); in UTF-8 it is the other way round.
const inByteOrder = (unit: number): number =>
  unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;

/** The order of S3's listings: that of the keys' UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return inByteOrder(left) - inByteOrder(right);
  }
  return a.length - b.length;
}

const aboveSurrogates = /[\ud800-\uffff]/;

/** Sorts in place, in the order of S3's listings. */
export function sortKeys(keys: string[]): string[] {
  return keys.some((key) => aboveSurrogates.test(key)) ? keys.sort(compareKeys) : keys.sort();
}
