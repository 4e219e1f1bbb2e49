import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  GetBucketVersioningCommand,
  GetObjectTaggingCommand,
  ListObjectsCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checksumAlgorithms, createDigest } from '../../../local/s3/checksums.ts';
import { decodeChunked } from '../../../local/s3/chunked.ts';
import { parseXml } from '../../../local/s3/xml.ts';
import { type RawAnswer, type Running, raw, running } from './running.ts';

let s3: Running;
beforeAll(async () => {
  s3 = await running();
});
afterAll(() => s3.stop());

const send = (method: string, target: string, headers?: Record<string, string>, body?: string | Buffer) =>
  raw(s3.server.endpoint, method, target, headers, body);
const codeOf = ({ status, body }: RawAnswer): string =>
  `${/<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? ''} ${status}`;
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text);

describe('what a request says of its body', () => {
  const wrongBytes = Buffer.alloc(32, 1).toString('base64');

  it.each([
    ['content-md5', hash('md5', 'other').digest('base64'), 'BadDigest 400'],
    ['content-md5', 'nonsense', 'InvalidDigest 400'],
    ['x-amz-checksum-crc32', 'AAAAAA==', 'BadDigest 400'],
    ['x-amz-checksum-crc32c', 'AAAAAA==', 'BadDigest 400'],
    ['x-amz-checksum-crc64nvme', 'AAAAAAAAAAA=', 'BadDigest 400'],
    ['x-amz-checksum-sha1', hash('sha1', 'other').digest('base64'), 'BadDigest 400'],
    ['x-amz-checksum-sha256', wrongBytes, 'BadDigest 400'],
    ['x-amz-checksum-sha256', 'c2hvcnQ=', 'InvalidRequest 400'],
    ['x-amz-checksum-sha3', wrongBytes, 'InvalidRequest 400'],
    ['x-amz-checksum-xxhash64', 'AAAAAAAAAAA=', 'NotImplemented 501'],
    ['x-amz-content-sha256', hash('sha256', 'other').digest('hex'), 'XAmzContentSHA256Mismatch 400'],
    ['x-amz-sdk-checksum-algorithm', 'CRC32', 'InvalidRequest 400'],
    ['x-amz-tagging', 'a=b', 'NotImplemented 501'],
  ])('is held against it: %s: %s', async (name, value, expected) => {
    expect(codeOf(await send('PUT', '/lake/claimed', { [name]: value }, 'body'))).toBe(expected);
    expect((await send('GET', '/lake/claimed')).status).toBe(404);
  });

  it('is believed when it is true', async () => {
    const headers = {
      'content-md5': hash('md5', 'body').digest('base64'),
      'x-amz-content-sha256': hash('sha256', 'body').digest('hex'),
      'x-amz-checksum-sha1': hash('sha1', 'body').digest('base64'),
    };
    expect((await send('PUT', '/lake/true', headers, 'body')).status).toBe(200);
    expect((await send('GET', '/lake/true')).body).toBe('body');
    const two = { ...headers, 'x-amz-checksum-sha256': hash('sha256', 'body').digest('base64') };
    expect(codeOf(await send('PUT', '/lake/true', two, 'body'))).toBe('InvalidRequest 400');
  });

  it('must come with a length', async () => {
    expect(codeOf(await send('PUT', '/lake/x', { 'transfer-encoding': 'chunked' }, 'body'))).toBe(
      'MissingContentLength 411',
    );
  });
});

describe('aws-chunked', () => {
  const put = (body: string, headers: Record<string, string> = {}) =>
    send(
      'PUT',
      '/lake/chunked',
      {
        'content-encoding': 'aws-chunked',
        'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        'x-amz-decoded-content-length': '10',
        'content-length': String(Buffer.byteLength(body)),
        ...headers,
      },
      body,
    );
  const trailer = { 'x-amz-trailer': 'x-amz-checksum-sha256' };
  const sum = hash('sha256', 'helloworld').digest('base64');

  it('is decoded and its trailer verified, unsigned and signed', async () => {
    expect(
      (await put(`5\r\nhello\r\n5\r\nworld\r\n0\r\nx-amz-checksum-sha256:${sum}\r\n\r\n`, trailer)).status,
    ).toBe(200);
    const head = await send('HEAD', '/lake/chunked', { 'x-amz-checksum-mode': 'ENABLED' });
    expect(head.headers['x-amz-checksum-sha256']).toBe(sum);
    expect(head.headers['content-encoding']).toBeUndefined();
    const signed = `a;chunk-signature=${'0'.repeat(64)}\r\nhelloworld\r\n0;chunk-signature=${'1'.repeat(64)}\r\n`;
    const plain = {
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'content-encoding': 'gzip,aws-chunked',
    };
    expect((await put(`${signed}\r\n`, plain)).status).toBe(200);
    expect((await send('HEAD', '/lake/chunked')).headers['content-encoding']).toBe('gzip');
    const both = `${signed}x-amz-checksum-sha256:${sum}\r\nx-amz-trailer-signature:${'2'.repeat(64)}\r\n\r\n`;
    expect(
      (await put(both, { ...trailer, 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' }))
        .status,
    ).toBe(200);
    expect((await send('GET', '/lake/chunked')).body).toBe('helloworld');
  });

  it.each([
    ['a\r\nhelloworld\r\n0\r\nx-amz-checksum-sha256:WRONG\r\n\r\n', 'InvalidRequest 400'],
    [`a\r\nhelloworle\r\n0\r\nx-amz-checksum-sha256:${sum}\r\n\r\n`, 'BadDigest 400'],
    ['a\r\nhelloworld\r\n0\r\n\r\n', 'MalformedTrailerError 400'],
    ['a\r\nhelloworld\r\n0\r\nnonsense\r\n\r\n', 'MalformedTrailerError 400'],
    ['a\r\nhelloworld\r\n', 'IncompleteBody 400'],
    ['a\r\nhello', 'IncompleteBody 400'],
    ['5\r\nhello\r\n0\r\n\r\n', 'IncompleteBody 400'],
    ['b\r\nhelloworld!\r\n0\r\n\r\n', 'IncompleteBody 400'],
    ['5\r\nhelloworld\r\n0\r\n\r\n', 'InvalidRequest 400'],
    ['zz\r\nhelloworld\r\n0\r\n\r\n', 'InvalidRequest 400'],
    ['a\r\nhelloworld\r\n0\r\n\r\nmore', 'InvalidRequest 400'],
  ])('that is broken is refused: %j', async (body, expected) => {
    expect(codeOf(await put(body, trailer))).toBe(expected);
    expect((await send('GET', '/lake/chunked')).body).toBe('helloworld');
    expect(fs.readdirSync(path.join(s3.folder, '.meta', 'tmp'))).toEqual([]);
  });

  it('is decoded alike however it is cut into pieces', async () => {
    const body = Buffer.from('3\r\nabc\r\n1;x=y\r\n\n\r\n2\r\n\r\n\r\n0\r\na:b\r\n\r\n');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 40 }), async (cuts) => {
        async function* pieces() {
          let at = 0;
          for (const cut of cuts) {
            yield body.subarray(at, at + cut);
            at += cut;
          }
          yield body.subarray(at);
        }
        const trailers = new Map<string, string>();
        const found: Buffer[] = [];
        for await (const piece of decodeChunked(pieces(), trailers)) found.push(Buffer.from(piece));
        expect(Buffer.concat(found).toString()).toBe('abc\n\r\n');
        expect([...trailers]).toEqual([['a', 'b']]);
      }),
    );
  });
});

describe('a connection', () => {
  it('goes on after a refused upload whose body was not read', async () => {
    const { port } = new URL(s3.server.endpoint);
    const socket = net.connect(Number(port), '127.0.0.1');
    const body = Buffer.alloc(3_000_000);
    const answers: string[] = [];
    const second = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('data', (data) => {
        answers.push(data.toString());
        if (answers.join('').split('HTTP/1.1 ').length === 3) resolve();
      });
    });
    for (const target of ['/nowhere/key', '/lake/kept-alive']) {
      socket.write(`PUT ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`);
      socket.write(body);
    }
    await second;
    socket.destroy();
    expect(answers.join('').match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
  });

  it('that ends in the middle of a body leaves nothing', async () => {
    const { port } = new URL(s3.server.endpoint);
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.write('PUT /lake/cut HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n');
    const temps = path.join(s3.folder, '.meta', 'tmp');
    socket.write(Buffer.alloc(2_000_000));
    while (fs.readdirSync(temps).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    while (fs.readdirSync(temps).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await send('GET', '/lake/cut')).status).toBe(404);
  });
});

describe('an error', () => {
  it('is XML that tells the code, the message and the place; HEAD has no body', async () => {
    const { headers, body } = await send('GET', '/lake/no%20such%26key');
    expect(headers['content-type']).toBe('application/xml');
    const error = parseXml(body);
    expect(error.name).toBe('Error');
    const told = Object.fromEntries(error.children.map((child) => [child.name, child.text]));
    expect(told).toMatchObject({ Code: 'NoSuchKey', Key: 'no such&key', Resource: '/lake/no%20such%26key' });
    expect(told.RequestId).toBe(headers['x-amz-request-id']);
    expect(await send('HEAD', '/lake/none')).toMatchObject({ status: 404, body: '' });
  });

  it('names the operation that is not implemented', async () => {
    const input = { Bucket: 'lake', Key: 'k' };
    const message = (promise: Promise<unknown>) =>
      promise.then(String, (error: Error) => `${error.name}: ${error.message}`);
    const said = (operation: string) =>
      `NotImplemented: ${operation} is not implemented in Tidemark's embedded S3.`;
    expect(await message(s3.client.send(new ListObjectsCommand({ Bucket: 'lake' })))).toBe(
      said('ListObjects'),
    );
    expect(await message(s3.client.send(new GetBucketVersioningCommand({ Bucket: 'lake' })))).toBe(
      said('GetBucketVersioning'),
    );
    expect(await message(s3.client.send(new GetObjectTaggingCommand(input)))).toContain('GetObjectTagging');
    const copyPart = { ...input, CopySource: 'lake/k', UploadId: 'u', PartNumber: 1 };
    expect(await message(s3.client.send(new UploadPartCopyCommand(copyPart)))).toBe(said('UploadPartCopy'));
    expect(
      await message(s3.client.send(new PutObjectCommand({ ...input, Body: '', Tagging: 'a=b' }))),
    ).toContain('x-amz-tagging');
    expect(codeOf(await send('GET', '/lake/k?versionId=v1'))).toBe('NotImplemented 501');
    expect(codeOf(await send('GET', '/lake/k?partNumber=1'))).toBe('NotImplemented 501');
    expect(codeOf(await send('DELETE', '/lake'))).toBe('NotImplemented 501');
    expect(codeOf(await send('PATCH', '/lake/k'))).toBe('NotImplemented 501');
    expect(codeOf(await send('GET', '/lake/%zz'))).toBe('InvalidURI 400');
  });

  it.each([
    '',
    '<Delete>',
    '<Delete><Object></Delete>',
    '<Delete><Object><Key>&bad;</Key></Object></Delete>',
    'text',
    '<Other/>',
    '<Delete/>',
    '<!DOCTYPE x><Delete/>',
  ])('is what a malformed document gets: %j', async (document) => {
    const headers = { 'content-md5': hash('md5', document).digest('base64') };
    expect(codeOf(await send('POST', '/lake?delete', headers, document))).toBe('MalformedXML 400');
  });
});

describe('checksums', () => {
  // the check values of the catalogue of CRC algorithms, and of FIPS 180 for what Node computes
  const known: Partial<Record<(typeof checksumAlgorithms)[number], string>> = {
    CRC32: 'cbf43926',
    CRC32C: 'e3069283',
    CRC64NVME: 'ae8b14860a799888',
    SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  };
  it.each(Object.entries(known))('%s of "123456789" is %s, in pieces too', (name, value) => {
    const algorithm = checksumAlgorithms.find((one) => one === name)!;
    for (const cut of [0, 4]) {
      const digest = createDigest(algorithm);
      digest.update(Buffer.from('123456789'.slice(0, cut)));
      digest.update(Buffer.from('123456789'.slice(cut)));
      expect(digest.digest().toString('hex')).toBe(value);
    }
  });
});
