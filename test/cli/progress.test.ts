import { describe, expect, it } from 'vitest';
import type { ChunkActivity } from '../../cli/cloud.ts';
import { newFailure, partName, progressOf, type Sighting } from '../../cli/progress.ts';
import { partItem, planOf, published } from '../support/fake-cloud.ts';

const run = 'r1';
const atMs = Date.parse('2026-11-20T07:00:10.000Z');

const activity = (over: Partial<ChunkActivity> = {}): ChunkActivity => ({
  total: 3,
  running: 1,
  waiting: 1,
  succeeded: 1,
  failed: 0,
  isSample: false,
  retries: 0,
  lastFailure: null,
  runningByTable: new Map([[0, 1]]),
  retriesByTable: new Map(),
  ...over,
});

const sighting = (over: Partial<Sighting> = {}): Sighting => ({
  run,
  tables: ['public.orders', 'public.items'],
  plans: [planOf('public', 'orders', [1000, 1000]), planOf('public', 'items', [100])],
  heads: [],
  parts: [],
  activity: activity(),
  ...over,
});

const none = () => false;

describe('progressOf', () => {
  it('knows nothing of a table without a plan, and says so', () => {
    const { tables, total } = progressOf(
      sighting({ plans: [null, planOf('public', 'items', [100])] }),
      none,
      atMs,
    );
    expect(tables[0]).toMatchObject({
      state: 'planning',
      rows: 0,
      rowsExpected: null,
      chunks: null,
      secondsLeft: null,
    });
    expect(tables[1]).toMatchObject({ state: 'waiting', rowsExpected: 100 });
    expect(total).toMatchObject({ rowsExpected: null, chunks: null, secondsLeft: null });
  });

  it('counts committed parts, and what is left by the estimates of unfinished chunks', () => {
    const { tables, total } = progressOf(
      sighting({
        parts: [
          // this chunk held less than was estimated, and is done
          partItem({ run, table: 0, chunk: 0, n: 0, rows: 900, last: true }),
          partItem({ run, table: 0, chunk: 1, n: 0, rows: 400 }),
        ],
      }),
      none,
      atMs,
    );
    // 1,300 rows since 07:00:00, at 07:00:10; 600 are left
    expect(tables[0]).toMatchObject({
      state: 'copying',
      rows: 1300,
      rowsExpected: 1900,
      bytes: 13_000,
      parts: 2,
      chunksDone: 1,
      chunks: 2,
      chunksRunning: 1,
      rowsPerSecond: 130,
    });
    expect(tables[0]!.secondsLeft).toBeCloseTo(600 / 130);
    expect(total).toMatchObject({
      rows: 1300,
      rowsExpected: 2000,
      chunksDone: 1,
      chunks: 3,
      rowsPerSecond: 130,
    });
  });

  it('does not count a chunk beyond its estimate against the others', () => {
    const parts = [partItem({ run, table: 0, chunk: 0, n: 0, rows: 5000 })];
    const [orders] = progressOf(sighting({ parts }), none, atMs).tables;
    expect(orders).toMatchObject({ rows: 5000, rowsExpected: 6000 });
  });

  it('takes the speed from this execution alone, and from the last half minute', () => {
    const before = partItem({ run, table: 0, chunk: 0, n: 0, rows: 900 });
    const isBefore = (part: { table: number; chunk: number; n: number }) =>
      partName(part) === partName(before);
    const still = progressOf(sighting({ parts: [before] }), isBefore, atMs);
    expect(still.tables[0]).toMatchObject({ rows: 900, rowsPerSecond: null, secondsLeft: null });

    const mine = partItem({ run, table: 0, chunk: 1, n: 0, rows: 600 });
    expect(progressOf(sighting({ parts: [before, mine] }), isBefore, atMs).tables[0]!.rowsPerSecond).toBe(60);
    // a standstill for longer than the window
    const later = progressOf(sighting({ parts: [before, mine] }), isBefore, atMs + 60_000).tables[0]!;
    expect(later).toMatchObject({ rowsPerSecond: 0, secondsLeft: null });
  });

  it('tells copied from published, also of an empty table', () => {
    const empty = planOf('public', 'items', []);
    const parts = [partItem({ run, table: 1, chunk: 0, n: 0, rows: 0, files: [], last: true })];
    const copied = progressOf(sighting({ plans: [null, empty], parts }), none, atMs).tables[1];
    expect(copied).toMatchObject({ state: 'copied', chunksDone: 1, chunks: 1, rowsExpected: 0, bytes: 0 });
    const heads = [published('public.items', run, 0)];
    const [, live] = progressOf(sighting({ plans: [null, empty], parts, heads }), none, atMs).tables;
    expect(live!.state).toBe('published');
    // another run's snapshot is not this one's
    const other = [published('public.items', 'r0', 0)];
    expect(progressOf(sighting({ plans: [null, empty], heads: other }), none, atMs).tables[1]!.state).toBe(
      'waiting',
    );
  });
});

describe('newFailure', () => {
  const tables = ['public.orders', 'public.items'];
  const failing = activity({
    retries: 1,
    lastFailure: 'SourceUnavailable: gone',
    retriesByTable: new Map([[1, 1]]),
  });

  it('names the table that is tried again', () => {
    expect(newFailure(tables, activity(), failing)).toEqual({
      retried: true,
      table: 'public.items',
      message: 'SourceUnavailable: gone',
    });
    expect(newFailure(tables, failing, failing)).toBeNull();
    expect(newFailure(tables, null, activity())).toBeNull();
  });

  it('does not guess which of two it was', () => {
    const both = {
      ...failing,
      retries: 2,
      retriesByTable: new Map([
        [0, 1],
        [1, 1],
      ]),
    };
    expect(newFailure(tables, activity(), both)).toMatchObject({ table: null });
  });

  it('says of a chunk that has failed that it is not tried again', () => {
    const over = { ...failing, failed: 1 };
    expect(newFailure(tables, failing, over)).toMatchObject({ retried: false, table: null });
  });
});
