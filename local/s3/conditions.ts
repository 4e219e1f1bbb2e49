import type { IncomingHttpHeaders } from 'node:http';
import { noSuchKey, preconditionFailed, S3Fault } from './fault.ts';
import type { Description } from './sidecar.ts';

/** If-Match and If-None-Match of a write, as the headers have them. */
export type WriteConditions = {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
};

export const writeConditions = (headers: IncomingHttpHeaders): WriteConditions => ({
  ifMatch: headers['if-match'],
  ifNoneMatch: headers['if-none-match'],
});

/** The ETags that a condition lists, without quotes; S3 takes them with and without. */
export const etagIn = (text: string): string =>
  text
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');

const names = (condition: string, etag: string): boolean =>
  condition.split(',').some((one) => etagIn(one) === '*' || etagIn(one) === etag);

/**
 * Holds a write's conditions against the object that stands there.
 * @throws S3Fault PreconditionFailed, or NoSuchKey for an If-Match without an object
 */
export function requireConditions(
  key: string,
  current: Description | undefined,
  { ifMatch, ifNoneMatch }: WriteConditions,
): void {
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new S3Fault('NotImplemented', 'A write can only have If-None-Match: *, as in S3.', {
      Header: 'If-None-Match',
    });
  }
  if (ifMatch !== undefined) {
    if (current === undefined) throw noSuchKey(key);
    if (!names(ifMatch, current.etag)) throw preconditionFailed('If-Match');
  }
  if (ifNoneMatch !== undefined && current !== undefined) throw preconditionFailed('If-None-Match');
}

/** The conditions of a read (`prefix` empty) or of a copy's source (`x-amz-copy-source-`). */
function readConditions(headers: IncomingHttpHeaders, prefix: string) {
  const field = (name: string): string | undefined => {
    const value = headers[prefix + name];
    return Array.isArray(value) ? value.join(',') : value;
  };
  const seconds = (name: string): number | undefined => {
    const time = Date.parse(field(name) ?? '');
    return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
  };
  return {
    ifMatch: field('if-match'),
    ifNoneMatch: field('if-none-match'),
    ifModifiedSince: seconds('if-modified-since'),
    ifUnmodifiedSince: seconds('if-unmodified-since'),
  };
}

/** An ETag's condition goes before a date's, as in RFC 9110; dates count in seconds. */
function unmet(
  headers: IncomingHttpHeaders,
  prefix: string,
  object: Description,
): 'changed' | 'same' | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = readConditions(headers, prefix);
  const modified = Math.floor(object.modified / 1000);
  if (ifMatch !== undefined) {
    if (!names(ifMatch, object.etag)) return 'changed';
  } else if (ifUnmodifiedSince !== undefined && modified > ifUnmodifiedSince) {
    return 'changed';
  }
  if (ifNoneMatch !== undefined) {
    if (names(ifNoneMatch, object.etag)) return 'same';
  } else if (ifModifiedSince !== undefined && modified <= ifModifiedSince) {
    return 'same';
  }
  return undefined;
}

/** @throws S3Fault PreconditionFailed (412) or NotModified (304) */
export function requireReadConditions(headers: IncomingHttpHeaders, object: Description): void {
  const reason = unmet(headers, '', object);
  if (reason === 'changed') throw preconditionFailed('If-Match');
  if (reason === 'same') throw new S3Fault('NotModified', 'Not Modified', { ETag: object.etag });
}

/** @throws S3Fault PreconditionFailed */
export function requireSourceConditions(headers: IncomingHttpHeaders, source: Description): void {
  const reason = unmet(headers, 'x-amz-copy-source-', source);
  if (reason !== undefined) {
    throw preconditionFailed(`x-amz-copy-source-if-${reason === 'changed' ? 'match' : 'none-match'}`);
  }
}
