import fs from 'node:fs';
import { type Answer, type Call, checksumElements, describingHeaders, isoTime, quoted } from './answer.ts';
import { algorithmNamed, type Checksum, type ChecksumAlgorithm } from './checksums.ts';
import { requireSourceConditions, writeConditions } from './conditions.ts';
import { noSuchKey, S3Fault } from './fault.ts';
import { type Hashes, hashFile } from './files.ts';
import { requireStorable } from './keys.ts';
import type { StoredObject } from './store.ts';
import { leaf, xmlDocument } from './xml.ts';

/** `bucket/key`, also with a slash before it; URL-encoded. Its version can only be "null". */
function sourceOf(header: string): { bucket: string; key: string } {
  const invalid = (): S3Fault =>
    new S3Fault(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      {
        ArgumentName: 'x-amz-copy-source',
        ArgumentValue: header,
      },
    );
  const [raw = '', version] = header.split('?versionId=', 2);
  if (version !== undefined && version !== 'null') {
    throw new S3Fault(
      'NotImplemented',
      "CopyObject of a version is not implemented in Tidemark's embedded S3.",
    );
  }
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    throw invalid();
  }
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decoded);
  if (match === null) throw invalid();
  return { bucket: match[1]!, key: match[2]! };
}

/**
 * What the copy has to compute, reading the bytes: an ETag where the source's is not of the whole bytes (it came in
 * parts, or is foreign), a checksum where another algorithm is asked for or the source's covers its parts only.
 */
function missing(source: StoredObject, asked: ChecksumAlgorithm | undefined) {
  const kept = source.checksum?.type === 'FULL_OBJECT' ? source.checksum : undefined;
  const algorithm = asked ?? source.checksum?.algorithm;
  const compute = kept?.algorithm === algorithm ? undefined : algorithm;
  const etag = source.foreign || source.etag.includes('-') ? null : source.etag;
  return {
    kept,
    algorithm: compute,
    /** null: to be made of the bytes */
    etag,
    hash: compute !== undefined || etag === null,
  };
}

/**
 * CopyObject, as a hard link: no bytes are copied or read, unless a checksum has to be computed. Foreign files (see
 * sidecar.ts) are copied byte by byte, since who wrote them may write them again in place.
 */
export async function copyObject({ store, headers, target: { bucket, key } }: Call): Promise<Answer> {
  const from = sourceOf(String(headers['x-amz-copy-source']));
  const replaces = headers['x-amz-metadata-directive']?.toString().toUpperCase() === 'REPLACE';
  const algorithmHeader = headers['x-amz-checksum-algorithm']?.toString();
  const asked = algorithmHeader === undefined ? undefined : algorithmNamed(algorithmHeader);
  store.requireBucket(bucket);
  store.requireBucket(from.bucket);
  requireStorable(key);
  const opened = store.open(from.bucket, from.key);
  if (opened === undefined) throw noSuchKey(from.key);
  const { fd, object: source } = opened;
  const temp = store.tempName(bucket, key);
  try {
    // in the same step as the look at the source: the link is to what was looked at
    const pinned = !source.foreign && store.pin(from.bucket, from.key, temp);
    requireSourceConditions(headers, source);
    if (from.bucket === bucket && from.key === key && !replaces && asked === undefined) {
      throw new S3Fault(
        'InvalidRequest',
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      );
    }
    const { kept, algorithm, etag, hash } = missing(source, asked);
    const describe = (hashes: Hashes | undefined) => ({
      etag: etag ?? hashes!.md5,
      modified: Date.now(),
      headers: replaces ? describingHeaders(headers) : source.headers,
      checksum: hashes?.checksum ?? (algorithm === undefined ? kept : undefined),
    });
    const conditions = writeConditions(headers);
    if (pinned) {
      const description = describe(hash ? await hashFile(fd, algorithm) : undefined);
      if (store.commitPinned(bucket, key, temp, description, conditions)) return copied(description);
      await fs.promises.rm(temp);
    }
    const description = describe(await hashFile(fd, algorithm, temp));
    store.commit(bucket, key, temp, description, conditions);
    return copied(description);
  } catch (error) {
    await fs.promises.rm(temp, { force: true });
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

const copied = (result: {
  readonly etag: string;
  readonly modified: number;
  readonly checksum: Checksum | undefined;
}): Answer => ({
  status: 200,
  body: xmlDocument(
    'CopyObjectResult',
    leaf('LastModified', isoTime(result.modified)),
    leaf('ETag', quoted(result.etag)),
    checksumElements(result.checksum),
  ),
});
