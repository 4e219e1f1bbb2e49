import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import { type IcebergReader, icebergReader, type ReadMetadata } from '../../../support/iceberg-reader.ts';
import { numberedRows, type Row } from '../../../support/memory-source.ts';
import { type Lake, lake, under } from '../lake-fixture.ts';

let embedded: Embedded;
let reader: IcebergReader;
beforeAll(async () => {
  embedded = await startEmbedded();
  reader = icebergReader(embedded.s3);
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const urlOf = ({ keys }: Lake) => keys.location(a);

const toRows = (found: readonly Record<string, unknown>[]): Row[] =>
  found
    .map(({ id, note }) => ({ id: Number(id), note: (note as string | null | undefined) ?? null }))
    .sort((one, other) => one.id - other.id);

const rowsNow = async (shop: Lake): Promise<Row[]> => toRows(await reader.rows(urlOf(shop)));
const rowsAt = async (shop: Lake, snapshot: number): Promise<Row[]> =>
  toRows(await reader.rows(urlOf(shop), snapshot));

async function run(shop: Lake, rows: readonly Row[]): Promise<string> {
  shop.source.tables.get('a')!.rows = [...rows];
  return shop.runThrough();
}

const keyOf = (url: string): string => {
  expect(url.startsWith('s3://lake/')).toBe(true);
  return url.slice('s3://lake/'.length);
};

/** Everything that the metadata names, down to the data files. A file that is missing on the way throws. */
async function named(metadata: ReadMetadata): Promise<{ metadata: string[]; data: string[] }> {
  const inMetadata = new Set<string>(
    (metadata['metadata-log'] ?? []).map((entry) => keyOf(entry['metadata-file'])),
  );
  const inData = new Set<string>();
  for (const snapshot of metadata.snapshots ?? []) {
    inMetadata.add(keyOf(snapshot['manifest-list']));
    const list = await reader.manifestList(metadata, snapshot['snapshot-id']);
    for (const { manifest_path } of list.records) {
      inMetadata.add(keyOf(String(manifest_path)));
      const manifest = await reader.manifest(String(manifest_path)).catch((cause) => {
        throw new Error(`snapshot ${snapshot['sequence-number']} names ${manifest_path}: ${cause.message}`);
      });
      for (const { status, data_file } of manifest.records) {
        if (status !== 2) inData.add(keyOf((data_file as { file_path: string }).file_path));
      }
    }
  }
  return { metadata: [...inMetadata].sort(), data: [...inData].sort() };
}

/** The store holds what live metadata names, and besides that only the current metadata file and the hint. */
async function expectExactlyWhatIsNamed(shop: Lake): Promise<void> {
  const { metadata: inMetadata, data } = await named(await reader.metadata(urlOf(shop)));
  expect(await under(embedded, shop.keys.dataOf(a))).toEqual(data);
  const { metadata: number } = (await shop.head('a'))!;
  expect((await under(embedded, shop.keys.metadataOf(a))).sort()).toEqual(
    [...inMetadata, shop.keys.metadataFile(a, number!), shop.keys.versionHint(a)].sort(),
  );
}

test('after 1, 2 and 5 runs: the rows of the last, and those of the one before through its own list', async () => {
  const shop = lake(embedded, { a: [] });
  const generations = Array.from({ length: 5 }, (_, at) => numberedRows(11 - 2 * at, `run ${at}`));
  for (const [at, rows] of generations.entries()) {
    await run(shop, rows);
    expect(await rowsNow(shop)).toEqual(rows);
    const { snapshots } = await reader.metadata(urlOf(shop));
    expect(snapshots!.map((one) => one['sequence-number'])).toEqual(at === 0 ? [1] : [at, at + 1]);
    if (at > 0) expect(await rowsAt(shop, snapshots![0]!['snapshot-id'])).toEqual(generations[at - 1]);
    await expectExactlyWhatIsNamed(shop);
  }
});

describe('an empty table', () => {
  test('from the start', async () => {
    const shop = lake(embedded, { a: [] });
    await run(shop, []);
    expect(await rowsNow(shop)).toEqual([]);
    expect((await reader.metadata(urlOf(shop))).snapshots).toHaveLength(1);
    await expectExactlyWhatIsNamed(shop);
    await run(shop, numberedRows(3));
    expect(await rowsNow(shop)).toEqual(numberedRows(3));
    await expectExactlyWhatIsNamed(shop);
  });

  test('in between: what is before and after it is read, and it is itself', async () => {
    const shop = lake(embedded, { a: [] });
    await run(shop, numberedRows(5, 'before'));
    await run(shop, []);
    expect(await rowsNow(shop)).toEqual([]);
    let { snapshots } = await reader.metadata(urlOf(shop));
    expect(await rowsAt(shop, snapshots![0]!['snapshot-id'])).toEqual(numberedRows(5, 'before'));
    await run(shop, numberedRows(4, 'after'));
    expect(await rowsNow(shop)).toEqual(numberedRows(4, 'after'));
    snapshots = (await reader.metadata(urlOf(shop))).snapshots;
    expect(await rowsAt(shop, snapshots![0]!['snapshot-id'])).toEqual([]);
  });

  test('its manifest of deletions stays as long as its snapshot', async () => {
    const shop = lake(embedded, { a: [] });
    for (const rows of [numberedRows(5), [], numberedRows(4)]) {
      await run(shop, rows);
      await expectExactlyWhatIsNamed(shop);
    }
  });
});

test('what two runs back made is swept: its data, its manifests, its list', async () => {
  const shop = lake(embedded, { a: [] });
  const first = await run(shop, numberedRows(4, 'first'));
  const ofFirst = async () =>
    (await under(embedded, shop.keys.metadataOf(a))).filter(
      (key) => key.endsWith('.avro') && key.includes(first),
    );
  expect(await ofFirst()).toHaveLength(2);
  await run(shop, numberedRows(4, 'second'));
  expect(await ofFirst()).toHaveLength(2);
  expect(await under(embedded, shop.keys.dataOfRun(a, first))).not.toEqual([]);
  await run(shop, numberedRows(4, 'third'));
  expect(await ofFirst()).toEqual([]);
  expect(await under(embedded, shop.keys.dataOfRun(a, first))).toEqual([]);
});

test('a publisher that dies before the head moves leaves what the next one sweeps', async () => {
  const shop = lake(embedded, { a: [] });
  await run(shop, numberedRows(4, 'first'));
  shop.source.tables.get('a')!.rows = numberedRows(3, 'second');
  const { run: second, orders } = await shop.plan();
  await shop.copy(orders);
  const died = new Error('died');
  const dying = shop.publish(second, {
    gate: async ({ name }, proceed) => {
      if (name === 'ledger.publishTable') throw died;
      return proceed();
    },
  });
  await expect(dying).rejects.toBe(died);
  expect(await rowsNow(shop)).toEqual(numberedRows(4, 'first'));
  await shop.publish(second);
  expect(await rowsNow(shop)).toEqual(numberedRows(3, 'second'));
  // a second list and manifests of the same run, and a number that was left out
  await run(shop, numberedRows(2, 'third'));
  await run(shop, numberedRows(1, 'fourth'));
  expect(await rowsNow(shop)).toEqual(numberedRows(1, 'fourth'));
  await expectExactlyWhatIsNamed(shop);
});

test('the number of metadata files is bounded', async () => {
  const shop = lake(embedded, { a: [] }, { chunk: 10, part: 10 });
  const counts: number[] = [];
  for (let at = 0; at < 14; at++) {
    await run(shop, numberedRows(1, `run ${at}`));
    const files = await under(embedded, shop.keys.metadataOf(a));
    counts.push(files.filter((key) => key.endsWith('.metadata.json')).length);
  }
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 11, 11]);
  await expectExactlyWhatIsNamed(shop);
  expect(await rowsNow(shop)).toEqual(numberedRows(1, 'run 13'));
});
