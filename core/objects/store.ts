/**
 * Where files live. One bucket; keys are whole, with the target's prefix. All errors are `TidemarkError`s:
 * StoreUnavailable (passes by itself), StoreDenied, ProtocolViolation.
 */

export type StoredObject = {
  readonly size: number;
  /** SHA-256 of the whole object as the store keeps it, in hex; null where it was written without one */
  readonly sha256: string | null;
  /** user metadata; names in lower case */
  readonly metadata: Readonly<Record<string, string>>;
  /** opaque; only good for conditions */
  readonly etag: string;
};

export type PutOptions = {
  readonly mediaType: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** only where nothing is under the key, or only over the object with this etag */
  readonly condition?: { readonly absent: true } | { readonly etag: string };
};

/** `conflict`: the condition does not hold (or somebody else writes the key right now: look again). */
export type PutResult =
  | { readonly outcome: 'written'; readonly etag: string | null }
  | { readonly outcome: 'conflict' };

/** `source-gone`: there is nothing, or something else, under the source key. */
export type CopyResult =
  | { readonly outcome: 'copied'; readonly sha256: string | null }
  | { readonly outcome: 'conflict' | 'source-gone' };

export interface ObjectStore {
  readonly bucket: string;
  /**
   * Stores an object whole, with the SHA-256 of `body` (hex), which the store checks and keeps.
   * @param body the bytes, or pieces of them, in order; not to be changed until the answer is there
   */
  put(
    key: string,
    body: Uint8Array | readonly Uint8Array[],
    sha256: string,
    options: PutOptions,
  ): Promise<PutResult>;
  /** null where there is none */
  get(key: string): Promise<{ body: Buffer; etag: string } | null>;
  /** null where there is none */
  head(key: string): Promise<StoredObject | null>;
  /** Copies an object with its metadata to a key under which nothing is. */
  copyToAbsent(from: string, to: string, fromEtag: string | null): Promise<CopyResult>;
  /** Deletes; what is not there is no error. */
  delete(keys: readonly string[]): Promise<void>;
  /** Objects under a prefix, in the order of their keys. @param before ends the list: a key that is not in it any more */
  list(prefix: string, before?: string): AsyncIterable<{ key: string; size: number }>;
  /** The next segments under a prefix that ends with a slash: `a/` → `a/x/`, `a/y/`. */
  listFolders(prefix: string): AsyncIterable<string>;
}
