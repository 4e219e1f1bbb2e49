import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../core/errors.ts';
import type { Part } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { readManifest } from '../../../core/publish/manifest.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { lake, under } from './lake-fixture.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const rows = numberedRows(7);

test('a run that is whole: files, manifest, head, pointer, run; nothing left in staging', async () => {
  const shop = lake(embedded, { a: rows, nothing: [] }, { chunk: 3, part: 2 });
  const { run, orders } = await shop.plan();
  await shop.copy(orders);
  // of an attempt that died before it could commit
  const leftOver = shop.keys.staged(run, a, 0, 9, 'dead', 'parquet');
  await embedded.store.put(leftOver, Buffer.of(), sha256Of([]), { mediaType: 'text/plain' });
  expect(await shop.pointer('a')).toBeNull();
  const published = await shop.publish(run);
  const pointer = (await shop.pointer('a'))!;
  const manifest = (await readManifest(embedded.store, shop.keys, a, run))!;
  const { bytes } = pointer;
  expect(published).toEqual({
    status: 'published',
    sync: shop.sync,
    run,
    tables: 2,
    rows: 7,
    bytes,
    files: 4,
  });
  expect(manifest).toMatchObject({ format: 1, sync: shop.sync, run, table: 'public.a', rows: 7, bytes });
  expect(pointer).toEqual({
    format: 1,
    version: 1,
    sync: shop.sync,
    table: 'public.a',
    publishedAt: expect.stringMatching(/^20.*Z$/),
    runs: [run],
    rows: 7,
    bytes,
    schema: [
      { id: 1, name: 'id', type: { kind: 'int', bits: 64 }, nullable: false },
      { id: 2, name: 'note', type: { kind: 'string' }, nullable: true },
    ],
    files: manifest.files,
  });
  expect(pointer.files.map(({ key }) => key)).toEqual(await under(embedded, shop.keys.dataOf(a)));
  expect(pointer.files.map(({ firstKey, lastKey, rows: n }) => [firstKey, lastKey, n])).toEqual([
    ['1', '2', 2],
    ['3', '4', 2],
    ['5', '6', 2],
    ['7', '7', 1],
  ]);
  expect(await shop.head('a')).toMatchObject({
    version: 1,
    claimedBy: run,
    publishedRun: run,
    inCatalog: false,
    previousRun: null,
    snapshot: { run, rows: 7 },
  });
  expect(await shop.pointer('nothing')).toMatchObject({ version: 1, rows: 0, files: [] });
  expect(await embedded.ledger.run(shop.sync, run)).toMatchObject({
    status: 'published',
    totals: { rows: 7, bytes, files: 4 },
  });
  expect(await under(embedded, shop.keys.stagingOfSync)).toEqual([]);
  expect(await shop.read('a')).toEqual(rows);
});

test('DuckDB finds the source’s rows in what is published', async () => {
  const many = numberedRows(5000, 'Grüße');
  const shop = lake(embedded, { a: many }, { chunk: 1500, part: 400 });
  await shop.runThrough();
  const files = (await shop.pointer('a'))!.files.map(({ key }) => `'${embedded.fileOf(key)}'`);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const found = await connection.runAndReadAll(`SELECT id, note FROM read_parquet([${files}]) ORDER BY id`);
  expect(found.getRows().map(([id, note]) => ({ id: Number(id), note }))).toEqual(many);
  connection.closeSync();
  instance.closeSync();
});

test('a new snapshot replaces the old one; its files stay for one generation, then they are swept', async () => {
  const shop = lake(embedded, { a: rows });
  const first = await shop.runThrough();
  const filesOfFirst = await under(embedded, shop.keys.dataOfRun(a, first));
  shop.source.tables.get('a')!.rows = numberedRows(3, 'second');
  const second = await shop.runThrough();
  expect(await shop.pointer('a')).toMatchObject({ version: 2, runs: [second] });
  expect(await shop.read('a')).toEqual(numberedRows(3, 'second'));
  expect(await under(embedded, shop.keys.dataOfRun(a, first))).toEqual(filesOfFirst);
  shop.source.tables.get('a')!.rows = numberedRows(4, 'third');
  const third = await shop.runThrough();
  expect(await shop.head('a')).toMatchObject({ version: 3, previousRun: second });
  expect(await under(embedded, shop.keys.dataOfRun(a, first))).toEqual([]);
  expect(await under(embedded, shop.keys.dataOfRun(a, second))).not.toEqual([]);
  expect(await shop.read('a')).toEqual(numberedRows(4, 'third'));
  expect((await embedded.ledger.runs(shop.sync, 9)).map(({ run, status }) => [run, status])).toEqual(
    [third, second, first].map((run) => [run, 'published']),
  );
});

test('what an abandoned run wrote is swept with the next snapshot', async () => {
  const shop = lake(embedded, { a: rows });
  const first = await shop.runThrough();
  const { run: abandoned, orders } = await shop.plan();
  await shop.copy(orders, { only: ({ chunk }) => chunk < 2 });
  expect(await under(embedded, shop.keys.dataOfRun(a, abandoned))).not.toEqual([]);
  const fresh = await shop.plan({ fresh: true });
  await shop.copy(fresh.orders);
  await shop.publish(fresh.run);
  expect(await under(embedded, shop.keys.dataOfRun(a, abandoned))).toEqual([]);
  expect(await under(embedded, shop.keys.dataOfRun(a, first))).not.toEqual([]);
  expect(await shop.head('a')).toMatchObject({ version: 2, previousRun: first });
});

describe('a run that is not whole', () => {
  test('publishes what is, names the rest with reasons, and is finished later', async () => {
    const shop = lake(embedded, { a: rows, b: rows, c: rows });
    const { run, orders } = await shop.plan();
    await shop.copy(orders, { only: ({ table, chunk }) => table === 0 || (table === 1 && chunk !== 1) });
    const publishing = shop.publish(run, { reasons: new Map([[2, 'TableDenied: no SELECT on public.c']]) });
    await expect(publishing).rejects.toMatchObject({
      code: 'RunIncomplete',
      message: `run ${run} of ${shop.sync}: 1 of 3 tables are published. Not complete: public.b: not all of its chunks are done; public.c: TableDenied: no SELECT on public.c`,
    });
    expect(await shop.read('a')).toEqual(rows);
    expect([await shop.read('b'), await shop.read('c')]).toEqual([null, null]);
    expect(await embedded.ledger.run(shop.sync, run)).toMatchObject({ status: 'running' });
    const headOfA = await shop.head('a');
    const again = await shop.plan();
    expect(again.run).toBe(run);
    expect(again.orders.every(({ table }) => table > 0)).toBe(true);
    await shop.copy(again.orders);
    expect(await shop.publish(run)).toMatchObject({ status: 'published', tables: 3, rows: 21 });
    expect(await shop.head('a')).toEqual(headOfA);
    expect([await shop.read('b'), await shop.read('c')]).toEqual([rows, rows]);
  });

  test('leaves the old snapshot live', async () => {
    const shop = lake(embedded, { a: rows });
    await shop.runThrough();
    shop.source.tables.get('a')!.rows = numberedRows(9, 'new');
    const { run, orders } = await shop.plan();
    await shop.copy(orders, { only: ({ chunk }) => chunk > 0 });
    await expect(shop.publish(run)).rejects.toMatchObject({ code: 'RunIncomplete' });
    expect(await shop.read('a')).toEqual(rows);
    expect(await shop.pointer('a')).toMatchObject({ version: 1 });
  });

  test('names twenty tables at most', async () => {
    const tables = Object.fromEntries(Array.from({ length: 23 }, (_, i) => [`t${i}`, numberedRows(1)]));
    const shop = lake(embedded, tables);
    const { run } = await shop.plan();
    await expect(shop.publish(run)).rejects.toMatchObject({
      message: expect.stringMatching(
        /0 of 23 tables are published\. Not complete: public\.t0: .*public\.t19: [^;]*; and 3 more$/,
      ),
    });
  });

  test('a table that could not be planned', async () => {
    const shop = lake(embedded, { a: rows, b: rows });
    shop.source.tables.delete('b');
    shop.source.beforeDescribe = ({ table }) => {
      if (table === 'b') throw new TidemarkError('TableMissing', 'gone');
    };
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    await expect(shop.publish(run, { reasons: new Map([[1, 'TableMissing: gone']]) })).rejects.toThrow(
      '1 of 2 tables are published. Not complete: public.b: TableMissing: gone',
    );
  });
});

describe('a file that is not as committed is never published, and holds back its table alone', () => {
  const damages: [string, (file: Part['files'][number]) => Promise<void>, string][] = [
    ['missing', ({ final }) => embedded.store.delete([final]), 'is gone'],
    ['cut short', (file) => overwrite(file, file.size - 1), 'is not the file that was committed'],
    ['with other bytes', (file) => overwrite(file, file.size), 'is not the file that was committed'],
  ];
  async function overwrite({ final, size }: Part['files'][number], length: number): Promise<void> {
    const found = (await embedded.store.get(final))!.body;
    expect(found).toHaveLength(size);
    const body = Buffer.from(found.subarray(0, length));
    body[100] = body[100]! ^ 1;
    const { metadata } = (await embedded.store.head(final))!;
    await embedded.store.put(final, body, sha256Of([body]), { mediaType: 'text/plain', metadata });
  }

  test.for(damages)('%s', async ([, damage, message]) => {
    const shop = lake(embedded, { a: rows, b: rows });
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    for await (const { table, chunk, n, files } of embedded.ledger.partsOfRun(shop.sync, run)) {
      if (table === 0 && chunk === 1 && n === 0) await damage(files[0]!);
    }
    await expect(shop.publish(run)).rejects.toMatchObject({
      code: 'RunIncomplete',
      message: expect.stringMatching(new RegExp(`1 of 2 .*public\\.a: ProtocolViolation: s3://.*${message}`)),
    });
    expect([await shop.head('a'), await shop.pointer('a')]).toMatchObject([
      { version: 0, snapshot: null },
      null,
    ]);
    expect(await shop.read('b')).toEqual(rows);
  });
});

describe('a log that is not one', () => {
  const attempt = { id: 'x', startedAt: 't', retry: 0 };
  const part = (n: number, from: string | null, to: string, last: boolean) => ({
    ...{ n, from, to, last, rows: 0, files: [], attempt, readAt: 't' },
  });
  test.for([
    [
      'a gap between offsets',
      [part(0, null, '3', false), part(1, '4', '7', true)],
      'a gap or a fork at part 1',
    ],
    ['a missing number', [part(0, null, '3', false), part(2, '3', '7', true)], 'a gap or a fork at part 2|1'],
    ['a wrong beginning', [part(0, '1', '7', true)], 'a gap or a fork at part 0'],
    [
      'something after the last',
      [part(0, null, '7', true), part(1, '7', '7', true)],
      'a gap or a fork at part 0',
    ],
    ['an end before the range’s', [part(0, null, '6', true)], 'the log ends before its range'],
    ['no last part', [part(0, null, '7', false)], 'not all of its chunks are done'],
    ['nothing', [], 'not all of its chunks are done'],
  ] as const)('%s', async ([, parts, message]) => {
    const shop = lake(embedded, { a: rows }, { chunk: 100, part: 100 });
    const { run } = await shop.plan();
    for (const one of parts)
      await embedded.ledger.commitPart({ sync: shop.sync, run, table: 0, chunk: 0, ...one });
    await expect(shop.publish(run)).rejects.toMatchObject({
      code: 'RunIncomplete',
      message: expect.stringMatching(message),
    });
    expect(await shop.pointer('a')).toBeNull();
  });
});

test('renames what attempts that died had committed and not renamed', async () => {
  const shop = lake(embedded, { a: rows }, { chunk: 100, part: 100 });
  const { run, orders } = await shop.plan();
  await shop
    .copy(orders, {
      gate: ({ name }, proceed) =>
        name === 'store.copyToAbsent' ? Promise.reject(new Error('died')) : proceed(),
    })
    .catch(() => {});
  expect(await under(embedded, shop.keys.dataOf(a))).toEqual([]);
  expect(await under(embedded, shop.keys.stagingOf(run))).toHaveLength(1);
  // another execution adopts the run: what is committed in it is not swept
  expect((await shop.plan()).run).toBe(run);
  expect(await under(embedded, shop.keys.stagingOf(run))).toHaveLength(1);
  expect(await shop.publish(run)).toMatchObject({ status: 'published' });
  expect(await shop.read('a')).toEqual(rows);
  expect(await under(embedded, shop.keys.stagingOf(run))).toEqual([]);
});

test('a lake that somebody has deleted is published anew by the next run', async () => {
  const shop = lake(embedded, { a: rows });
  const run = await shop.runThrough();
  const deleted = [
    ...(await under(embedded, shop.keys.dataOf(a))),
    shop.keys.manifest(a, run),
    shop.keys.pointer(a),
  ];
  await embedded.store.delete(deleted);
  await shop.runThrough();
  expect(await shop.read('a')).toEqual(rows);
  expect(await shop.pointer('a')).toMatchObject({ version: 2 });
});

describe('a run that is over', () => {
  test('published, abandoned or unknown: Publish ends well and touches nothing', async () => {
    const shop = lake(embedded, { a: rows });
    const run = await shop.runThrough();
    const pointer = await shop.pointer('a');
    expect(await shop.publish(run)).toEqual({ status: 'over', sync: shop.sync, run });
    const { run: abandoned, orders } = await shop.plan();
    await shop.copy(orders);
    const fresh = await shop.plan({ fresh: true });
    expect(await shop.publish(abandoned)).toEqual({ status: 'over', sync: shop.sync, run: abandoned });
    // an old execution is redriven: it finds out that its run is over before it would walk the chunks again
    expect(await shop.publish(abandoned, { goAgain: true })).toMatchObject({ status: 'over' });
    expect(await shop.publish(run, { goAgain: true })).toMatchObject({ status: 'over' });
    expect(await shop.publish(fresh.run, { goAgain: true })).toMatchObject({ status: 'go-again' });
    // a run that the ledger does not know: the ledger was lost, which is no good end
    await expect(shop.publish('20990101T000000Z-0000')).rejects.toMatchObject({ code: 'ProtocolViolation' });
    expect(await shop.pointer('a')).toEqual(pointer);
    await shop.copy(fresh.orders);
    expect(await shop.publish(fresh.run)).toMatchObject({ status: 'published' });
  });

  test('a table that a later run has claimed meanwhile is not published any more', async () => {
    const shop = lake(embedded, { a: rows });
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    await embedded.ledger.claimTable(shop.sync, 'public.a', '20990101T000000Z-0000');
    expect(await shop.publish(run)).toMatchObject({ status: 'over' });
    expect(await shop.pointer('a')).toBeNull();
  });
});
