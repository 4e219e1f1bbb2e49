import { setTimeout as sleep } from 'node:timers/promises';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { copyChunk } from '../../../core/copy/copy-chunk.ts';
import { TidemarkError } from '../../../core/errors.ts';
import type { ChunkOrder } from '../../../core/plan/chunk-order.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { describeTable, numberedRows, type Row } from '../../support/memory-source.ts';
import { type ChunkFixture, chunkFixture, expectWhole, keysUnder, rowsOfFile } from './chunk-fixture.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

const partRowsOf = async (fixture: ChunkFixture) => (await fixture.log()).map(({ rows }) => rows);
const endRun = ({ id }: ChunkFixture) =>
  embedded.ledger.endRun(id.sync, id.run, { status: 'abandoned', endedAt: 'then' });

describe('a part is closed', () => {
  const rows = numberedRows(10);

  test('by rows', async () => {
    const fixture = await chunkFixture(embedded, rows);
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 10, parts: 3 });
    expect(await partRowsOf(fixture)).toEqual([4, 4, 2]);
    await expectWhole(fixture, rows);
  });

  test('by rows, exactly at the end of the range', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(8));
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 8, parts: 2 });
    expect(await partRowsOf(fixture)).toEqual([4, 4]);
  });

  test('by rows that are no multiple of a batch, or fewer than one', async () => {
    const three = await chunkFixture(embedded, rows, { limits: { partRows: 3, statementRows: 2 } });
    await three.invoke();
    expect(await partRowsOf(three)).toEqual([2, 2, 2, 2, 2]);
    const one = await chunkFixture(embedded, numberedRows(3), { limits: { partRows: 1, statementRows: 2 } });
    await one.invoke();
    expect(await partRowsOf(one)).toEqual([1, 1, 1]);
  });

  test('by the size of its file', async () => {
    const large = numberedRows(10, 'x'.repeat(1000));
    const fixture = await chunkFixture(embedded, large, { limits: { partRows: 100, partBytes: 4000 } });
    await fixture.invoke();
    const parts = await fixture.log();
    expect(parts.length).toBeGreaterThan(1);
    for (const { files } of parts.slice(0, -1)) expect(files[0]!.size).toBeGreaterThan(3000);
    await expectWhole(fixture, large);
  });

  test('by time', async () => {
    let now = 0;
    const fixture = await chunkFixture(embedded, rows, { limits: { partRows: 100, partSeconds: 10 } });
    fixture.places.source.beforeBatch = () => {
      now += 6000;
    };
    await fixture.invoke({ clock: { nowMs: () => now } });
    const counts = await partRowsOf(fixture);
    expect(counts.length).toBeGreaterThan(1);
    await expectWhole(fixture, rows);
  });
});

describe('ranges', () => {
  test('an inner one', async () => {
    const rows = numberedRows(20);
    const fixture = await chunkFixture(embedded, rows, { range: { after: '5', upTo: '13' } });
    await fixture.invoke();
    await expectWhole(fixture, rows.slice(5, 13));
  });

  test('one in which nothing is (any more): a part without a file ends it', async () => {
    const fixture = await chunkFixture(embedded, [], { range: { after: '5', upTo: '13' } });
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 0, parts: 1 });
    expect(await fixture.log()).toMatchObject([
      { n: 0, from: '5', to: '13', last: true, rows: 0, files: [] },
    ]);
    await expectWhole(fixture, []);
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 0, parts: 0 });
  });

  test('one whose last row has gone: the log ends where the range does all the same', async () => {
    const rows = numberedRows(6);
    const fixture = await chunkFixture(embedded, rows);
    fixture.places.source.tables.get('orders')!.rows.pop();
    await fixture.invoke();
    expect((await fixture.log()).at(-1)).toMatchObject({ to: '6', last: true, files: [{ lastKey: '5' }] });
    await expectWhole(fixture, rows.slice(0, 5));
  });

  test('an empty table: one part without rows, and the source is not asked', async () => {
    const fixture = await chunkFixture(embedded, [], { range: null });
    fixture.places.source.beforeDescribe = () => {
      throw new Error('asked');
    };
    expect((await fixture.invoke()).status).toBe('done');
    expect(await fixture.log()).toMatchObject([
      { n: 0, from: null, to: null, last: true, rows: 0, files: [] },
    ]);
    await Promise.all([1, 2, 3].map(() => fixture.invoke()));
    expect(await fixture.log()).toHaveLength(1);
  });

  test('rows above the greatest key of the plan are the next run’s', async () => {
    const rows = numberedRows(6);
    const fixture = await chunkFixture(embedded, rows);
    fixture.places.source.tables.get('orders')!.rows.push({ id: 7, note: 'new' });
    await fixture.invoke();
    await expectWhole(fixture, rows);
  });
});

describe('a table that is written meanwhile', () => {
  test('rows that stay stand once; others once or not at all', async () => {
    const stay = numberedRows(60).filter(({ id }) => id % 2 === 0);
    for (let seed = 1; seed <= 4; seed++) {
      const fixture = await chunkFixture(embedded, stay, { range: { after: null, upTo: '60' } });
      const table = fixture.places.source.tables.get('orders')!;
      let random = seed;
      fixture.places.source.beforeBatch = () => {
        for (let i = 0; i < 4; i++) {
          random = (random * 48271) % 2147483647;
          const id = (random % 30) * 2 + 1;
          table.rows = table.rows.some((row) => row.id === id)
            ? table.rows.filter((row) => row.id !== id)
            : [...table.rows, { id, note: 'passing' }];
        }
        if (random % 7 === 0) throw new TidemarkError('SourceUnavailable', 'by the test');
      };
      for (let tries = 0; ; tries++) {
        if (tries > 100) throw new Error('never done');
        const outcome = await fixture.invoke().catch(() => null);
        if (outcome?.status === 'done') break;
      }
      const copied: Row[] = [];
      for (const { files } of await fixture.log()) {
        for (const { final } of files)
          copied.push(...(await rowsOfFile((await embedded.store.get(final))!.body)));
      }
      expect(copied.filter(({ id }) => id % 2 === 0)).toEqual(stay);
      expect(new Set(copied.map(({ id }) => id)).size).toBe(copied.length);
      const parts = await fixture.log();
      expect(parts.reduce((sum, part) => sum + part.rows, 0)).toBe(copied.length);
    }
  });
});

describe('a table without any order', () => {
  const rows = numberedRows(10);
  const options = { key: { by: 'nothing' }, range: { after: null, upTo: '' } } as const;

  test('becomes one part, whatever the limits say', async () => {
    const fixture = await chunkFixture(embedded, rows, {
      ...options,
      limits: { partRows: 4, partBytes: 10 },
    });
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 10, parts: 1 });
    const [part] = await fixture.log();
    expect(part).toMatchObject({ from: null, to: '', last: true, files: [{ firstKey: '', lastKey: '' }] });
    const { body } = (await embedded.store.get(part!.files[0]!.final))!;
    expect(await rowsOfFile(body)).toEqual(rows);
  });

  test('is read from its beginning after an attempt that died', async () => {
    const fixture = await chunkFixture(embedded, rows, options);
    fixture.places.source.beforeBatch = (batch) => {
      if (batch === 3) throw new TidemarkError('SourceUnavailable', 'gone');
    };
    await expect(fixture.invoke()).rejects.toMatchObject({ code: 'SourceUnavailable' });
    expect(await fixture.log()).toEqual([]);
    expect(await fixture.invoke()).toEqual({ status: 'done', rows: 10, parts: 1 });
    expect(fixture.places.source.reads.map(({ after }) => after)).toEqual([null, null]);
  });

  test('that takes longer than an invocation: KeyMissing, and no part that nobody could go on behind', async () => {
    const fixture = await chunkFixture(embedded, rows, options);
    let remaining = 100_000;
    fixture.places.source.beforeBatch = (batch) => {
      if (batch === 3) remaining = 0;
    };
    await expect(fixture.invoke({ clock: { remainingMs: () => remaining } })).rejects.toMatchObject({
      code: 'KeyMissing',
      message: expect.stringMatching(/public\.orders has no key, .*longer than one invocation/),
    });
    expect(await fixture.log()).toEqual([]);
  });
});

describe('time', () => {
  const rows = numberedRows(20);

  test('that runs out: what has been read is committed, and the next invocation goes on there', async () => {
    const fixture = await chunkFixture(embedded, rows);
    let remaining = 100_000;
    fixture.places.source.beforeBatch = (batch) => {
      if (batch === 4) remaining = 20_000;
    };
    expect(await fixture.invoke({ clock: { remainingMs: () => remaining } })).toMatchObject({
      status: 'more',
      rows: 10,
    });
    expect(fixture.places.source.openReads).toBe(0);
    expect((await fixture.log()).every(({ last }) => !last)).toBe(true);
    expect(await fixture.invoke()).toMatchObject({ status: 'done', rows: 10 });
    expect(fixture.places.source.reads.at(-1)).toEqual({ after: '10', upTo: '20' });
    await expectWhole(fixture, rows);
  });

  test('that runs out with the last row: a part without rows ends the chunk', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(4));
    let remaining = 100_000;
    fixture.places.source.beforeBatch = (batch) => {
      if (batch === 1) remaining = 0;
    };
    expect((await fixture.invoke({ clock: { remainingMs: () => remaining } })).status).toBe('more');
    expect((await fixture.invoke()).status).toBe('done');
    expect(await partRowsOf(fixture)).toEqual([4, 0]);
    await expectWhole(fixture, numberedRows(4));
  });

  test('that is up before anything is read', async () => {
    const fixture = await chunkFixture(embedded, rows);
    const remaining = [100_000, 0];
    const clock = { remainingMs: () => remaining.shift() ?? 0 };
    expect(await fixture.invoke({ clock })).toEqual({ status: 'more', rows: 0, parts: 0 });
    expect(fixture.places.source.reads).toEqual([]);
  });

  test('of short invocations is used for three quarters: each gets on', async () => {
    const fixture = await chunkFixture(embedded, rows);
    const statuses: string[] = [];
    while (statuses.at(-1) !== 'done') {
      let remaining = 4000;
      fixture.places.source.beforeBatch = () => {
        remaining -= 1600;
      };
      const { status, rows: copied } = await fixture.invoke({ clock: { remainingMs: () => remaining } });
      if (status === 'more') expect(copied).toBeGreaterThan(0);
      statuses.push(status);
    }
    await expectWhole(fixture, rows);
  });
});

describe('the source fails', () => {
  test('in the middle: what was committed counts, what was read and not committed is read again', async () => {
    const rows = numberedRows(20);
    const fixture = await chunkFixture(embedded, rows);
    fixture.places.source.beforeBatch = (batch) => {
      if (batch === 7) throw new TidemarkError('SourceUnavailable', 'gone');
    };
    await expect(fixture.invoke()).rejects.toMatchObject({ code: 'SourceUnavailable' });
    // the part that was on its way is not given up
    expect(await partRowsOf(fixture)).toEqual([4, 4, 4]);
    await fixture.invoke();
    expect(fixture.places.source.reads.at(-1)).toEqual({ after: '12', upTo: '20' });
    await expectWhole(fixture, rows);
  });

  test('while staging fails, too: nobody is left waiting', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(20));
    fixture.places.source.beforeBatch = async (batch) => {
      if (batch === 4) await sleep(20);
      if (batch === 4) throw new TidemarkError('SourceUnavailable', 'gone');
    };
    const gate = async <T>({ name }: { name: string }, proceed: () => Promise<T>): Promise<T> => {
      if (name === 'store.put') throw new TidemarkError('StoreUnavailable', 'gone');
      return proceed();
    };
    await expect(fixture.invoke({ gate })).rejects.toMatchObject({ kind: 'transient' });
    expect(fixture.places.source.openReads).toBe(0);
    expect(await fixture.log()).toEqual([]);
  });

  test('the next part is read while one is being staged, and no further', async () => {
    const rows = numberedRows(20);
    const fixture = await chunkFixture(embedded, rows);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let batches = 0;
    fixture.places.source.beforeBatch = () => {
      batches++;
    };
    const gate = async <T>({ name }: { name: string }, proceed: () => Promise<T>): Promise<T> => {
      if (name === 'store.put') await held;
      return proceed();
    };
    const copying = fixture.invoke({ gate });
    await vi.waitFor(() => expect(batches).toBe(5), 20_000);
    await sleep(100);
    // part 0 was two batches; part 1 is read to its end, which the first batch of part 2 tells
    expect(batches).toBe(5);
    release();
    await copying;
    await expectWhole(fixture, rows);
  });
});

describe('the run is over', () => {
  test('before the attempt begins: nothing is done', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(5));
    await endRun(fixture);
    expect(await fixture.invoke()).toEqual({ status: 'over', rows: 0, parts: 0 });
    expect(await fixture.log()).toEqual([]);
    expect(fixture.places.source.reads).toEqual([]);
  });

  /** Sweeps all staging after the given call, having ended the run or not. */
  const sweepAfter = (fixture: ChunkFixture, call: string, ended: boolean) => {
    const { store } = embedded;
    let swept = false;
    return async <T>({ name }: { name: string }, proceed: () => Promise<T>): Promise<T> => {
      const answer = await proceed();
      if (name === call && !swept) {
        swept = true;
        if (ended) await endRun(fixture);
        await store.delete(await keysUnder(store, fixture.keys.stagingOfSync));
      }
      return answer;
    };
  };

  test('and swept, between a commit and its rename: the attempt ends well', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(9));
    const gate = sweepAfter(fixture, 'ledger.commitPart', true);
    expect(await fixture.invoke({ gate })).toEqual({ status: 'over', rows: 0, parts: 0 });
  });

  test('a committed file that vanishes while the run is not over is not passed over', async () => {
    const fixture = await chunkFixture(embedded, numberedRows(9));
    const gate = sweepAfter(fixture, 'ledger.commitPart', false);
    await expect(fixture.invoke({ gate })).rejects.toMatchObject({ code: 'ProtocolViolation' });
    await expect(fixture.invoke()).rejects.toMatchObject({ code: 'ProtocolViolation' });
    await endRun(fixture);
    expect(await fixture.invoke()).toMatchObject({ status: 'over' });
  });
});

test('a chunk that is done does not ask the source', async () => {
  const fixture = await chunkFixture(embedded, numberedRows(5));
  await fixture.invoke();
  fixture.places.source.tables.clear();
  expect(await fixture.invoke()).toEqual({ status: 'done', rows: 0, parts: 0 });
});

test('files say which sync, run, table, chunk and part they are', async () => {
  const fixture = await chunkFixture(embedded, numberedRows(6));
  await fixture.invoke();
  const said: string[] = [];
  for (const { files } of await fixture.log()) {
    const { body } = (await embedded.store.get(files[0]!.final))!;
    const { key_value_metadata: pairs } = parquetMetadata(new Uint8Array(body).buffer);
    const found = Object.fromEntries(pairs!.map(({ key, value }) => [key, value]));
    expect(found).toMatchObject({ 'tidemark.run': fixture.id.run, 'tidemark.table': 'public.orders' });
    said.push(`${found['tidemark.chunk']}/${found['tidemark.part']}`);
  }
  expect(said).toEqual(['0/0', '0/1']);
});

test('an attempt lists nothing, looks at nothing twice, and reads no object but its table’s description: its calls are these', async () => {
  const fixture = await chunkFixture(embedded, numberedRows(3));
  const names: string[] = [];
  await fixture.invoke({
    gate: (call, proceed) => {
      names.push(call.name);
      return proceed();
    },
  });
  expect(names.filter((name) => name !== 'source.read.next').sort()).toEqual([
    'ledger.commitPart',
    'ledger.lastPart',
    'ledger.run',
    'store.copyToAbsent',
    'store.delete',
    'store.get',
    'store.put',
  ]);
});

test('a line of format 1 brings its table’s description along: no object is read', async () => {
  const fixture = await chunkFixture(embedded, numberedRows(6));
  const { tableName: _, ...line } = fixture.order as Extract<ChunkOrder, { tableName: string }>;
  const older: ChunkOrder = { ...line, format: 1, description: describeTable('orders') };
  await embedded.store.delete([fixture.keys.tableDescription(fixture.id.run, 0)]);
  const attempt = { id: 'older', startedAt: '2026-01-01T00:00:10.000Z', retry: 0 };
  const clock = { nowMs: () => 0, remainingMs: () => 900_000 };
  expect(await copyChunk(fixture.places, older, attempt, clock)).toEqual({
    status: 'done',
    rows: 6,
    parts: 2,
  });
  await expectWhole(fixture, numberedRows(6));
});

test('without its table’s description an attempt stops, unless its chunk is done or its run over', async () => {
  const fixture = await chunkFixture(embedded, numberedRows(6));
  const key = fixture.keys.tableDescription(fixture.id.run, 0);
  await embedded.store.delete([key]);
  await expect(fixture.invoke()).rejects.toMatchObject({
    code: 'ProtocolViolation',
    message: expect.stringContaining(key),
  });
  await endRun(fixture);
  expect(await fixture.invoke()).toMatchObject({ status: 'over' });

  const done = await chunkFixture(embedded, numberedRows(6));
  await done.invoke();
  await embedded.store.delete([done.keys.tableDescription(done.id.run, 0)]);
  expect(await done.invoke({ gate: (_call, proceed) => proceed() })).toMatchObject({
    status: 'done',
    rows: 0,
  });
});
