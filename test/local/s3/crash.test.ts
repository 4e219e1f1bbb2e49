import { createHash, randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startS3 } from '../../../local/s3.ts';
import { bundle, spawnServer } from './child.ts';
import { clientOf, raw, scratchFolder } from './running.ts';

const sidecarsIn = (folder: string): number =>
  fs
    .readdirSync(path.join(folder, '.meta', 'objects'), { recursive: true })
    .filter((name) => String(name).endsWith('.json')).length;
const filesIn = (folder: string): string[] =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();

/** The calls by which the server changes files (a file's bytes are written under a temporary name only). */
const changing = [
  'writeFileSync',
  'renameSync',
  'utimesSync',
  'linkSync',
  'unlinkSync',
  'mkdirSync',
  'rmdirSync',
  'rmSync',
] as const;
const changingLater = ['open', 'rm', 'rename', 'unlink', 'mkdir'] as const;

/**
 * From the `step`-th change on, nothing changes any more: what is on the disk then is what a kill at that moment
 * leaves. A torn write leaves half of its bytes. @returns whether the moment came
 */
function dieAt(step: number, torn: boolean): { died(): boolean } {
  let left = step;
  let dead = false;
  const dying = (): boolean => {
    if (!dead && left-- === 0) dead = true;
    return dead;
  };
  for (const name of changing) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      const was = dead;
      if (!dying()) return original(...args);
      if (name === 'writeFileSync' && torn && !was) original(args[0], String(args[1]).slice(0, 40));
      throw new Error('killed');
    }) as never);
  }
  for (const name of changingLater) {
    const original = fs.promises[name] as (...args: unknown[]) => unknown;
    vi.spyOn(fs.promises, name).mockImplementation((async (...args: unknown[]) => {
      if (dying()) throw new Error('killed');
      return original(...args);
    }) as never);
  }
  return { died: () => dead };
}

/** What a reader sees of an object: everything must be of one version. */
async function seen(endpoint: string, key: string): Promise<string> {
  const { status, headers, body } = await raw(endpoint, 'GET', `/lake/${key}`, {
    'x-amz-checksum-mode': 'ENABLED',
  });
  if (status === 404) return 'absent';
  const sum = createHash('sha256').update(body).digest();
  const own = headers['x-amz-checksum-sha256'] ?? 'no checksum';
  const checksum = own === sum.toString('base64') ? 'its checksum' : own;
  const etag = headers.etag === `"${sum.toString('hex', 0, 16)}"` ? 'its ETag' : 'another ETag';
  return `${body}|${headers['x-amz-meta-v']}|${checksum}|${etag}`;
}

const whole = (body: string, version: string): string => `${body}|${version}|its checksum|its ETag`;

const put = (endpoint: string, key: string, body: string, version: string) =>
  raw(
    endpoint,
    'PUT',
    `/lake/${key}`,
    { 'x-amz-meta-v': version, 'x-amz-checksum-sha256': createHash('sha256').update(body).digest('base64') },
    body,
  );
const copy = (endpoint: string, from: string, to: string, headers: Record<string, string> = {}) =>
  raw(endpoint, 'PUT', `/lake/${to}`, { 'x-amz-copy-source': `lake/${from}`, ...headers });
const replacing = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-v': 'v2' };

async function completeUpload(endpoint: string): Promise<{ status: number }> {
  const { body } = await raw(endpoint, 'POST', '/lake/dir/old?uploads', {
    'x-amz-meta-v': 'v2',
    'x-amz-checksum-algorithm': 'CRC32',
  });
  const id = /<UploadId>(\w+)</.exec(body)?.[1];
  const crc = { 'x-amz-checksum-crc32': 'NhCmhg==' };
  await raw(endpoint, 'PUT', `/lake/dir/old?partNumber=1&uploadId=${id}`, crc, 'hello');
  const part = '<Part><PartNumber>1</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>';
  return raw(
    endpoint,
    'POST',
    `/lake/dir/old?uploadId=${id}`,
    {},
    `<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`,
  );
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('killed between any two changes of files', () => {
  const old = whole('old body', 'v1');
  // equal lengths: the size must not be what tells versions apart
  const next = whole('new body', 'v2');
  const operations: [
    string,
    string,
    (endpoint: string) => Promise<{ status: number }>,
    [before: string, after: string],
  ][] = [
    [
      'a put of a new key',
      'fresh/deep/key',
      (e) => put(e, 'fresh/deep/key', 'new body', 'v2'),
      ['absent', next],
    ],
    ['a put over an object', 'dir/old', (e) => put(e, 'dir/old', 'new body', 'v2'), [old, next]],
    ['a copy to a new key', 'final/copy', (e) => copy(e, 'dir/old', 'final/copy'), ['absent', old]],
    [
      'a copy over an object',
      'dir/other',
      (e) => copy(e, 'dir/old', 'dir/other'),
      [whole('other one', 'v1'), old],
    ],
    [
      'a copy onto itself',
      'dir/old',
      (e) => copy(e, 'dir/old', 'dir/old', replacing),
      [old, whole('old body', 'v2')],
    ],
    ['a delete', 'dir/old', (e) => raw(e, 'DELETE', '/lake/dir/old'), [old, 'absent']],
    ['an upload in parts', 'dir/old', completeUpload, [old, 'hello|v2|no checksum|another ETag']],
  ];

  it.each(operations)(
    '%s leaves the old version or the new one, whole',
    async (_, key, operation, [before, after]) => {
      let moments = 0;
      let unfinished = true;
      for (let step = 0; unfinished; step++) {
        for (const torn of [false, true]) {
          const folder = scratchFolder();
          let server = await startS3({ folder });
          await raw(server.endpoint, 'PUT', '/lake');
          await put(server.endpoint, 'dir/old', 'older', 'v0');
          await put(server.endpoint, 'dir/old', 'old body', 'v1');
          await put(server.endpoint, 'dir/other', 'other one', 'v1');
          const moment = dieAt(step, torn);
          const { status } = await operation(server.endpoint);
          unfinished = moment.died();
          vi.restoreAllMocks();
          await server.stop();

          server = await startS3({ folder });
          const found = await seen(server.endpoint, key);
          expect([before, after], `step ${step}`).toContain(found);
          if (status < 300) expect(found, `step ${step}, acknowledged`).toBe(after);
          if (key !== 'dir/other')
            expect(await seen(server.endpoint, 'dir/other')).toBe(whole('other one', 'v1'));
          const { body } = await raw(server.endpoint, 'GET', '/lake?list-type=2');
          const listed = [...body.matchAll(/<Key>([^<]*)</g)].map((match) => match[1]!);
          expect(listed).toEqual(filesIn(path.join(folder, 'lake')));
          expect(listed.includes(key)).toBe(found !== 'absent');
          // nothing is left over, and the next one succeeds
          expect(fs.readdirSync(path.join(folder, '.meta', 'tmp'))).toEqual([]);
          expect(sidecarsIn(folder)).toBe(listed.length);
          if (found === before) {
            expect((await operation(server.endpoint)).status).toBeLessThan(300);
            expect(await seen(server.endpoint, key)).toBe(after);
          }
          await server.stop();
          fs.rmSync(folder, { recursive: true });
          moments++;
        }
      }
      expect(moments).toBeGreaterThan(6);
    },
  );
});

describe('SIGKILL', () => {
  type Acknowledged = { staged: number; final: number };
  const bodyOf = (worker: number, n: number): Buffer =>
    Buffer.alloc(1 + ((worker * 7919 + n * 104_729) % 150_000), `${worker}/${n};`);

  /** Stages, renames and overwrites until the server is gone; `said` is what it acknowledged. */
  async function work(
    client: S3Client,
    worker: number,
    said: Acknowledged,
    heard: () => void,
  ): Promise<void> {
    for (;;) {
      if (said.final < said.staged) {
        const Key = `final/${worker}/${said.staged}`;
        await client.send(
          new CopyObjectCommand({ Bucket: 'lake', Key, CopySource: `lake/current/${worker}` }),
        );
        said.final = said.staged;
        heard();
      }
      const n = said.staged + 1;
      const Body = bodyOf(worker, n);
      const Metadata = { n: String(n) };
      await client.send(new PutObjectCommand({ Bucket: 'lake', Key: `current/${worker}`, Body, Metadata }));
      said.staged = n;
      heard();
    }
  }

  /** @returns n, or 0 for an object that is not there; fails when bytes and metadata do not belong together */
  async function check(client: S3Client, worker: number, Key: string): Promise<number> {
    try {
      // the SDK verifies the checksum
      const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key }));
      const n = Number(Metadata?.n);
      expect(bodyOf(worker, n).equals(await Body!.transformToByteArray()), `${Key} ${n}`).toBe(true);
      return n;
    } catch (error) {
      if (error instanceof NoSuchKey) return 0;
      throw error;
    }
  }

  it('loses nothing acknowledged and mixes nothing, over 8 kills', async () => {
    const folder = scratchFolder();
    const program = await bundle(folder);
    const home = path.join(folder, 's3');
    const said: Acknowledged[] = Array.from({ length: 6 }, () => ({ staged: 0, final: 0 }));
    for (let round = 0; round < 8; round++) {
      const child = await spawnServer(program, home);
      onTestFinished(() => void child.process.kill('SIGKILL'));
      const client = clientOf(child.endpoint);
      client.config.maxAttempts = async () => 1;
      if (round === 0) await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
      for (const [worker, { staged, final }] of said.entries()) {
        // what was sent and not answered may have happened or not
        const now = await check(client, worker, `current/${worker}`);
        expect(now === staged || now === staged + 1, `round ${round}: ${now} after ${staged}`).toBe(true);
        for (let n = Math.max(1, final - 3); n <= final; n++) {
          expect(await check(client, worker, `final/${worker}/${n}`)).toBe(n);
        }
        const last = await check(client, worker, `final/${worker}/${now}`);
        said[worker] = { staged: now, final: last === now ? now : now - 1 };
      }
      expect(fs.readdirSync(path.join(home, '.meta', 'tmp'))).toEqual([]);
      // counted in answers, not in time: a busy machine must not make this an empty test
      let answers = randomInt(6, 40);
      const heard = (): void => {
        if (--answers === 0) setTimeout(() => child.process.kill('SIGKILL'), randomInt(0, 8));
      };
      const working = said.map((one, worker) => work(client, worker, one, heard).catch(() => {}));
      await child.ended;
      await Promise.all(working);
      client.destroy();
    }
    expect(said.reduce((sum, one) => sum + one.final, 0)).toBeGreaterThan(30);
    const server = await startS3({ folder: home });
    expect(sidecarsIn(home)).toBe(filesIn(path.join(home, 'lake')).length);
    const client = clientOf(server.endpoint);
    await Promise.all(
      said.map(async ({ final }, worker) => {
        for (let n = 1; n <= final; n++) expect(await check(client, worker, `final/${worker}/${n}`)).toBe(n);
      }),
    );
    client.destroy();
    await server.stop();
    fs.rmSync(folder, { recursive: true });
  });
});
