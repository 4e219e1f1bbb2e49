import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { TidemarkError } from '../errors.ts';
import type { ObjectStore } from './store.ts';

const fromBase64 = (text: string | undefined): string | null =>
  text ? Buffer.from(text, 'base64').toString('hex') : null;

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : String(error));

/** The store's word that it has no such object. Without s3:ListBucket it says 403 instead, which stays an error. */
const isMissing = (error: unknown): boolean =>
  ['NoSuchKey', 'NotFound'].includes(nameOf(error)) ||
  (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket');

/**
 * 412: the condition does not hold. 409: somebody else writes the key at this moment, so that S3 cannot say; whoever
 * looks again finds out. Copy may say so inside an answer of status 200, hence the names.
 */
const isConflict = (error: unknown): boolean =>
  [409, 412].includes(statusOf(error) ?? 0) ||
  ['PreconditionFailed', 'ConditionalRequestConflict'].includes(nameOf(error));

/** Refusals with a status of 4xx that pass by themselves. */
const passing = new Set([
  'RequestTimeout',
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'SlowDown',
  'Throttling',
]);

const denying = new Set([
  'AccessDenied',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
]);

/** What a role needs, where the request is not called like that; without s3:ListBucket a missing object is denied, too. */
const rightsOf: Readonly<Record<string, string>> = {
  GetObject: 's3:GetObject, and s3:ListBucket on the bucket to be told that there is no such object',
  HeadObject: 's3:GetObject, and s3:ListBucket on the bucket to be told that there is no such object',
  CopyObject: 's3:PutObject, and s3:GetObject on what is copied',
  DeleteObjects: 's3:DeleteObject',
};

function asTidemarkError(error: unknown, action: string, bucket: string, key: string): TidemarkError {
  const place = `s3:${action} on s3://${bucket}/${key}`;
  const status = statusOf(error);
  if (nameOf(error) === 'NoSuchBucket') {
    return new TidemarkError('StoreDenied', `${place}: the bucket does not exist`, { cause: error });
  }
  const said = error instanceof Error && error.message ? `: ${error.message}` : '';
  if (status === 403 || status === 401 || denying.has(nameOf(error))) {
    const needs = rightsOf[action] ? `; it needs ${rightsOf[action]}` : '';
    return new TidemarkError('StoreDenied', `${place} was denied (${nameOf(error)})${said}${needs}`, {
      cause: error,
    });
  }
  const refused =
    status !== undefined && status >= 400 && status < 500 && ![408, 409, 412, 429].includes(status);
  if (refused && !passing.has(nameOf(error))) {
    return new TidemarkError(
      'ProtocolViolation',
      `${place} was refused (${status} ${nameOf(error)})${said}`,
      {
        cause: error,
      },
    );
  }
  return new TidemarkError('StoreUnavailable', `${place} failed (${nameOf(error)})${said}`, { cause: error });
}

/**
 * A network that swallows requests (a VPC without an endpoint for S3) is an error after some of these, not silence. No
 * limit on a whole request: a part takes as long as it takes, while bytes go.
 */
const requestHandler = { connectionTimeout: 10_000, socketTimeout: 60_000 };

/**
 * An S3 client as Tidemark uses it. Endpoints come from the environment (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL).
 * Five tries: what is still failing then is reported and tried again by the state machine, minutes later.
 */
export function s3Client(config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({ maxAttempts: 5, followRegionRedirects: true, requestHandler, ...config });
  // The body's SHA-256 is computed once, by us; the signature takes the same one instead of hashing again.
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers?: Record<string, string> };
      const checksum = request.headers?.['x-amz-checksum-sha256'];
      if (request.headers && checksum) {
        request.headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex');
      }
      return next(args);
    },
    { step: 'build', name: 'contentSha256', priority: 'low' },
  );
  return client;
}

/** Smaller bodies are sent as one buffer. */
const sentInPiecesMin = 1024 * 1024;

/**
 * A large body goes out piece by piece, in place of one buffer that would hold all of it once more. The SDK
 * repeats no streams, so it does not get to see this one: what it retries is the request with a stand-in for a body, and
 * in the last step before it is sent each try gets a stream of its own. Length, checksum and signature are
 * those of the whole, which are in the headers.
 */
function sendInPieces(command: PutObjectCommand, pieces: readonly Uint8Array[]): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = { ...(args.request as object), body: Readable.from(pieces, { objectMode: false }) };
      return next({ ...args, request });
    },
    { step: 'finalizeRequest', name: 'bodyInPieces', priority: 'low' },
  );
}

export function s3Store(client: S3Client, bucket: string): ObjectStore {
  return {
    bucket,

    async put(key, body, sha256, options) {
      const pieces = body instanceof Uint8Array ? [body] : body;
      const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const inPieces = pieces.length > 1 && bytes >= sentInPiecesMin;
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: inPieces || pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, bytes),
        ContentLength: bytes,
        ContentType: options.mediaType,
        ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
        Metadata: { ...options.metadata },
        ...(options.condition && 'absent' in options.condition && { IfNoneMatch: '*' }),
        ...(options.condition && 'etag' in options.condition && { IfMatch: options.condition.etag }),
      });
      if (inPieces) sendInPieces(command, pieces);
      try {
        const answer = await client.send(command);
        return { outcome: 'written', etag: answer.ETag ?? null };
      } catch (error) {
        // an If-Match on an object that has gone is answered with 404
        if (options.condition && (isConflict(error) || isMissing(error))) return { outcome: 'conflict' };
        throw asTidemarkError(error, 'PutObject', bucket, key);
      }
    },

    async get(key) {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return { body: Buffer.from(await answer.Body!.transformToByteArray()), etag: answer.ETag ?? '' };
      } catch (error) {
        if (isMissing(error)) return null;
        throw asTidemarkError(error, 'GetObject', bucket, key);
      }
    },

    async head(key) {
      try {
        const answer = await client.send(
          new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }),
        );
        return {
          size: answer.ContentLength ?? 0,
          sha256: fromBase64(answer.ChecksumSHA256),
          metadata: answer.Metadata ?? {},
          etag: answer.ETag ?? '',
        };
      } catch (error) {
        if (isMissing(error)) return null;
        throw asTidemarkError(error, 'HeadObject', bucket, key);
      }
    },

    async copyToAbsent(from, to, fromEtag) {
      try {
        // The SDK turns a 200 with an error inside into an exception of that error's name.
        const answer = await client.send(
          new CopyObjectCommand({
            Bucket: bucket,
            Key: to,
            CopySource: `${bucket}/${from.split('/').map(encodeURIComponent).join('/')}`,
            ChecksumAlgorithm: 'SHA256',
            IfNoneMatch: '*',
            ...(fromEtag !== null && { CopySourceIfMatch: fromEtag }),
          }),
        );
        return { outcome: 'copied', sha256: fromBase64(answer.CopyObjectResult?.ChecksumSHA256) };
      } catch (error) {
        if (isConflict(error)) return { outcome: 'conflict' };
        if (isMissing(error)) return { outcome: 'source-gone' };
        throw asTidemarkError(error, 'CopyObject', bucket, to);
      }
    },

    async delete(keys) {
      for (let at = 0; at < keys.length; at += 1000) {
        const batch = keys.slice(at, at + 1000);
        const answer = await client
          .send(
            new DeleteObjectsCommand({
              Bucket: bucket,
              Delete: { Objects: batch.map((Key) => ({ Key })), Quiet: true },
            }),
          )
          .catch((error: unknown) => {
            throw asTidemarkError(error, 'DeleteObjects', bucket, batch[0]!);
          });
        const failed = answer.Errors?.[0];
        if (failed) {
          throw new TidemarkError(
            failed.Code === 'AccessDenied' ? 'StoreDenied' : 'StoreUnavailable',
            `s3:DeleteObject on s3://${bucket}/${failed.Key} failed (${failed.Code}): ${failed.Message}`,
          );
        }
      }
    },

    async *list(prefix, before) {
      for await (const page of pages(prefix, undefined)) {
        for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) {
          if (before !== undefined && Buffer.from(key).compare(Buffer.from(before)) >= 0) return;
          yield { key, size };
        }
      }
    },

    async *listFolders(prefix) {
      for await (const page of pages(prefix, '/')) {
        for (const folder of page.CommonPrefixes ?? []) yield folder.Prefix!;
      }
    },
  };

  async function* pages(prefix: string, delimiter: string | undefined) {
    let token: string | undefined;
    do {
      const page = await client
        .send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(delimiter && { Delimiter: delimiter }),
            ...(token && { ContinuationToken: token }),
          }),
        )
        .catch((error: unknown) => {
          throw asTidemarkError(error, 'ListBucket', bucket, prefix);
        });
      yield page;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token);
  }
}
