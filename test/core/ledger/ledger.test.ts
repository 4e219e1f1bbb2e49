/** Every conditional write of the ledger on the embedded DynamoDB: done, refused, repeated, raced for. */
import { randomBytes } from 'node:crypto';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headKey, partKey, runKey, tableFormatVersion, tableKey } from '../../../core/ledger/items.ts';
import type { ChunkId, ChunkPlace, Ledger, Part, Run, Snapshot } from '../../../core/ledger/ledger.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { loseAnswers } from '../../support/faults.ts';

let embedded: Embedded;
let ledger: Ledger;
beforeAll(async () => {
  embedded = await startEmbedded();
  ledger = embedded.ledger;
});
afterAll(() => embedded.close());

const freshSync = () => embedded.freshSync().sync;
const twenty = Array.from({ length: 20 }, (_, i) => i);
const [r1, r2, r3] = ['20260101T000000Z-aaaa', '20260101T000001Z-0000', '20260101T000002Z-0000'] as const;

const runOf = (sync: string, run: string, more: Partial<Run> = {}): Run => ({
  sync,
  run,
  status: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  executions: ['E1'],
  fingerprint: 'f',
  tables: ['public.a'],
  totals: null,
  ...more,
});

/** a table's first metadata file */
const first = { seen: null, next: 1 } as const;

const snapshotOf = (run: string): Snapshot => ({
  run,
  publishedAt: '2026-01-01T00:00:00.000Z',
  rows: 5,
  bytes: 6,
  files: 7,
  schema: [{ id: 1, name: 'id', type: { kind: 'int', bits: 64 }, nullable: false }],
});

function partOf(sync: string, n: number, more: Partial<Part> = {}): Part {
  return {
    sync,
    run: r1,
    table: 0,
    chunk: 0,
    n,
    from: n === 0 ? null : String(n),
    to: String(n + 1),
    last: false,
    rows: 1,
    files: [
      {
        staged: 's',
        stagedEtag: '"e"',
        final: 'f',
        size: 1,
        sha256: 'ab',
        rows: 1,
        firstKey: String(n + 1),
        lastKey: String(n + 1),
        partition: null,
        statistics: {
          splits: [4],
          columns: [
            { id: 1, bytes: 20, nulls: 0, nans: null, min: Buffer.from([1]), max: Buffer.from([255, 0]) },
            { id: 2, bytes: 0, nulls: 1, nans: 0, min: null, max: null },
          ],
        },
      },
    ],
    attempt: { id: randomBytes(6).toString('hex'), startedAt: '2026-01-01T00:00:00.000Z', retry: 0 },
    readAt: '2026-01-01T00:00:00.000Z',
    ...more,
  };
}

async function partsOf(sync: string, from?: ChunkPlace): Promise<Part[]> {
  const found: Part[] = [];
  for await (const part of ledger.partsOfRun(sync, r1, from)) found.push(part);
  return found;
}

describe('the head', () => {
  test('is moved from what was seen, and only from that', async () => {
    const sync = freshSync();
    expect(await ledger.head(sync)).toBeNull();
    const first = { run: r1, execution: 'E1' };
    expect(await ledger.moveHead(sync, null, first)).toBe(true);
    expect(await ledger.head(sync)).toEqual(first);
    expect(await ledger.moveHead(sync, null, { run: r2, execution: 'E2' })).toBe(false);
    expect(await ledger.moveHead(sync, { run: r1, execution: 'E9' }, { run: r2, execution: 'E2' })).toBe(
      false,
    );
    expect(await ledger.moveHead(sync, { run: r2, execution: 'E1' }, { run: r2, execution: 'E2' })).toBe(
      false,
    );
    expect(await ledger.head(sync)).toEqual(first);
    expect(await ledger.moveHead(sync, first, { run: r1, execution: 'E2' })).toBe(true);
    expect(await ledger.head(sync)).toEqual({ run: r1, execution: 'E2' });
  });

  test('a move that is repeated succeeds again, until somebody else has moved it on', async () => {
    const sync = freshSync();
    const [first, second] = [
      { run: r1, execution: 'E1' },
      { run: r2, execution: 'E2' },
    ];
    for (const _ of [1, 2]) expect(await ledger.moveHead(sync, null, first)).toBe(true);
    for (const _ of [1, 2]) expect(await ledger.moveHead(sync, first, second)).toBe(true);
    expect(await ledger.moveHead(sync, null, first)).toBe(false);
    expect(await ledger.head(sync)).toEqual(second);
  });

  test.for([null, { run: r1, execution: 'E0' }])('one of twenty moves it, from %j', async (seen) => {
    const sync = freshSync();
    if (seen) await ledger.moveHead(sync, null, seen);
    const moved = await Promise.all(
      twenty.map((i) => ledger.moveHead(sync, seen, { run: r2, execution: `N${i}` })),
    );
    expect(moved.filter(Boolean)).toHaveLength(1);
    expect(await ledger.head(sync)).toEqual({ run: r2, execution: `N${moved.indexOf(true)}` });
  });
});

describe('runs', () => {
  test('are created once; whoever comes later gets the first one', async () => {
    const sync = freshSync();
    expect(await ledger.run(sync, r1)).toBeNull();
    const first = runOf(sync, r1);
    expect(await ledger.createRun(first)).toEqual(first);
    expect(await ledger.createRun(runOf(sync, r1, { fingerprint: 'g' }))).toEqual(first);
    expect(await ledger.run(sync, r1)).toEqual(first);
  });

  test('are listed newest first, of this sync only', async () => {
    const sync = freshSync();
    for (const run of [r2, r1, r3]) await ledger.createRun(runOf(sync, run));
    await ledger.createRun(runOf(`${sync}0`, r1));
    await ledger.claimTable(sync, 'public.a', r3);
    expect((await ledger.runs(sync, 10)).map(({ run }) => run)).toEqual([r3, r2, r1]);
    expect((await ledger.runs(sync, 2)).map(({ run }) => run)).toEqual([r3, r2]);
  });

  test('are joined by each execution once, in order, while they are running', async () => {
    const sync = freshSync();
    await ledger.createRun(runOf(sync, r1));
    expect((await ledger.joinRun(sync, r1, 'E1')).executions).toEqual(['E1']);
    for (const _ of [1, 2]) expect((await ledger.joinRun(sync, r1, 'E2')).executions).toEqual(['E1', 'E2']);
    const joined = await Promise.all(twenty.map((i) => ledger.joinRun(sync, r1, `N${i % 10}`)));
    expect(joined.every(({ status }) => status === 'running')).toBe(true);
    const { executions } = (await ledger.run(sync, r1))!;
    expect([...executions].sort()).toEqual(['E1', 'E2', ...twenty.slice(0, 10).map((i) => `N${i}`)]);
    await ledger.endRun(sync, r1, { status: 'abandoned', endedAt: 'later' });
    expect(await ledger.joinRun(sync, r1, 'E3')).toMatchObject({ status: 'abandoned', executions });
  });

  test('end once: a second ending, and the same one again, find the first', async () => {
    const sync = freshSync();
    await ledger.createRun(runOf(sync, r1));
    const totals = { rows: 1, bytes: 2, files: 3 };
    const published = { status: 'published', endedAt: 'then', totals } as const;
    for (const _ of [1, 2]) expect(await ledger.endRun(sync, r1, published)).toMatchObject(published);
    expect(await ledger.endRun(sync, r1, { status: 'abandoned', endedAt: 'later' })).toMatchObject(published);
    expect(await ledger.run(sync, r1)).toEqual(runOf(sync, r1, published));
  });

  test('twenty endings at once: all hear of the same one', async () => {
    const sync = freshSync();
    await ledger.createRun(runOf(sync, r1));
    const heard = await Promise.all(
      twenty.map((i) => ledger.endRun(sync, r1, { status: 'abandoned', endedAt: `at ${i}` })),
    );
    expect(new Set(heard.map(({ endedAt }) => endedAt)).size).toBe(1);
  });

  test('a run that is not there cannot be joined or ended', async () => {
    const sync = freshSync();
    await expect(ledger.joinRun(sync, r1, 'E')).rejects.toMatchObject({ code: 'ProtocolViolation' });
    await expect(ledger.endRun(sync, r1, { status: 'abandoned', endedAt: '' })).rejects.toMatchObject({
      code: 'ProtocolViolation',
    });
    expect(await ledger.run(sync, r1)).toBeNull();
  });
});

describe('claims', () => {
  test('pass to later runs and never back', async () => {
    const sync = freshSync();
    const empty = {
      table: 'public.a',
      version: 0,
      snapshot: null,
      metadata: null,
      publishedRun: null,
      inCatalog: false,
      previousRun: null,
    };
    expect(await ledger.tableHead(sync, 'public.a')).toBeNull();
    for (const _ of [1, 2]) {
      expect(await ledger.claimTable(sync, 'public.a', r1)).toEqual({ ...empty, claimedBy: r1 });
    }
    expect((await ledger.claimTable(sync, 'public.a', r3)).claimedBy).toBe(r3);
    expect((await ledger.claimTable(sync, 'public.a', r2)).claimedBy).toBe(r3);
    expect((await ledger.tableHead(sync, 'public.a'))?.claimedBy).toBe(r3);
  });

  test('of twenty runs at once: the latest has it, whatever the order', async () => {
    const sync = freshSync();
    const runs = twenty.map((i) => `20260101T0000${String(i).padStart(2, '0')}Z-0000`);
    const shuffled = [...runs].sort(() => Math.random() - 0.5);
    await Promise.all(shuffled.map((run) => ledger.claimTable(sync, 'public.a', run)));
    expect((await ledger.tableHead(sync, 'public.a'))?.claimedBy).toBe(runs.at(-1));
  });

  test('leave the snapshot as it is', async () => {
    const sync = freshSync();
    await ledger.claimTable(sync, 'public.a', r1);
    const published = await ledger.publishTable(sync, 'public.a', snapshotOf(r1), first);
    expect(await ledger.claimTable(sync, 'public.a', r2)).toEqual({ ...published, claimedBy: r2 });
  });

  test('table heads are listed, whatever the tables are called', async () => {
    const sync = freshSync();
    const names = ['public.a', '日本.größe', '"a.b"."c"" d"', '~.~'];
    for (const name of names) await ledger.claimTable(sync, name, r1);
    expect((await ledger.tableHeads(sync)).map(({ table }) => table).sort()).toEqual([...names].sort());
  });
});

describe('publishing a table', () => {
  test('counts the version up once, however often it is asked for', async () => {
    const sync = freshSync();
    await ledger.claimTable(sync, 'public.a', r1);
    for (const publishedAt of ['first', 'again']) {
      const head = await ledger.publishTable(sync, 'public.a', { ...snapshotOf(r1), publishedAt }, first);
      expect(head).toEqual({
        table: 'public.a',
        version: 1,
        claimedBy: r1,
        snapshot: { ...snapshotOf(r1), publishedAt: 'first' },
        metadata: 1,
        publishedRun: r1,
        inCatalog: false,
        previousRun: null,
      });
    }
  });

  test('keeps in mind whose snapshot it replaces', async () => {
    const sync = freshSync();
    for (const [run, version, previousRun] of [
      [r1, 1, null],
      [r2, 2, r1],
      [r3, 3, r2],
    ] as const) {
      await ledger.claimTable(sync, 'public.a', run);
      const seen = version === 1 ? null : 2 * version - 3;
      const head = await ledger.publishTable(sync, 'public.a', snapshotOf(run), {
        seen,
        next: 2 * version - 1,
      });
      expect(head).toMatchObject({ version, previousRun, snapshot: snapshotOf(run) });
    }
  });

  test('is refused to a run that has not claimed it, or not any more', async () => {
    const sync = freshSync();
    await expect(ledger.publishTable(sync, 'public.a', snapshotOf(r1), first)).rejects.toMatchObject({
      code: 'ProtocolViolation',
    });
    expect(await ledger.tableHead(sync, 'public.a')).toBeNull();
    await ledger.claimTable(sync, 'public.a', r1);
    const claimed = await ledger.claimTable(sync, 'public.a', r2);
    for (const run of [r1, r3]) {
      expect(await ledger.publishTable(sync, 'public.a', snapshotOf(run), first)).toEqual(claimed);
    }
  });

  test('twenty at once: one version, one snapshot, all hear of it', async () => {
    const sync = freshSync();
    await ledger.claimTable(sync, 'public.a', r1);
    const heads = await Promise.all(
      twenty.map((rows) => ledger.publishTable(sync, 'public.a', { ...snapshotOf(r1), rows }, first)),
    );
    expect(new Set(heads.map((head) => JSON.stringify(head))).size).toBe(1);
    expect(heads[0]!.version).toBe(1);
  });
});

describe('the part log', () => {
  test('a part is committed once; the same commit again succeeds, another one learns who was first', async () => {
    const sync = freshSync();
    const id: ChunkId = { sync, run: r1, table: 0, chunk: 0 };
    expect(await ledger.lastPart(id)).toBeNull();
    const mine = partOf(sync, 0);
    for (const _ of [1, 2]) expect(await ledger.commitPart(mine)).toEqual(mine);
    expect(await ledger.commitPart(partOf(sync, 0, { rows: 99, to: '9' }))).toEqual(mine);
    expect(await ledger.lastPart(id)).toEqual(mine);
    expect(await partsOf(sync)).toEqual([mine]);
  });

  test('of twenty commits of the same part one wins, and all learn which', async () => {
    const sync = freshSync();
    for (const n of [0, 1, 2]) {
      const attempts = twenty.map((from) => partOf(sync, n, { from: String(from) }));
      const heard = await Promise.all(attempts.map((part) => ledger.commitPart(part)));
      const ids = new Set(heard.map(({ attempt }) => attempt.id));
      expect(ids.size).toBe(1);
      const winner = attempts.find(({ attempt }) => ids.has(attempt.id));
      expect(await ledger.lastPart({ sync, run: r1, table: 0, chunk: 0 })).toEqual(winner);
    }
    expect((await partsOf(sync)).map(({ n }) => n)).toEqual([0, 1, 2]);
  });

  test('are given from a chunk on, by tables, then chunks, whatever partition each lies in', async () => {
    const sync = freshSync();
    const places = [0, 1, 2].flatMap((table) =>
      [0, 2, 9, 10, 16, 17, 100].map((chunk) => ({ table, chunk })),
    );
    for (const place of places) await ledger.commitPart(partOf(sync, 0, place));
    const names = (all: readonly ChunkPlace[]) => all.map(({ table, chunk }) => `${table}.${chunk}`).sort();
    for (const from of [...places, { table: 1, chunk: 11 }, { table: 3, chunk: 0 }]) {
      const later = places.filter(
        ({ table, chunk }) => table > from.table || (table === from.table && chunk >= from.chunk),
      );
      expect(names(await partsOf(sync, from))).toEqual(names(later));
    }
  });

  test('the newest part is the newest by number, and the chunk’s own', async () => {
    const sync = freshSync();
    for (const n of [0, 1, 2, 9, 10, 99, 100, 1000]) await ledger.commitPart(partOf(sync, n));
    // neighbours in the same partition, and chunks whose numbers begin alike
    for (const [table, chunk] of [
      [0, 16],
      [1, 15],
      [16, 0],
      [0, 1],
      [0, 10],
    ]) {
      await ledger.commitPart(partOf(sync, 7000, { table: table!, chunk: chunk! }));
    }
    expect((await ledger.lastPart({ sync, run: r1, table: 0, chunk: 0 }))?.n).toBe(1000);
    expect(await ledger.lastPart({ sync, run: r1, table: 0, chunk: 2 })).toBeNull();
    expect(await ledger.lastPart({ sync, run: r2, table: 0, chunk: 0 })).toBeNull();
  });

  test('all parts of a run, of all its partitions, each chunk’s in order; an empty part too', async () => {
    const sync = freshSync();
    const nothing = partOf(sync, 0, { chunk: 3, from: null, to: null, rows: 0, last: true, files: [] });
    await ledger.commitPart(nothing);
    await Promise.all(
      twenty.flatMap((chunk) =>
        [2, 0, 1].map((n) => ledger.commitPart(partOf(sync, n, { table: 1, chunk }))),
      ),
    );
    await ledger.commitPart(partOf(sync, 0, { run: r2 }));
    const parts = await partsOf(sync);
    expect(parts).toHaveLength(61);
    expect(parts.find(({ table }) => table === 0)).toEqual(nothing);
    for (const chunk of twenty) {
      expect(parts.filter((part) => part.table === 1 && part.chunk === chunk).map(({ n }) => n)).toEqual([
        0, 1, 2,
      ]);
    }
  });
});

describe('an answer that gets lost on the way: the SDK asks again, and is told of its own success', () => {
  test.for([1, 2])('%i times', async (count) => {
    const sync = freshSync();
    const head = { run: r1, execution: 'E1' };
    const lossy = async <T>(write: () => Promise<T>): Promise<T> => {
      const { lost } = loseAnswers(embedded.dynamodb, count);
      const answer = await write();
      expect(lost()).toBe(count);
      return answer;
    };
    expect(await lossy(() => ledger.moveHead(sync, null, head))).toBe(true);
    expect(await lossy(() => ledger.moveHead(sync, head, { ...head, execution: 'E2' }))).toBe(true);
    expect(await lossy(() => ledger.createRun(runOf(sync, r1)))).toEqual(runOf(sync, r1));
    expect((await lossy(() => ledger.claimTable(sync, 'public.a', r1))).claimedBy).toBe(r1);
    const part = partOf(sync, 0);
    expect(await lossy(() => ledger.commitPart(part))).toEqual(part);
    expect(await partsOf(sync)).toEqual([part]);
    const published = await lossy(() => ledger.publishTable(sync, 'public.a', snapshotOf(r1), first));
    expect(published).toMatchObject({
      version: 1,
      snapshot: snapshotOf(r1),
      publishedRun: r1,
      inCatalog: false,
      previousRun: null,
    });
    const ended = await lossy(() => ledger.endRun(sync, r1, { status: 'abandoned', endedAt: 'then' }));
    expect(ended).toMatchObject({ status: 'abandoned', endedAt: 'then' });
  });
});

test('items of a newer format are refused', async () => {
  const sync = freshSync();
  const id = { sync, run: r1, table: 0, chunk: 0 };
  const reads: [{ pk: string; sk: string }, () => Promise<unknown>][] = [
    [headKey(sync), () => ledger.head(sync)],
    [runKey(sync, r1), () => ledger.run(sync, r1)],
    [runKey(sync, r1), () => ledger.runs(sync, 5)],
    [runKey(sync, r1), () => ledger.createRun(runOf(sync, r1))],
    [tableKey(sync, 'public.a'), () => ledger.tableHead(sync, 'public.a')],
    [tableKey(sync, 'public.a'), () => ledger.tableHeads(sync)],
    [tableKey(sync, 'public.a'), () => ledger.claimTable(sync, 'public.a', r1)],
    [tableKey(sync, 'public.a'), () => ledger.publishTable(sync, 'public.a', snapshotOf(r1), first)],
    [partKey(id, 0), () => ledger.lastPart(id)],
    [partKey(id, 0), () => partsOf(sync)],
    [partKey(id, 0), () => ledger.commitPart(partOf(sync, 0))],
  ];
  const documents = DynamoDBDocumentClient.from(embedded.dynamodb);
  for (const [key, read] of reads) {
    await documents.send(
      new PutCommand({ TableName: embedded.tableName, Item: { ...key, format: tableFormatVersion + 1 } }),
    );
    await expect(read()).rejects.toMatchObject({
      code: 'FormatTooNew',
      message: expect.stringContaining(key.sk),
    });
  }
});
