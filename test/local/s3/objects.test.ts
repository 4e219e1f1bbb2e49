import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, raw, refusal, running } from './running.ts';

let s3: Running;
beforeAll(async () => {
  s3 = await running();
});
afterAll(() => s3.stop());

const Bucket = 'lake';
const put = (Key: string, Body: PutObjectCommandInput['Body'], more: Partial<PutObjectCommandInput> = {}) =>
  s3.client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string): Promise<Buffer> => {
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await Body!.transformToByteArray());
};
const head = (Key: string, bucket = Bucket) =>
  s3.client.send(new HeadObjectCommand({ Bucket: bucket, Key, ChecksumMode: 'ENABLED' }));
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('base64');
const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('hex');
/** of an object that was written with its SHA-256 */
const etagOf = (bytes: Buffer): string =>
  `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`;
const fileOf = (key: string): string => path.join(s3.folder, Bucket, ...key.split('/'));

describe('buckets', () => {
  it('are made, found and listed', async () => {
    const { Buckets } = await s3.client.send(new ListBucketsCommand());
    expect(Buckets?.map((bucket) => bucket.Name)).toEqual(['lake']);
    await s3.client.send(new HeadBucketCommand({ Bucket }));
    expect(await refusal(s3.client.send(new HeadBucketCommand({ Bucket: 'nowhere' })))).toBe('NotFound 404');
    expect(await refusal(put('k', '', { Bucket: 'nowhere' }))).toBe('NoSuchBucket 404');
    expect(await refusal(s3.client.send(new GetObjectCommand({ Bucket: 'nowhere', Key: 'k' })))).toBe(
      'NoSuchBucket 404',
    );
    expect(await refusal(s3.client.send(new HeadBucketCommand({ Bucket: '.meta' })))).toBe('NotFound 404');
  });
});

describe('put and get', () => {
  it('keep bytes, checksum, content type and metadata; the file lies at its key', async () => {
    const bytes = randomBytes(300_000);
    const answer = await put('sales/orders/1.parquet', bytes, {
      ChecksumSHA256: sha256(bytes),
      ContentType: 'application/vnd.apache.parquet',
      Metadata: { attempt: 'a-1', Mixed: 'Case & "quotes"' },
      CacheControl: 'no-store',
    });
    expect(answer).toMatchObject({
      ETag: etagOf(bytes),
      ChecksumSHA256: sha256(bytes),
      ChecksumType: 'FULL_OBJECT',
    });
    expect((await get('sales/orders/1.parquet')).equals(bytes)).toBe(true);
    expect(fs.readFileSync(fileOf('sales/orders/1.parquet')).equals(bytes)).toBe(true);
    const found = await head('sales/orders/1.parquet');
    expect(found).toMatchObject({
      ContentLength: 300_000,
      ETag: etagOf(bytes),
      ChecksumSHA256: sha256(bytes),
      ChecksumType: 'FULL_OBJECT',
      ContentType: 'application/vnd.apache.parquet',
      CacheControl: 'no-store',
      Metadata: { attempt: 'a-1', mixed: 'Case & "quotes"' },
    });
    expect(Math.abs(found.LastModified!.getTime() - Date.now())).toBeLessThan(10_000);
    const plain = await s3.client.send(new HeadObjectCommand({ Bucket, Key: 'sales/orders/1.parquet' }));
    expect(plain.ChecksumSHA256).toBeUndefined();
  });

  it('take an empty object, and one of 20 MB as a stream with a trailing checksum', async () => {
    await put('empty', '');
    expect(await get('empty')).toHaveLength(0);
    const pieces = Array.from({ length: 20 }, () => randomBytes(1_000_003));
    await put('streamed', Readable.from(pieces), { ContentLength: 20_000_060 });
    const found = await head('streamed');
    expect(found.ContentEncoding).toBeUndefined();
    expect(found.ChecksumCRC32).toHaveLength(8);
    // the SDK itself holds what it gets against the checksum
    expect((await get('streamed')).equals(Buffer.concat(pieces))).toBe(true);
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'verify and keep %s',
    async (algorithm) => {
      const bytes = randomBytes(70_001);
      const answer = await put(`sums/${algorithm}`, bytes, { ChecksumAlgorithm: algorithm });
      const found = await head(`sums/${algorithm}`);
      expect(found[`Checksum${algorithm}`]).toBeTruthy();
      expect(found[`Checksum${algorithm}`]).toBe(answer[`Checksum${algorithm}`]);
      expect((await get(`sums/${algorithm}`)).equals(bytes)).toBe(true);
    },
  );

  it('answer ranges, without the checksum of the whole', async () => {
    await put('range', '0123456789');
    const read = async (Range: string) => {
      const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key: 'range', Range }));
      return [await answer.Body!.transformToString(), answer.ContentRange, answer.$metadata.httpStatusCode];
    };
    expect(await read('bytes=2-4')).toEqual(['234', 'bytes 2-4/10', 206]);
    expect(await read('bytes=7-')).toEqual(['789', 'bytes 7-9/10', 206]);
    expect(await read('bytes=-3')).toEqual(['789', 'bytes 7-9/10', 206]);
    expect(await read('bytes=8-100')).toEqual(['89', 'bytes 8-9/10', 206]);
    expect(await read('bytes=0-1,3-4')).toEqual(['0123456789', undefined, 200]);
    expect(await refusal(read('bytes=10-'))).toBe('InvalidRange 416');
  });

  it('read under conditions', async () => {
    const { ETag } = await put('conditional', 'x');
    const read = (conditions: object) =>
      refusal(s3.client.send(new GetObjectCommand({ Bucket, Key: 'conditional', ...conditions })));
    expect(await read({ IfMatch: ETag })).toBe('');
    expect(await read({ IfMatch: '"other"' })).toBe('PreconditionFailed 412');
    expect(await read({ IfNoneMatch: '"other"' })).toBe('');
    expect(await read({ IfNoneMatch: ETag })).toMatch(/ 304$/);
    expect(await read({ IfModifiedSince: new Date(Date.now() + 100_000) })).toMatch(/ 304$/);
    expect(await read({ IfUnmodifiedSince: new Date(0) })).toBe('PreconditionFailed 412');
  });

  it('say 404 for what is not there, also for keys that no file could have', async () => {
    const keys = [
      'missing',
      'empty/below',
      'a//b',
      '../lake/empty',
      'x'.repeat(300),
      'sales/orders',
      'sales/',
    ];
    for (const Key of keys) {
      expect(await refusal(s3.client.send(new GetObjectCommand({ Bucket, Key }))), Key).toBe('NoSuchKey 404');
      expect(await refusal(head(Key)), Key).toBe('NotFound 404');
      expect(await refusal(s3.client.send(new DeleteObjectCommand({ Bucket, Key }))), Key).toBe('');
    }
  });

  it('handle 300 requests at once: what is read is one write, whole, never two mixed', async () => {
    const before = s3.server.requests.PutObject ?? 0;
    await Promise.all(
      Array.from({ length: 150 }, async (_, i) => {
        const Key = `busy/${i % 10}`;
        await put(Key, `body ${i} `.repeat(1 + i * 100), { Metadata: { writer: String(i) } });
        const { Body, Metadata } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
        const writer = Number(Metadata?.writer);
        expect(writer % 10).toBe(i % 10);
        expect((await Body!.transformToString()) === `body ${writer} `.repeat(1 + writer * 100)).toBe(true);
      }),
    );
    expect((s3.server.requests.PutObject ?? 0) - before).toBe(150);
  });
});

describe('keys', () => {
  const odd = [
    'with space/a b',
    'plus+plus',
    'per%cent%20',
    'quote"s\'and`ticks',
    'ünïcödé/日本語/🌊.txt',
    'amp&lt<gt>',
    'semi;colon,comma=equals?question#hash',
    'back\\slash',
    'tab\tand\nnewline',
    '...',
    `${'n'.repeat(255)}/x`,
    '*star(paren)!',
    'C:drive',
    '~$@|^{}[]',
  ];

  it('may be odd', async () => {
    for (const Key of odd) {
      await put(`odd/${Key}`, Key, { Metadata: { n: '1' } });
      expect((await get(`odd/${Key}`)).toString()).toBe(Key);
      await s3.client.send(
        new CopyObjectCommand({
          Bucket,
          Key: `odd-copy/${Key}`,
          CopySource: `${Bucket}/${encodeURIComponent(`odd/${Key}`)}`,
        }),
      );
      expect((await head(`odd-copy/${Key}`)).Metadata).toEqual({ n: '1' });
    }
    const { Deleted } = await s3.client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: odd.map((Key) => ({ Key: `odd/${Key}` })) } }),
    );
    expect(Deleted?.map((one) => one.Key)).toEqual(odd.map((Key) => `odd/${Key}`));
    expect(fs.existsSync(fileOf('odd'))).toBe(false);
    expect((await get(`odd-copy/${odd[0]}`)).toString()).toBe(odd[0]);
  });

  it.each([
    '../escape',
    'a/../../b',
    'a/./b',
    '/lead',
    'trail/',
    'a//b',
    'n'.repeat(256),
    'nul\0',
    '..',
    '.',
  ])('that no file can have are refused: %j', async (Key) => {
    expect(await refusal(put(Key, 'x'))).toBe('InvalidArgument 400');
    const copy = new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/empty` });
    expect(await refusal(s3.client.send(copy))).toBe('InvalidArgument 400');
  });

  it('longer than 1,024 bytes are refused as S3 does', async () => {
    expect(await refusal(put(`${'k/'.repeat(511)}kkk`, 'x'))).toBe('KeyTooLongError 400');
  });

  it('that are another key’s folder are refused, and nothing changes', async () => {
    await put('tree/leaf', 'leaf');
    expect(await refusal(put('tree', 'x'))).toBe('InvalidArgument 400');
    expect(await refusal(put('tree/leaf/below', 'x'))).toBe('InvalidArgument 400');
    expect((await get('tree/leaf')).toString()).toBe('leaf');
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'tree/leaf' }));
    await put('tree', 'now a file');
    expect((await get('tree')).toString()).toBe('now a file');
    fs.mkdirSync(fileOf('left/over/folders'), { recursive: true });
    await put('left', 'folders without files are in nobody’s way');
  });
});

describe('conditional writes', () => {
  it('let exactly one of 50 writers create an object', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => refusal(put('race/new', `writer ${i}`, { IfNoneMatch: '*' }))),
    );
    expect(results.filter((result) => result === '')).toHaveLength(1);
    expect(results.filter((result) => result === 'PreconditionFailed 412')).toHaveLength(49);
    expect((await get('race/new')).toString()).toBe(`writer ${results.indexOf('')}`);
  });

  it('let exactly one of 50 writers replace a version, and one of 50 copies create an object', async () => {
    const { ETag } = await put('race/old', 'old');
    const writes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => refusal(put('race/old', `new ${i}`, { IfMatch: ETag }))),
    );
    expect(writes.filter((result) => result === '')).toHaveLength(1);
    const copies = await Promise.all(
      Array.from({ length: 50 }, () =>
        refusal(
          s3.client.send(
            new CopyObjectCommand({
              Bucket,
              Key: 'race/copy',
              CopySource: 'lake/race/old',
              IfNoneMatch: '*',
            }),
          ),
        ),
      ),
    );
    expect(copies.filter((result) => result === '')).toHaveLength(1);
    expect(copies.filter((result) => result === 'PreconditionFailed 412')).toHaveLength(49);
  });

  it('are refused as S3 refuses them', async () => {
    expect(await refusal(put('absent', 'x', { IfMatch: '"e"' }))).toBe('NoSuchKey 404');
    await put('present', 'x');
    expect(await refusal(put('present', 'y', { IfMatch: '"e"' }))).toBe('PreconditionFailed 412');
    expect(await refusal(put('present', 'y', { IfNoneMatch: '"e"' }))).toBe('NotImplemented 501');
    const remove = (Key: string, IfMatch: string) =>
      refusal(s3.client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch })));
    expect(await remove('absent', '*')).toBe('NoSuchKey 404');
    expect(await remove('present', '"e"')).toBe('PreconditionFailed 412');
    expect((await get('present')).toString()).toBe('x');
    expect(await remove('present', `"${md5('x')}"`)).toBe('');
    expect(await refusal(head('present'))).toBe('NotFound 404');
  });
});

describe('copy', () => {
  const copy = (CopySource: string, Key: string, more: object = {}) =>
    s3.client.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...more }));

  it('carries bytes, checksum and metadata, and costs no second file', async () => {
    const bytes = randomBytes(100_000);
    await put('staged', bytes, {
      ChecksumSHA256: sha256(bytes),
      Metadata: { attempt: 'z' },
      ContentType: 'a/b',
    });
    const before = await head('staged');
    const { CopyObjectResult } = await copy('/lake/staged', 'final', {
      CopySourceIfMatch: before.ETag,
      IfNoneMatch: '*',
    });
    expect(CopyObjectResult).toMatchObject({
      ETag: before.ETag,
      ChecksumSHA256: sha256(bytes),
      ChecksumType: 'FULL_OBJECT',
    });
    expect(await head('final')).toMatchObject({
      Metadata: { attempt: 'z' },
      ContentType: 'a/b',
      ChecksumSHA256: sha256(bytes),
    });
    expect(fs.statSync(fileOf('final')).ino).toBe(fs.statSync(fileOf('staged')).ino);
    // neither the source's end nor its replacement touches the copy
    await put('staged', 'something else');
    expect((await get('final')).equals(bytes)).toBe(true);
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'staged' }));
    expect((await get('final')).equals(bytes)).toBe(true);
    expect(await head('final')).toMatchObject({ Metadata: { attempt: 'z' } });
  });

  it('replaces metadata, computes another checksum, copies onto itself', async () => {
    await put('again', 'body', { Metadata: { a: '1' } });
    expect(await refusal(copy('lake/again', 'again'))).toBe('InvalidRequest 400');
    const replaced = { MetadataDirective: 'REPLACE', Metadata: { b: '2' }, ContentType: 'c/d' };
    const { CopyObjectResult } = await copy('lake/again', 'again', {
      ...replaced,
      ChecksumAlgorithm: 'SHA256',
    });
    expect(CopyObjectResult?.ChecksumSHA256).toBe(sha256('body'));
    expect(await head('again')).toMatchObject({
      Metadata: { b: '2' },
      ContentType: 'c/d',
      ETag: `"${md5('body')}"`,
    });
    await copy('lake/again', 'other');
    await copy('lake/again', 'other', { ...replaced, Metadata: { c: '3' } });
    expect((await head('other')).Metadata).toEqual({ c: '3' });
    expect((await head('again')).Metadata).toEqual({ b: '2' });
    expect(await get('other')).toEqual(Buffer.from('body'));
  });

  it('fails as S3 does', async () => {
    await put('here', 'body');
    expect(await refusal(copy('lake/not-there', 'x'))).toBe('NoSuchKey 404');
    expect(await refusal(copy('nowhere/k', 'x'))).toBe('NoSuchBucket 404');
    expect(await refusal(copy('lake', 'x'))).toBe('InvalidArgument 400');
    expect(await refusal(copy('lake/here', 'x', { CopySourceIfMatch: '"e"' }))).toBe(
      'PreconditionFailed 412',
    );
    expect(await refusal(copy('lake/here', 'x', { CopySourceIfNoneMatch: '*' }))).toBe(
      'PreconditionFailed 412',
    );
    expect(await refusal(copy('lake/here', 'here2', { IfMatch: '*' }))).toBe('NoSuchKey 404');
    await put('taken', 'other');
    expect(await refusal(copy('lake/here', 'taken', { IfNoneMatch: '*' }))).toBe('PreconditionFailed 412');
    expect((await get('taken')).toString()).toBe('other');
    await copy('lake/here', 'taken', { IfMatch: `"${md5('other')}"` });
    expect((await get('taken')).toString()).toBe('body');
    expect(await refusal(copy('lake/here?versionId=v1', 'x'))).toBe('NotImplemented 501');
    expect(fs.readdirSync(path.join(s3.folder, '.meta', 'tmp'))).toEqual([]);
  });
});

describe('delete', () => {
  it('of many says what went, or only what did not', async () => {
    await Promise.all(['d/1', 'd/2', 'd/3', 'd/4'].map((key) => put(key, key)));
    const remove = (Quiet: boolean, Objects: { Key: string; ETag?: string }[]) =>
      s3.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet, Objects } }));
    const loud = await remove(false, [{ Key: 'd/1' }, { Key: 'd/none' }, { Key: 'd/2', ETag: '"e"' }]);
    expect(loud.Deleted?.map((one) => one.Key)).toEqual(['d/1', 'd/none']);
    expect(loud.Errors).toMatchObject([{ Key: 'd/2', Code: 'PreconditionFailed' }]);
    const quiet = await remove(true, [{ Key: 'd/2' }, { Key: 'd/3' }]);
    expect([quiet.Deleted, quiet.Errors]).toEqual([undefined, undefined]);
    expect(fs.readdirSync(fileOf('d'))).toEqual(['4']);
  });

  it('of many needs a checksum', async () => {
    const answer = await raw(
      s3.server.endpoint,
      'POST',
      '/lake?delete',
      {},
      '<Delete><Object><Key>a</Key></Object></Delete>',
    );
    expect([answer.status, /<Code>(\w+)/.exec(answer.body)?.[1]]).toEqual([400, 'InvalidRequest']);
  });
});

describe('files of other programs', () => {
  it('are objects without metadata, known by size and time', async () => {
    fs.mkdirSync(fileOf('foreign'), { recursive: true });
    fs.writeFileSync(fileOf('foreign/file.csv'), 'a,b\n1,2\n');
    const first = await head('foreign/file.csv');
    expect(first).toMatchObject({ ContentLength: 8, Metadata: {} });
    expect(first.ChecksumType).toBeUndefined();
    expect((await get('foreign/file.csv')).toString()).toBe('a,b\n1,2\n');
    await s3.client.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'foreign-copy',
        CopySource: 'lake/foreign/file.csv',
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    expect(await head('foreign-copy')).toMatchObject({
      ETag: `"${md5('a,b\n1,2\n')}"`,
      ChecksumSHA256: sha256('a,b\n1,2\n'),
    });
    // written in place by its owner: the copy stays, the original has another ETag
    fs.writeFileSync(fileOf('foreign/file.csv'), 'a,b\n3,4\n');
    fs.utimesSync(fileOf('foreign/file.csv'), new Date(), new Date(Date.now() + 2000));
    expect((await get('foreign-copy')).toString()).toBe('a,b\n1,2\n');
    expect((await head('foreign/file.csv')).ETag).not.toBe(first.ETag);
  });

  it('take the place of an object without taking its metadata', async () => {
    await put('overwritten', 'ours', { Metadata: { whose: 'ours' } });
    const before = await head('overwritten');
    fs.writeFileSync(fileOf('overwritten'), 'them');
    fs.utimesSync(fileOf('overwritten'), new Date(), new Date(Date.now() + 2000));
    const after = await head('overwritten');
    expect(after.Metadata).toEqual({});
    expect(after.ETag).not.toBe(before.ETag);
    expect(await refusal(put('overwritten', 'x', { IfMatch: before.ETag }))).toBe('PreconditionFailed 412');
    await put('overwritten', 'ours', { IfMatch: after.ETag, Metadata: { whose: 'ours again' } });
    expect((await head('overwritten')).Metadata).toEqual({ whose: 'ours again' });
  });
});
