import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import {
  algorithmNamed,
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  createDigest,
  digestBytes,
} from './checksums.ts';
import { decodeChunked } from './chunked.ts';
import { S3Fault } from './fault.ts';

/** What a request's headers say of its body. */
type Claims = {
  /** of the body itself, without chunk heads and trailers */
  readonly bytes: number;
  readonly chunked: boolean;
  /** `value` is missing where it comes as a trailer */
  readonly checksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly value: string | undefined }
    | undefined;
  /** base64 */
  readonly md5: string | undefined;
  /** hex */
  readonly sha256: string | undefined;
};

/** Takes a body piece by piece. The next call comes when the promise of the last one is fulfilled. */
export type Sink = (pieces: readonly Buffer[]) => Promise<void>;

export type Received = {
  readonly bytes: number;
  /** as hex, without quotes: the body's MD5, or the first half of its SHA-256 where that is the checksum which the request brings */
  readonly etag: string;
  readonly checksum: Checksum | undefined;
};

/** Pieces are handed on when they make up this many bytes: one call into the file system a megabyte. */
const batchBytes = 1024 * 1024;

const etagBytes = 16;

/** Header fields that begin like a checksum's but are none. */
const notChecksums = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type']);

function lengthIn(value: string): number {
  if (!/^[0-9]{1,15}$/.test(value)) throw new S3Fault('InvalidArgument', 'A content length is not a number.');
  return Number(value);
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value;

/** The names of the header fields that carry a checksum. */
export const checksumFields = (headers: IncomingHttpHeaders): string[] =>
  Object.keys(headers).filter((name) => name.startsWith('x-amz-checksum-') && !notChecksums.has(name));

/**
 * The checksum that the request carries in a header: at most one, well-formed.
 * @throws S3Fault InvalidRequest
 */
function checksumGiven(headers: IncomingHttpHeaders): Omit<Checksum, 'type'> | undefined {
  const names = checksumFields(headers);
  const [name] = names;
  if (name === undefined) return undefined;
  if (names.length > 1) {
    throw new S3Fault(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const algorithm = algorithmNamed(name.slice('x-amz-checksum-'.length));
  return { algorithm, value: validChecksum(algorithm, single(headers[name]) ?? '') };
}

function validChecksum(algorithm: ChecksumAlgorithm, value: string): string {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== digestBytes[algorithm] || bytes.toString('base64') !== value) {
    throw new S3Fault('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`);
  }
  return value;
}

/** What an x-amz-checksum-* header is about: the body, or (when an upload is completed) the object that comes to be. */
export type ChecksumOf = 'body' | 'object';

function claimsOf(headers: IncomingHttpHeaders, about: ChecksumOf): Claims {
  const contentSha256 = single(headers['x-amz-content-sha256']);
  const decodedLength = single(headers['x-amz-decoded-content-length']);
  const chunked =
    contentSha256?.startsWith('STREAMING-') === true ||
    /(^|,)\s*aws-chunked\s*(,|$)/.test(headers['content-encoding'] ?? '');
  const length = chunked ? decodedLength : headers['content-length'];
  const trailer = single(headers['x-amz-trailer'])
    ?.split(',')
    .map((name) => name.trim().toLowerCase())
    .find((name) => name.startsWith('x-amz-checksum-'));
  const given = about === 'body' ? checksumGiven(headers) : undefined;
  const announced = single(headers['x-amz-sdk-checksum-algorithm']);
  if (about === 'body' && announced !== undefined && given === undefined && trailer === undefined) {
    throw new S3Fault(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (length === undefined && (chunked || headers['transfer-encoding'] !== undefined)) {
    throw new S3Fault('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  const md5 = single(headers['content-md5']);
  if (md5 !== undefined && Buffer.from(md5, 'base64').length !== 16) {
    throw new S3Fault('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  }
  return {
    bytes: length === undefined ? 0 : lengthIn(length),
    chunked,
    checksum:
      given ??
      (trailer === undefined
        ? undefined
        : { algorithm: algorithmNamed(trailer.slice('x-amz-checksum-'.length)), value: undefined }),
    md5,
    sha256: contentSha256 !== undefined && /^[0-9a-f]{64}$/.test(contentSha256) ? contentSha256 : undefined,
  };
}

/**
 * Reads a request's body into `sink` and holds it against everything that the request says of it: length,
 * Content-MD5, x-amz-checksum-* (header or trailer), x-amz-content-sha256. Each byte is hashed once per algorithm
 * that is needed. S3 promises an MD5 as ETag only where KMS does not encrypt; where the checksum is a SHA-256, its
 * beginning serves: MD5 costs 1.5 ms a megabyte, four times as much.
 * @throws S3Fault when something does not agree; the sink has the bytes then, and its owner throws them away
 */
export async function receive(
  request: IncomingMessage,
  sink: Sink,
  about: ChecksumOf = 'body',
): Promise<Received> {
  const claims = claimsOf(request.headers, about);
  const etagOf: ChecksumAlgorithm = claims.checksum?.algorithm === 'SHA256' ? 'SHA256' : 'MD5';
  const needed = new Set<ChecksumAlgorithm>([etagOf]);
  if (claims.checksum !== undefined) needed.add(claims.checksum.algorithm);
  if (claims.md5 !== undefined) needed.add('MD5');
  if (claims.sha256 !== undefined) needed.add('SHA256');
  const digests = [...needed].map((algorithm) => ({ algorithm, digest: createDigest(algorithm) }));
  const trailers = new Map<string, string>();
  // the answer still has to go out over the connection when the loop is left early
  const source: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  let pieces: Buffer[] = [];
  let pending = 0;
  let bytes = 0;
  // one write is under way while the next megabyte is hashed
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = sink(pieces);
    // awaited above or below; without this a failure in between would count as unhandled
    writing.catch(() => {});
    pieces = [];
    pending = 0;
  };
  try {
    for await (const piece of claims.chunked ? decodeChunked(source, trailers) : source) {
      bytes += piece.length;
      if (bytes > claims.bytes) break;
      for (const { digest } of digests) digest.update(piece);
      pieces.push(piece);
      pending += piece.length;
      if (pending >= batchBytes) await flush();
    }
    if (pending > 0) await flush();
  } finally {
    await writing;
  }
  if (bytes !== claims.bytes) {
    throw new S3Fault(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header.',
    );
  }
  const results = new Map(digests.map(({ algorithm, digest }) => [algorithm, digest.digest()]));
  return {
    bytes,
    etag: results.get(etagOf)!.toString('hex', 0, etagBytes),
    checksum: agreed(claims, results, trailers),
  };
}

function agreed(
  claims: Claims,
  results: ReadonlyMap<ChecksumAlgorithm, Buffer>,
  trailers: ReadonlyMap<string, string>,
): Checksum | undefined {
  if (claims.md5 !== undefined && results.get('MD5')!.toString('base64') !== claims.md5) {
    throw new S3Fault('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  if (claims.sha256 !== undefined && results.get('SHA256')!.toString('hex') !== claims.sha256) {
    throw new S3Fault(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  if (claims.checksum === undefined) return undefined;
  const { algorithm } = claims.checksum;
  let expected = claims.checksum.value;
  if (expected === undefined) {
    const trailer = trailers.get(checksumHeader(algorithm));
    if (trailer === undefined) {
      throw new S3Fault(
        'MalformedTrailerError',
        `The request announced the trailer ${checksumHeader(algorithm)} and did not send it.`,
      );
    }
    expected = validChecksum(algorithm, trailer);
  }
  const value = results.get(algorithm)!.toString('base64');
  if (value !== expected) {
    throw new S3Fault('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return { algorithm, value, type: 'FULL_OBJECT' };
}

/**
 * Reads a small body (XML) into memory; checked like any other.
 * @throws S3Fault MaxMessageLengthExceeded above `bytesMax`
 */
export async function receiveText(
  request: IncomingMessage,
  bytesMax: number,
  about: ChecksumOf = 'body',
): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  await receive(
    request,
    async (batch) => {
      for (const piece of batch) bytes += piece.length;
      if (bytes > bytesMax) throw new S3Fault('MaxMessageLengthExceeded', 'Your request was too big.');
      pieces.push(...batch);
    },
    about,
  );
  return Buffer.concat(pieces).toString('utf8');
}
