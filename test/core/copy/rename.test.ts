import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { attemptMetadata, renamePart } from '../../../core/copy/rename.ts';
import type { Part, PartFile } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { CopyResult, ObjectStore } from '../../../core/objects/store.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';

let embedded: Embedded;
let store: ObjectStore;
beforeAll(async () => {
  embedded = await startEmbedded();
  store = embedded.store;
});
afterAll(() => embedded.close());

let folders = 0;
/** `file` is the only one of its files */
let part: Part & { file: PartFile };
const bytes = Buffer.from('the file');

async function write(key: string, body = bytes, attempt = 'mine'): Promise<string | null> {
  const metadata = { [attemptMetadata]: attempt };
  const result = await store.put(key, body, sha256Of([body]), { mediaType: 'text/plain', metadata });
  return result.outcome === 'written' ? result.etag : null;
}

beforeEach(async () => {
  const at = `rename-${++folders}/`;
  const file: PartFile = {
    staged: `${at}staged`,
    stagedEtag: await write(`${at}staged`),
    final: `${at}final`,
    size: bytes.length,
    sha256: sha256Of([bytes]),
    rows: 1,
    firstKey: '1',
    lastKey: '1',
    partition: null,
    statistics: null,
  };
  part = {
    sync: 's',
    run: 'r',
    table: 0,
    chunk: 0,
    n: 0,
    from: null,
    to: '1',
    last: true,
    rows: 1,
    attempt: { id: 'mine', startedAt: 't', retry: 0 },
    readAt: 't',
    files: [file],
    file,
  };
});

const isThere = async (key: string) => (await store.head(key)) !== null;
const expectRenamed = async () => {
  expect((await store.get(part.file.final))!.body).toEqual(bytes);
  expect(await isThere(part.file.staged)).toBe(false);
};

test('gives the file its final name, as often as one likes, by many at once', async () => {
  expect(await Promise.all(Array.from({ length: 8 }, () => renamePart(store, part)))).toEqual(
    Array(8).fill(true),
  );
  await expectRenamed();
  expect(await renamePart(store, part)).toBe(true);
});

test('a part without a file has nothing to rename', async () => {
  expect(await renamePart(store, { ...part, files: [] })).toBe(true);
});

test('a copy that took effect while the staged file stayed is finished', async () => {
  await store.copyToAbsent(part.file.staged, part.file.final, null);
  expect(await renamePart(store, part)).toBe(true);
  await expectRenamed();
});

test('says so when neither is there any more', async () => {
  await store.delete([part.file.staged]);
  expect(await renamePart(store, part)).toBe(false);
});

describe('another object under the final name', () => {
  test.for([
    ['other bytes', Buffer.from('THE FILE'), 'mine'],
    ['another length', Buffer.from('a longer file'), 'mine'],
    ['another attempt’s', bytes, 'another'],
  ] as const)('%s: is never overwritten, and the staged file stays', async ([, body, attempt]) => {
    await write(part.file.final, body, attempt);
    await expect(renamePart(store, part)).rejects.toMatchObject({ code: 'ProtocolViolation' });
    expect((await store.get(part.file.final))!.body).toEqual(body);
    expect(await isThere(part.file.staged)).toBe(true);
  });
});

/** The store, whose first copies answer as given. */
const answering = (...answers: (CopyResult | 'proceed')[]): ObjectStore => ({
  ...store,
  bucket: store.bucket,
  async copyToAbsent(...operands) {
    const answer = answers.shift() ?? 'proceed';
    return answer === 'proceed' ? store.copyToAbsent(...operands) : answer;
  },
});

test('somebody writes the final name right now: looks, and tries again', async () => {
  expect(await renamePart(answering({ outcome: 'conflict' }, { outcome: 'conflict' }), part)).toBe(true);
  await expectRenamed();
});

test('a final name that stays in conflict and empty is reported, and nothing is deleted', async () => {
  const conflicts = Array.from({ length: 5 }, () => ({ outcome: 'conflict' as const }));
  await expect(renamePart(answering(...conflicts), part)).rejects.toMatchObject({ code: 'StoreUnavailable' });
  expect(await isThere(part.file.staged)).toBe(true);
});

test.for([null, 'ab'])(
  'a copy that claims success with checksum %j is looked at before the staged file goes',
  async (sha256) => {
    const asked: string[] = [];
    const looking: ObjectStore = {
      ...answering({ outcome: 'copied', sha256 }),
      head: async (key) => {
        asked.push(key);
        return store.head(key);
      },
    };
    expect(await renamePart(looking, part)).toBe(true);
    expect(asked).toContain(part.file.final);
    await expectRenamed();
  },
);

describe('a staged file that was written again by a late request', () => {
  test('with the same bytes and another ETag (KMS): is renamed', async () => {
    const file = { ...part.file, stagedEtag: '"of the other request"' };
    part = { ...part, file, files: [file] };
    expect(await renamePart(store, part)).toBe(true);
    await expectRenamed();
  });

  test('with other bytes: is refused', async () => {
    await write(part.file.staged, Buffer.from('something else'));
    await expect(renamePart(store, part)).rejects.toMatchObject({ code: 'ProtocolViolation' });
    expect(await isThere(part.file.final)).toBe(false);
  });
});
