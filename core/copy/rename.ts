import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../errors.ts';
import type { Part, PartFile } from '../ledger/ledger.ts';
import type { ObjectStore, StoredObject } from '../objects/store.ts';
import { inParallel } from '../parallel.ts';

/** Under which name in an object's metadata the attempt stands that staged it. */
export const attemptMetadata = 'tidemark-attempt';

/** Whether an object is the file that the ledger committed: never judged by an ETag, which S3 changes. */
export const isAsCommitted = (found: StoredObject, part: Part, file: PartFile): boolean =>
  found.size === file.size &&
  found.sha256 === file.sha256 &&
  found.metadata[attemptMetadata] === part.attempt.id;

const triesMax = 5;

/** Requests to the store at once, where a part has several files. */
export const filesAtOnceMax = 8;

const wrongFile = (store: ObjectStore, key: string): TidemarkError =>
  new TidemarkError(
    'ProtocolViolation',
    `s3://${store.bucket}/${key} holds another file than the ledger committed under this name`,
  );

/**
 * Gives a committed part's files their final names, or finds that they have them. May be called by several attempts at
 * once, at any time after the commit, as often as one likes.
 *
 * @returns false where a staged file and its final name are both gone: the run was swept, it is over
 * @throws TidemarkError ProtocolViolation where another object is under a final name
 */
export async function renamePart(store: ObjectStore, part: Part): Promise<boolean> {
  let isWhole = true;
  await inParallel(part.files, filesAtOnceMax, async (file) => {
    if (!(await renameFile(store, part, file))) isWhole = false;
  });
  return isWhole;
}

/**
 * One of its files.
 *
 *   copy staged → final, if nothing is there
 *     copied                        → delete the staged file
 *     something is there            → as committed? then delete the staged file; else stop: never overwrite
 *     the staged file has gone      → another attempt was here before; the final name must hold it
 *     neither                       → look at the staged file, try again: somebody writes the final name right now, or
 *                                     the staged file's ETag is another one, because the request that staged it was
 *                                     sent twice (with KMS, the same bytes get another ETag each time)
 */
export async function renameFile(store: ObjectStore, part: Part, file: PartFile): Promise<boolean> {
  let etag = file.stagedEtag;
  for (let tries = 1; ; tries++) {
    const copy = await store.copyToAbsent(file.staged, file.final, etag);
    const known = copy.outcome === 'copied' && copy.sha256 === file.sha256;
    const found = known ? null : await store.head(file.final);
    if (found && !isAsCommitted(found, part, file)) throw wrongFile(store, file.final);
    if (known || found) {
      await store.delete([file.staged]);
      return true;
    }
    if (copy.outcome === 'source-gone') return false;
    if (tries === triesMax) {
      throw new TidemarkError(
        'StoreUnavailable',
        `s3://${store.bucket}/${file.final} is being written by somebody else`,
      );
    }
    await sleep(100 * 2 ** tries * Math.random());
    const staged = await store.head(file.staged);
    if (staged && !isAsCommitted(staged, part, file)) throw wrongFile(store, file.staged);
    if (staged) etag = staged.etag;
  }
}
