import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  currentSchema,
  currentSnapshot,
  defaultSpec,
  metadataText,
  parseMetadata,
  snapshotOf,
} from '../../../../core/publish/iceberg/metadata.ts';
import {
  liveSnapshots,
  newTable,
  withFields,
  withoutExpired,
} from '../../../../core/publish/iceberg/table.ts';

/** As Spark writes it, with what this writer does not know. Ids are drawn from 63 bits. */
const foreign = `{
  "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "s3://lake/t",
  "last-sequence-number": 34, "last-updated-ms": 1602638573590, "last-column-id": 2,
  "current-schema-id": 0,
  "schemas": [{ "type": "struct", "schema-id": 0, "identifier-field-ids": [1], "fields": [
    { "id": 1, "name": "x", "required": true, "type": "long", "doc": "the \\u00e4 key" },
    { "id": 2, "name": "l", "required": false, "type": { "type": "list", "element-id": 3, "element": "string", "element-required": false } }
  ] }],
  "default-spec-id": 0, "partition-specs": [{ "spec-id": 0, "fields": [] }], "last-partition-id": 999,
  "default-sort-order-id": 0, "sort-orders": [{ "order-id": 0, "fields": [] }],
  "properties": { "write.parquet.compression-codec": "zstd" },
  "current-snapshot-id": 3051729675574597004,
  "refs": {
    "main": { "snapshot-id": 3051729675574597004, "type": "branch", "max-snapshot-age-ms": 1 },
    "audit": { "snapshot-id": 9223372036854775807, "type": "tag", "max-ref-age-ms": 10000000 }
  },
  "snapshots": [
    { "snapshot-id": 9223372036854775807, "timestamp-ms": 1515100955770, "sequence-number": 0, "summary": { "operation": "append" }, "manifest-list": "s3://a/b/1.avro" },
    { "snapshot-id": 3051729675574597004, "parent-snapshot-id": 9223372036854775807, "timestamp-ms": 1555100955770, "sequence-number": 1, "summary": { "operation": "append" }, "manifest-list": "s3://a/b/2.avro", "schema-id": 0, "added-rows": 7 }
  ],
  "snapshot-log": [
    { "snapshot-id": 9223372036854775807, "timestamp-ms": 1515100955770 },
    { "snapshot-id": 3051729675574597004, "timestamp-ms": 1555100955770 }
  ],
  "metadata-log": [{ "metadata-file": "s3://bucket/v1.json", "timestamp-ms": 1515100 }],
  "statistics": [{ "snapshot-id": 3051729675574597004, "statistics-path": "s3://a/b/stats.puffin", "file-size-in-bytes": 413, "file-footer-size-in-bytes": 42,
    "blob-metadata": [{ "type": "apache-datasketches-theta-v1", "snapshot-id": 3051729675574597004, "sequence-number": 1, "fields": [1] }] }],
  "of-a-later-version": { "deep": [1, -2.5, true, null, "9007199254740993", 9007199254740993] }
}`;
const parsed = () => parseMetadata(Buffer.from(foreign));
const withoutSpaces = (text: string) => text.replaceAll(/\s+/g, '').replaceAll('\\u00e4', 'ä');

test('another writer’s metadata comes out as it went in, ids of 63 bits and unknown fields too', () => {
  expect(withoutSpaces(metadataText(parsed()))).toBe(withoutSpaces(foreign));
});

test('snapshots are found by ids of 63 bits, and no neighbour is taken for them', () => {
  const metadata = parsed();
  expect(currentSnapshot(metadata)).toMatchObject({ 'manifest-list': 's3://a/b/2.avro' });
  expect(snapshotOf(metadata, 3_051_729_675_574_597_003n)).toBeUndefined();
  expect(snapshotOf(metadata, 9_223_372_036_854_775_807n)).toMatchObject({
    'manifest-list': 's3://a/b/1.avro',
  });
  const live = liveSnapshots(metadata, { snapshots: 1, days: 0 }, 2e12);
  expect([...live].sort()).toEqual([3_051_729_675_574_597_004n, 9_223_372_036_854_775_807n]);
});

test('what this writer changes leaves the unknown fields in', () => {
  const metadata = parsed();
  const next = withoutExpired(
    withFields(metadata, [
      ...currentSchema(metadata)!.fields,
      { id: 4, name: 'y', required: false, type: 'int' },
    ]),
    new Set([3_051_729_675_574_597_004n]),
  );
  const again = parseMetadata(Buffer.from(metadataText(next)));
  for (const name of ['statistics', 'of-a-later-version', 'properties', 'refs']) {
    expect((again as Record<string, unknown>)[name]).toEqual((metadata as Record<string, unknown>)[name]);
  }
  expect(again.schemas[0]).toEqual(metadata.schemas[0]);
  expect(again.snapshots).toEqual([metadata.snapshots![1]]);
});

test('without a snapshot: missing, null and -1 are the same', () => {
  const table = newTable({ uuid: 'u', location: 'l', properties: {} }, [], 1);
  expect(currentSnapshot(table)).toBeUndefined();
  for (const none of [null, -1])
    expect(currentSnapshot({ ...table, 'current-snapshot-id': none })).toBeUndefined();
  expect(defaultSpec(table)).toEqual({ 'spec-id': 0, fields: [] });
});

test.each(['', '{', '<html>', `${foreign}}`, foreign.slice(0, -1)])('nonsense is refused: %#', (text) => {
  expect(() => parseMetadata(Buffer.from(text))).toThrow(SyntaxError);
});

test.each(['null', '[]', '7', '{}', '"v1"'])('JSON that is no table’s metadata is refused: %s', (text) => {
  expect(() => parseMetadata(Buffer.from(text))).toThrow();
});

test('any 64-bit integer survives', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (id) => {
      const text = foreign.replaceAll('3051729675574597004', String(id));
      expect(withoutSpaces(metadataText(parseMetadata(Buffer.from(text))))).toBe(withoutSpaces(text));
    }),
    { numRuns: 50 },
  );
});
