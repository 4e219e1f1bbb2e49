import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Checksum, checksumHeader } from './checksums.ts';
import type { Target } from './route.ts';
import type { Description } from './sidecar.ts';
import type { Store } from './store.ts';
import { leaf } from './xml.ts';

/** One request, as the operations see it. */
export type Call = {
  readonly store: Store;
  readonly request: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly target: Target;
};

/** A part of an open file, which the sender closes. */
export type FileBody = { readonly fd: number; readonly start: number; readonly bytes: number };

export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | FileBody;
};

export const quoted = (etag: string): string => `"${etag}"`;

export const isoTime = (ms: number): string => new Date(ms).toISOString();

export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

export const checksumElements = (checksum: Checksum | undefined): string =>
  checksum === undefined
    ? ''
    : leaf(`Checksum${checksum.algorithm}`, checksum.value) + leaf('ChecksumType', checksum.type);

const keptHeaders = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
];

/** The header fields of a write that S3 gives back with the object. */
export function describingHeaders(headers: IncomingHttpHeaders): Description['headers'] {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !(keptHeaders.includes(name) || name.startsWith('x-amz-meta-')))
      continue;
    // aws-chunked is how the body came, not what it is
    const meant =
      name === 'content-encoding' ? value.replace(/\s*aws-chunked\s*(,|$)|,\s*aws-chunked\s*$/g, '') : value;
    if (meant !== '' || name.startsWith('x-amz-meta-')) kept[name] = meant;
  }
  kept['content-type'] ??= 'binary/octet-stream';
  return kept;
}

/** @throws nothing: a parameter that is no number of this range is undefined */
export function numberIn(text: string | null, max: number): number | undefined {
  if (text === null || !/^[0-9]{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text), max);
}
