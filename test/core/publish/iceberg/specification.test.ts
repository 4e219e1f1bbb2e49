/** What is written, field by field against https://iceberg.apache.org/spec (version 2). Read by code that is not ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Embedded, startEmbedded } from '../../../support/embedded.ts';
import { type AvroFile, type AvroRecord, layoutOfAvro } from '../../../support/iceberg-reader.ts';
import { numberedRows } from '../../../support/memory-source.ts';
import { type Json, type PublishedTable, publishedTable } from './published-table.ts';
import { fieldsOf, manifestEntryFields, manifestFileFields } from './specified-fields.ts';

const a = { schema: 'public', table: 'a' };
const rows = [numberedRows(7, 'first'), numberedRows(5, 'second'), numberedRows(6, 'third')];

let embedded: Embedded;
let table: PublishedTable;
beforeAll(async () => {
  embedded = await startEmbedded();
  table = await publishedTable(embedded, rows);
});
afterAll(() => embedded.close());

const isInt = (value: unknown): boolean => Number.isSafeInteger(value);
const integer = expect.toSatisfy(isInt);
const uuid = expect.stringMatching(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
);
const sum = (numbers: readonly unknown[]): number =>
  numbers.reduce<number>((all, one) => all + Number(one), 0);
const dataOf = (entry: AvroRecord) => entry.data_file as AvroRecord;
const withStatus = (file: AvroFile, status: number) =>
  file.records.filter((entry) => entry.status === status);

describe('table metadata', () => {
  test('has the required fields, each of its type, and no others', () => {
    const { shop, metadata } = table;
    expect(metadata).toEqual({
      'format-version': 2,
      'table-uuid': uuid,
      location: shop.keys.location(a),
      'last-sequence-number': 3,
      'last-updated-ms': integer,
      'last-column-id': 2,
      'current-schema-id': 0,
      schemas: [
        {
          type: 'struct',
          'schema-id': 0,
          fields: [
            { id: 1, name: 'id', required: true, type: 'long' },
            { id: 2, name: 'note', required: false, type: 'string' },
          ],
        },
      ],
      'default-spec-id': 0,
      'partition-specs': [{ 'spec-id': 0, fields: [] }],
      'last-partition-id': 999,
      'default-sort-order-id': 1,
      'sort-orders': [
        // 0 is the unsorted order's, and never another's
        { 'order-id': 0, fields: [] },
        {
          'order-id': 1,
          fields: [{ 'source-id': 1, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' }],
        },
      ],
      properties: expect.any(Object),
      'current-snapshot-id': integer,
      refs: { main: { 'snapshot-id': metadata['current-snapshot-id'], type: 'branch' } },
      snapshots: expect.any(Array),
      'snapshot-log': expect.any(Array),
      'metadata-log': expect.any(Array),
    });
  });

  test('snapshots: two, each the parent of the next, with its own sequence number, time and list', () => {
    const { metadata, snapshots } = table;
    const [before, current] = snapshots;
    expect(snapshots).toHaveLength(2);
    for (const [at, snapshot] of snapshots.entries()) {
      expect(snapshot).toEqual({
        'snapshot-id': integer,
        'parent-snapshot-id': integer,
        'sequence-number': at + 2,
        'timestamp-ms': integer,
        'manifest-list': expect.stringMatching(/^s3:\/\/lake\/.*\/metadata\/.*\.avro$/),
        'schema-id': 0,
        summary: expect.objectContaining({ operation: 'overwrite' }),
      });
      expect(Number(snapshot['snapshot-id'])).toBeGreaterThan(0);
    }
    expect(current!['parent-snapshot-id']).toBe(before!['snapshot-id']);
    expect(current!['timestamp-ms']).toBeGreaterThan(Number(before!['timestamp-ms']));
    expect(metadata['current-snapshot-id']).toBe(current!['snapshot-id']);
    expect(metadata['last-updated-ms']).toBe(current!['timestamp-ms']);
  });

  test('the snapshot log: when each became the current one', () => {
    const { metadata, snapshots } = table;
    expect(metadata['snapshot-log']).toEqual(
      snapshots.map((snapshot) => ({
        'timestamp-ms': snapshot['timestamp-ms'],
        'snapshot-id': snapshot['snapshot-id'],
      })),
    );
  });

  test('the metadata log: the files before, when they were written, none of them this one', async () => {
    const { shop, metadata } = table;
    const log = metadata['metadata-log'] as { 'timestamp-ms': number; 'metadata-file': string }[];
    expect(log.map((entry) => entry['metadata-file'])).toEqual(
      [1, 3].map((number) => `s3://lake/${shop.keys.metadataFile(a, number)}`),
    );
    for (const entry of log) {
      const found = await embedded.store.get(entry['metadata-file'].slice('s3://lake/'.length));
      expect(JSON.parse(found!.body.toString())['last-updated-ms']).toBe(entry['timestamp-ms']);
    }
  });

  test('the uuid stays', async () => {
    const { shop, metadata } = table;
    const first = await embedded.store.get(shop.keys.metadataFile(a, 1));
    expect(JSON.parse(first!.body.toString())['table-uuid']).toBe(metadata['table-uuid']);
  });

  test('the summary tells what the manifests add up to; all values are strings', () => {
    const { shop, runs, snapshots, manifests } = table;
    for (const [at, { summary }] of snapshots.entries()) {
      const entries = manifests[at]!.flatMap(({ records }) => records);
      const [added, deleted] = [1, 2].map((status) =>
        entries.filter((entry) => entry.status === status).map(dataOf),
      );
      const of = (files: readonly AvroRecord[], name: string) => String(sum(files.map((file) => file[name])));
      expect(summary).toEqual({
        operation: 'overwrite',
        'tidemark.sync': shop.sync,
        'tidemark.run': runs[at + 1],
        // which of its manifests hold what it adds
        'tidemark.manifests': expect.stringMatching(/^[0-9a-f]{8} 1$/),
        ...(at > 0 && { 'tidemark.expired': '1' }),
        'engine-name': 'tidemark',
        'added-data-files': String(added!.length),
        'added-records': of(added!, 'record_count'),
        'added-files-size': of(added!, 'file_size_in_bytes'),
        'deleted-data-files': String(deleted!.length),
        'deleted-records': of(deleted!, 'record_count'),
        'removed-files-size': of(deleted!, 'file_size_in_bytes'),
        'changed-partition-count': '1',
        'total-data-files': String(added!.length),
        'total-records': String(rows[at + 1]!.length),
        'total-files-size': of(added!, 'file_size_in_bytes'),
        'total-delete-files': '0',
        'total-position-deletes': '0',
        'total-equality-deletes': '0',
      });
    }
  });
});

describe('manifest lists', () => {
  test('the schema in the header has the specification’s fields, ids and types', () => {
    const { lists } = table;
    for (const { header } of lists) expect(fieldsOf(header['avro.schema'])).toEqual(manifestFileFields);
  });

  test('the header says whose it is', () => {
    const { snapshots, lists } = table;
    for (const [at, { header }] of lists.entries()) {
      expect(header).toMatchObject({
        'format-version': '2',
        'snapshot-id': String(snapshots[at]!['snapshot-id']),
        'parent-snapshot-id': String(snapshots[at]!['parent-snapshot-id']),
        'sequence-number': String(at + 2),
        'avro.codec': 'deflate',
      });
    }
  });

  test('each entry counts what is in its manifest', async () => {
    const { snapshots, lists, manifests } = table;
    for (const [at, { records }] of lists.entries()) {
      expect(records.length).toBeGreaterThan(0);
      for (const [n, entry] of records.entries()) {
        const manifest = manifests[at]![n]!;
        const [existing, added, deleted] = [0, 1, 2].map((status) => withStatus(manifest, status));
        const rowsIn = (entries: readonly AvroRecord[]) =>
          BigInt(sum(entries.map((one) => dataOf(one).record_count)));
        const key = String(entry.manifest_path).slice('s3://lake/'.length);
        expect(entry).toEqual({
          manifest_path: expect.stringMatching(/^s3:\/\/lake\//),
          manifest_length: BigInt((await embedded.store.head(key))!.size),
          partition_spec_id: 0,
          content: 0,
          sequence_number: BigInt(at + 2),
          min_sequence_number: expect.any(BigInt),
          added_snapshot_id: BigInt(Number(snapshots[at]!['snapshot-id'])),
          added_files_count: added!.length,
          existing_files_count: existing!.length,
          deleted_files_count: deleted!.length,
          added_rows_count: rowsIn(added!),
          existing_rows_count: rowsIn(existing!),
          deleted_rows_count: rowsIn(deleted!),
          // one for each field of the partition spec
          partitions: [],
          key_metadata: undefined,
        });
      }
    }
  });
});

test('min_sequence_number: of what is live in the manifest, here the files that it adds', () => {
  const { lists } = table;
  for (const [at, { records }] of lists.entries()) {
    for (const entry of records) expect(entry.min_sequence_number).toBe(BigInt(at + 2));
  }
});

describe('manifests', () => {
  test('the schema in the header has the specification’s fields, ids and types', () => {
    const { manifests } = table;
    for (const { header } of manifests.flat())
      expect(fieldsOf(header['avro.schema'])).toEqual(manifestEntryFields);
  });

  test('the header has the table’s schema and partition spec', async () => {
    const { metadata, lists } = table;
    for (const { records } of lists) {
      for (const { manifest_path } of records) {
        const found = await embedded.store.get(String(manifest_path).slice('s3://lake/'.length));
        const { header } = layoutOfAvro(found!.body);
        expect(header).toMatchObject({
          'schema-id': '0',
          'partition-spec': '[]',
          'partition-spec-id': '0',
          'format-version': '2',
          content: 'data',
        });
        expect(JSON.parse(header.schema!)).toEqual((metadata.schemas as Json[])[0]);
      }
    }
  });

  test('added files inherit their sequence numbers; deleted ones keep those they had', () => {
    const { snapshots, manifests } = table;
    for (const [at, files] of manifests.entries()) {
      const id = BigInt(Number(snapshots[at]!['snapshot-id']));
      const added = files.flatMap((file) => withStatus(file, 1));
      const deleted = files.flatMap((file) => withStatus(file, 2));
      expect([added.length, deleted.length]).toEqual([rows[at + 1]!.length, rows[at]!.length]);
      expect(files.flatMap((file) => withStatus(file, 0))).toEqual([]);
      for (const entry of added) {
        expect(entry).toMatchObject({ snapshot_id: id });
        expect([entry.sequence_number, entry.file_sequence_number]).toEqual([undefined, undefined]);
      }
      // the snapshot that deletes, and the number of the one that had added
      const before = BigInt(at + 1);
      for (const entry of deleted) {
        expect(entry).toMatchObject({
          snapshot_id: id,
          sequence_number: before,
          file_sequence_number: before,
        });
      }
    }
  });

  test('what a snapshot deletes is what the one before it had added, with all that was said of it', () => {
    const { manifests } = table;
    const [before, current] = manifests;
    const files = (of: readonly AvroFile[], status: number) =>
      of
        .flatMap((file) => withStatus(file, status).map(dataOf))
        .sort((one, other) => String(one.file_path).localeCompare(String(other.file_path)));
    expect(files(current!, 2)).toEqual(files(before!, 1));
  });

  test('data files: their place, size and rows are those of the objects', async () => {
    const { manifests } = table;
    for (const entry of manifests.flat().flatMap((file) => withStatus(file, 1))) {
      const file = dataOf(entry);
      const key = String(file.file_path).slice('s3://lake/'.length);
      expect(file).toEqual({
        content: 0,
        file_path: expect.stringMatching(/^s3:\/\/lake\/.*\.parquet$/),
        file_format: 'PARQUET',
        partition: {},
        record_count: 1n,
        file_size_in_bytes: BigInt((await embedded.store.head(key))!.size),
        column_sizes: [expect.objectContaining({ key: 1 }), expect.objectContaining({ key: 2 })],
        value_counts: [
          { key: 1, value: 1n },
          { key: 2, value: 1n },
        ],
        null_value_counts: expect.any(Array),
        // neither of a long nor of a string
        nan_value_counts: undefined,
        lower_bounds: expect.any(Array),
        upper_bounds: expect.any(Array),
        split_offsets: [4n],
        sort_order_id: 1,
      });
    }
  });
});
