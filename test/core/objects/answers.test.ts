/** The answers of S3 that no emulator gives. */
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { s3Client, s3Store } from '../../../core/objects/s3.ts';
import { limitsOf } from '../../support/handler-limits.ts';

const client = s3Client({ region: 'us-east-1' });
const s3 = mockClient(client);
const store = s3Store(client, 'lake');
beforeEach(() => s3.reset());

const fault = (name: string, httpStatusCode: number, message = 'as it said') =>
  new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode } });
const put = (condition?: { absent: true } | { etag: string }) =>
  store.put('k', Buffer.from('x'), sha256Of([Buffer.from('x')]), {
    mediaType: 'text/plain',
    ...(condition && { condition }),
  });
const copy = () => store.copyToAbsent('a', 'b', '"e"');
const listed = async () => {
  for await (const _ of store.list('p/'));
};

describe('what is asked', () => {
  test('a copy is conditional on both ends, keeps the metadata and asks for a checksum', async () => {
    s3.on(CopyObjectCommand).resolves({
      CopyObjectResult: { ChecksumSHA256: Buffer.from('ab').toString('base64') },
    });
    expect(await store.copyToAbsent('a/ü b', 'to', '"e"')).toEqual({ outcome: 'copied', sha256: '6162' });
    const { input } = s3.commandCalls(CopyObjectCommand)[0]!.args[0];
    expect(input).toEqual({
      Bucket: 'lake',
      Key: 'to',
      CopySource: 'lake/a/%C3%BC%20b',
      ChecksumAlgorithm: 'SHA256',
      IfNoneMatch: '*',
      CopySourceIfMatch: '"e"',
    });
  });

  test('a put carries its checksum, and a condition only where there is one', async () => {
    s3.on(PutObjectCommand).resolves({ ETag: '"e"' });
    await put();
    await put({ absent: true });
    await put({ etag: '"e"' });
    const inputs = s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input);
    const checksum = Buffer.from(sha256Of([Buffer.from('x')]), 'hex').toString('base64');
    expect(inputs.map(({ ChecksumSHA256 }) => ChecksumSHA256)).toEqual([checksum, checksum, checksum]);
    expect(inputs.map(({ IfMatch, IfNoneMatch }) => [IfMatch, IfNoneMatch])).toEqual([
      [undefined, undefined],
      [undefined, '*'],
      ['"e"', undefined],
    ]);
  });
});

describe('answers to a condition', () => {
  test.for([
    ['PreconditionFailed', 412],
    ['ConditionalRequestConflict', 409],
    // inside an answer of status 200: the SDK makes an error of 503 of it
    ['PreconditionFailed', 503],
    ['ConditionalRequestConflict', 200],
  ] as const)('%s with %i is a conflict: look again', async ([name, status]) => {
    s3.onAnyCommand().rejects(fault(name, status));
    expect(await copy()).toEqual({ outcome: 'conflict' });
    expect(await put({ absent: true })).toEqual({ outcome: 'conflict' });
    expect(await put({ etag: '"e"' })).toEqual({ outcome: 'conflict' });
  });

  test('an If-Match on what has gone is a conflict', async () => {
    s3.on(PutObjectCommand).rejects(fault('NoSuchKey', 404));
    expect(await put({ etag: '"e"' })).toEqual({ outcome: 'conflict' });
  });

  test('a conflict without a condition is not taken for one', async () => {
    s3.on(PutObjectCommand).rejects(fault('OperationAborted', 409));
    await expect(put()).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });

  test('a copy whose source has gone', async () => {
    s3.on(CopyObjectCommand).rejects(fault('NoSuchKey', 404));
    expect(await copy()).toEqual({ outcome: 'source-gone' });
  });

  test('a copy without a checksum in its answer: nothing is made of that', async () => {
    s3.on(CopyObjectCommand).resolves({});
    expect(await copy()).toEqual({ outcome: 'copied', sha256: null });
  });
});

describe('errors have our codes', () => {
  const unavailable = [
    fault('SlowDown', 503),
    fault('InternalError', 500),
    // an error inside a copy's answer of status 200, as it reaches us
    fault('InternalError', 200),
    fault('RequestTimeout', 400),
    fault('BadDigest', 400),
    fault('Throttling', 400),
    fault('TooManyRequests', 429),
    fault('RequestTimedOut', 408),
    Object.assign(new Error('cut'), { name: 'TimeoutError' }),
    Object.assign(new Error('nobody there'), { name: 'Error', code: 'ECONNREFUSED' }),
  ];
  const denied = [
    fault('AccessDenied', 403),
    fault('Forbidden', 403),
    fault('InvalidAccessKeyId', 403),
    fault('ExpiredToken', 400),
    // inside a copy's answer of status 200
    fault('AccessDenied', 200),
    fault('AccessDenied', 503),
    fault('NoSuchBucket', 404),
    Object.assign(new Error('none'), { name: 'CredentialsProviderError' }),
  ];
  const wrong = [
    fault('InvalidArgument', 400),
    fault('MethodNotAllowed', 405),
    fault('KeyTooLongError', 400),
  ];

  test.for([
    ...unavailable.map((error) => ['StoreUnavailable', error] as const),
    ...denied.map((error) => ['StoreDenied', error] as const),
    ...wrong.map((error) => ['ProtocolViolation', error] as const),
  ])('%s: %s', async ([code, error]) => {
    s3.onAnyCommand().rejects(error);
    for (const call of [
      copy,
      put,
      () => put({ absent: true }),
      () => store.get('k'),
      () => store.head('k'),
      () => store.delete(['k']),
      listed,
    ]) {
      await expect(call()).rejects.toMatchObject({
        code,
        cause: error,
        message: expect.stringMatching(/^s3:\w+ on s3:\/\/lake\/(k|b|p\/)/),
      });
    }
  });

  test('a HEAD that is answered 403 is no proof that the object is missing', async () => {
    s3.on(HeadObjectCommand).rejects(fault('403', 403, ''));
    await expect(store.head('k')).rejects.toMatchObject({ code: 'StoreDenied' });
  });

  test('a denial names the right that is missing, in IAM’s words and in S3’s own', async () => {
    s3.onAnyCommand().rejects(fault('AccessDenied', 403, 'not authorized to perform: kms:Decrypt on k'));
    for (const [call, right] of [
      [() => store.head('k'), 's3:GetObject, and s3:ListBucket'],
      [copy, 's3:PutObject, and s3:GetObject'],
      [() => store.delete(['k']), 's3:DeleteObject'],
    ] as const) {
      await expect(call()).rejects.toMatchObject({
        code: 'StoreDenied',
        message: expect.stringMatching(new RegExp(`on s3://lake/.*kms:Decrypt on k; it needs ${right}`)),
      });
    }
  });

  test('missing objects', async () => {
    s3.on(HeadObjectCommand).rejects(fault('NotFound', 404));
    s3.on(GetObjectCommand).rejects(fault('NoSuchKey', 404));
    expect(await store.head('k')).toBeNull();
    expect(await store.get('k')).toBeNull();
  });
});

describe('deleting many', () => {
  test('a thousand at a time', async () => {
    s3.on(DeleteObjectsCommand).resolves({});
    await store.delete(Array.from({ length: 2001 }, (_, i) => `k${i}`));
    const sizes = s3
      .commandCalls(DeleteObjectsCommand)
      .map(({ args }) => args[0].input.Delete?.Objects?.length);
    expect(sizes).toEqual([1000, 1000, 1]);
  });

  test.for([
    ['AccessDenied', 'StoreDenied'],
    ['InternalError', 'StoreUnavailable'],
    ['SlowDown', 'StoreUnavailable'],
  ] as const)('an error for one key in an answer of status 200: %s', async ([Code, code]) => {
    s3.on(DeleteObjectsCommand).resolves({ Errors: [{ Key: 'k2', Code, Message: 'as it said' }] });
    await expect(store.delete(['k1', 'k2'])).rejects.toMatchObject({
      code,
      message: `s3:DeleteObject on s3://lake/k2 failed (${Code}): as it said`,
    });
  });
});

test('a list goes on over its pages', async () => {
  s3.on(ListObjectsV2Command)
    .resolvesOnce({ Contents: [{ Key: 'p/a', Size: 1 }], IsTruncated: true, NextContinuationToken: 't' })
    .resolves({ Contents: [{ Key: 'p/b', Size: 2 }] });
  const keys: string[] = [];
  for await (const { key } of store.list('p/')) keys.push(key);
  expect(keys).toEqual(['p/a', 'p/b']);
  expect(s3.commandCalls(ListObjectsV2Command)[1]!.args[0].input.ContinuationToken).toBe('t');
});

test('a network that swallows everything is an error within minutes; a part takes as long as bytes go', async () => {
  expect(await s3Client({ region: 'us-east-1' }).config.maxAttempts()).toBe(5);
  const nowhere = s3Client({
    ...{ region: 'us-east-1', endpoint: 'http://127.0.0.1:1', maxAttempts: 1 },
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  // what the handler was told can be asked of it after its first request
  await expect(nowhere.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))).rejects.toThrow();
  const limits = limitsOf(nowhere.config.requestHandler);
  expect(limits).toMatchObject({ connectionTimeout: 10_000, socketTimeout: 60_000 });
  expect(limits.requestTimeout).toBeUndefined();
});
