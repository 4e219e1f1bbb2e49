import fs from 'node:fs';
import { type Answer, type Call, checksumHeaders, describingHeaders, quoted } from './answer.ts';
import { receive } from './body.ts';
import { requireReadConditions, writeConditions } from './conditions.ts';
import { noSuchKey, S3Fault } from './fault.ts';
import { createFile } from './files.ts';
import { requireStorable } from './keys.ts';
import type { StoredObject } from './store.ts';

/** PutObject: the body goes to a temporary file while it is hashed; the object appears when everything agrees. */
export async function putObject({ store, request, headers, target: { bucket, key } }: Call): Promise<Answer> {
  store.requireBucket(bucket);
  requireStorable(key);
  const temp = store.tempName(bucket, key);
  try {
    const file = await createFile(temp);
    const { etag, checksum } = await receive(request, file.append).finally(file.close);
    const description = { etag, modified: Date.now(), headers: describingHeaders(headers), checksum };
    store.commit(bucket, key, temp, description, writeConditions(headers));
    return { status: 200, headers: { etag: quoted(etag), ...checksumHeaders(checksum) } };
  } catch (error) {
    await fs.promises.rm(temp, { force: true });
    throw error;
  }
}

/** Parameters by which a reader of a (presigned) URL chooses header fields are refused as unknown: see route.ts. */
function objectHeaders(call: Call, object: StoredObject, whole: boolean): Record<string, string | number> {
  // of a range S3 gives no checksum: readers would hold it against the range's bytes
  const wanted = whole && call.headers['x-amz-checksum-mode']?.toString().toUpperCase() === 'ENABLED';
  return {
    ...object.headers,
    etag: quoted(object.etag),
    'last-modified': new Date(object.modified).toUTCString(),
    'accept-ranges': 'bytes',
    ...(wanted ? checksumHeaders(object.checksum) : {}),
  };
}

/**
 * One range of bytes, or undefined for the whole object: also for several ranges and for what is no range, as in S3.
 * @throws S3Fault InvalidRange
 */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= end) {
    throw new S3Fault('InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: header ?? '',
      ActualObjectSize: String(size),
    });
  }
  return { start, end };
}

function readAnswer(call: Call, object: StoredObject): { answer: Answer; start: number; bytes: number } {
  requireReadConditions(call.headers, object);
  const range = rangeOf(call.headers.range, object.size);
  const { start, end } = range ?? { start: 0, end: object.size };
  const headers = objectHeaders(call, object, range === undefined);
  headers['content-length'] = end - start;
  if (range !== undefined) headers['content-range'] = `bytes ${start}-${end - 1}/${object.size}`;
  return { answer: { status: range === undefined ? 200 : 206, headers }, start, bytes: end - start };
}

export async function getObject(call: Call): Promise<Answer> {
  const { store, target } = call;
  store.requireBucket(target.bucket);
  const opened = store.open(target.bucket, target.key);
  if (opened === undefined) throw noSuchKey(target.key);
  try {
    const { answer, start, bytes } = readAnswer(call, opened.object);
    return { ...answer, body: { fd: opened.fd, start, bytes } };
  } catch (error) {
    fs.closeSync(opened.fd);
    throw error;
  }
}

export async function headObject(call: Call): Promise<Answer> {
  const { store, target } = call;
  store.requireBucket(target.bucket);
  const object = store.look(target.bucket, target.key);
  if (object === undefined) throw noSuchKey(target.key);
  return readAnswer(call, object).answer;
}

/** Deleting what is not there is done already, unless a condition says that it should be there. */
export async function deleteObject({ store, headers, target: { bucket, key } }: Call): Promise<Answer> {
  await store.remove(bucket, key, headers['if-match']);
  return { status: 204 };
}
