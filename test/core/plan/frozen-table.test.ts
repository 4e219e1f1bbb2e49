import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Keys } from '../../../core/objects/keys.ts';
import { freezeTable, readFrozenTable } from '../../../core/plan/frozen-table.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { faultAt, gated } from '../../support/faults.ts';
import { describeTable } from '../../support/memory-source.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

let keys: Keys;
beforeEach(() => {
  ({ keys } = embedded.freshSync());
});

const run = '20260101T000000Z-0001';
const freeze = (table: number) =>
  freezeTable(embedded.store, keys, run, table, {
    description: describeTable(`table_${table}`),
    partition: [],
  });

/** A store of a sandbox of its own, and the calls that were made to it. */
function sandbox() {
  const { gate, calls } = faultAt(null, 'before');
  const store = gated('store', embedded.store, gate);
  return { calls, read: (table: number, of = run) => readFrozenTable(store, keys, of, table) };
}

test('is read as it was written, and once by a sandbox', async () => {
  await freeze(0);
  await freeze(1);
  const { read, calls } = sandbox();
  for (let i = 0; i < 5; i++) {
    expect(await read(0)).toEqual({ description: describeTable('table_0'), partition: [] });
    expect(await read(1)).toEqual({ description: describeTable('table_1'), partition: [] });
  }
  expect(calls).toEqual(['store.get', 'store.get']);
  // another sandbox knows nothing of it
  const other = sandbox();
  await other.read(0);
  expect(other.calls).toEqual(['store.get']);
});

test('another run’s is another one', async () => {
  await freeze(0);
  await freezeTable(embedded.store, keys, '20260101T000001Z-0002', 0, {
    description: describeTable('later'),
    partition: [],
  });
  const { read } = sandbox();
  expect((await read(0)).description.table).toBe('table_0');
  expect((await read(0, '20260101T000001Z-0002')).description.table).toBe('later');
});

test('of many tables only the last few that were asked for are kept', async () => {
  for (let table = 0; table < 12; table++) await freeze(table);
  const { read, calls } = sandbox();
  // table 0 is asked for all the time: it stays; the others go, the oldest first
  for (let table = 1; table < 12; table++) {
    await read(0);
    await read(table);
  }
  expect(calls).toHaveLength(12);
  await read(0);
  await read(11);
  expect(calls).toHaveLength(12);
  await read(1);
  expect(calls).toHaveLength(13);
});

test('one that is gone, or of a newer format, stops the attempt; it is not remembered', async () => {
  const { read } = sandbox();
  await expect(read(0)).rejects.toMatchObject({ code: 'ProtocolViolation' });
  const newer = Buffer.from(JSON.stringify({ format: 99, table: 'elsewhere' }));
  const options = { mediaType: 'application/json' };
  await embedded.store.put(keys.tableDescription(run, 0), newer, sha256Of([newer]), options);
  await expect(read(0)).rejects.toMatchObject({ code: 'FormatTooNew' });
  await freeze(0);
  expect(await read(0)).toEqual({ description: describeTable('table_0'), partition: [] });
});
