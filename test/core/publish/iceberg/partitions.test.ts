/** Tables with partitions, read by code that is not ours (icebird), and what stands in their metadata. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import {
  type AvroRecord,
  type IcebergReader,
  icebergReader,
  type ReadMetadata,
} from '../../../support/iceberg-reader.ts';
import { numberedRows, type Row } from '../../../support/memory-source.ts';
import { rowsOfFile } from '../../copy/chunk-fixture.ts';
import { type Lake, lake, under } from '../lake-fixture.ts';

let embedded: Embedded;
let reader: IcebergReader;
beforeAll(async () => {
  embedded = await startEmbedded();
  reader = icebergReader(embedded.s3);
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };

const toRows = (found: readonly Record<string, unknown>[]): Row[] =>
  found
    .map(({ id, note }) => ({ id: Number(id), note: (note as string | null | undefined) ?? null }))
    .sort((one, other) => one.id - other.id);

const lakeOf = (partition: string[]): Lake => {
  const shop = lake(embedded, { a: [] }, { chunk: 8, part: 5 });
  shop.partition = partition;
  return shop;
};

async function run(shop: Lake, rows: readonly Row[], partition?: string[]): Promise<ReadMetadata> {
  shop.source.tables.get('a')!.rows = [...rows];
  if (partition) shop.partition = partition;
  await shop.runThrough();
  const url = shop.keys.location(a);
  expect(toRows(await reader.rows(url))).toEqual(rows);
  expect((await shop.read('a'))!.sort((one, other) => one.id - other.id)).toEqual(rows);
  return reader.metadata(url);
}

type ReadManifest = {
  readonly listed: AvroRecord;
  readonly header: Readonly<Record<string, unknown>>;
  readonly entries: readonly { readonly status: number; readonly file: AvroRecord }[];
};

async function manifestsOf(metadata: ReadMetadata): Promise<ReadManifest[]> {
  const list = await reader.manifestList(metadata);
  return Promise.all(
    list.records.map(async (listed) => {
      const { header, records } = await reader.manifest(String(listed.manifest_path));
      const entries = records.map(({ status, data_file }) => ({
        status: Number(status),
        file: data_file as AvroRecord,
      }));
      return { listed, header, entries };
    }),
  );
}

const summaryOf = (metadata: ReadMetadata) => metadata.snapshots!.at(-1)!.summary as Record<string, string>;

/** Which spec each manifest is of, and how many files it adds and takes away. */
const shape = (manifests: readonly ReadManifest[]) =>
  manifests
    .map(({ listed, entries }) => ({
      spec: Number(listed.partition_spec_id),
      added: entries.filter(({ status }) => status === 1).length,
      deleted: entries.filter(({ status }) => status === 2).length,
    }))
    .sort((one, other) => one.spec - other.spec);

const int = (value: unknown): number => Buffer.from(value as Uint8Array).readInt32LE();
const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString('utf8');

describe('a table with partitions', () => {
  const rows = numberedRows(23);
  let shop: Lake;
  let metadata: ReadMetadata;
  let manifests: ReadManifest[];
  beforeAll(async () => {
    shop = lakeOf(['bucket(3, id)', 'truncate(5, note)']);
    metadata = await run(shop, rows);
    manifests = await manifestsOf(metadata);
  });

  const fields = [
    { 'source-id': 1, transform: 'bucket[3]', 'field-id': 1000, name: 'id_bucket' },
    { 'source-id': 2, transform: 'truncate[5]', 'field-id': 1001, name: 'note_trunc' },
  ];

  test('says so in its metadata', () => {
    expect(metadata['partition-specs']).toEqual([
      { 'spec-id': 0, fields: [] },
      { 'spec-id': 1, fields },
    ]);
    expect(metadata['default-spec-id']).toBe(1);
    expect(metadata['last-partition-id']).toBe(1001);
  });

  test('has a manifest of that spec, with a record of the fields by their ids', () => {
    expect(manifests).toHaveLength(1);
    const [{ header, listed }] = manifests as [ReadManifest];
    expect(JSON.parse(String(header['partition-spec']))).toEqual(fields);
    expect([header['partition-spec-id'], listed.partition_spec_id]).toEqual(['1', 1]);
    const schema = header['avro.schema'] as { fields: { name: string; type: { fields: object[] } }[] };
    const dataFile = schema.fields.find(({ name }) => name === 'data_file')!;
    expect(dataFile.type.fields).toContainEqual({
      name: 'partition',
      'field-id': 102,
      type: {
        type: 'record',
        name: 'r102',
        fields: [
          { name: 'id_bucket', 'field-id': 1000, type: ['null', 'int'], default: null },
          { name: 'note_trunc', 'field-id': 1001, type: ['null', 'string'], default: null },
        ],
      },
    });
  });

  test('each file is of the partition that its entry says, and its rows are', async () => {
    const bucketOf = new Map<number, unknown>();
    const seen = new Set<string>();
    for (const { entries } of manifests) {
      for (const { file } of entries) {
        const partition = file.partition as { id_bucket: number; note_trunc: string | undefined };
        const key = String(file.file_path).replace('s3://lake/', '');
        const inFile = await rowsOfFile((await embedded.store.get(key))!.body);
        expect(BigInt(inFile.length)).toBe(file.record_count);
        expect(new Set(inFile.map(({ note }) => note?.slice(0, 5) ?? undefined))).toEqual(
          new Set([partition.note_trunc ?? undefined]),
        );
        for (const { id } of inFile) bucketOf.set(id, partition.id_bucket);
        seen.add(JSON.stringify([partition.id_bucket, partition.note_trunc ?? null]));
      }
    }
    // as PyIceberg divides 1 … 12
    expect([...bucketOf].filter(([id]) => id <= 12).sort(([x], [y]) => x - y)).toEqual(
      [2, 0, 0, 0, 2, 2, 0, 2, 0, 2, 0, 1].map((bucket, at) => [at + 1, bucket]),
    );
    expect(summaryOf(metadata)['changed-partition-count']).toBe(String(seen.size));
  });

  test('the list says of its manifest’s partitions what is in them', () => {
    const [{ listed }] = manifests as [ReadManifest];
    const [bucket, note] = listed.partitions as AvroRecord[];
    expect([bucket!.contains_null, bucket!.contains_nan]).toEqual([false, false]);
    expect([int(bucket!.lower_bound), int(bucket!.upper_bound)]).toEqual([0, 2]);
    expect([note!.contains_null, note!.contains_nan]).toEqual([true, false]);
    expect([text(note!.lower_bound), text(note!.upper_bound)]).toEqual(['row 1', 'row 9']);
  });

  test('current.json says it in words', async () => {
    const { files } = (await shop.pointer('a'))!;
    for (const { partition } of files) {
      expect(Object.keys(partition!)).toEqual(['id_bucket', 'note_trunc']);
      expect(partition).toEqual({
        id_bucket: expect.stringMatching(/^[012]$/),
        note_trunc: partition!.note_trunc === null ? null : expect.stringMatching(/^row \d$/),
      });
    }
  });
});

test('a table without partitions says nothing of them', async () => {
  const shop = lakeOf([]);
  const metadata = await run(shop, numberedRows(9));
  expect(metadata['partition-specs']).toEqual([{ 'spec-id': 0, fields: [] }]);
  expect(summaryOf(metadata)['changed-partition-count']).toBe('1');
  expect((await shop.pointer('a'))!.files.every((file) => !('partition' in file))).toBe(true);
});

describe('a definition whose partition changes', () => {
  test('each spec is written once, and fields keep their ids; what goes away goes in manifests of its own spec', async () => {
    const shop = lakeOf([]);
    const first = await run(shop, numberedRows(9, 'first'));
    const filesOf = (metadata: ReadMetadata) => Number(summaryOf(metadata)['total-data-files']);

    const second = await run(shop, numberedRows(12, 'second'), ['bucket(3, id)']);
    expect(shape(await manifestsOf(second))).toEqual([
      { spec: 0, added: 0, deleted: filesOf(first) },
      { spec: 1, added: filesOf(second), deleted: 0 },
    ]);

    const third = await run(shop, numberedRows(12, 'third'), ['truncate(2, note)', 'bucket(3, id)']);
    expect(shape(await manifestsOf(third))).toEqual([
      { spec: 1, added: 0, deleted: filesOf(second) },
      { spec: 2, added: filesOf(third), deleted: 0 },
    ]);
    const deleted = (await manifestsOf(third)).find(({ listed }) => Number(listed.partition_spec_id) === 1)!;
    expect(deleted.entries.map(({ file }) => (file.partition as AvroRecord).id_bucket)).toEqual(
      expect.arrayContaining([0, 1, 2]),
    );
    const [buckets] = deleted.listed.partitions as AvroRecord[];
    expect([int(buckets!.lower_bound), int(buckets!.upper_bound)]).toEqual([0, 2]);

    // another number of buckets is another field, and gets another name
    const fourth = await run(shop, numberedRows(8, 'fourth'), ['bucket(5, id)']);
    // back again
    const fifth = await run(shop, numberedRows(7, 'fifth'), ['bucket(3, id)']);
    expect(shape(await manifestsOf(fifth))).toEqual([
      { spec: 1, added: filesOf(fifth), deleted: 0 },
      { spec: 3, added: 0, deleted: filesOf(fourth) },
    ]);
    const last = await run(shop, numberedRows(6, 'sixth'), []);
    expect(shape(await manifestsOf(last))).toEqual([
      { spec: 0, added: filesOf(last), deleted: 0 },
      { spec: 1, added: 0, deleted: filesOf(fifth) },
    ]);

    const bucket = { 'source-id': 1, transform: 'bucket[3]', 'field-id': 1000, name: 'id_bucket' };
    expect(last['partition-specs']).toEqual([
      { 'spec-id': 0, fields: [] },
      { 'spec-id': 1, fields: [bucket] },
      {
        'spec-id': 2,
        fields: [{ 'source-id': 2, transform: 'truncate[2]', 'field-id': 1001, name: 'note_trunc' }, bucket],
      },
      {
        'spec-id': 3,
        fields: [{ 'source-id': 1, transform: 'bucket[5]', 'field-id': 1002, name: 'id_bucket_5' }],
      },
    ]);
    expect([last['default-spec-id'], last['last-partition-id']]).toEqual([0, 1002]);
    // the snapshot before, through its own list, under a default spec that is another
    const { snapshots } = last;
    expect(toRows(await reader.rows(shop.keys.location(a), Number(snapshots![0]!['snapshot-id'])))).toEqual(
      numberedRows(7, 'fifth'),
    );
  });
});

test('an empty run of a table with partitions is a snapshot without files', async () => {
  const shop = lakeOf(['bucket(3, id)']);
  await run(shop, numberedRows(9));
  const metadata = await run(shop, []);
  expect(summaryOf(metadata)).toMatchObject({ 'total-data-files': '0', 'changed-partition-count': '2' });
  await run(shop, numberedRows(4));
});

test('a publisher gives files their names that an attempt has left, when it died among those of the last part', async () => {
  const shop = lakeOf(['bucket(3, id)']);
  shop.source.tables.get('a')!.rows = numberedRows(9);
  const { run: current, orders } = await shop.plan();
  let copies = 0;
  const died = new Error('died');
  const dying = shop.copy(orders, {
    async gate({ name }, proceed) {
      // two parts of two files each
      if (copies === 3) throw died;
      if (name === 'store.copyToAbsent') copies++;
      return proceed();
    },
  });
  await expect(dying).rejects.toBe(died);
  expect(await under(embedded, shop.keys.stagingOfSync)).not.toEqual([]);
  expect(await shop.publish(current)).toMatchObject({ status: 'published', rows: 9, files: 4 });
  expect(toRows(await reader.rows(shop.keys.location(a)))).toEqual(numberedRows(9));
});

test('a file that is not as committed is not published, whichever of its part it is', async () => {
  for (const at of [0, 1]) {
    const shop = lakeOf(['bucket(3, id)']);
    shop.source.tables.get('a')!.rows = numberedRows(9);
    const { run: current, orders } = await shop.plan();
    await shop.copy(orders);
    const keys = await under(embedded, shop.keys.dataOfRun(a, current));
    await embedded.store.delete([keys.filter((key) => key.endsWith(`-${at}.parquet`))[0]!]);
    await expect(shop.publish(current)).rejects.toMatchObject({
      code: 'RunIncomplete',
      message: expect.stringMatching(new RegExp(`ProtocolViolation: s3://.*-${at}\\.parquet is gone`)),
    });
    expect(await shop.pointer('a')).toBeNull();
  }
});
