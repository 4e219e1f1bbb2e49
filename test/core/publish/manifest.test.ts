import { afterAll, beforeAll, expect, test } from 'vitest';
import { readManifest, toManifest, writeManifest } from '../../../core/publish/manifest.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const run = '20260101T000000Z-0001';
const table = { schema: 'public', table: 'a' };

test('is read as it was written; one of a newer format is refused; one that is gone is null', async () => {
  const { store } = embedded;
  const { sync, keys } = embedded.freshSync();
  const file = { key: 'k', rows: 3, bytes: 40, checksum: 'sha256:0', firstKey: '1', lastKey: '3' };
  const manifest = toManifest({ sync, run, table: 'public.a', schema: [], files: [file, file] });
  expect(manifest).toMatchObject({ format: 1, rows: 6, bytes: 80 });
  await writeManifest(store, keys, table, manifest);
  expect(await readManifest(store, keys, table, run)).toEqual(manifest);
  await writeManifest(store, keys, table, { ...manifest, format: 2 });
  await expect(readManifest(store, keys, table, run)).rejects.toMatchObject({
    code: 'FormatTooNew',
    message: expect.stringContaining(keys.manifest(table, run)),
  });
  await store.delete([keys.manifest(table, run)]);
  expect(await readManifest(store, keys, table, run)).toBeNull();
});
