import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Checksum, ChecksumAlgorithm } from './checksums.ts';
import { errnoOf, S3Fault } from './fault.ts';
import { compareKeys } from './keys.ts';
import type { Store } from './store.ts';

/**
 * Uploads in parts, until they are completed: a folder `.meta/uploads/<id>` each, with
 *
 *     upload.json            what it will become
 *     <n>.json               part n: its size, ETag, checksum, and the name of its data; replaced by a rename
 *     data-<unique>          a part's bytes; what no <n>.json names is from a dead or overtaken write
 *
 * A folder comes by one rename and goes by one, so a kill leaves an upload whole or not at all.
 */
export type Upload = {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  /** milliseconds since 1970 */
  readonly initiated: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: Checksum['type'] } | undefined;
};

export type Part = {
  readonly number: number;
  readonly size: number;
  /** as hex, without quotes */
  readonly etag: string;
  readonly modified: number;
  readonly checksum?: Checksum | undefined;
  /** the file's name in the upload's folder */
  readonly data: string;
};

const noSuchUpload = (id: string): S3Fault =>
  new S3Fault(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    { UploadId: id },
  );

const folderOf = (store: Store, id: string): string => path.join(store.uploads, id);

export const dataFile = (store: Store, upload: Upload, part: Part): string =>
  path.join(folderOf(store, upload.id), part.data);

export function createUpload(store: Store, upload: Omit<Upload, 'id'>): Upload {
  const id = `${Date.now().toString(36).padStart(9, '0')}${randomBytes(12).toString('hex')}`;
  const temp = store.tempName();
  fs.mkdirSync(temp);
  fs.writeFileSync(path.join(temp, 'upload.json'), JSON.stringify({ id, ...upload }));
  fs.renameSync(temp, folderOf(store, id));
  return { id, ...upload };
}

function readUpload(store: Store, id: string): Upload | undefined {
  if (!/^[0-9a-z]{1,64}$/.test(id)) return undefined;
  try {
    return JSON.parse(fs.readFileSync(path.join(folderOf(store, id), 'upload.json'), 'utf8')) as Upload;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws S3Fault NoSuchUpload, also for another key's upload */
export function requireUpload(store: Store, bucket: string, key: string, id: string): Upload {
  store.requireBucket(bucket);
  const upload = readUpload(store, id);
  if (upload === undefined || upload.bucket !== bucket || upload.key !== key) throw noSuchUpload(id);
  return upload;
}

/** Makes the finished file `temp` the upload's part of this number; the last one to do so wins. */
export function keepPart(store: Store, upload: Upload, temp: string, part: Omit<Part, 'data'>): void {
  const folder = folderOf(store, requireUpload(store, upload.bucket, upload.key, upload.id).id);
  const file = path.join(folder, `${part.number}.json`);
  const before = readPart(file);
  const data = `data-${path.basename(temp)}`;
  fs.renameSync(temp, path.join(folder, data));
  const next = store.tempName();
  fs.writeFileSync(next, JSON.stringify({ ...part, data }));
  fs.renameSync(next, file);
  if (before !== undefined) fs.rmSync(path.join(folder, before.data), { force: true });
}

function readPart(file: string): Part | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Part;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** By number, ascending. */
export function partsOf(store: Store, upload: Upload): Part[] {
  const folder = folderOf(store, upload.id);
  return fs
    .readdirSync(folder)
    .filter((name) => /^[0-9]+\.json$/.test(name))
    .map((name) => readPart(path.join(folder, name)))
    .filter((part) => part !== undefined)
    .sort((a, b) => a.number - b.number);
}

/** A bucket's uploads in the order of S3's listing: by key, then by age. */
export function uploadsOf(store: Store, bucket: string): Upload[] {
  return fs
    .readdirSync(store.uploads)
    .map((id) => readUpload(store, id))
    .filter((upload) => upload?.bucket === bucket)
    .filter((upload) => upload !== undefined)
    .sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.id, b.id));
}

/** Forgets the upload and its parts, in one step; then frees their bytes. */
export async function dropUpload(store: Store, upload: Upload): Promise<void> {
  const gone = store.tempName();
  fs.renameSync(folderOf(store, upload.id), gone);
  await fs.promises.rm(gone, { recursive: true, force: true });
}
