/**
 * The S3 in memory answers as the embedded one does: the same random requests to both, the same answers. So does a short
 * client of it; and where each request's first try is lost, and all goes through the real client, too.
 */
import { createHash } from 'node:crypto';
import {
  CopyObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TidemarkError } from '../../../core/errors.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { s3Client, s3Store } from '../../../core/objects/s3.ts';
import type { ObjectStore, PutOptions } from '../../../core/objects/store.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { memoryS3, type SdkRequest } from '../../support/memory-s3.ts';
import { randomFrom, seedOfThisRun } from '../../support/random.ts';
import { connectionLost, promptRetries } from '../../support/sdk-faults.ts';
import { shortS3 } from '../../support/short-sdk/short-s3.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

type World = { readonly client: S3Client; readonly store: ObjectStore };

function inMemory(): World {
  const s3 = memoryS3({ bucket: 'lake' });
  const client = s3Client({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: {
      async handle(request: SdkRequest) {
        return { response: s3.answer(request) };
      },
    } as unknown as NonNullable<S3ClientConfig['requestHandler']>,
  });
  return { client, store: s3Store(client, 'lake') };
}

/** @param losesTheFirst each call's first try gets lost before it takes effect */
function shortInMemory(losesTheFirst: boolean): World {
  const s3 = memoryS3({ bucket: 'lake' });
  const client = shortS3(
    async (request, _call, tries) => (losesTheFirst && tries === 1 ? connectionLost() : s3.answer(request)),
    { retryStrategy: promptRetries(5) },
  );
  return { client, store: s3Store(client, 'lake') };
}

type Operation = { readonly name: string; perform(world: World): Promise<unknown> };

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Keys are few, so that operations meet; some are as awkward as Tidemark's get. */
function randomOperations(seed: number, count: number, prefix: string): Operation[] {
  const random = randomFrom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const keys = ['a', 'b/c', 'b/d', 'b/e/f', 'b!2e/x', "q'(1)*", 'b-c/a b', 'z/ü&<>'].map(
    (key) => prefix + key,
  );
  const contents = ['', 'one', 'two', 'three'].map((text) => Buffer.from(text));
  const etags = [
    ...contents.flatMap((body) =>
      ['md5', 'sha256'].map((hash) => `"${createHash(hash).update(body).digest('hex').slice(0, 32)}"`),
    ),
    '"none"',
  ];

  const one = (): Operation => {
    const key = pick(keys);
    const other = pick(keys);
    const body = pick(contents);
    const etag = pick([null, ...etags]);
    const max = 1 + below(4);
    switch (below(9)) {
      case 0:
      case 1: {
        const condition = pick<PutOptions['condition']>([undefined, { absent: true }, { etag: pick(etags) }]);
        const metadata = pick<Record<string, string>>([{}, { 'tidemark-attempt': String(below(10)) }]);
        const options = { mediaType: pick(['text/plain', 'x/y']), metadata, ...(condition && { condition }) };
        return {
          name: `put ${key} ${JSON.stringify(condition)}`,
          perform: ({ store }) => store.put(key, body, sha256Of([body]), options),
        };
      }
      case 2:
        return {
          name: `put ${key} with a wrong checksum`,
          perform: ({ store }) => store.put(key, body, sha256Of([Buffer.from('x')]), { mediaType: 'x/y' }),
        };
      case 3:
        return {
          name: `copy ${key} to ${other} if ${etag}`,
          perform: ({ store }) => store.copyToAbsent(key, other, etag),
        };
      case 4:
        return {
          name: `get and head ${key}`,
          perform: async ({ store }) => [await store.get(key), await store.head(key)],
        };
      case 5:
        return { name: `delete ${key}, ${other}`, perform: ({ store }) => store.delete([key, other]) };
      case 6: {
        const under = prefix + pick(['', 'b', 'b/', 'z']);
        return {
          name: `list ${under}`,
          perform: async ({ store }) => [
            await listed(store.list(under)),
            await listed(store.listFolders(under)),
          ],
        };
      }
      case 7:
        return {
          name: `list pages of ${max}`,
          async perform({ client }) {
            const seen: unknown[] = [];
            let token: string | undefined;
            do {
              const page = await client.send(
                new ListObjectsV2Command({
                  Bucket: 'lake',
                  Prefix: prefix,
                  MaxKeys: max,
                  ...(etag && { Delimiter: '/' }),
                  ...(token && { ContinuationToken: token }),
                }),
              );
              seen.push(
                page.Contents?.map(({ Key, Size, ETag }) => [Key, Size, ETag]),
                page.CommonPrefixes,
              );
              token = page.NextContinuationToken;
            } while (token);
            return seen;
          },
        };
      default:
        return {
          name: `overwrite ${other} by a copy of ${key}, or by a plain put`,
          perform: ({ client }) =>
            etag
              ? client
                  .send(
                    new CopyObjectCommand({
                      Bucket: 'lake',
                      Key: other,
                      CopySource: `lake/${key.split('/').map(encodeURIComponent).join('/')}`,
                      IfMatch: etag,
                      ChecksumAlgorithm: 'SHA256',
                    }),
                  )
                  .then(({ CopyObjectResult: result }) => [result?.ETag, result?.ChecksumSHA256])
              : client
                  .send(new PutObjectCommand({ Bucket: 'lake', Key: other, Body: body }))
                  .then(({ ETag }) => ETag),
        };
    }
  };
  return Array.from({ length: count }, one);
}

/** What an operation gave, or how it failed; keys without the prefix of their world. */
async function answerOf(world: World, { perform }: Operation): Promise<unknown> {
  try {
    return await perform(world);
  } catch (error) {
    if (error instanceof S3ServiceException) return [error.name, error.$metadata.httpStatusCode];
    if (!(error instanceof TidemarkError)) throw error;
    const cause = error.cause instanceof S3ServiceException ? error.cause : null;
    return [error.code, cause?.name, cause?.$metadata.httpStatusCode];
  }
}

test('random operations get the same answers from all', async () => {
  const seed = seedOfThisRun();
  const worlds = { memory: inMemory(), short: shortInMemory(false), lossy: shortInMemory(true) };
  const served: World = { client: embedded.s3, store: embedded.store };
  for (const [at, operation] of randomOperations(seed, 400, '').entries()) {
    const theirs = await answerOf(served, operation);
    for (const [name, world] of Object.entries(worlds)) {
      expect(
        await answerOf(world, operation),
        `operation ${at}, ${operation.name}, ${name} (TIDEMARK_SEED=${seed})`,
      ).toEqual(theirs);
    }
  }
});

test('a bucket with unique ETags gives the same bytes another one each time', async () => {
  const s3 = memoryS3({ bucket: 'lake', etags: 'unique' });
  const put: SdkRequest = { method: 'PUT', path: '/lake/a', headers: {}, body: 'same' };
  const first = s3.answer(put).headers.etag;
  expect(s3.answer(put).headers.etag).not.toBe(first);
  expect(s3.changes()).toBe(2);
});
