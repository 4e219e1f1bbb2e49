/** Runs that publish to a catalog beside the ledger: the catalog is the truth, and the head follows. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inParallel } from '../../../../core/parallel.ts';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { history, rollBack, tag } from '../../../../core/publish/history.ts';
import { withAddition } from '../../../../core/publish/iceberg/commit.ts';
import { withProperties } from '../../../../core/publish/iceberg/table.ts';
import { faultAt } from '../../../support/faults.ts';
import { type IcebergReader, icebergReader } from '../../../support/iceberg-reader.ts';
import { type InMemory, startInMemory } from '../../../support/in-memory.ts';
import { type CatalogService, catalogServices } from '../../../support/lake-catalogs.ts';
import { numberedRows, type Row } from '../../../support/memory-source.ts';
import { problemsOf } from '../iceberg/validity.ts';
import { type How, type Lake, lake } from '../lake-fixture.ts';
import { compact } from './query-engine.ts';

let ground: InMemory;
let reader: IcebergReader;
beforeAll(async () => {
  ground = await startInMemory();
  reader = icebergReader(ground.endpoint);
});
afterAll(() => ground.close());

const a = { schema: 'public', table: 'a' };
const sorted = (rows: readonly Row[]): string[] =>
  rows.map((row) => JSON.stringify([row.id, row.note])).sort();
const generation = (at: number): Row[] => numberedRows(2 + at, `generation ${at}`);

describe.each(Object.keys(catalogServices) as (keyof typeof catalogServices)[])('%s', (type) => {
  let service: CatalogService;
  beforeAll(async () => {
    service = await catalogServices[type]();
  });
  afterAll(() => service.stop());

  const keep = { snapshots: 5, days: 0 };
  const made = (tables: Readonly<Record<string, readonly Row[]>>, how: How = {}): Lake =>
    lake(
      ground,
      tables,
      { chunk: 3, part: 2 },
      {
        publish: { keep },
        catalog: (keys) => service.catalogFor(ground.store, keys, `db_${randomBytes(6).toString('hex')}`),
        ...how,
      },
    );

  const loaded = async (shop: Lake): Promise<LoadedTable> => (await shop.places.catalog!.load(a))!;

  /** What an independent reader of Iceberg finds under the metadata file that the catalog names. */
  async function shownBy(shop: Lake): Promise<string[]> {
    const { file } = await loaded(shop);
    const name = file.slice(file.lastIndexOf('/') + 1);
    const rows = await reader.rows(shop.keys.location(a), undefined, name);
    return sorted(
      rows.map(({ id, note }) => ({ id: Number(id), note: (note as string | null | undefined) ?? null })),
    );
  }

  async function expectShown(shop: Lake, rows: readonly Row[]): Promise<void> {
    const { file } = await loaded(shop);
    const metadata = await reader.metadata(shop.keys.location(a), file.slice(file.lastIndexOf('/') + 1));
    expect(await problemsOf(reader, metadata)).toEqual([]);
    expect(await shownBy(shop)).toEqual(sorted(rows));
    expect(sorted((await shop.read('a'))!)).toEqual(sorted(rows));
  }

  async function runWith(shop: Lake, rows: readonly Row[]): Promise<string> {
    shop.source.tables.get('a')!.rows = [...rows];
    return shop.runThrough();
  }

  const runsIn = async (shop: Lake): Promise<string[]> =>
    (await loaded(shop)).metadata.snapshots!.flatMap(({ summary }) => summary['tidemark.run'] ?? []);

  test.each(['overwrite', 'append'] as const)('%s: run after run', async (mode) => {
    const shop = made({ a: [] }, { mode });
    const all: Row[] = [];
    for (let at = 0; at < 4; at++) {
      const run = await runWith(shop, generation(at));
      all.push(...generation(at));
      await expectShown(shop, mode === 'append' ? all : generation(at));
      expect(await shop.head('a')).toMatchObject({
        version: at + 1,
        publishedRun: run,
        inCatalog: true,
        metadata: null,
      });
    }
    expect(await ground.store.get(shop.keys.versionHint(a))).toBeNull();
  });

  // how a server makes tables does not matter to those that are there
  const faults = type === 'rest without staging' ? [] : (['overwrite', 'append'] as const);
  describe.each(faults)('a Publish (%s) that meets a fault at any call, and one after it', (mode) => {
    const ways = { overwrite: ['before', 'unknown', 'late'], append: ['after', 'lost', 'late'] } as const;
    async function secondRunCopied(): Promise<{ shop: Lake; run: string }> {
      const shop = made({ a: generation(0) }, { mode });
      await shop.runThrough();
      shop.source.tables.get('a')!.rows = generation(1);
      const { run, orders } = await shop.plan();
      await shop.copy(orders);
      return { shop, run };
    }
    const before = generation(0);
    const after = mode === 'append' ? [...before, ...generation(1)] : generation(1);

    test.for(ways[mode])('%s', async (way) => {
      const counting = faultAt(null, way);
      const first = await secondRunCopied();
      await first.shop.publish(first.run, { gate: counting.gate });
      expect(counting.calls).toContain('catalog.commit');
      await inParallel(counting.calls.keys(), 4, async (at) => {
        const { shop, run } = await secondRunCopied();
        const fault = faultAt(at, way);
        await shop.publish(run, { gate: fault.gate }).catch(() => {});
        // readers of the catalog have one snapshot or the other
        expect([sorted(before), sorted(after)]).toContainEqual(await shownBy(shop));
        expect(['published', 'over']).toContain((await shop.publish(run)).status);
        await fault.land();
        await expectShown(shop, after);
        expect(await shop.head('a')).toMatchObject({ version: 2, publishedRun: run });
        expect((await runsIn(shop)).filter((one) => one === run)).toHaveLength(1);
      });
    });
  });

  test('a run that was committed to the catalog and abandoned before its head followed: an append leaves it out', async () => {
    const shop = made({ a: generation(0) }, { mode: 'append' });
    await shop.runThrough();
    shop.source.tables.get('a')!.rows = generation(1);
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    const dies = faultAt(null, 'before');
    await shop
      .publish(run, {
        gate: async (call, proceed) => {
          if (call.name === 'ledger.publishTable') throw new Error('died');
          return dies.gate(call, proceed);
        },
      })
      .catch(() => {});
    expect(await runsIn(shop)).toContain(run);
    expect((await shop.head('a'))!.publishedRun).not.toBe(run);
    shop.source.tables.get('a')!.rows = generation(2);
    const next = await shop.plan({ fresh: true });
    await shop.copy(next.orders);
    await shop.publish(next.run);
    await expectShown(shop, [...generation(0), ...generation(2)]);
    // and it comes too late when it wakes up
    expect(await shop.publish(run)).toMatchObject({ status: 'over' });
    await expectShown(shop, [...generation(0), ...generation(2)]);
  });

  test('another program rewrites the files between our look and our commit: ours goes on top of its', async () => {
    const shop = made({ a: generation(0) }, { mode: 'append' });
    await shop.runThrough();
    shop.source.tables.get('a')!.rows = generation(1);
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    let commits = 0;
    await shop.publish(run, {
      gate: async ({ name }, proceed) => {
        if (name === 'catalog.commit' && ++commits === 1)
          await compact(ground, shop, shop.places.catalog!, a);
        return proceed();
      },
    });
    expect(commits).toBe(2);
    await expectShown(shop, [...generation(0), ...generation(1)]);
    const { metadata } = await loaded(shop);
    expect(metadata.snapshots!.map(({ summary }) => summary.operation)).toEqual([
      'append',
      'replace',
      'append',
    ]);
    // what the rewriting made is no run's
    expect((await shop.pointer('a'))!.files.filter(({ checksum }) => !checksum)).toHaveLength(1);
    await runWith(shop, generation(2));
    await expectShown(shop, [...generation(0), ...generation(1), ...generation(2)]);
  });

  test('a table that the ledger has had moves in with its history; by its path it is not found any more', async () => {
    const before = made({ a: generation(0) }, { catalog: () => undefined });
    await before.runThrough();
    const uuid = (await reader.metadata(before.keys.location(a)))['table-uuid'];
    const shop = made({ a: generation(1) }, { like: before });
    if (type === 'rest without staging') {
      const { run, orders } = await shop.plan();
      await shop.copy(orders);
      await expect(shop.publish(run)).rejects.toMatchObject({
        message: expect.stringContaining('a table moves into a catalog with its history, or not at all'),
      });
      expect(await before.read('a')).toEqual(generation(0));
      return;
    }
    const run = await shop.runThrough();
    await expectShown(shop, generation(1));
    const { metadata } = await loaded(shop);
    // a server of the REST protocol says the uuid itself
    if (type === 'glue') expect(metadata['table-uuid']).toBe(uuid);
    expect(metadata.snapshots).toHaveLength(2);
    expect(await ground.store.get(shop.keys.versionHint(a))).toBeNull();
    await runWith(shop, generation(2));
    await expectShown(shop, generation(2));
    // and not back: what the ledger knows is old by then
    const back = made({ a: generation(3) }, { like: shop, catalog: () => undefined });
    const { orders } = await back.plan();
    expect(orders).toMatchObject([
      { problem: { code: 'DefinitionInvalid', message: expect.stringContaining('target.catalog') } },
    ]);
    expect((await shop.head('a'))!.publishedRun! > run).toBe(true);
  });

  test('going back, and tags', async () => {
    const shop = made({ a: [] });
    const runs = [
      await runWith(shop, generation(0)),
      await runWith(shop, generation(1)),
      await runWith(shop, generation(2)),
    ];
    await tag(shop.places, shop.sync, a, 'audit', runs[0]!);
    await rollBack(shop.places, shop.sync, a, runs[1]!);
    await expectShown(shop, generation(1));
    await rollBack(shop.places, shop.sync, a, 'audit');
    await expectShown(shop, generation(0));
    expect(await shop.head('a')).toMatchObject({
      version: 5,
      publishedRun: runs[2],
      snapshot: { run: runs[0] },
    });
    const { snapshots } = await history(shop.places, shop.sync, a);
    expect(snapshots.map(({ references, isCurrent }) => [references, isCurrent])).toEqual([
      [[], false],
      [[], false],
      [['audit'], true],
    ]);
    await runWith(shop, generation(3));
    await expectShown(shop, generation(3));
  });

  describe('a table that is not this sync’s', () => {
    test.each([
      ['another sync’s', { 'tidemark.sync': 'other' }, 'is the sync other’s'],
      ['another program’s', {}, 'was made by another program'],
      ['another ledger’s', { 'tidemark.run': '20200101T000000Z-0000' }, 'this ledger knows nothing of'],
    ] as readonly [string, Record<string, string>, string][])(
      '%s is refused when it is planned, before anything is copied',
      async (_, properties, message) => {
        const shop = made({ a: generation(0), b: generation(0) });
        const catalog = shop.places.catalog!;
        const addition = {
          ...{ sync: shop.sync, run: '20200101T000000Z-0000', table: a, sort: null, files: [], keep },
          ...{
            fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
            operation: 'overwrite' as const,
          },
        };
        const next = await withAddition({ store: ground.store, keys: shop.keys }, null, addition, Date.now());
        const first = await catalog.commit(a, null, { ...next, properties });
        // a server without staging has made it empty
        if (first === 'changed') await catalog.commit(a, await loaded(shop), { ...next, properties });
        if (properties['tidemark.run'])
          await catalog.commit(a, await loaded(shop), withProperties(next, { 'tidemark.sync': shop.sync }));
        const before = await loaded(shop);
        const { orders, run } = await shop.plan();
        expect(orders[0]).toMatchObject({
          problem: { code: 'DefinitionInvalid', message: expect.stringContaining(message) },
        });
        await shop.copy(orders);
        await expect(shop.publish(run)).rejects.toMatchObject({ code: 'RunIncomplete' });
        expect(await loaded(shop)).toEqual(before);
        expect(await shop.read('b')).toEqual(generation(0));
      },
    );
  });
});
