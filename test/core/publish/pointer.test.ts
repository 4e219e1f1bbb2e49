import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TableHead } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { rollForward } from '../../../core/publish/pointer.ts';
import { sweepStagingBefore, sweepStagingOf } from '../../../core/publish/sweep.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { type Lake, lake, under } from './lake-fixture.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const put = (key: string, text: string) => {
  const body = Buffer.from(text);
  return embedded.store.put(key, body, sha256Of([body]), { mediaType: 'text/plain' });
};
const nothing = async () => ({ runs: [], files: [] });
const roll = ({ keys, sync }: Lake, head: TableHead) =>
  rollForward(embedded.store, keys, sync, head, nothing);

async function published(versions = 1): Promise<{ shop: Lake; heads: TableHead[] }> {
  const shop = lake(embedded, { a: numberedRows(2) });
  const heads: TableHead[] = [];
  for (let i = 0; i < versions; i++) {
    await shop.runThrough();
    heads.push((await shop.head('a'))!);
  }
  return { shop, heads };
}

describe('rolling forward', () => {
  test('a pointer that is gone or behind is brought up to the head; the same one stays untouched', async () => {
    const { shop, heads } = await published(2);
    const pointer = await shop.pointer('a');
    const { etag } = (await embedded.store.head(shop.keys.pointer(a)))!;
    await roll(shop, heads[1]!);
    expect((await embedded.store.head(shop.keys.pointer(a)))!.etag).toBe(etag);
    await embedded.store.delete([shop.keys.pointer(a)]);
    await roll(shop, heads[0]!);
    expect(await shop.pointer('a')).toMatchObject({ version: 1, runs: [heads[0]!.snapshot!.run] });
    await roll(shop, heads[1]!);
    expect(await shop.pointer('a')).toEqual(pointer);
  });

  test('never back', async () => {
    const { shop, heads } = await published(3);
    const pointer = await shop.pointer('a');
    for (const head of heads) await roll(shop, head);
    expect(await shop.pointer('a')).toEqual(pointer);
  });

  test('by many with heads old and new, in any order: the newest stands', async () => {
    const { shop, heads } = await published(3);
    await embedded.store.delete([shop.keys.pointer(a)]);
    const many = Array.from({ length: 12 }, (_, i) => heads[1 + (i % 2)]!);
    await Promise.all(many.map((head) => roll(shop, head)));
    expect(await shop.pointer('a')).toMatchObject({ version: 3 });
  });

  test('a table that was never published has no pointer', async () => {
    const shop = lake(embedded, { a: numberedRows(2) });
    await shop.plan();
    await roll(shop, (await shop.head('a'))!);
    expect(await shop.pointer('a')).toBeNull();
  });

  test('a manifest that is gone is not made up', async () => {
    const { shop, heads } = await published();
    await embedded.store.delete([shop.keys.pointer(a), shop.keys.manifest(a, heads[0]!.snapshot!.run)]);
    expect(await roll(shop, heads[0]!)).toBe(false);
    expect(await shop.pointer('a')).toBeNull();
  });
});

describe('a pointer that is not of this ledger', () => {
  const change = async (shop: Lake, change: object) =>
    put(shop.keys.pointer(a), JSON.stringify({ ...(await shop.pointer('a')), ...change }));

  test.for([
    ['of another sync', { sync: 'other' }],
    ['of a ledger that had got further', { version: 7, runs: ['20200101T000000Z-0000'] }],
    ['of a ledger that was as far', { runs: ['20200101T000000Z-0000'] }],
    ['of a ledger that is ahead by its runs', { version: 0, runs: ['20990101T000000Z-0000'] }],
  ] as const)('%s is left as it is, and its files too', async ([, other]) => {
    const { shop, heads } = await published();
    await change(shop, other);
    const files = await under(embedded, shop.keys.dataOf(a));
    const pointer = await shop.pointer('a');
    await expect(roll(shop, heads[0]!)).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringContaining('which this ledger knows nothing of'),
    });
    // the next run finds out when it is planned, before anything is copied
    const { orders } = await shop.plan();
    expect(orders).toMatchObject([{ problem: { code: 'DefinitionInvalid' } }]);
    expect(await shop.pointer('a')).toEqual(pointer);
    expect(await under(embedded, shop.keys.dataOf(a))).toEqual(files);
  });

  test('the ledger was lost and begins again over the same lake: nothing that readers see is swept', async () => {
    const { shop } = await published();
    const pointer = await shop.pointer('a');
    const again = lake(embedded, { a: numberedRows(2) });
    const { run } = await again.plan();
    // the old lake, as the new ledger would find it
    const claimed = (await again.head('a'))!;
    expect(claimed).toMatchObject({ snapshot: null, claimedBy: run });
    await put(
      again.keys.pointer(a),
      JSON.stringify({ ...pointer, sync: again.sync, runs: ['20200101T000000Z-0000'] }),
    );
    await expect(roll(again, claimed)).rejects.toMatchObject({ code: 'DefinitionInvalid' });
  });

  test('of a newer format, or not a pointer at all', async () => {
    const { shop, heads } = await published();
    await change(shop, { format: 2 });
    await expect(roll(shop, heads[0]!)).rejects.toMatchObject({ code: 'FormatTooNew' });
    await put(shop.keys.pointer(a), 'not JSON');
    await expect(roll(shop, heads[0]!)).rejects.toMatchObject({ code: 'ProtocolViolation' });
  });
});

describe('sweeping', () => {
  test('staging of runs before one, of this sync alone', async () => {
    const { keys, sync } = embedded.freshSync();
    const staged = (run: string, n: number) => keys.staged(run, a, 0, n, 'x', 'parquet');
    const foreign = keys.stagingOfSync.replace(`/${sync}/`, `/${sync}0/`);
    const runs = ['20260101T000000Z-ffff', '20260101T000001Z-0000', '20260101T000002Z-0000'] as const;
    for (const run of runs) for (const n of [0, 1]) await put(staged(run, n), 'x');
    await put(`${foreign}${runs[0]}/x`, 'x');
    await sweepStagingBefore(embedded.store, keys, runs[1]);
    expect(await under(embedded, keys.stagingOfSync)).toEqual([
      staged(runs[1], 0),
      staged(runs[1], 1),
      staged(runs[2], 0),
      staged(runs[2], 1),
    ]);
    await sweepStagingOf(embedded.store, keys, runs[2]);
    expect(await under(embedded, keys.stagingOfSync)).toEqual([staged(runs[1], 0), staged(runs[1], 1)]);
    expect(await under(embedded, foreign)).toHaveLength(1);
  });

  test('of more files than one request deletes', async () => {
    const { keys } = embedded.freshSync();
    const all = Array.from({ length: 2005 }, (_, n) => keys.staged('R', a, 0, n, 'x', 'parquet'));
    const deleted: string[] = [];
    const store = {
      ...embedded.store,
      async *list() {
        for (const key of all) yield { key, size: 1 };
      },
      async delete(batch: readonly string[]) {
        expect(batch.length).toBeLessThanOrEqual(1000);
        deleted.push(...batch);
      },
    };
    await sweepStagingOf(store, keys, 'R');
    expect(deleted).toEqual(all);
  });
});
