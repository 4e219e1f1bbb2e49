import { parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import { putText } from '../objects/put-text.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Pointer } from './pointer.ts';

const triesMax = 10;

/** For whom a list of a table's files is written: `target.manifests`. */
export type ReaderManifest = 'hive' | 'redshift';

/** What a list is made of. */
export type Shown = Pick<Pointer, 'version' | 'files'>;

/** The object's user metadata that says which of the head's versions it shows: Hive's file has no place for it. */
const versionName = 'tidemark-version';

type Form = {
  readonly key: (keys: Keys, head: TableHead) => string;
  readonly mediaType: string;
  readonly text: (bucket: string, shown: Shown) => string;
};

const urlOf = (bucket: string, key: string): string => `s3://${bucket}/${key}`;

const forms: Readonly<Record<ReaderManifest, Form>> = {
  // https://github.com/apache/hive, SymlinkTextInputFormat: each line is a path, an empty one is an error
  hive: {
    key: (keys, { table }) => keys.symlinks(parseTableName(table)!),
    mediaType: 'text/plain',
    text: (bucket, { files }) => files.map(({ key }) => `${urlOf(bucket, key)}\n`).join(''),
  },
  // https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html; for Parquet it needs the lengths
  redshift: {
    key: (keys, { table }) => keys.redshiftManifest(parseTableName(table)!),
    mediaType: 'application/json',
    text: (bucket, { version, files }) => {
      const entries = files.map(({ key, bytes }) => ({
        url: urlOf(bucket, key),
        mandatory: true,
        meta: { content_length: bytes },
      }));
      return `${JSON.stringify({ entries, tidemark: { version } }, null, 1)}\n`;
    },
  },
};

/**
 * Brings the lists of a table's files, for readers that know neither Iceberg nor `current.json`, up to its head. Each is
 * one object that is replaced in one step, and only with a growing version; whoever finds one behind rolls it forward.
 *
 *   look at the list (version v, etag e) → v ≥ the head's: done
 *   write what `current.json` shows, IF the list still has etag e → refused: somebody else rolled it; look again
 *
 * Not guaranteed: where a table is rolled back, Hive's list gets the bytes that it had before, and on S3 their etag. A
 * publisher of a version in between, which has looked before all of that and writes after it, is not refused; readers
 * then see its snapshot until the next one looks.
 *
 * @param shown what `current.json` shows; null where it could not be written. Asked for only where a list is behind
 */
export async function showManifests(
  store: ObjectStore,
  keys: Keys,
  choice: readonly ReaderManifest[],
  head: TableHead,
  shown: () => Promise<Shown | null>,
): Promise<void> {
  if (!head.snapshot) return;
  for (const kind of choice) await rollManifestForward(store, keys, forms[kind], head, shown);
}

async function rollManifestForward(
  store: ObjectStore,
  keys: Keys,
  form: Form,
  head: TableHead,
  shown: () => Promise<Shown | null>,
): Promise<void> {
  const key = form.key(keys, head);
  for (let tries = 1; tries <= triesMax; tries++) {
    const found = await store.head(key);
    // one that says no version is not ours: it is behind whatever there is
    const version = Number(found?.metadata[versionName] ?? 0) || 0;
    if (version >= head.version) return;
    const next = await shown();
    // it may be of a later version than this head, which somebody else has rolled it forward to
    if (!next || next.version < head.version) return;
    const result = await putText(store, key, form.text(store.bucket, next), {
      mediaType: form.mediaType,
      metadata: { [versionName]: String(next.version) },
      condition: found ? { etag: found.etag } : { absent: true },
    });
    if (result.outcome === 'written') return;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${key} is being written by others all the time`,
  );
}
