/** The store on the embedded S3: what it promises, with real requests. */
import { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { s3Store } from '../../../core/objects/s3.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import { inParallel } from '../../../core/parallel.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { loseAnswers } from '../../support/faults.ts';

let embedded: Embedded;
let store: ObjectStore;
beforeAll(async () => {
  embedded = await startEmbedded();
  store = embedded.store;
});
afterAll(() => embedded.close());

let folders = 0;
const folder = () => `test-${++folders}/`;
const mediaType = 'text/plain';
const put = (key: string, text: string, condition?: { absent: true } | { etag: string }) => {
  const body = Buffer.from(text);
  return store.put(key, body, sha256Of([body]), {
    mediaType,
    metadata: { 'tidemark-attempt': 'a1' },
    ...(condition && { condition }),
  });
};
const textOf = async (key: string) => (await store.get(key))?.body.toString();
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

describe('put, get, head', () => {
  test('an object comes back whole, with its checksum and metadata', async () => {
    const key = `${folder()}ö ä+%!$&'()=@~.txt`;
    const written = await put(key, 'hello');
    expect(written).toMatchObject({ outcome: 'written', etag: expect.stringMatching(/.+/) });
    const etag = written.outcome === 'written' && written.etag;
    expect(await textOf(key)).toBe('hello');
    expect(await store.head(key)).toEqual({
      size: 5,
      sha256: sha256Of([Buffer.from('hello')]),
      metadata: { 'tidemark-attempt': 'a1' },
      etag,
    });
  });

  test('an empty object is an object', async () => {
    const key = `${folder()}empty`;
    await put(key, '');
    expect(await textOf(key)).toBe('');
    expect((await store.head(key))?.size).toBe(0);
  });

  test('what is not there is null', async () => {
    expect(await store.get('nothing')).toBeNull();
    expect(await store.head('nothing')).toBeNull();
  });

  test('bytes that are not those of the checksum are refused', async () => {
    const key = `${folder()}wrong`;
    const wrong = store.put(key, Buffer.from('hello'), sha256Of([Buffer.from('jello')]), { mediaType });
    await expect(wrong).rejects.toMatchObject({
      name: expect.stringMatching('StoreUnavailable|ProtocolViolation'),
    });
    expect(await store.head(key)).toBeNull();
  });

  test('an object that was written without a checksum has none', async () => {
    const key = `${folder()}foreign`;
    await embedded.s3.send(
      new PutObjectCommand({ Bucket: 'lake', Key: key, Body: 'x', ChecksumAlgorithm: 'CRC32' }),
    );
    expect((await store.head(key))?.sha256).toBeNull();
  });
});

describe('conditions', () => {
  test('only where nothing is', async () => {
    const key = `${folder()}a`;
    expect(await put(key, 'first', { absent: true })).toMatchObject({ outcome: 'written' });
    expect(await put(key, 'second', { absent: true })).toEqual({ outcome: 'conflict' });
    expect(await textOf(key)).toBe('first');
  });

  test('only over the object that was read', async () => {
    const key = `${folder()}a`;
    const first = await put(key, 'first');
    const etag = (first.outcome === 'written' && first.etag) || '';
    expect(await put(key, 'second', { etag })).toMatchObject({ outcome: 'written' });
    expect(await put(key, 'third', { etag })).toEqual({ outcome: 'conflict' });
    expect(await textOf(key)).toBe('second');
    expect(await put(`${key}-gone`, 'x', { etag })).toEqual({ outcome: 'conflict' });
  });

  test('of twenty writers one wins', async () => {
    const key = `${folder()}a`;
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => put(key, `w${i}`, { absent: true })),
    );
    const won = results.flatMap(({ outcome }, i) => (outcome === 'written' ? [`w${i}`] : []));
    expect(won).toEqual([await textOf(key)]);
  });

  test('a lost answer of a conditional write is a conflict: whoever looks finds its own', async () => {
    const key = `${folder()}a`;
    const { lost } = loseAnswers(embedded.s3);
    expect(await put(key, 'mine', { absent: true })).toEqual({ outcome: 'conflict' });
    expect(lost()).toBe(1);
    expect(await textOf(key)).toBe('mine');
  });

  test('a lost answer of an unconditional one is none', async () => {
    const key = `${folder()}a`;
    loseAnswers(embedded.s3, 2);
    expect(await put(key, 'mine')).toMatchObject({ outcome: 'written' });
  });
});

describe('a large body in pieces', () => {
  const pieces = Array.from({ length: 300 }, (_, index) => Buffer.alloc((index % 7) * 4_099, index));
  const whole = Buffer.concat(pieces);
  const putPieces = (key: string, sha256 = sha256Of(pieces)) =>
    store.put(key, pieces, sha256, { mediaType, metadata: { 'tidemark-attempt': 'a1' } });

  test('arrives whole', async () => {
    const key = `${folder()}large`;
    expect(await putPieces(key)).toMatchObject({ outcome: 'written' });
    expect((await store.get(key))?.body.equals(whole)).toBe(true);
    expect(await store.head(key)).toMatchObject({ size: whole.length, sha256: sha256Of([whole]) });
  });

  test('is sent again from its beginning when an answer was lost, and when a request broke off', async () => {
    const key = `${folder()}large`;
    const { lost } = loseAnswers(embedded.s3, 2);
    expect(await putPieces(key)).toMatchObject({ outcome: 'written' });
    expect(lost()).toBe(2);
    expect((await store.get(key))?.body.equals(whole)).toBe(true);

    const { requestHandler } = embedded.s3.config;
    const { handle } = requestHandler;
    requestHandler.handle = async (request) => {
      requestHandler.handle = handle;
      // some of the body has been read when the connection breaks
      for await (const piece of request.body as Readable) if (piece.length > 0) break;
      throw Object.assign(new Error('cut'), { name: 'TimeoutError', code: 'ECONNRESET' });
    };
    expect(await putPieces(`${key}-2`)).toMatchObject({ outcome: 'written' });
    expect((await store.get(`${key}-2`))?.body.equals(whole)).toBe(true);
  });

  test('is refused where it is not that of the checksum', async () => {
    const key = `${folder()}large`;
    await expect(putPieces(key, sha256Of([Buffer.from('other')]))).rejects.toMatchObject({
      name: expect.stringMatching('StoreUnavailable|ProtocolViolation'),
    });
    expect(await store.head(key)).toBeNull();
  });
});

describe('copyToAbsent', () => {
  test('copies bytes, checksum and metadata', async () => {
    const at = folder();
    const from = `${at}ö ä+%!$&'()=@~?#.txt`;
    const written = await put(from, 'hello');
    const etag = written.outcome === 'written' ? written.etag : '';
    const sha256 = sha256Of([Buffer.from('hello')]);
    expect(await store.copyToAbsent(from, `${at}to`, etag)).toEqual({ outcome: 'copied', sha256 });
    expect(await store.head(`${at}to`)).toMatchObject({
      size: 5,
      sha256,
      metadata: { 'tidemark-attempt': 'a1' },
    });
    expect(await textOf(from)).toBe('hello');
  });

  test('never overwrites, and copies nothing but what was named', async () => {
    const at = folder();
    const written = await put(`${at}from`, 'new');
    const etag = written.outcome === 'written' ? written.etag : '';
    await put(`${at}to`, 'old');
    expect(await store.copyToAbsent(`${at}from`, `${at}to`, etag)).toEqual({ outcome: 'conflict' });
    expect(await textOf(`${at}to`)).toBe('old');
    expect(await store.copyToAbsent(`${at}from`, `${at}other`, '"another"')).toEqual({ outcome: 'conflict' });
    expect(await store.copyToAbsent(`${at}gone`, `${at}other`, etag)).toEqual({ outcome: 'source-gone' });
    expect(await store.head(`${at}other`)).toBeNull();
  });

  test('of ten copies one wins', async () => {
    const at = folder();
    await put(`${at}from`, 'x');
    const results = await Promise.all(
      Array.from({ length: 10 }, () => store.copyToAbsent(`${at}from`, `${at}to`, null)),
    );
    expect(results.filter(({ outcome }) => outcome === 'copied')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(9);
  });

  test('a lost answer is a conflict', async () => {
    const at = folder();
    await put(`${at}from`, 'x');
    loseAnswers(embedded.s3);
    expect(await store.copyToAbsent(`${at}from`, `${at}to`, null)).toEqual({ outcome: 'conflict' });
    expect(await textOf(`${at}to`)).toBe('x');
  });
});

describe('a copy that is answered with status 200 and an error inside', () => {
  /** The next `count` requests go nowhere and are answered so. */
  function answerWithError(code: string, count: number): void {
    const { requestHandler } = embedded.s3.config;
    const handle = requestHandler.handle;
    let answered = 0;
    requestHandler.handle = async () => {
      if (++answered === count) requestHandler.handle = handle;
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>so</Message></Error>`;
      const headers = { 'content-type': 'application/xml' };
      return {
        response: { statusCode: 200, reason: 'OK', headers, body: Readable.from([Buffer.from(body)]) },
      };
    };
  }

  test('is no success; the SDK tries again', async () => {
    const at = folder();
    await put(`${at}from`, 'x');
    answerWithError('InternalError', 2);
    expect(await store.copyToAbsent(`${at}from`, `${at}to`, null)).toMatchObject({ outcome: 'copied' });
    expect(await textOf(`${at}to`)).toBe('x');
  });

  test('is no success when it stays so', async () => {
    const at = folder();
    await put(`${at}from`, 'x');
    answerWithError('InternalError', 5);
    await expect(store.copyToAbsent(`${at}from`, `${at}to`, null)).rejects.toMatchObject({
      code: 'StoreUnavailable',
    });
    expect(await store.head(`${at}to`)).toBeNull();
  });

  test('a condition that does not hold is a conflict there, too', async () => {
    const at = folder();
    await put(`${at}from`, 'x');
    answerWithError('PreconditionFailed', 5);
    expect(await store.copyToAbsent(`${at}from`, `${at}to`, null)).toEqual({ outcome: 'conflict' });
  });
});

describe('list and delete', () => {
  test('objects in the order of their keys; folders', async () => {
    const at = folder();
    const numbers = Array.from({ length: 45 }, (_, i) => i);
    await inParallel(numbers, 25, async (i) => {
      await put(`${at}${i % 3}/${String(i).padStart(4, '0')}`, 'x');
    });
    const listed = await collect(store.list(at));
    expect(listed).toHaveLength(45);
    expect(listed.map(({ key }) => key)).toEqual(listed.map(({ key }) => key).sort());
    expect(listed[0]).toEqual({ key: `${at}0/0000`, size: 1 });
    expect(await collect(store.listFolders(at))).toEqual([`${at}0/`, `${at}1/`, `${at}2/`]);
    expect(await collect(store.list(`${at}none/`))).toEqual([]);
    expect(await collect(store.listFolders(`${at}none/`))).toEqual([]);
    // what is not there is no error
    await store.delete([...listed.map(({ key }) => key), `${at}nothing`]);
    expect(await collect(store.list(at))).toEqual([]);
    await store.delete([]);
  });
});

test('a bucket that is not there is named, whatever is asked of it', async () => {
  const missing = s3Store(embedded.s3, 'no-such-bucket');
  const denied = { code: 'StoreDenied', message: expect.stringContaining('no-such-bucket') };
  await expect(missing.get('a')).rejects.toMatchObject(denied);
  await expect(missing.put('a', Buffer.of(), sha256Of([]), { mediaType })).rejects.toMatchObject(denied);
  await expect(
    missing.put('a', Buffer.of(), sha256Of([]), { mediaType, condition: { etag: '"e"' } }),
  ).rejects.toMatchObject(denied);
  await expect(missing.copyToAbsent('a', 'b', null)).rejects.toMatchObject(denied);
  await expect(missing.delete(['a'])).rejects.toMatchObject(denied);
  await expect(collect(missing.list('a'))).rejects.toMatchObject(denied);
});
