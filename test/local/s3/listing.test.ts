import fs from 'node:fs';
import path from 'node:path';
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPage } from '../../../local/s3/listing.ts';
import { type Running, raw, refusal, running, scratchFolder } from './running.ts';

let s3: Running;
beforeAll(async () => {
  s3 = await running();
});
afterAll(() => s3.stop());

const list = (input: Partial<ListObjectsV2CommandInput>) =>
  s3.client.send(new ListObjectsV2Command({ Bucket: 'lake', ...input }));
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Objects as other programs leave them: 10,000 requests would say no more of the listing. */
function fill(bucket: string, keys: readonly string[]): void {
  for (const key of keys) {
    const file = path.join(s3.folder, bucket, ...key.split('/'));
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, '');
  }
}

describe('ListObjectsV2', () => {
  it('tells size, ETag, time and checksum algorithm', async () => {
    await s3.client.send(new PutObjectCommand({ Bucket: 'lake', Key: 'told/one', Body: '12345' }));
    const { Contents, KeyCount, IsTruncated } = await list({ Prefix: 'told/' });
    expect(Contents).toMatchObject([
      { Key: 'told/one', Size: 5, ETag: '"827ccb0eea8a706c4c34a16891f84e7b"', ChecksumAlgorithm: ['CRC32'] },
    ]);
    expect([KeyCount, IsTruncated]).toEqual([1, false]);
    expect(Contents?.[0]?.LastModified).toBeInstanceOf(Date);
  });

  it('gives 2,500 keys in pages of 1,000, in the order of their bytes', async () => {
    await s3.client.send(new CreateBucketCommand({ Bucket: 'pages' }));
    const keys = Array.from({ length: 2500 }, (_, i) => `p${i % 7}/${i}-${i % 2 ? '\u{1f30a}' : '\uff5e'}`);
    fill('pages', keys);
    const sizes: number[] = [];
    const found: string[] = [];
    for await (const page of paginateListObjectsV2({ client: s3.client }, { Bucket: 'pages' })) {
      sizes.push(page.KeyCount ?? 0);
      found.push(...(page.Contents ?? []).map((object) => object.Key!));
    }
    expect(sizes).toEqual([1000, 1000, 500]);
    expect(found).toEqual(keys.sort(byBytes));
    const after = await s3.client.send(
      new ListObjectsV2Command({ Bucket: 'pages', StartAfter: keys[1998], MaxKeys: 2 }),
    );
    expect(after.Contents?.map((object) => object.Key)).toEqual(keys.slice(1999, 2001));
  });

  it('folds keys into common prefixes', async () => {
    fill('lake', ['f/a/1', 'f/a/2', 'f/a-b', 'f/a0', 'f/b/c/d', 'f/z']);
    const folded = await list({ Prefix: 'f/', Delimiter: '/' });
    expect(folded.CommonPrefixes?.map((one) => one.Prefix)).toEqual(['f/a/', 'f/b/']);
    expect(folded.Contents?.map((one) => one.Key)).toEqual(['f/a-b', 'f/a0', 'f/z']);
    const dashes = await list({ Prefix: 'f/', Delimiter: '-' });
    expect(dashes.CommonPrefixes?.map((one) => one.Prefix)).toEqual(['f/a-']);
    expect(dashes.KeyCount).toBe(6);
    expect((await list({ Prefix: 'f/b/c/' })).Contents?.map((one) => one.Key)).toEqual(['f/b/c/d']);
    expect((await list({ Prefix: 'f/none' })).KeyCount).toBe(0);
    expect((await list({ MaxKeys: 0 })).IsTruncated).toBe(false);
  });

  it('encodes keys when asked to, and writes any key as XML', async () => {
    fill('lake', ['e/a b+c%&<\u0001']);
    expect((await list({ Prefix: 'e/', EncodingType: 'url' })).Contents?.[0]?.Key).toBe(
      'e/a%20b%2Bc%25%26%3C%01',
    );
    const { body } = await raw(s3.server.endpoint, 'GET', '/lake?list-type=2&prefix=e/');
    expect(body).toContain('<Key>e/a b+c%&amp;&lt;&#x1;</Key>');
  });

  it('refuses what it cannot understand', async () => {
    expect(await refusal(list({ ContinuationToken: 'nonsense' }))).toBe('InvalidArgument 400');
    expect(await refusal(list({ Bucket: 'nowhere' }))).toBe('NoSuchBucket 404');
    expect((await raw(s3.server.endpoint, 'GET', '/lake?list-type=2&max-keys=many')).status).toBe(400);
  });

  it('gives 10,000 objects in ten pages', async () => {
    await s3.client.send(new CreateBucketCommand({ Bucket: 'many' }));
    fill(
      'many',
      Array.from({ length: 10_000 }, (_, i) => `data/${String(i).padStart(6, '0')}.parquet`),
    );
    let pages = 0;
    for await (const page of paginateListObjectsV2(
      { client: s3.client },
      { Bucket: 'many', Prefix: 'data/' },
    )) {
      pages++;
      expect(page.KeyCount).toBe(1000);
    }
    expect(pages).toBe(10);
  });
});

describe('a page', () => {
  const name = fc.stringMatching(/^[ab\-.~\uff5e]{1,3}$/u).filter((text) => text !== '.' && text !== '..');
  const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));

  it('is what sorting, filtering and folding all keys would give', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 25 }),
        fc.oneof(
          fc.constant(''),
          key,
          key.map((text) => text.slice(0, 2)),
        ),
        fc.constantFrom('', '/', '-', 'a/'),
        fc.integer({ min: 1, max: 4 }),
        (keys, prefix, delimiter, max) => {
          const files = keys.filter((one) => !keys.some((other) => other.startsWith(`${one}/`)));
          const folder = scratchFolder();
          for (const file of files) {
            fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
            fs.writeFileSync(path.join(folder, file), '');
          }
          const expected = new Set(
            files
              .filter((file) => file.startsWith(prefix))
              .sort(byBytes)
              .map((file) => {
                const cut = delimiter === '' ? -1 : file.indexOf(delimiter, prefix.length);
                return cut < 0 ? file : `folded ${file.slice(0, cut + delimiter.length)}`;
              }),
          );
          const found: string[] = [];
          let place: { after: string; skip: string } | undefined = { after: '', skip: '' };
          while (place !== undefined) {
            const page = listPage(folder, { prefix, delimiter, max, ...place });
            const items = [...page.keys, ...page.commonPrefixes.map((one) => `folded ${one}`)];
            expect(items.length).toBeLessThanOrEqual(max);
            found.push(...items.sort((a, b) => byBytes(a.replace('folded ', ''), b.replace('folded ', ''))));
            place = page.next;
          }
          fs.rmSync(folder, { recursive: true });
          expect(found).toEqual([...expected]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
