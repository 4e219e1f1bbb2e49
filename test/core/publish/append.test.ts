/** Tables to which each run’s rows are added, read by code that is not ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IcebergReader, icebergReader } from '../../support/iceberg-reader.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { numberedRows, type Row } from '../../support/memory-source.ts';
import { problemsOf } from './iceberg/validity.ts';
import { type Lake, lake, under } from './lake-fixture.ts';

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

const asIceberg = async ({ keys }: Lake, snapshot?: number): Promise<string[]> =>
  sorted(
    (await reader.rows(keys.location(a), snapshot)).map(({ id, note }) => ({
      id: Number(id),
      note: (note as string | null | undefined) ?? null,
    })),
  );

async function runWith(shop: Lake, rows: readonly Row[]): Promise<string> {
  shop.source.tables.get('a')!.rows = [...rows];
  return shop.runThrough();
}

const appending = (rows: readonly Row[] = [], keep = { snapshots: 2, days: 0 }) =>
  lake(embedded, { a: rows }, undefined, { mode: 'append', publish: { keep } });

test('each run’s rows are added to those before, for readers with and without Iceberg', async () => {
  const shop = appending();
  const all: Row[] = [];
  const runs: string[] = [];
  for (const rows of [numberedRows(5, 'first'), numberedRows(3, 'second'), [], numberedRows(7, 'third')]) {
    runs.push(await runWith(shop, rows));
    all.push(...rows);
    expect(await asIceberg(shop)).toEqual(sorted(all));
    expect(sorted((await shop.read('a'))!)).toEqual(sorted(all));
  }
  expect(await shop.pointer('a')).toMatchObject({ version: 4, runs, rows: 15 });
  expect((await shop.head('a'))!.snapshot).toMatchObject({
    rows: 7,
    appended: { to: runs[2], total: { rows: 15 } },
  });
  const metadata = await reader.metadata(shop.keys.location(a));
  expect(metadata.snapshots!.map(({ summary }) => summary.operation)).toEqual(['append', 'append']);
  expect(await problemsOf(reader, metadata)).toEqual([]);
});

test('a pointer that is behind by more than a run is made from the table’s metadata', async () => {
  const shop = appending();
  const all: Row[] = [];
  const runs: string[] = [];
  for (const rows of [numberedRows(5, 'first'), numberedRows(3, 'second')]) {
    runs.push(await runWith(shop, rows));
    all.push(...rows);
  }
  await embedded.store.delete([shop.keys.pointer(a)]);
  const { run, orders } = await shop.plan();
  expect(sorted((await shop.read('a'))!)).toEqual(sorted(all));
  expect(await shop.pointer('a')).toMatchObject({ version: 2, runs, rows: 8 });
  await shop.copy(orders);
  await embedded.store.delete([shop.keys.pointer(a)]);
  await shop.publish(run);
  expect(await shop.pointer('a')).toMatchObject({ version: 3, runs: [...runs, run], rows: 11 });
  expect((await shop.pointer('a'))!.files.every(({ checksum }) => checksum)).toBe(true);
});

test('overwriting after appends, and appending after an overwrite', async () => {
  const shop = appending();
  await runWith(shop, numberedRows(4, 'first'));
  await runWith(shop, numberedRows(4, 'second'));
  const again = lake(embedded, { a: numberedRows(2, 'whole') }, undefined, { like: shop });
  await again.runThrough();
  expect(await asIceberg(shop)).toEqual(sorted(numberedRows(2, 'whole')));
  expect(await again.read('a')).toEqual(numberedRows(2, 'whole'));
  await runWith(shop, numberedRows(3, 'third'));
  expect(await asIceberg(shop)).toEqual(sorted([...numberedRows(2, 'whole'), ...numberedRows(3, 'third')]));
  expect(await problemsOf(reader, await reader.metadata(shop.keys.location(a)))).toEqual([]);
});

describe('many runs', () => {
  test('200 of them: every row once, in as many snapshots as are kept, with manifests that stay few', async () => {
    const shop = lake(
      embedded,
      { a: [] },
      { chunk: 100, part: 100 },
      {
        mode: 'append',
        publish: { keep: { snapshots: 3, days: 0 } },
      },
    );
    const all: Row[] = [];
    for (let at = 0; at < 200; at++) {
      const rows = numberedRows(1 + (at % 3), `run ${at}`);
      await runWith(shop, rows);
      all.push(...rows);
    }
    expect(await asIceberg(shop)).toEqual(sorted(all));
    expect(sorted((await shop.read('a'))!)).toEqual(sorted(all));
    const metadata = await reader.metadata(shop.keys.location(a));
    expect(metadata.snapshots).toHaveLength(3);
    expect(await problemsOf(reader, metadata)).toEqual([]);
    const named = new Set<string>();
    for (const snapshot of metadata.snapshots!) {
      named.add(snapshot['manifest-list']);
      const list = await reader.manifestList(metadata, snapshot['snapshot-id']);
      expect(list.records.length).toBeLessThanOrEqual(101);
      for (const { manifest_path } of list.records) named.add(String(manifest_path));
    }
    // nothing is left that no snapshot names
    const files = (await under(embedded, shop.keys.metadataOf(a))).filter((key) => key.endsWith('.avro'));
    expect(files.map((key) => `s3://lake/${key}`).sort()).toEqual([...named].sort());
    expect(await under(embedded, shop.keys.dataOf(a))).toHaveLength(200);
  });
});
