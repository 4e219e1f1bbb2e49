import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { type Addition, withAddition } from '../../../../core/publish/iceberg/commit.ts';
import { dataFile } from '../../../../core/publish/iceberg/data-file.ts';
import {
  currentSnapshot,
  type SortField,
  type TableMetadata,
} from '../../../../core/publish/iceberg/metadata.ts';
import type { IcebergField } from '../../../../core/publish/iceberg/schema.ts';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import { type AvroRecord, readAvroFile } from '../../../support/iceberg-reader.ts';
import { addedFiles } from './added-files.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const now = 1_800_000_000_000;
const field = (id: number, name: string): IcebergField => ({ id, name, type: 'long', required: true });
const by = (id: number): SortField => ({
  'source-id': id,
  transform: 'identity',
  direction: 'asc',
  'null-order': 'nulls-first',
});

const filesOf = (run: string, count: number) =>
  addedFiles(
    Array.from({ length: count }, (_, at) =>
      dataFile({ path: `s3://lake/t/data/${run}/${at}`, format: 'PARQUET', rows: 2, bytes: 10 }, [], null),
    ),
  );

const addition = (sync: string, run: string, rest: Partial<Addition> = {}): Addition => ({
  sync,
  run,
  table: a,
  fields: [field(1, 'id'), field(2, 'n')],
  sort: by(1),
  files: filesOf(run, 3),
  operation: 'overwrite',
  keep: { snapshots: 2, days: 0 },
  ...rest,
});

const loadedAs = (metadata: TableMetadata, number = 1): LoadedTable => ({
  metadata,
  version: String(number),
  file: `s3://lake/t/metadata/v${number}.metadata.json`,
});

/** A table, and what is added to it, one addition after the other. */
function table() {
  const { sync, keys } = embedded.freshSync();
  const places = { store: embedded.store, keys };
  let seen: LoadedTable | null = null;
  let nowMs = now;
  return {
    async add(run: string, rest?: Partial<Addition>): Promise<TableMetadata> {
      const next: TableMetadata = await withAddition(places, seen, addition(sync, run, rest), nowMs);
      nowMs += 60_000;
      seen = loadedAs(next, Number(seen?.version ?? -1) + 2);
      return next;
    },
    change(of: (metadata: TableMetadata) => TableMetadata) {
      seen = { ...seen!, metadata: of(seen!.metadata) };
    },
  };
}

const read = async (url: unknown): Promise<readonly AvroRecord[]> => {
  const found = await embedded.store.get(String(url).slice('s3://lake/'.length));
  return (await readAvroFile(found!.body)).records;
};
const listOf = (metadata: TableMetadata) => read(currentSnapshot(metadata)!['manifest-list']);
const liveIn = async (metadata: TableMetadata): Promise<string[]> => {
  const manifests = await Promise.all((await listOf(metadata)).map((one) => read(one.manifest_path)));
  return manifests
    .flat()
    .filter(({ status }) => status !== 2)
    .map(({ data_file }) => String((data_file as AvroRecord).file_path))
    .sort();
};
const pathsOf = (run: string, count: number) =>
  filesOf(run, count)
    .map((file) => file.dataFile().file_path)
    .sort();

describe('which files are live', () => {
  test('an overwrite: the run’s own', async () => {
    const { add } = table();
    expect(await liveIn(await add('1'))).toEqual(pathsOf('1', 3));
    expect(await liveIn(await add('2'))).toEqual(pathsOf('2', 3));
  });

  test('an append: those, and what was there; its manifests are named again, as they were', async () => {
    const { add } = table();
    const first = await add('1');
    const second = await add('2', { operation: 'append' });
    expect(await liveIn(second)).toEqual([...pathsOf('1', 3), ...pathsOf('2', 3)]);
    expect((await listOf(second)).slice(1)).toEqual(await listOf(first));
    const third = await add('3');
    expect(await liveIn(third)).toEqual(pathsOf('3', 3));
    expect(currentSnapshot(third)!.summary).toMatchObject({
      'deleted-data-files': '6',
      'total-data-files': '3',
    });
    // the oldest of what is deleted
    expect(await listOf(third)).toHaveLength(1);
  });

  test('an append after an overwrite does not name manifests in which nothing is live', async () => {
    const { add } = table();
    await add('1');
    await add('2', { files: [] });
    const third = await add('3', { operation: 'append' });
    expect(await listOf(third)).toHaveLength(1);
    expect(await liveIn(third)).toEqual(pathsOf('3', 3));
  });

  test('thousands of files: manifests of 1,000 entries, and all of them deleted by the next', async () => {
    const { add } = table();
    const first = await add('1', { files: filesOf('1', 4_500) });
    expect((await listOf(first)).map((one) => one.added_files_count)).toEqual([
      1_000, 1_000, 1_000, 1_000, 500,
    ]);
    const second = await add('2', { files: filesOf('2', 1) });
    expect(await liveIn(second)).toEqual(pathsOf('2', 1));
    const list = await listOf(second);
    expect(list.map((one) => [one.added_files_count, one.deleted_files_count])).toEqual([
      [1, 999],
      [0, 1_000],
      [0, 1_000],
      [0, 1_000],
      [0, 501],
    ]);
    expect(list.map((one) => one.deleted_rows_count)).toEqual([1_998n, 2_000n, 2_000n, 2_000n, 1_002n]);
  });
});

test('a run has one snapshot id, however often it is tried; other runs, tables and syncs have others', async () => {
  const { sync, keys } = embedded.freshSync();
  const places = { store: embedded.store, keys };
  const idOf = async (of: Addition) => (await withAddition(places, null, of, now))['current-snapshot-id'];
  const id = await idOf(addition(sync, '1'));
  expect(await idOf(addition(sync, '1', { files: [] }))).toBe(id);
  const others = await Promise.all([
    idOf(addition(sync, '2')),
    idOf(addition('other', '1')),
    idOf(addition(sync, '1', { table: { schema: 'public', table: 'b' } })),
  ]);
  expect(new Set([id, ...others]).size).toBe(4);
});

test('two tries write different files: the loser’s are nobody’s', async () => {
  const { sync, keys } = embedded.freshSync();
  const places = { store: embedded.store, keys };
  const lists = await Promise.all(
    [1, 2].map(async () => currentSnapshot(await withAddition(places, null, addition(sync, '1'), now))),
  );
  expect(lists[0]!['manifest-list']).not.toBe(lists[1]!['manifest-list']);
});

test('min_sequence_number: of what is live in the manifest', async () => {
  const { add } = table();
  await add('1');
  await add('2', { operation: 'append' });
  const [manifest] = await listOf(await add('3'));
  expect(manifest).toMatchObject({ sequence_number: 3n, min_sequence_number: 3n });
});

describe('the sort order', () => {
  const orderOf = (metadata: TableMetadata) =>
    metadata['sort-orders'].find((order) => order['order-id'] === metadata['default-sort-order-id']);

  /** Every order that a live file names is in the metadata, and is by this column. */
  async function expectSortedBy(metadata: TableMetadata, id: number | null): Promise<void> {
    const manifests = await Promise.all((await listOf(metadata)).map((one) => read(one.manifest_path)));
    for (const { status, data_file } of manifests.flat()) {
      if (status === 2) continue;
      const named = (data_file as AvroRecord).sort_order_id;
      const order = metadata['sort-orders'].find((one) => one['order-id'] === named);
      expect(order?.fields.map((one) => one['source-id'])).toEqual(id === null ? [] : [id]);
    }
  }

  test('is the key’s', async () => {
    const metadata = await table().add('1');
    expect(orderOf(metadata)!.fields).toEqual([by(1)]);
    await expectSortedBy(metadata, 1);
  });

  test('another key: files are not said to be sorted by the old one', async () => {
    const { add } = table();
    await add('1');
    await expectSortedBy(await add('2', { sort: by(2) }), 2);
  });

  test('a key that has an order, after one that had none: it is there', async () => {
    const { add } = table();
    await add('1', { sort: null, files: filesOf('1', 3) });
    await expectSortedBy(await add('2'), 1);
  });

  test('is by a column that the current schema has: readers refuse the table otherwise', async () => {
    const { add } = table();
    await add('1');
    const metadata = await add('2', { fields: [field(2, 'n'), field(3, 'new')], sort: by(3) });
    const schema = metadata.schemas.find((one) => one['schema-id'] === metadata['current-schema-id'])!;
    for (const sorted of orderOf(metadata)!.fields) {
      expect(schema.fields.map(({ id }) => id)).toContain(sorted['source-id']);
    }
  });
});

describe('what other programs have done to the table', () => {
  test('snapshots of theirs, by ids of 63 bits, stay and are followed', async () => {
    const { add, change } = table();
    await add('1');
    const theirs = 3_051_729_675_574_597_004n;
    change((metadata) => {
      const own = currentSnapshot(metadata)!;
      return {
        ...metadata,
        'current-snapshot-id': theirs,
        'last-sequence-number': 2,
        snapshots: [
          own,
          { ...own, 'snapshot-id': theirs, 'parent-snapshot-id': own['snapshot-id'], 'sequence-number': 2 },
        ],
        refs: { main: { type: 'branch', 'snapshot-id': theirs } },
      };
    });
    const next = await add('2');
    expect(currentSnapshot(next)).toMatchObject({ 'parent-snapshot-id': theirs, 'sequence-number': 3 });
    expect(next.snapshots!.map((one) => one['snapshot-id'])).toEqual([theirs, next['current-snapshot-id']]);
    expect(await liveIn(next)).toEqual(pathsOf('2', 3));
  });

  test('a table that was rolled back: what comes next follows on the snapshot that readers see', async () => {
    const { add, change } = table();
    const first = await add('1');
    await add('2');
    const id = first['current-snapshot-id']!;
    change((metadata) => ({
      ...metadata,
      'current-snapshot-id': id,
      refs: { main: { type: 'branch', 'snapshot-id': id } },
    }));
    const next = await add('3');
    expect(currentSnapshot(next)).toMatchObject({ 'parent-snapshot-id': id, 'sequence-number': 3 });
    expect(next.snapshots!.map((one) => one['sequence-number'])).toEqual([1, 3]);
    expect(currentSnapshot(next)!.summary).toMatchObject({ 'deleted-data-files': '3' });
  });

  test('properties, tags and their snapshots stay', async () => {
    const { add, change } = table();
    const first = await add('1');
    const audit = { type: 'tag', 'snapshot-id': first['current-snapshot-id']! } as const;
    change((metadata) => ({
      ...metadata,
      properties: { owner: 'ops' },
      refs: { ...metadata.refs, audit },
    }));
    for (const run of ['2', '3', '4']) await add(run);
    const last = await add('5');
    expect(last.properties).toMatchObject({ owner: 'ops', 'tidemark.run': '5' });
    expect(last.refs!.audit).toEqual(audit);
    expect(last.snapshots!.map((one) => one['sequence-number'])).toEqual([1, 4, 5]);
    expect(last['snapshot-log']!.map((entry) => entry['snapshot-id'])).toEqual(
      last.snapshots!.slice(1).map((one) => one['snapshot-id']),
    );
  });
});
