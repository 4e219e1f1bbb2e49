import { describe, expect, test } from 'vitest';
import { updatesBetween } from '../../../../core/publish/catalogs/table-updates.ts';
import { jsonText, parseJson, type TableMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import { withFields, withoutExpired, withSort } from '../../../../core/publish/iceberg/table.ts';
import { randomFrom } from '../../../support/random.ts';
import { applied, checkRequirements, type Json } from '../../../support/rest-table-updates.ts';
import { by, field, gapped, plus } from './rest-fixture.ts';

const before = plus(plus(gapped(), 11), 12n + 2n ** 62n);
const updates = (next: TableMetadata) => updatesBetween(before, next).updates;

describe('a table that is there', () => {
  test('all of it is required to be as it was seen, with every branch and tag', () => {
    const tagged = { ...before, refs: { ...before.refs, v1: { 'snapshot-id': 11, type: 'tag' as const } } };
    const next = { ...tagged, refs: { ...tagged.refs, v2: { 'snapshot-id': 11, type: 'tag' as const } } };
    expect(updatesBetween(tagged, next).requirements).toEqual([
      { type: 'assert-table-uuid', uuid: before['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 12n + 2n ** 62n },
      { type: 'assert-ref-snapshot-id', ref: 'v1', 'snapshot-id': 11 },
      { type: 'assert-ref-snapshot-id', ref: 'v2', 'snapshot-id': null },
      { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 3 },
      { type: 'assert-current-schema-id', 'current-schema-id': 0 },
      { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 999 },
      { type: 'assert-default-spec-id', 'default-spec-id': 0 },
      { type: 'assert-default-sort-order-id', 'default-sort-order-id': 1 },
    ]);
  });

  test('a table without a snapshot is required to have none still', () => {
    expect(updatesBetween(gapped(), plus(gapped(), 1)).requirements).toContainEqual({
      type: 'assert-ref-snapshot-id',
      ref: 'main',
      'snapshot-id': null,
    });
  });

  test('nothing changed: nothing is asked for', () => {
    expect(updates(before)).toEqual([]);
  });

  test('a snapshot comes before the branch that shows it; what expires goes last', () => {
    const next = withoutExpired(plus(before, 13), new Set([12n + 2n ** 62n, 13]));
    expect(updates(next)).toEqual([
      { action: 'add-snapshot', snapshot: next.snapshots!.at(-1) },
      { action: 'set-snapshot-ref', 'ref-name': 'main', 'snapshot-id': 13, type: 'branch' },
      { action: 'remove-snapshots', 'snapshot-ids': [11] },
    ]);
  });

  test('a branch keeps how long it keeps; a tag goes', () => {
    const main = { ...before.refs!.main!, 'min-snapshots-to-keep': 7, 'max-ref-age-ms': 8 };
    const seen = { ...before, refs: { main, old: { 'snapshot-id': 11, type: 'tag' as const } } };
    const { old: _, ...refs } = plus(seen, 13).refs!;
    expect(updatesBetween(seen, { ...plus(seen, 13), refs }).updates.slice(1)).toEqual([
      {
        ...{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 13 },
        ...{ 'min-snapshots-to-keep': 7, 'max-ref-age-ms': 8 },
      },
      { action: 'remove-snapshot-ref', 'ref-name': 'old' },
    ]);
  });

  test('a new schema and order are the ones added last, known ones go by their number', () => {
    const next = withSort(withFields(before, [field(1, 'id'), field(4, 'm')]), by(4));
    expect(updates(next)).toEqual([
      { action: 'add-schema', schema: next.schemas[1], 'last-column-id': 4 },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-sort-order', 'sort-order': next['sort-orders'][2] },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ]);
    const back = withSort({ ...next, 'current-schema-id': 0 }, null);
    expect(updatesBetween(next, back).updates).toEqual([
      { action: 'set-current-schema', 'schema-id': 0 },
      { action: 'set-default-sort-order', 'sort-order-id': 0 },
    ]);
  });

  test('partitions, place, properties', () => {
    const spec = {
      'spec-id': 1,
      fields: [{ 'source-id': 1, 'field-id': 1000, name: 'id_bucket', transform: 'bucket[4]' }],
    };
    const next = {
      ...before,
      location: 's3://lake/other',
      'partition-specs': [...before['partition-specs'], spec],
      'default-spec-id': 1,
      properties: { q: '2' },
    };
    expect(updates(next)).toEqual([
      { action: 'set-location', location: 's3://lake/other' },
      { action: 'add-spec', spec },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'set-properties', updates: { q: '2' } },
      { action: 'remove-properties', removals: ['p'] },
    ]);
  });
});

test('a table that is made: all of it, and nothing is required but that there is none', () => {
  const next = plus(gapped(), 1);
  expect(updatesBetween(null, next)).toEqual({
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid: next['table-uuid'] },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'set-location', location: next.location },
      { action: 'add-schema', schema: next.schemas[0], 'last-column-id': 3 },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: next['partition-specs'][0] },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': next['sort-orders'][0] },
      { action: 'add-sort-order', 'sort-order': next['sort-orders'][1] },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
      { action: 'set-properties', updates: { p: '1' } },
      { action: 'add-snapshot', snapshot: next.snapshots![0] },
      { action: 'set-snapshot-ref', 'ref-name': 'main', 'snapshot-id': 1, type: 'branch' },
    ],
  });
});

/** One of the changes that Tidemark makes, or another program has made meanwhile. */
function changed(
  metadata: TableMetadata,
  known: TableMetadata | null,
  random: () => number,
  id: number,
): TableMetadata {
  const pick = Math.floor(random() * 7);
  const snapshots = metadata.snapshots ?? [];
  const one = snapshots[Math.floor(random() * snapshots.length)];
  if (pick <= 2 || !one) return plus(metadata, random() < 0.5 ? id : BigInt(id) + 2n ** 60n);
  if (pick === 3) {
    const last = metadata['last-column-id'] + 1;
    return withFields(metadata, [field(1, 'id'), field(random() < 0.5 ? 3 : last, `n${last}`)]);
  }
  if (pick === 4) return withSort(metadata, random() < 0.3 ? null : by(random() < 0.5 ? 1 : 3));
  if (pick === 5) {
    const name = `t${Math.floor(random() * 3)}`;
    const { [name]: known, ...refs } = metadata.refs!;
    if (known) return { ...metadata, refs };
    return { ...metadata, refs: { ...refs, [name]: { 'snapshot-id': one['snapshot-id'], type: 'tag' } } };
  }
  const before = new Set(known?.snapshots?.map((snapshot) => snapshot['snapshot-id']));
  const referred = new Set(Object.values(metadata.refs!).map((reference) => reference['snapshot-id']));
  const ids = snapshots.map((snapshot) => snapshot['snapshot-id']);
  return withoutExpired(metadata, new Set(ids.filter((other) => referred.has(other) || !before.has(other))));
}

/** What a server keeps, without times and logs, which are its own business; orders of fields do not count. */
const content = (metadata: unknown): Json => {
  const { 'last-updated-ms': _, 'metadata-log': __, 'snapshot-log': ___, ...rest } = metadata as Json;
  return rest;
};

test('a server that makes the updates has the table that was meant: 300 random histories', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomFrom(seed);
    let known: TableMetadata | null = null;
    for (let step = 0; step < 6; step++) {
      let next: TableMetadata = known ?? gapped();
      const count = 1 + Math.floor(random() * 3);
      for (let at = 0; at < count; at++) next = changed(next, known, random, 1 + step * 10 + at);
      // as it comes over the wire
      const { requirements, updates } = parseJson(jsonText(updatesBetween(known, next))) as {
        requirements: Json[];
        updates: Json[];
      };
      checkRequirements(known as Json | null, requirements);
      const made = applied(known as Json | null, updates, 0);
      expect(content(made), `seed ${seed}, step ${step}`).toEqual(content(next));
      known = made as unknown as TableMetadata;
    }
  }
});
