import type { Format } from '../formats/format.ts';
import type { AttemptStamp, ChunkId, Ledger, Part, PartFile } from '../ledger/ledger.ts';
import { sha256Of } from '../objects/checksum.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import { inParallel } from '../parallel.ts';
import type { TableName } from '../sources/source.ts';
import type { EncodedPart } from './encode-parts.ts';
import { attemptMetadata, filesAtOnceMax, renamePart } from './rename.ts';

export type CommitPlaces = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
  readonly format: Format;
};

export type Committed =
  /** part n is mine, and its files have their final names */
  | { readonly outcome: 'mine'; readonly part: Part }
  /** another attempt was first; its part is what counts */
  | { readonly outcome: 'another'; readonly part: Part }
  /** part n is mine, but a file of it has been swept */
  | { readonly outcome: 'gone'; readonly part: Part };

/** @param at its place among the part's files */
async function stage(
  { store, keys, format }: CommitPlaces,
  chunk: ChunkId,
  table: TableName,
  n: number,
  encoded: EncodedPart['files'][number],
  at: number,
  attempt: AttemptStamp,
): Promise<PartFile> {
  const place = encoded.partition ? at : null;
  const staged = keys.staged(chunk.run, table, chunk.chunk, n, attempt.id, format.extension, place);
  const sha256 = sha256Of(encoded.pieces);
  // one PutObject from memory, which can be repeated whole
  const result = await store.put(staged, encoded.pieces, sha256, {
    mediaType: format.mediaType,
    metadata: { [attemptMetadata]: attempt.id },
  });
  return {
    staged,
    stagedEtag: result.outcome === 'written' ? result.etag : null,
    final: keys.final(table, chunk.run, chunk.chunk, n, format.extension, place),
    size: encoded.bytes,
    sha256,
    rows: encoded.rows,
    firstKey: encoded.firstKey,
    lastKey: encoded.lastKey,
    partition: encoded.partition,
    statistics: encoded.statistics,
  };
}

/**
 * Takes an encoded part through the protocol: stage, commit, rename.
 *
 * An error leaves everything as it is, the staged files too: a request without an answer may have taken effect, or
 * may still. The next attempt finds in the log what became of it. A staged file is deleted only when the log names
 * other files for this part, or when the final name holds it.
 */
export async function commitPart(
  places: CommitPlaces,
  chunk: ChunkId,
  table: TableName,
  n: number,
  encoded: EncodedPart,
  attempt: AttemptStamp,
  nowMs: () => number,
): Promise<Committed> {
  const { ledger, store } = places;
  const readAt = new Date(nowMs()).toISOString();
  const files: PartFile[] = [];
  await inParallel(encoded.files.entries(), filesAtOnceMax, async ([at, file]) => {
    files[at] = await stage(places, chunk, table, n, file, at, attempt);
  });
  const { from, to, last, rows } = encoded;
  const part = await ledger.commitPart({ ...chunk, n, from, to, last, rows, files, attempt, readAt });
  if (part.attempt.id !== attempt.id) {
    if (files.length > 0) await store.delete(files.map(({ staged }) => staged));
    return { outcome: 'another', part };
  }
  return { outcome: (await renamePart(store, part)) ? 'mine' : 'gone', part };
}
