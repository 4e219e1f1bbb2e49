import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, refusal, running } from './running.ts';

let s3: Running;
beforeAll(async () => {
  s3 = await running();
});
afterAll(() => s3.stop());

const Bucket = 'lake';
const first = randomBytes(5 * 1024 * 1024);
const second = randomBytes(1234);
const md5 = (bytes: Buffer): Buffer => createHash('md5').update(bytes).digest();

const create = async (Key: string, more: Partial<CreateMultipartUploadCommandInput> = {}) =>
  (await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId!;
const part = (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more: object = {}) =>
  s3.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));
const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
  s3.client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }),
  );
const listParts = (Key: string, UploadId: string, more: object = {}) =>
  s3.client.send(new ListPartsCommand({ Bucket, Key, UploadId, ...more }));

describe('an upload in parts', () => {
  it('becomes one object: the last body of each part, in order', async () => {
    const Key = 'parts/one';
    const id = await create(Key, { Metadata: { a: 'b' }, ContentType: 'x/y' });
    await part(Key, id, 7, Buffer.from('overtaken'));
    const b = await part(Key, id, 7, second);
    const a = await part(Key, id, 2, first);
    const listed = await listParts(Key, id);
    expect(listed.Parts).toMatchObject([
      { PartNumber: 2, Size: first.length, ETag: a.ETag },
      { PartNumber: 7, Size: second.length, ETag: b.ETag },
    ]);
    const page = await listParts(Key, id, { MaxParts: 1 });
    expect([page.IsTruncated, page.NextPartNumberMarker]).toEqual([true, '2']);
    expect((await listParts(Key, id, { PartNumberMarker: '2' })).Parts).toHaveLength(1);
    expect(await refusal(s3.client.send(new HeadObjectCommand({ Bucket, Key })))).toBe('NotFound 404');

    const done = await complete(Key, id, [
      { PartNumber: 2, ETag: a.ETag },
      { PartNumber: 7, ETag: b.ETag },
    ]);
    const etag = createHash('md5').update(md5(first)).update(md5(second)).digest('hex');
    expect(done.ETag).toBe(`"${etag}-2"`);
    const { Body, Metadata, ContentType } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(Buffer.concat([first, second]))).toBe(true);
    expect([Metadata, ContentType]).toEqual([{ a: 'b' }, 'x/y']);
    expect(await refusal(listParts(Key, id))).toBe('NoSuchUpload 404');
    expect(fs.readdirSync(path.join(s3.folder, '.meta', 'uploads'))).toEqual([]);
  });

  it('carries the checksum that was asked for: of the parts, or of the whole', async () => {
    for (const [type, value] of [
      [
        'COMPOSITE',
        (sums: Buffer[]) => `${createHash('sha256').update(Buffer.concat(sums)).digest('base64')}-2`,
      ],
      ['FULL_OBJECT', undefined],
    ] as const) {
      const Key = `parts/${type}`;
      const algorithm = type === 'COMPOSITE' ? 'SHA256' : 'CRC64NVME';
      const id = await create(Key, { ChecksumAlgorithm: algorithm, ChecksumType: type });
      const a = await part(Key, id, 1, first, { ChecksumAlgorithm: algorithm });
      const b = await part(Key, id, 2, second, { ChecksumAlgorithm: algorithm });
      const done = await complete(Key, id, [
        { ...a, PartNumber: 1 },
        { ...b, PartNumber: 2 },
      ]);
      expect(done.ChecksumType).toBe(type);
      const whole = await s3.client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
      expect(whole[`Checksum${algorithm}`]).toBe(done[`Checksum${algorithm}`]);
      const sums = [a, b].map((answer) => Buffer.from(answer[`Checksum${algorithm}`]!, 'base64'));
      if (value !== undefined) expect(whole.ChecksumSHA256).toBe(value(sums));
      // the SDK checks a whole object's checksum when it reads it
      await (await s3.client.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToByteArray();
    }
    const copied = await s3.client.send(
      new CopyObjectCommand({ Bucket, Key: 'parts/copy', CopySource: 'lake/parts/COMPOSITE' }),
    );
    const bytes = Buffer.concat([first, second]);
    expect(copied.CopyObjectResult).toMatchObject({
      ETag: `"${md5(bytes).toString('hex')}"`,
      ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
      ChecksumType: 'FULL_OBJECT',
    });
  });

  it('is completed under conditions: one of ten wins', async () => {
    const Key = 'parts/race';
    const uploads = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const id = await create(Key);
        const { ETag } = await part(Key, id, 1, second);
        return { id, ETag };
      }),
    );
    const results = await Promise.all(
      uploads.map(({ id, ETag }) =>
        refusal(complete(Key, id, [{ PartNumber: 1, ETag }], { IfNoneMatch: '*' })),
      ),
    );
    expect(results.sort()).toEqual(['', ...Array.from({ length: 9 }, () => 'PreconditionFailed 412')]);
    const { Uploads } = await s3.client.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix: 'parts/race' }),
    );
    expect(Uploads).toHaveLength(9);
    const page = await s3.client.send(new ListMultipartUploadsCommand({ Bucket, MaxUploads: 4 }));
    const rest = await s3.client.send(
      new ListMultipartUploadsCommand({
        Bucket,
        KeyMarker: page.NextKeyMarker,
        UploadIdMarker: page.NextUploadIdMarker,
      }),
    );
    const ids = [...page.Uploads!, ...rest.Uploads!].map((upload) => upload.UploadId);
    expect(new Set(ids).size).toBe(9);
    for (const id of ids)
      await s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id }));
    expect((await s3.client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  });

  it('is refused as S3 refuses it', async () => {
    const Key = 'parts/refused';
    const id = await create(Key, { ChecksumAlgorithm: 'SHA256' });
    const sent = async (n: number) => ({
      ...(await part(Key, id, n, second, { ChecksumAlgorithm: 'SHA256' })),
      PartNumber: n,
    });
    const [a, b] = [await sent(1), await sent(2)];
    expect(await refusal(complete(Key, id, [a, b]))).toBe('EntityTooSmall 400');
    expect(await refusal(complete(Key, id, [b, a]))).toBe('InvalidPartOrder 400');
    expect(await refusal(complete(Key, id, [{ ...a, ETag: '"e"' }]))).toBe('InvalidPart 400');
    expect(await refusal(complete(Key, id, [{ ...a, ChecksumSHA256: `x${a.ChecksumSHA256}` }]))).toBe(
      'InvalidPart 400',
    );
    expect(await refusal(complete(Key, id, [{ ...a, PartNumber: 9 }]))).toBe('InvalidPart 400');
    expect(await refusal(complete(Key, id, [], {}))).toBe('MalformedXML 400');
    expect(await refusal(complete(Key, id, [a], { ChecksumSHA256: 'wrong' }))).toBe('BadDigest 400');
    expect(await refusal(part(Key, id, 3, second))).toBe('InvalidRequest 400');
    expect(await refusal(part(Key, id, 10_001, second))).toBe('InvalidArgument 400');
    expect(await refusal(part('parts/another', id, 1, second))).toBe('NoSuchUpload 404');
    expect(await refusal(part(Key, '../../lake', 1, second))).toBe('NoSuchUpload 404');
    expect(await refusal(create(Key, { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' }))).toBe(
      'InvalidRequest 400',
    );
    await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'first' }));
    expect(await refusal(complete(Key, id, [a], { IfNoneMatch: '*' }))).toBe('PreconditionFailed 412');
    await s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id }));
    expect(await refusal(complete(Key, id, [a]))).toBe('NoSuchUpload 404');
    expect(fs.readdirSync(path.join(s3.folder, '.meta', 'tmp'))).toEqual([]);
  });
});
