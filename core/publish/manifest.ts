import { checkFormat } from '../format-version.ts';
import type { Column } from '../formats/column.ts';
import type { Keys } from '../objects/keys.ts';
import { putText } from '../objects/put-text.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { TableName } from '../sources/source.ts';

const formatVersion = 1;

export type ManifestFile = {
  /** relative to the bucket */
  readonly key: string;
  readonly rows: number;
  readonly bytes: number;
  /** `sha256:` and hex */
  readonly checksum: string;
  readonly firstKey: string;
  readonly lastKey: string;
  /** what all its rows have in common, by the partition's fields, as people write it; absent: there are no partitions */
  readonly partition?: Readonly<Record<string, string | null>>;
};

/** The files that a run added to a table. */
export type Manifest = {
  readonly format: number;
  readonly sync: string;
  readonly run: string;
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly schema: readonly Column[];
  readonly files: readonly ManifestFile[];
};

export const toManifest = (content: Omit<Manifest, 'format' | 'rows' | 'bytes'>): Manifest => ({
  format: formatVersion,
  ...content,
  rows: content.files.reduce((sum, file) => sum + file.rows, 0),
  bytes: content.files.reduce((sum, file) => sum + file.bytes, 0),
});

/** A run's manifest is a function of its committed parts: whoever writes it writes the same. */
export async function writeManifest(
  store: ObjectStore,
  keys: Keys,
  table: TableName,
  manifest: Manifest,
): Promise<void> {
  await putText(store, keys.manifest(table, manifest.run), `${JSON.stringify(manifest, null, 1)}\n`, {
    mediaType: 'application/json',
  });
}

/**
 * @returns null where it is gone: somebody has deleted it
 * @throws TidemarkError FormatTooNew
 */
export async function readManifest(
  store: ObjectStore,
  keys: Keys,
  table: TableName,
  run: string,
): Promise<Manifest | null> {
  const key = keys.manifest(table, run);
  const found = await store.get(key);
  if (!found) return null;
  const manifest: Manifest = JSON.parse(found.body.toString('utf8'));
  checkFormat(`s3://${store.bucket}/${key}`, manifest.format, formatVersion);
  return manifest;
}
