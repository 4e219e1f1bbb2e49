import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TableHead } from '../../../core/ledger/ledger.ts';
import { keysOf } from '../../../core/objects/keys.ts';
import { putText } from '../../../core/objects/put-text.ts';
import { s3Client, s3Store } from '../../../core/objects/s3.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import { showHead } from '../../../core/publish/projections.ts';
import { type ReaderManifest, type Shown, showManifests } from '../../../core/publish/reader-manifests.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { gated } from '../../support/faults.ts';
import { type MemoryS3, type MemoryS3Options, memoryS3, type SdkRequest } from '../../support/memory-s3.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { randomFrom, seedOfThisRun } from '../../support/random.ts';
import { lake } from './lake-fixture.ts';

const both = ['hive', 'redshift'] as const satisfies readonly ReaderManifest[];
const keys = keysOf({ bucket: 'lake', prefix: 'shop/' }, 'shop');
const table = { schema: 'public', table: `order 'lines'` };
const folder = 'shop/public.order!20!27lines!27';
const keyOf = { hive: keys.symlinks(table), redshift: keys.redshiftManifest(table) } as const;

function inMemory(etags: MemoryS3Options['etags'] = 'of-bytes'): { s3: MemoryS3; store: ObjectStore } {
  const s3 = memoryS3({ bucket: 'lake', etags });
  const client = s3Client({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: {
      handle: async (request: SdkRequest) => ({ response: s3.answer(request) }),
    } as unknown as NonNullable<S3ClientConfig['requestHandler']>,
  });
  return { s3, store: s3Store(client, 'lake') };
}

const headOf = (version: number): TableHead => ({
  table: `public.order 'lines'`,
  version,
  claimedBy: null,
  snapshot: { run: `r${version}`, publishedAt: '', schema: [], rows: 1, bytes: 1, files: 1 },
  publishedRun: `r${version}`,
  metadata: null,
  inCatalog: false,
  previousRun: null,
});

/** @param run whose file it is: after a rollback an older version's */
const shownAt = (version: number, run = version): Shown => ({
  version,
  files: [{ key: `${folder}/data/r${run}/000000-000000.parquet`, rows: 1, bytes: 1000 + run }],
});

const show = (store: ObjectStore, version: number, shown: Shown | null = shownAt(version)) =>
  showManifests(store, keys, both, headOf(version), async () => shown);

const bodyOf = ({ s3 }: { s3: MemoryS3 }, kind: ReaderManifest): string | undefined =>
  s3.objects.get(keyOf[kind])?.body.toString('utf8');

const versionOf = (world: { s3: MemoryS3 }, kind: ReaderManifest): number =>
  Number(world.s3.objects.get(keyOf[kind])?.metadata['x-amz-meta-tidemark-version'] ?? 0);

describe('what is written', () => {
  test('for Hive a path a line, for Redshift entries with lengths; both say their version', async () => {
    const world = inMemory();
    const files = [
      { key: `${folder}/data/r1/000000-000000.parquet`, rows: 5, bytes: 1200 },
      { key: `${folder}/data/r1/000000-000001.parquet`, rows: 3, bytes: 800 },
    ];
    await show(world.store, 7, { version: 7, files });
    expect(bodyOf(world, 'hive')).toBe(
      `s3://lake/${folder}/data/r1/000000-000000.parquet\ns3://lake/${folder}/data/r1/000000-000001.parquet\n`,
    );
    expect(JSON.parse(bodyOf(world, 'redshift')!)).toEqual({
      entries: files.map(({ key, bytes }) => ({
        url: `s3://lake/${key}`,
        mandatory: true,
        meta: { content_length: bytes },
      })),
      tidemark: { version: 7 },
    });
    expect(both.map((kind) => versionOf(world, kind))).toEqual([7, 7]);
    expect(keyOf).toEqual({
      hive: `${folder}/_symlink/symlink.txt`,
      redshift: `${folder}/redshift.manifest`,
    });
  });

  test('of a table without files: an empty list, which is no empty line', async () => {
    const world = inMemory();
    await show(world.store, 1, { version: 1, files: [] });
    expect(bodyOf(world, 'hive')).toBe('');
    expect(JSON.parse(bodyOf(world, 'redshift')!).entries).toEqual([]);
  });

  test('only what was chosen, and nothing of a table that was never published', async () => {
    const world = inMemory();
    await showManifests(world.store, keys, ['redshift'], headOf(1), async () => shownAt(1));
    expect([...world.s3.objects.keys()]).toEqual([keyOf.redshift]);
    const unasked = gated<ObjectStore>('store', inMemory().store, ({ name }) =>
      Promise.reject(new Error(name)),
    );
    await showManifests(unasked, keys, both, { ...headOf(0), snapshot: null }, async () => shownAt(1));
  });

  test('nothing again while it is up to date, and current.json is not read for it', async () => {
    const world = inMemory();
    await show(world.store, 2);
    const changes = world.s3.changes();
    const refuse = async (): Promise<Shown> => {
      throw new Error('asked for');
    };
    for (const version of [1, 2]) await showManifests(world.store, keys, both, headOf(version), refuse);
    expect(world.s3.changes()).toBe(changes);
  });

  test('nothing that current.json does not show', async () => {
    const world = inMemory();
    await show(world.store, 2, null);
    await show(world.store, 2, shownAt(1));
    expect(world.s3.changes()).toBe(0);
  });

  test('what current.json shows, where that is newer than the head that one has', async () => {
    const world = inMemory();
    await show(world.store, 2, shownAt(5));
    expect(both.map((kind) => versionOf(world, kind))).toEqual([5, 5]);
    expect(bodyOf(world, 'hive')).toContain('/r5/');
  });

  test('a list that does not say its version is replaced', async () => {
    const world = inMemory();
    await putText(world.store, keyOf.hive, 'x', { mediaType: 'text/plain' });
    await show(world.store, 1);
    expect(bodyOf(world, 'hive')).toContain('/r1/');
  });
});

describe('publishers at once', () => {
  /** A store whose first write waits until it is let go. */
  function held(store: ObjectStore) {
    let release = (): void => {};
    let reached = (): void => {};
    const isAtWrite = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = gated<ObjectStore>('store', store, async ({ name }, proceed) => {
      if (name === 'store.put') {
        reached();
        await released;
      }
      return proceed();
    });
    return { slow, isAtWrite, release: () => release() };
  }

  test.for(both)(
    '%s: one that fell asleep before its write does not take the newer one back',
    async (kind) => {
      for (const before of [0, 1]) {
        const world = inMemory();
        if (before > 0) await show(world.store, before);
        const { slow, isAtWrite, release } = held(world.store);
        const sleeper = showManifests(slow, keys, [kind], headOf(2), async () => shownAt(2));
        await isAtWrite;
        await show(world.store, 3);
        release();
        await sleeper;
        expect(versionOf(world, kind)).toBe(3);
        expect(bodyOf(world, kind)).toContain('/r3/');
      }
    },
  );

  test('after a rollback too, where etags tell writes apart; and always for Redshift', async () => {
    for (const [kind, etags] of [
      ['redshift', 'of-bytes'],
      ['redshift', 'unique'],
      ['hive', 'unique'],
    ] as const) {
      const world = inMemory(etags);
      await show(world.store, 2);
      const { slow, isAtWrite, release } = held(world.store);
      const sleeper = showManifests(slow, keys, [kind], headOf(3), async () => shownAt(3));
      await isAtWrite;
      await show(world.store, 3);
      await show(world.store, 4, shownAt(4, 2));
      release();
      await sleeper;
      expect({ kind, etags, version: versionOf(world, kind) }).toEqual({ kind, etags, version: 4 });
    }
  });

  test('in any order: versions only grow, and the newest stands at the end', async () => {
    const seed = seedOfThisRun();
    const random = randomFrom(seed);
    for (let round = 0; round < 60; round++) {
      const world = inMemory(round % 2 === 0 ? 'of-bytes' : 'unique');
      let shown = 1;
      const seen = { hive: 0, redshift: 0 };
      const pause = async (): Promise<void> => {
        for (let turns = Math.floor(random() * 6); turns > 0; turns--)
          await new Promise((resolve) => setImmediate(resolve));
      };
      const publisher = async (version: number): Promise<void> => {
        await pause();
        // what current.json shows only grows, and is shown before its lists are
        shown = Math.max(shown, version);
        const store = gated<ObjectStore>('store', world.store, async (_call, proceed) => {
          await pause();
          const result = await proceed();
          for (const kind of both) {
            const now = versionOf(world, kind);
            expect(now, `seed ${seed}, round ${round}, ${kind}`).toBeGreaterThanOrEqual(seen[kind]);
            seen[kind] = now;
          }
          await pause();
          return result;
        });
        await showManifests(store, keys, both, headOf(version), async () => {
          const found = shownAt(shown);
          await pause();
          return found;
        });
      };
      await Promise.all([1, 2, 2, 3, 4, 4].map(publisher));
      for (const kind of both) {
        expect(versionOf(world, kind), `seed ${seed}, round ${round}, ${kind}`).toBe(4);
        expect(bodyOf(world, kind)).toContain('/r4/');
      }
    }
  });
});

describe('of a lake', () => {
  let embedded: Embedded;
  beforeAll(async () => {
    embedded = await startEmbedded();
  });
  afterAll(() => embedded.close());

  const a = { schema: 'public', table: 'a' };

  test('they name the files of current.json, run after run; without the choice there are none', async () => {
    const shop = lake(embedded, { a: numberedRows(5) });
    const text = async (key: string) => (await embedded.store.get(key))?.body.toString('utf8');
    await shop.runThrough();
    expect(await text(shop.keys.symlinks(a))).toBeUndefined();
    for (const rows of [3, 0, 7]) {
      shop.source.tables.get('a')!.rows = [...numberedRows(rows)];
      await shop.runThrough();
      const head = (await shop.head('a'))!;
      await showHead({ ...shop.places, manifests: both }, shop.sync, head);
      const { files, version } = (await shop.pointer('a'))!;
      const urls = files.map(({ key }) => `s3://${embedded.store.bucket}/${key}`);
      expect((await text(shop.keys.symlinks(a)))!.split('\n').slice(0, -1)).toEqual(urls);
      const manifest = JSON.parse((await text(shop.keys.redshiftManifest(a)))!);
      expect(manifest.entries.map(({ url }: { url: string }) => url)).toEqual(urls);
      expect((await embedded.store.head(shop.keys.symlinks(a)))!.metadata).toEqual({
        'tidemark-version': String(version),
      });
      for (const { key, bytes } of files) expect((await embedded.store.head(key))!.size).toBe(bytes);
    }
  });
});
