/** Parts of several files as items: what fits, what older versions see of them, and what is read of theirs. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { expect, test } from 'vitest';
import type { ColumnStatistics } from '../../../core/formats/file-statistics.ts';
import type { Part, PartFile } from '../../../core/ledger/ledger.ts';
import { partItem, toPart } from '../../../core/ledger/part-item.ts';

const file = (more: Partial<PartFile> = {}): PartFile => ({
  staged: 's',
  stagedEtag: null,
  final: 'f',
  size: 1,
  sha256: 'ab'.repeat(32),
  rows: 3,
  firstKey: '1',
  lastKey: '5',
  partition: null,
  statistics: null,
  ...more,
});

const part = (files: readonly PartFile[], more: Partial<Part> = {}): Part => ({
  ...{ sync: 's', run: 'r', table: 0, chunk: 0, n: 0, from: null, to: '5', last: true },
  rows: files.reduce((sum, one) => sum + one.rows, 0),
  files,
  attempt: { id: 'a', startedAt: 't', retry: 0 },
  readAt: 't',
  ...more,
});

test('of a table without partitions it is what it has always been: an older version reads it', () => {
  const item = partItem(part([file()]));
  const { rows: _rows, partition: _partition, ...known } = file();
  expect(item).toMatchObject({ format: 1, rows: 3, file: known });
  expect(Object.keys(item.file as object).sort()).toEqual(Object.keys(known).sort());
  expect(item).not.toHaveProperty('files');
  expect(partItem(part([]))).toMatchObject({ format: 1, file: null });
  expect(toPart(item)).toEqual(part([file()]));
  expect(toPart(partItem(part([])))).toEqual(part([]));
});

test('an item that an older version wrote, without statistics, is read', () => {
  const { statistics: _statistics, rows: _rows, partition: _partition, ...old } = file();
  const { files: _files, ...rest } = part([file()]);
  expect(toPart({ pk: 'p', sk: 's', format: 1, ...rest, file: old })).toEqual(part([file()]));
});

test('one with partitions has a format that an older version refuses, and holds the keys once', () => {
  const two = part([file({ partition: [1, null] }), file({ partition: ['x', true], rows: 4 })]);
  const item = partItem(two);
  expect(item).toMatchObject({ format: 2, rows: 7, firstKey: '1', lastKey: '5' });
  expect(item).not.toHaveProperty('file');
  expect(JSON.stringify(item.files)).not.toMatch(/Key/);
  expect(toPart(item)).toEqual(two);
});

test('a newer format is refused', () => {
  expect(() => toPart({ ...partItem(part([file()])), format: 3 })).toThrow(
    expect.objectContaining({ code: 'FormatTooNew' }),
  );
});

// --- DynamoDB's limit ------------------------------------------------------------------------------------------------

/** By the rules of DynamoDB's own documentation: names and values in UTF-8, 3 bytes a list or a map and 1 an element. */
function itemBytes(item: object): number {
  const valueBytes = (value: AttributeValue): number => {
    if (value.S !== undefined) return Buffer.byteLength(value.S);
    if (value.N !== undefined) return 21;
    if (value.L) return 3 + value.L.reduce((sum, one) => sum + 1 + valueBytes(one), 0);
    if (value.M) return 3 + mapBytes(value.M) + Object.keys(value.M).length;
    return 1;
  };
  const mapBytes = (map: Readonly<Record<string, AttributeValue>>): number =>
    Object.entries(map).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);
  return mapBytes(marshall(item, { removeUndefinedValues: true }));
}

const columns = (count: number, boundBytes: number): ColumnStatistics[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ id: at + 1, bytes: 123_456, nulls: 1_000, nans: null },
    min: Buffer.alloc(boundBytes, 1),
    max: Buffer.alloc(boundBytes, 2),
  }));

const itemBytesMax = 400 * 1024;

test('a hundred files with names, values, keys and statistics as long as they can be fit into an item', () => {
  const long = 'k'.repeat(2704);
  const statistics = { splits: [4], columns: columns(1_600, 64) };
  const files = Array.from({ length: 100 }, (_, at) =>
    file({
      staged: `${'s'.repeat(1020)}-${at}`,
      final: `${'f'.repeat(1020)}-${at}`,
      stagedEtag: `"${'e'.repeat(32)}"`,
      size: 123_456_789,
      firstKey: long,
      lastKey: long,
      partition: Array.from({ length: 5 }, () => 'v'.repeat(256)),
      statistics,
    }),
  );
  const item = partItem(part(files, { from: long, to: long }));
  expect(itemBytes(item)).toBeLessThan(itemBytesMax);
  expect(toPart(item).files.map(({ final }) => final)).toEqual(files.map(({ final }) => final));
});

test('statistics have a bound of their own: of all files the first columns', () => {
  const statistics = { splits: [4, 500], columns: columns(200, 16) };
  const files = Array.from({ length: 100 }, (_, at) =>
    file({
      ...{ staged: `${'s'.repeat(150)}-${at}`, final: `${'f'.repeat(100)}-${at}`, partition: [at] },
      statistics,
    }),
  );
  const item = partItem(part(files));
  expect(itemBytes(item)).toBeLessThan(itemBytesMax);
  const texts = (item.files as { statistics: string }[]).map((one) => one.statistics.length);
  const sum = texts.reduce((all, one) => all + one, 0);
  expect(sum).toBeLessThanOrEqual(128 * 1024);
  expect(sum).toBeGreaterThan(0.9 * 128 * 1024);
  for (const one of toPart(item).files) {
    const kept = one.statistics!.columns;
    expect(kept.length).toBeGreaterThan(15);
    expect(one.statistics).toEqual({ splits: [4, 500], columns: columns(200, 16).slice(0, kept.length) });
  }
  // a single file has all of them, with bounds of the first hundred
  const [whole] = toPart(partItem(part(files.slice(0, 1)))).files;
  expect(whole!.statistics!.columns).toHaveLength(200);
});
