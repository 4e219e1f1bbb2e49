/** Writers of one table at the same time, on the ledger's own catalog: nothing lost, nothing doubled, by seeds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ledger, Snapshot } from '../../../../core/ledger/ledger.ts';
import type { ObjectStore } from '../../../../core/objects/store.ts';
import { ledgerCatalog } from '../../../../core/publish/catalogs/ledger-catalog.ts';
import { standingOf } from '../../../../core/publish/catalogs/standing.ts';
import { history, tag } from '../../../../core/publish/history.ts';
import { withAddition } from '../../../../core/publish/iceberg/commit.ts';
import { dataFile } from '../../../../core/publish/iceberg/data-file.ts';
import { currentSnapshot } from '../../../../core/publish/iceberg/metadata.ts';
import { entriesOf, liveManifestsOf } from '../../../../core/publish/iceberg/read.ts';
import { gated } from '../../../support/faults.ts';
import { type InMemory, startInMemory } from '../../../support/in-memory.ts';
import { mapStore } from '../../../support/map-store.ts';
import { randomFrom } from '../../../support/random.ts';
import { addedFiles } from '../iceberg/added-files.ts';

const seeds = 1_000;
const table = { schema: 'public', table: 'a' };
const runs = ['20260101T000000Z-0001', '20260101T000001Z-0002'];
const fields = [{ id: 1, name: 'id', required: true, type: 'long' }];

let ground: InMemory;
beforeAll(async () => {
  ground = await startInMemory();
});
afterAll(() => ground.close());

/** Two publishers of a run, and who tags the snapshot before: each with pauses of its own between any two calls. */
async function race(seed: number) {
  const random = randomFrom(seed);
  const { sync, keys } = ground.freshSync();
  const objects = mapStore('lake');
  const paused = async () => {
    for (let turns = Math.floor(random() * 40); turns > 0; turns--) await Promise.resolve();
  };
  const placesOfOne = () => {
    const gate = async <T>(_: unknown, proceed: () => Promise<T>): Promise<T> => {
      await paused();
      const answer = await proceed();
      await paused();
      return answer;
    };
    return {
      ledger: gated('ledger', ground.ledger, gate),
      store: gated<ObjectStore>('store', objects, gate),
      keys,
    };
  };

  async function publish(run: string, ledger: Ledger, places: ReturnType<typeof placesOfOne>): Promise<void> {
    const catalog = ledgerCatalog(ledger, places.store, keys, sync);
    for (;;) {
      const head = await ledger.tableHead(sync, 'public.a');
      if (head!.publishedRun === run) return;
      const seen = await catalog.load(table, head);
      const standing = standingOf(seen, { sync, run, publishedRun: head!.publishedRun, operation: 'append' });
      if (typeof standing === 'string') return;
      const path = `s3://lake/${keys.final(table, run, 0, 0, 'parquet')}`;
      const files = addedFiles([dataFile({ path, format: 'PARQUET', rows: 1, bytes: 1 }, [], null)]);
      const addition = {
        ...{ sync, run, table, sort: null, files, fields, keep: { snapshots: 9, days: 0 } },
        operation: 'append' as const,
      };
      const next = await withAddition(places, seen, addition, Date.now(), standing.parent);
      const snapshot: Snapshot = { run, publishedAt: '', rows: 1, bytes: 1, files: 1, schema: [] };
      if ((await catalog.commit(table, seen, next, { kind: 'publish', snapshot })) !== 'changed') return;
    }
  }

  for (const [at, run] of runs.entries()) {
    await ground.ledger.claimTable(sync, 'public.a', run);
    const writers = [0, 1].map(() => {
      const places = placesOfOne();
      return publish(run, places.ledger, places);
    });
    if (at > 0) writers.push(tag(placesOfOne(), sync, table, `of_${seed}`, runs[0]!).then(() => {}));
    await Promise.all(writers);
  }
  const { head, snapshots } = await history({ ledger: ground.ledger, store: objects, keys }, sync, table);
  const loaded = (await ledgerCatalog(ground.ledger, objects, keys, sync).load(table, head))!;
  const places = { store: objects, keys };
  const files: string[] = [];
  for (const manifest of await liveManifestsOf(places, currentSnapshot(loaded.metadata)))
    for (const { data_file } of await entriesOf(places, manifest)) files.push(data_file.file_path);
  return { head, snapshots, runsOfFiles: files.map((path) => path.split('/').at(-2)).sort() };
}

test(`two publishers of a run and one who tags, on one table: ${seeds} seeds, no snapshot lost or doubled`, async () => {
  let raced = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { head, snapshots, runsOfFiles } = await race(seed);
    const why = `seed ${seed}`;
    expect(snapshots.map(({ run }) => run).reverse(), why).toEqual(runs);
    expect(snapshots.at(-1)!.references, why).toEqual([`of_${seed}`]);
    expect(runsOfFiles, why).toEqual(runs);
    expect(head.version, why).toBe(2);
    // 1, 3, 5 are two snapshots and a tag without a try in vain
    if (head.metadata! > 5) raced++;
  }
  expect(raced).toBeGreaterThan(seeds / 4);
}, 120_000);
