import { describe, expect, test } from 'vitest';
import {
  currentSnapshot,
  metadataText,
  type Reference,
  type Snapshot,
  type SortField,
  type TableMetadata,
} from '../../../../core/publish/iceberg/metadata.ts';
import type { IcebergField } from '../../../../core/publish/iceberg/schema.ts';
import {
  liveSnapshots,
  newTable,
  nextTime,
  summaryOf,
  withFields,
  withoutExpired,
  withPrevious,
  withSnapshot,
  withSort,
} from '../../../../core/publish/iceberg/table.ts';

const dayMs = 86_400_000;
const now = 1_800_000_000_000;

const field = (id: number, name: string, type = 'long'): IcebergField => ({
  id,
  name,
  type,
  required: false,
});
const fields = [field(1, 'id'), field(2, 'note', 'string')];
const empty = newTable({ uuid: 'u', location: 's3://lake/t', properties: {} }, fields, now - 100 * dayMs);

const snapshot = (id: number, ageDays: number, parent?: number): Snapshot => ({
  'snapshot-id': id,
  ...(parent !== undefined && { 'parent-snapshot-id': parent }),
  'sequence-number': id,
  'timestamp-ms': now - ageDays * dayMs,
  summary: { operation: 'overwrite', 'tidemark.sync': 's', 'tidemark.run': `run ${id}` },
  'manifest-list': `s3://lake/t/metadata/${id}.avro`,
  'schema-id': 0,
});

/** Snapshots 1 … n on main, the newest 0 days old and each before it a day older. */
const chain = (count: number): TableMetadata =>
  Array.from({ length: count }, (_, at) => at + 1).reduce(
    (metadata, id) => withSnapshot(metadata, snapshot(id, count - id, id === 1 ? undefined : id - 1)),
    empty,
  );
const withRefs = (metadata: TableMetadata, refs: Record<string, Reference>): TableMetadata => ({
  ...metadata,
  refs: { ...metadata.refs, ...refs },
});
const live = (metadata: TableMetadata, snapshots: number, days: number) =>
  [...liveSnapshots(metadata, { snapshots, days }, now)].map(Number).sort((a, b) => a - b);

describe('liveSnapshots', () => {
  test('a table without a snapshot has none', () => {
    expect(live(empty, 2, 7)).toEqual([]);
  });

  test.each([
    [1, 0, [6]],
    [2, 0, [5, 6]],
    [9, 0, [1, 2, 3, 4, 5, 6]],
    // the current one within so many days: replaced less than so many days ago
    [1, 3, [3, 4, 5, 6]],
    [1, 3.5, [2, 3, 4, 5, 6]],
    // whichever keeps more
    [5, 3, [2, 3, 4, 5, 6]],
    // the one that readers see always stays
    [0, 0, [6]],
  ])(
    'of main the newest %d stay, and those that were replaced within %d days',
    (snapshots, days, expected) => {
      expect(live(chain(6), snapshots, days)).toEqual(expected);
    },
  );

  test('a tag keeps its snapshot, and none before it', () => {
    const tagged = withRefs(chain(6), { audit: { type: 'tag', 'snapshot-id': 2 } });
    expect(live(tagged, 1, 0)).toEqual([2, 6]);
    expect(live(withRefs(tagged, { later: { type: 'tag', 'snapshot-id': 4 } }), 2, 0)).toEqual([2, 4, 5, 6]);
  });

  test('another branch keeps its newest ones as main does', () => {
    const branched = withRefs(chain(6), { dev: { type: 'branch', 'snapshot-id': 3 } });
    expect(live(branched, 2, 0)).toEqual([2, 3, 5, 6]);
  });

  test('after a rollback what was shown last before it stays longest', () => {
    const back = {
      ...withRefs(chain(6), { main: { type: 'branch', 'snapshot-id': 3 } }),
      'current-snapshot-id': 3,
    };
    expect(live(back, 1, 0)).toEqual([3]);
    expect(live(back, 2, 0)).toEqual([3, 6]);
    expect(live(back, 3, 0)).toEqual([3, 5, 6]);
    expect(live(withRefs(back, { before: { type: 'tag', 'snapshot-id': 4 } }), 2, 0)).toEqual([3, 4, 6]);
  });

  test('a parent that is gone, and a ref to nothing, end the walk', () => {
    const some = withoutExpired(chain(6), new Set([5, 6]));
    expect(live(some, 9, 99)).toEqual([5, 6]);
    expect(live(withRefs(some, { lost: { type: 'tag', 'snapshot-id': 1 } }), 9, 99)).toEqual([5, 6]);
  });

  test('what a ref itself says of its retention counts before ours', () => {
    const asked = withRefs(chain(6), {
      main: { type: 'branch', 'snapshot-id': 6, 'min-snapshots-to-keep': 4 },
    });
    expect(live(asked, 1, 0)).toEqual([3, 4, 5, 6]);
  });
});

describe('withoutExpired', () => {
  const idsIn = ({ snapshots, 'snapshot-log': log }: TableMetadata) => [
    snapshots!.map((one) => one['snapshot-id']),
    log!.map((entry) => entry['snapshot-id']),
  ];

  test('nothing else changes', () => {
    const before = chain(4);
    const after = withoutExpired(before, new Set([3, 4]));
    const { snapshots: _, 'snapshot-log': __, ...rest } = after;
    const { snapshots: ___, 'snapshot-log': ____, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
    expect(idsIn(after)).toEqual([
      [3, 4],
      [3, 4],
    ]);
    expect(currentSnapshot(after)?.['snapshot-id']).toBe(4);
  });

  test('all live: the same metadata', () => {
    const before = chain(3);
    expect(withoutExpired(before, new Set([1, 2, 3]))).toBe(before);
  });

  test('the log has no gaps: before one that is gone nothing stays, though its snapshot does', () => {
    expect(idsIn(withoutExpired(chain(5), new Set([1, 2, 4, 5])))).toEqual([
      [1, 2, 4, 5],
      [4, 5],
    ]);
  });

  test('the log after a rollback: the same snapshot twice', () => {
    const at = (id: number) => ({ 'timestamp-ms': now + id, 'snapshot-id': id });
    const back = { ...chain(3), 'current-snapshot-id': 1, 'snapshot-log': [at(1), at(2), at(3), at(1)] };
    expect(idsIn(withoutExpired(back, new Set([1])))).toEqual([[1], [1]]);
    expect(idsIn(withoutExpired(back, new Set([1, 3])))).toEqual([
      [1, 3],
      [3, 1],
    ]);
  });

  test('what it is given stays as it was', () => {
    const before = chain(4);
    const text = metadataText(before);
    withoutExpired(before, new Set([4]));
    expect(metadataText(before)).toBe(text);
  });
});

describe('withFields', () => {
  const ids = (metadata: TableMetadata) => metadata.schemas.map((schema) => schema['schema-id']);

  test('the same fields: the same metadata', () => {
    expect(withFields(empty, [...fields])).toBe(empty);
  });

  test('others: a schema more, and the old one stays for the snapshots that have it', () => {
    const next = withFields(empty, [...fields, field(3, 'more')]);
    expect(ids(next)).toEqual([0, 1]);
    expect(next).toMatchObject({ 'current-schema-id': 1, 'last-column-id': 3 });
    expect(next.schemas[0]).toEqual(empty.schemas[0]);
  });

  test('a schema that was there once is not written again', () => {
    const back = withFields(withFields(empty, [field(1, 'id')]), fields);
    expect(ids(back)).toEqual([0, 1]);
    expect(back['current-schema-id']).toBe(0);
  });

  test('the highest id ever given stays the last one when its column goes', () => {
    const wide = withFields(empty, [...fields, field(7, 'seventh')]);
    expect(withFields(wide, fields)['last-column-id']).toBe(7);
  });

  test.each([
    ['name', [field(1, 'id'), field(2, 'remark', 'string')]],
    ['type', [field(1, 'id'), field(2, 'note', 'long')]],
    ['order', [field(2, 'note', 'string'), field(1, 'id')]],
    ['required', [field(1, 'id'), { ...field(2, 'note', 'string'), required: true }]],
  ])('another %s is another schema', (_, changed) => {
    expect(ids(withFields(empty, changed))).toEqual([0, 1]);
  });
});

describe('withSort', () => {
  const by = (id: number): SortField => ({
    'source-id': id,
    transform: 'identity',
    direction: 'asc',
    'null-order': 'nulls-first',
  });

  test('an order that is there is not added again, in whatever sequence its fields were written', () => {
    const { transform, ...rest } = by(1);
    const sorted = withSort(empty, by(1));
    const orders = [sorted['sort-orders'][0]!, { 'order-id': 1, fields: [{ transform, ...rest }] }];
    const read = { ...sorted, 'sort-orders': orders.map((one) => structuredClone(one)) };
    expect(withSort(read, by(1))).toEqual(read);
    expect(withSort(read, by(2))).toMatchObject({ 'default-sort-order-id': 2 });
  });

  test('no order is 0, also where the table’s maker has not written it down', () => {
    const [, order] = withSort(empty, by(1))['sort-orders'];
    const made = { ...empty, 'sort-orders': [order!], 'default-sort-order-id': 1 };
    expect(withSort(made, null)).toMatchObject({
      'sort-orders': [order, { 'order-id': 0, fields: [] }],
      'default-sort-order-id': 0,
    });
    expect(withSort(empty, null)).toEqual(empty);
  });
});

test('withSnapshot: the snapshot is the one that readers see', () => {
  const next = withSnapshot(
    withRefs(chain(2), { audit: { type: 'tag', 'snapshot-id': 1 } }),
    snapshot(3, -1, 2),
  );
  expect(next).toMatchObject({
    'last-sequence-number': 3,
    'last-updated-ms': now + dayMs,
    'current-snapshot-id': 3,
    refs: { main: { 'snapshot-id': 3, type: 'branch' }, audit: { 'snapshot-id': 1, type: 'tag' } },
  });
  expect(next['snapshot-log']!.at(-1)).toEqual({ 'timestamp-ms': now + dayMs, 'snapshot-id': 3 });
});

test('withSnapshot: what another writer has said of main’s retention stays', () => {
  const asked = withRefs(chain(2), {
    main: { type: 'branch', 'snapshot-id': 2, 'min-snapshots-to-keep': 5 },
  });
  expect(withSnapshot(asked, snapshot(3, 0, 2)).refs!.main).toEqual({
    type: 'branch',
    'snapshot-id': 3,
    'min-snapshots-to-keep': 5,
  });
});

test('withPrevious: the last ten files, oldest first', () => {
  let metadata = empty;
  for (let at = 1; at <= 12; at++) metadata = withPrevious(metadata, `v${at}`, now + at);
  expect(metadata['metadata-log']).toEqual(
    Array.from({ length: 10 }, (_, at) => ({ 'timestamp-ms': now + at + 3, 'metadata-file': `v${at + 3}` })),
  );
});

test('nextTime: later than all before it, also where the clock has gone back', () => {
  expect(nextTime(chain(1), now + 5)).toBe(now + 5);
  expect(nextTime(chain(1), now)).toBe(now + 1);
  expect(nextTime(chain(1), now - dayMs)).toBe(now + 1);
});

describe('summaryOf', () => {
  const added = { files: 2, rows: 10, bytes: 300 };
  const totals = { 'total-data-files': '5', 'total-records': '50', 'total-files-size': '900' };
  const before = withSnapshot(empty, {
    ...snapshot(1, 0),
    summary: { operation: 'append', ...totals },
  });

  test('an overwrite takes away what was there', () => {
    expect(summaryOf(currentSnapshot(before), 'overwrite', added, { 'tidemark.run': 'r' })).toMatchObject({
      operation: 'overwrite',
      'tidemark.run': 'r',
      'added-data-files': '2',
      'added-records': '10',
      'added-files-size': '300',
      'deleted-data-files': '5',
      'deleted-records': '50',
      'removed-files-size': '900',
      'total-data-files': '2',
      'total-records': '10',
      'total-files-size': '300',
    });
  });

  test('an append adds to it, and says nothing of deletions', () => {
    const summary = summaryOf(currentSnapshot(before), 'append', added, {});
    expect(summary).toMatchObject({
      'total-data-files': '7',
      'total-records': '60',
      'total-files-size': '1200',
    });
    expect(Object.keys(summary).filter((name) => /^(deleted|removed)/.test(name))).toEqual([]);
  });

  test('every value is a string', () => {
    for (const value of Object.values(summaryOf(currentSnapshot(before), 'overwrite', added, {})))
      expect(value).toBeTypeOf('string');
  });
});
