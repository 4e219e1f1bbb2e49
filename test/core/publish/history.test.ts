/** Going back, and names that keep a snapshot; read by code that is not ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { history, rollBack, tag, untag } from '../../../core/publish/history.ts';
import { type IcebergReader, icebergReader } from '../../support/iceberg-reader.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { numberedRows, type Row } from '../../support/memory-source.ts';
import { problemsOf } from './iceberg/validity.ts';
import { type Lake, lake } from './lake-fixture.ts';

let embedded: InMemory;
let reader: IcebergReader;
beforeAll(async () => {
  embedded = await startInMemory();
  reader = icebergReader(embedded.endpoint);
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const sorted = (rows: readonly Row[]): string[] =>
  rows.map((row) => JSON.stringify([row.id, row.note])).sort();
const shownBy = async ({ keys }: Lake): Promise<string[]> =>
  sorted(
    (await reader.rows(keys.location(a))).map(({ id, note }) => ({
      id: Number(id),
      note: (note as string | null | undefined) ?? null,
    })),
  );

const generation = (at: number): Row[] => numberedRows(2 + at, `generation ${at}`);

/** A lake after so many runs, each with rows of its own; and the runs. */
async function lakeAfter(count: number, mode: 'append' | 'overwrite' = 'overwrite', snapshots = 10) {
  const publish = { keep: { snapshots, days: 0 } };
  const shop = lake(embedded, { a: [] }, undefined, { mode, publish });
  const runs: string[] = [];
  for (let at = 0; at < count; at++) {
    shop.source.tables.get('a')!.rows = generation(at);
    runs.push(await shop.runThrough());
  }
  return { shop, runs };
}

/** Both kinds of readers see these rows. */
async function expectShown(shop: Lake, rows: readonly Row[]): Promise<void> {
  expect(await problemsOf(reader, await reader.metadata(shop.keys.location(a)))).toEqual([]);
  expect(await shownBy(shop)).toEqual(sorted(rows));
  expect(sorted((await shop.read('a'))!)).toEqual(sorted(rows));
}

const upTo = (last: number): Row[] => Array.from({ length: last + 1 }, (_, at) => generation(at)).flat();

describe('history', () => {
  test('newest first, with runs, totals and tags', async () => {
    const { shop, runs } = await lakeAfter(3);
    const { id } = await tag(shop.places, shop.sync, a, 'audit', runs[0]!);
    const { snapshots, head } = await history(shop.places, shop.sync, a);
    expect(snapshots.map(({ run }) => run)).toEqual([...runs].reverse());
    expect(snapshots.map(({ totals }) => totals!.rows)).toEqual([4, 3, 2]);
    expect(snapshots.map(({ isCurrent }) => isCurrent)).toEqual([true, false, false]);
    expect(snapshots.map(({ references }) => references)).toEqual([[], [], ['audit']]);
    expect(snapshots[2]!.id).toBe(String(id));
    expect(head.version).toBe(3);
  });

  test('of a table without a snapshot', async () => {
    const shop = lake(embedded, { a: [] });
    await expect(history(shop.places, shop.sync, a)).rejects.toMatchObject({
      code: 'UsageWrong',
      message: `table public.a of sync ${shop.sync} has no snapshot yet`,
    });
  });
});

describe('going back', () => {
  test.each(['run', 'id', 'tag'] as const)('to a snapshot by its %s', async (by) => {
    const { shop, runs } = await lakeAfter(3);
    const { snapshots } = await history(shop.places, shop.sync, a);
    if (by === 'tag') await tag(shop.places, shop.sync, a, 'good', runs[0]!);
    const to = { run: runs[0]!, id: snapshots[2]!.id, tag: 'good' }[by];
    const { head, changed } = await rollBack(shop.places, shop.sync, a, to);
    expect(changed).toBe(true);
    expect(head).toMatchObject({ version: 4, publishedRun: runs[2], snapshot: { run: runs[0], rows: 2 } });
    expect(await shop.pointer('a')).toMatchObject({ version: 4, runs: [runs[0]], publishedRun: runs[2] });
    await expectShown(shop, generation(0));
  });

  test('and forward again, and back: each is a version', async () => {
    const { shop, runs } = await lakeAfter(3);
    for (const [at, version] of [
      [0, 4],
      [2, 5],
      [1, 6],
    ] as const) {
      await rollBack(shop.places, shop.sync, a, runs[at]!);
      expect(await shop.pointer('a')).toMatchObject({ version });
      await expectShown(shop, generation(at));
    }
  });

  test('to what is shown: nothing happens', async () => {
    const { shop, runs } = await lakeAfter(2);
    const before = await shop.head('a');
    expect(await rollBack(shop.places, shop.sync, a, runs[1]!)).toMatchObject({ changed: false });
    expect(await shop.head('a')).toEqual(before);
  });

  test('in a table of appends: the rows of the runs until then', async () => {
    const { shop, runs } = await lakeAfter(4, 'append');
    await rollBack(shop.places, shop.sync, a, runs[1]!);
    await expectShown(shop, upTo(1));
    expect(await shop.pointer('a')).toMatchObject({ runs: runs.slice(0, 2), publishedRun: runs[3] });
    shop.source.tables.get('a')!.rows = generation(9);
    await shop.runThrough();
    await expectShown(shop, [...upTo(1), ...generation(9)]);
  });

  test('the next run shows its own, and its parent is what was gone back to', async () => {
    const { shop, runs } = await lakeAfter(3);
    await rollBack(shop.places, shop.sync, a, runs[0]!);
    shop.source.tables.get('a')!.rows = generation(5);
    const run = await shop.runThrough();
    await expectShown(shop, generation(5));
    expect(await shop.pointer('a')).toMatchObject({ version: 5, runs: [run] });
    const { snapshots } = await reader.metadata(shop.keys.location(a));
    const of = (wanted: string) =>
      snapshots!.find(({ summary }) => (summary as Record<string, string>)['tidemark.run'] === wanted)!;
    expect(of(run)['parent-snapshot-id']).toBe(of(runs[0]!)['snapshot-id']);
  });

  test('a run that is not whole yet, of which the table was published: its redrive leaves what was gone back to', async () => {
    const { shop, runs } = await lakeAfter(2);
    const both = lake(embedded, { a: generation(7), b: numberedRows(3) }, undefined, {
      like: shop,
      publish: { keep: { snapshots: 10, days: 0 } },
    });
    const { run, orders } = await both.plan();
    await both.copy(orders, { only: ({ table }) => table === 0 });
    await expect(both.publish(run)).rejects.toMatchObject({ code: 'RunIncomplete' });
    await expectShown(both, generation(7));
    await rollBack(both.places, both.sync, a, runs[0]!);
    const again = await both.plan();
    expect(again.run).toBe(run);
    await both.copy(again.orders);
    expect(await both.publish(run)).toMatchObject({ status: 'published' });
    await expectShown(both, generation(0));
  });

  test('what was shown until then stays as long as `keep` says, also when a run comes after', async () => {
    const { shop, runs } = await lakeAfter(3, 'overwrite', 3);
    await rollBack(shop.places, shop.sync, a, runs[0]!);
    shop.source.tables.get('a')!.rows = generation(7);
    await shop.runThrough();
    const { snapshots } = await history(shop.places, shop.sync, a);
    // the newest, the one that was gone back to, and the one that was shown before that
    expect(snapshots.map(({ run }) => run)).toEqual([(await shop.head('a'))!.publishedRun, runs[2], runs[0]]);
    await rollBack(shop.places, shop.sync, a, runs[2]!);
    await expectShown(shop, generation(2));
  });

  test('to one that is not there: what there is, and where it is listed', async () => {
    const { shop, runs } = await lakeAfter(2);
    await expect(rollBack(shop.places, shop.sync, a, '12')).rejects.toMatchObject({
      code: 'UsageWrong',
      message: expect.stringMatching(
        new RegExp(`has no snapshot "12"; it has \\d+ \\(run ${runs[1]}\\), \\d+ \\(run`),
      ),
      next: expect.stringContaining('tidemark snapshots public.a'),
    });
  });

  test('while a run publishes: both count, in one order or the other', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const { shop, runs } = await lakeAfter(2);
      shop.source.tables.get('a')!.rows = generation(5);
      const { run, orders } = await shop.plan();
      await shop.copy(orders);
      await Promise.all([shop.publish(run), rollBack(shop.places, shop.sync, a, runs[0]!)]);
      const head = (await shop.head('a'))!;
      expect(head).toMatchObject({ version: 4, publishedRun: run });
      await expectShown(shop, head.snapshot!.run === run ? generation(5) : generation(0));
      const { snapshots } = await history(shop.places, shop.sync, a);
      expect(snapshots.filter((one) => one.run === run)).toHaveLength(1);
    }
  });
});

describe('tags', () => {
  test('keep their snapshot for as long as they stand, and all of its files', async () => {
    const { shop, runs } = await lakeAfter(2, 'overwrite', 1);
    await tag(shop.places, shop.sync, a, 'audit', null);
    for (let at = 2; at < 5; at++) {
      shop.source.tables.get('a')!.rows = generation(at);
      await shop.runThrough();
    }
    expect((await history(shop.places, shop.sync, a)).snapshots.map(({ references }) => references)).toEqual([
      [],
      ['audit'],
    ]);
    await rollBack(shop.places, shop.sync, a, 'audit');
    await expectShown(shop, generation(1));
    await rollBack(shop.places, shop.sync, a, (await shop.head('a'))!.publishedRun!);
    await expect(tag(shop.places, shop.sync, a, 'audit', null)).rejects.toMatchObject({
      message: expect.stringContaining(`is there already, at snapshot`),
    });
    expect(await tag(shop.places, shop.sync, a, 'audit', null, true)).toMatchObject({ changed: true });
    expect(await tag(shop.places, shop.sync, a, 'audit', null)).toMatchObject({ changed: false });
    shop.source.tables.get('a')!.rows = generation(6);
    await shop.runThrough();
    const { snapshots } = await history(shop.places, shop.sync, a);
    expect(snapshots.map(({ run }) => run)).not.toContain(runs[1]);
  });

  test('are taken away', async () => {
    const { shop } = await lakeAfter(1);
    await tag(shop.places, shop.sync, a, 'audit', null);
    await untag(shop.places, shop.sync, a, 'audit');
    expect((await history(shop.places, shop.sync, a)).snapshots[0]!.references).toEqual([]);
  });

  test.each([
    ['1st', 'no name for a tag'],
    ['a-b', 'no name for a tag'],
    ['main', 'main is a branch of table public.a'],
  ])('%s is refused', async (name, message) => {
    const { shop } = await lakeAfter(1);
    await expect(tag(shop.places, shop.sync, a, name, null)).rejects.toMatchObject({
      code: 'UsageWrong',
      message: expect.stringContaining(message),
    });
  });

  test('one that is not there cannot be taken away', async () => {
    const { shop } = await lakeAfter(1);
    await expect(untag(shop.places, shop.sync, a, 'audit')).rejects.toMatchObject({
      message: 'table public.a has no tag "audit"',
    });
  });
});
