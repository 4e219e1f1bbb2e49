/** A table somebody else has laid hands on: the run says what is wrong and where, and nothing that is shown changes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../../core/definition/load.ts';
import { sha256Of } from '../../../../core/objects/checksum.ts';
import { putText } from '../../../../core/objects/put-text.ts';
import { planRun } from '../../../../core/plan/plan-run.ts';
import { rollHintForward } from '../../../../core/publish/catalogs/ledger-catalog.ts';
import { parseMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import { prepareTable, showHead } from '../../../../core/publish/projections.ts';
import { publishRun } from '../../../../core/publish/publish-run.ts';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import { headerOf, readAvroFile } from '../../../support/iceberg-reader.ts';
import { numberedRows } from '../../../support/memory-source.ts';
import { type Lake, lake } from '../lake-fixture.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const asText = { mediaType: 'text/plain' };
const bodyOf = async (key: string): Promise<Buffer> => (await embedded.store.get(key))!.body;
const put = (key: string, text: string) => putText(embedded.store, key, text, asText);

/** What the table's metadata names, as keys. */
async function filesOf(shop: Lake): Promise<{ metadata: string; list: string; manifest: string }> {
  const metadata = shop.keys.metadataFile(a, (await shop.head('a'))!.metadata!);
  const snapshot = parseMetadata(await bodyOf(metadata)).snapshots!.at(-1)!;
  const list = snapshot['manifest-list'].slice('s3://lake/'.length);
  const { records } = await readAvroFile(await bodyOf(list));
  return { metadata, list, manifest: String(records[0]!.manifest_path).slice('s3://lake/'.length) };
}

const bytes = async (key: string, body: Uint8Array): Promise<void> => {
  await embedded.store.put(key, body, sha256Of([body]), asText);
};

const damages: Record<string, (key: string) => Promise<void>> = {
  'is missing': (key) => embedded.store.delete([key]),
  'is empty': (key) => bytes(key, Buffer.alloc(0)),
  'is nonsense': (key) => bytes(key, Buffer.from('<html>404</html>')),
  'is cut in the middle': async (key) => {
    const body = await bodyOf(key);
    await bytes(key, body.subarray(0, body.length >> 1));
  },
};
const ofAvro: typeof damages = {
  ...damages,
  'is cut after its header': async (key) => {
    const body = await bodyOf(key);
    await bytes(key, headerOf(body));
  },
};

const cases = (['metadata', 'list', 'manifest'] as const).flatMap((file) =>
  Object.entries(file === 'metadata' ? damages : ofAvro).map(([how, damage]) => ({ file, how, damage })),
);

describe('the table is named, with the file; the others are published; readers see what they saw', () => {
  test.each(cases)('its $file $how', async ({ file, how, damage }) => {
    // an overwrite of one's own snapshot does not look into its list
    const mode = file === 'list' ? 'append' : 'overwrite';
    const shop = lake(embedded, { a: numberedRows(3), b: numberedRows(3) }, undefined, { mode });
    await shop.runThrough();
    const before = await shop.head('a');
    const hint = await bodyOf(shop.keys.versionHint(a));
    const pointer = await shop.pointer('a');
    const key = (await filesOf(shop))[file];
    await damage(key);
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    const failure: { code?: string; message?: string; next?: string } = await shop.publish(run).then(
      () => ({ message: 'it was published' }),
      (error) => error,
    );
    expect(failure.message).toContain(`public.a: ProtocolViolation: s3://lake/${key}`);
    expect(failure).toMatchObject({ code: 'RunIncomplete', next: expect.stringContaining('redrive') });
    expect(failure.message).toContain(how === 'is missing' ? 'gone' : 'damaged');
    expect(failure.message).toContain('1 of 2 tables are published');
    expect(await shop.head('b')).toMatchObject({ version: 2, snapshot: { run } });
    expect(await shop.head('a')).toEqual({ ...before, claimedBy: run });
    expect(await bodyOf(shop.keys.versionHint(a))).toEqual(hint);
    expect(await shop.pointer('a')).toEqual(pointer);
  });
});

test('what was missing is brought back: a redrive publishes', async () => {
  const shop = lake(embedded, { a: numberedRows(3) });
  await shop.runThrough();
  const { manifest } = await filesOf(shop);
  const body = await bodyOf(manifest);
  await embedded.store.delete([manifest]);
  shop.source.tables.get('a')!.rows = numberedRows(5, 'new');
  const { run, orders } = await shop.plan();
  await shop.copy(orders);
  await expect(shop.publish(run)).rejects.toMatchObject({ code: 'RunIncomplete' });
  await bytes(manifest, body);
  expect(await shop.publish(run)).toMatchObject({ status: 'published' });
  expect(await shop.read('a')).toEqual(numberedRows(5, 'new'));
});

describe('version-hint.text', () => {
  const unknown = {
    table: 'public.a',
    version: 0,
    claimedBy: null,
    snapshot: null,
    metadata: null,
    publishedRun: null,
    inCatalog: false,
    previousRun: null,
  };

  test('of a table that this ledger does not know: refused, and left as it is', async () => {
    const shop = lake(embedded, { a: numberedRows(3) });
    const key = shop.keys.versionHint(a);
    await put(key, '7');
    const showing = showHead({ ...embedded, keys: shop.keys }, shop.sync, unknown);
    await expect(showing).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringContaining(`target.url: ${shop.keys.location(a)} holds an Iceberg table`),
      next: expect.stringContaining('tidemark check'),
    });
    expect((await bodyOf(key)).toString()).toBe('7');
  });

  test('is found when the first run is planned, before anything is copied', async () => {
    const { sync, keys, places, source } = lake(embedded, { a: numberedRows(3) });
    await put(keys.versionHint(a), '7');
    const definition = loadDefinition(
      `{ name: ${sync}, source: { type: postgres, url: postgres://h/d }, tables: [a], target: { url: s3://lake/${sync} } }`,
      'tidemark.yaml',
      {},
    );
    const planning = planRun(
      { ...places, source },
      definition,
      { execution: 'E1', fresh: false, isOver: async () => true },
      (head) => prepareTable({ ...embedded, keys }, sync, head),
      async () => {},
    );
    const planned = await planning;
    if (planned.status !== 'planned') throw new Error(planned.status);
    const orders: unknown[] = (await bodyOf(planned.planKey))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(orders).toMatchObject([
      { table: 0, problem: { code: 'DefinitionInvalid', message: expect.stringContaining('target.url') } },
    ]);
    await expect(publishRun(places, sync, planned.run, false, async () => new Map())).rejects.toMatchObject({
      code: 'RunIncomplete',
    });
    expect((await bodyOf(keys.versionHint(a))).toString()).toBe('7');
  });

  test('where there is none, and the ledger knows of none: nothing is written', async () => {
    const shop = lake(embedded, { a: numberedRows(3) });
    await showHead({ ...embedded, keys: shop.keys }, shop.sync, unknown);
    expect(await embedded.store.get(shop.keys.versionHint(a))).toBeNull();
  });

  test('that comes between plan and publish: readers never see the other table for ours', async () => {
    const shop = lake(embedded, { a: numberedRows(3) });
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    await put(shop.keys.versionHint(a), '7');
    const outcome = await shop.publish(run).then(
      () => 'published',
      (error) => String(error.message),
    );
    const shown = (await bodyOf(shop.keys.versionHint(a))).toString();
    const number = (await shop.head('a'))?.metadata;
    if (outcome === 'published') expect(shown).toBe(String(number));
    else expect(outcome).toContain('DefinitionInvalid');
  });

  test('never goes back, is made again where it is gone, and replaces what is no number', async () => {
    const shop = lake(embedded, { a: numberedRows(3) });
    await shop.runThrough();
    const first = (await shop.head('a'))!;
    await shop.runThrough();
    const second = (await shop.head('a'))!;
    const key = shop.keys.versionHint(a);
    const roll = (head: typeof first) =>
      rollHintForward(embedded.ledger, embedded.store, shop.keys, shop.sync, head);
    const hint = async () => (await bodyOf(key)).toString();
    expect([first.metadata, second.metadata]).toEqual([1, 3]);
    expect(await hint()).toBe('3');
    await roll(first);
    expect(await hint()).toBe('3');
    await embedded.store.delete([key]);
    await roll(first);
    expect(await hint()).toBe('1');
    await Promise.all([first, second, first, second, second, first].map(roll));
    expect(await hint()).toBe('3');
    await put(key, 'three');
    await roll(second);
    expect(await hint()).toBe('3');
  });
});

describe('a metadata folder that somebody has emptied', () => {
  const emptied = async (mode: 'append' | 'overwrite') => {
    const shop = lake(embedded, { a: numberedRows(3) }, undefined, { mode });
    await shop.runThrough();
    const inFolder: string[] = [];
    for await (const { key } of embedded.store.list(shop.keys.metadataOf(a))) inFolder.push(key);
    await embedded.store.delete(inFolder);
    shop.source.tables.get('a')!.rows = numberedRows(5, 'new');
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    return { shop, run };
  };

  test('a table that is overwritten begins anew, without its past', async () => {
    const { shop, run } = await emptied('overwrite');
    expect(await shop.publish(run)).toMatchObject({ status: 'published' });
    expect(await shop.read('a')).toEqual(numberedRows(5, 'new'));
    expect(await shop.head('a')).toMatchObject({ version: 2, metadata: 3 });
    await shop.runThrough();
    expect(await shop.head('a')).toMatchObject({ version: 3, metadata: 5 });
  });

  test('one to which runs are added does not: the rows before would be gone', async () => {
    const { shop, run } = await emptied('append');
    await expect(shop.publish(run)).rejects.toMatchObject({
      code: 'RunIncomplete',
      message: expect.stringContaining('the metadata of this table, to which runs are added, is gone'),
    });
  });
});

test('a hint beyond all that the head has shown is set right', async () => {
  const shop = lake(embedded, { a: numberedRows(3) });
  await shop.runThrough();
  await put(shop.keys.versionHint(a), '99');
  await shop.runThrough();
  expect((await bodyOf(shop.keys.versionHint(a))).toString()).toBe('3');
});
