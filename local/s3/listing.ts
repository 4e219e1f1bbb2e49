import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from './fault.ts';
import { compareKeys, sortKeys } from './keys.ts';

/** What a listing asks for. Keys come in the order of their UTF-8 bytes. */
export type ListRequest = {
  readonly prefix: string;
  readonly delimiter: string;
  /** only keys after this one … */
  readonly after: string;
  /** … and not those beginning with this (the last page ended with this common prefix) */
  readonly skip: string;
  readonly max: number;
};

export type ListPage = {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  /** where the next page begins, if there is one */
  readonly next: { readonly after: string; readonly skip: string } | undefined;
};

/** The part of a walk that its consumer moves on: keys that begin with this are not wanted any more. */
type Skip = { prefix: string };

/**
 * The keys beneath `folder` after `after`, in order. A folder `a` sorts as `a/`, so that walking names in that order
 * is walking keys in order; folders that cannot hold a wanted key are not read.
 */
function* walk(folder: string, base: string, request: ListRequest, skip: Skip): Generator<string> {
  const { prefix, after } = request;
  const names: string[] = [];
  for (const entry of entriesOf(folder)) {
    if (entry.isFile()) names.push(entry.name);
    else if (entry.isDirectory()) names.push(`${entry.name}/`);
  }
  for (const name of sortKeys(names)) {
    const key = base + name;
    if (skip.prefix !== '' && key.startsWith(skip.prefix)) continue;
    if (name.endsWith('/')) {
      const mayHold = key.startsWith(prefix) || prefix.startsWith(key);
      if (!mayHold || (compareKeys(key, after) <= 0 && !after.startsWith(key))) continue;
      yield* walk(path.join(folder, name), key, request, skip);
    } else if (key.startsWith(prefix) && compareKeys(key, after) > 0) {
      yield key;
    }
  }
}

/** Another program may remove a folder between two looks. */
function entriesOf(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** One page, found in one step: no other request changes the bucket meanwhile. @param bucketFolder an existing folder */
export function listPage(bucketFolder: string, request: ListRequest): ListPage {
  const { prefix, delimiter, max } = request;
  const keys: string[] = [];
  const commonPrefixes: string[] = [];
  const skip: Skip = { prefix: request.skip };
  let next: ListPage['next'];
  if (max === 0) return { keys, commonPrefixes, next };
  for (const key of walk(bucketFolder, '', request, skip)) {
    if (keys.length + commonPrefixes.length === max) return { keys, commonPrefixes, next };
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut < 0) {
      keys.push(key);
      next = { after: key, skip: '' };
    } else {
      const common = key.slice(0, cut + delimiter.length);
      commonPrefixes.push(common);
      skip.prefix = common;
      next = { after: common, skip: common };
    }
  }
  return { keys, commonPrefixes, next: undefined };
}

/** A continuation token is opaque to clients; this one is the place itself. */
export const tokenOf = (next: { readonly after: string; readonly skip: string }): string =>
  Buffer.from(JSON.stringify([next.after, next.skip])).toString('base64url');

/** @returns undefined for a text that `tokenOf` did not make */
export function placeOf(token: string): { after: string; skip: string } | undefined {
  try {
    const place: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (!Array.isArray(place) || place.length !== 2) return undefined;
    const [after, skip]: unknown[] = place;
    return typeof after === 'string' && typeof skip === 'string' ? { after, skip } : undefined;
  } catch {
    return undefined;
  }
}
