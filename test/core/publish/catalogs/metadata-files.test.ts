import { describe, expect, test } from 'vitest';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { oldMetadataFiles, writeMetadataFile } from '../../../../core/publish/catalogs/metadata-files.ts';
import { parseMetadata, type TableMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import { mapStore } from '../../../support/map-store.ts';
import { emptyTable, keys, location, orders } from './glue-fixture.ts';

const uuid = (at: number): string => `${String(at).padStart(8, '0')}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`;
const name = (number: number, at = 0): string =>
  `${String(number).padStart(5, '0')}-${uuid(at)}.metadata.json`;
const urlOf = (file: string): string => `${location}/metadata/${file}`;
const keyOf = (file: string): string => `${keys.metadataOf(orders)}${file}`;

const logOf = (...files: readonly string[]): TableMetadata => ({
  ...emptyTable(),
  'metadata-log': files.map((file, at) => ({ 'timestamp-ms': at, 'metadata-file': urlOf(file) })),
});

const at = (file: string, ...log: readonly string[]): LoadedTable => ({
  metadata: logOf(...log),
  version: '7',
  file: urlOf(file),
});

describe('a metadata file', () => {
  test.each([
    [null, '00000-'],
    [name(0), '00001-'],
    [name(41), '00042-'],
    ['00009-of another writer.metadata.json', '00010-'],
    [name(99_999), '100000-'],
    // of a table that was registered with what the ledger's catalog had made
    ['v7.metadata.json', '00008-'],
    ['current.json', '00000-'],
  ])('after %s begins with %s', async (seen, expected) => {
    const store = mapStore('lake');
    const file = await writeMetadataFile(store, keys, orders, seen && urlOf(seen), emptyTable());
    expect(file.startsWith(urlOf(expected))).toBe(true);
    const [[key, body]] = [...store.objects] as [[string, Buffer]];
    expect(`s3://lake/${key}`).toBe(file);
    expect(parseMetadata(body)).toEqual(emptyTable());
  });

  test('gets another name where the store says that there is something', async () => {
    const store = mapStore('lake');
    const names: string[] = [];
    const put: typeof store.put = async (key, ...rest) =>
      names.push(key) < 3 ? { outcome: 'conflict' } : store.put(key, ...rest);
    const file = await writeMetadataFile({ ...store, put }, keys, orders, null, emptyTable());
    expect(new Set(names).size).toBe(3);
    expect(file).toBe(`s3://lake/${names[2]}`);
    const never = { ...store, put: async () => ({ outcome: 'conflict' }) as const };
    await expect(writeMetadataFile(never, keys, orders, null, emptyTable())).rejects.toThrow(
      /nothing should be there, but the store says so of 5 random names/,
    );
  });
});

describe('of the files beside the current one, these are old:', () => {
  test('what its log does not name, and nobody can commit any more', () => {
    const files = [name(1), name(2), name(3), name(3, 1), name(4), name(4, 1), name(5), name(5, 1), name(6)];
    expect(oldMetadataFiles(at(name(5), name(2), name(3), name(4)), files.map(keyOf))).toEqual(
      [name(1), name(3, 1)].map(keyOf),
    );
  });

  test('in the order of numbers, not of letters', () => {
    const current = at(name(100_001), name(99_999), name(100_000));
    const files = [name(99_998), name(99_999), name(100_000), name(100_000, 1), name(100_001)];
    expect(oldMetadataFiles(current, files.map(keyOf))).toEqual([keyOf(name(99_998))]);
  });

  test('nothing that has another name, lies elsewhere, or is of another kind', () => {
    const others = [
      keyOf('v1.metadata.json'),
      keyOf('version-hint.text'),
      keyOf('20260101T000000Z-aaaa-bbbb-list.avro'),
      keyOf(`${name(1)}.bak`),
      keyOf('00001-mine.metadata.json'),
      keyOf(`old/${name(1)}`),
      `raw/public.customers/metadata/${name(1)}`,
      name(1),
    ];
    expect(oldMetadataFiles(at(name(9)), others)).toEqual([]);
    expect(oldMetadataFiles(at('current.json'), [keyOf(name(1))])).toEqual([]);
    expect(oldMetadataFiles(at('v9.metadata.json'), [keyOf(name(1))])).toEqual([keyOf(name(1))]);
  });

  test('and of a table that has gone back to an older file, none of the later ones', () => {
    const files = [name(2), name(3), name(4)].map(keyOf);
    expect(oldMetadataFiles(at(name(3), name(2)), files)).toEqual([]);
  });
});
