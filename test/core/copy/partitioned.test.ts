/** A chunk of a table with partitions: parts of several files, which are committed together, whatever dies. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { distinctValues } from '../../../core/formats/partition/distinct.ts';
import type { PartitionField } from '../../../core/formats/partition/partition.ts';
import type { Part } from '../../../core/ledger/ledger.ts';
import { inParallel } from '../../../core/parallel.ts';
import { vectorOf } from '../../support/batches.ts';
import { Died, faultAt, pauseAt, ways } from '../../support/faults.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { describeTable, numberedRows } from '../../support/memory-source.ts';
import {
  type ChunkFixture,
  type ChunkOptions,
  chunkFixture,
  expectWhole,
  keysUnder,
  rowsOfFile,
} from './chunk-fixture.ts';

let embedded: InMemory;
beforeAll(async () => {
  embedded = await startInMemory();
});
afterAll(() => embedded.close());

const buckets: PartitionField = { column: 'id', transform: 'bucket', argument: 3, name: 'id_bucket' };
const notes: PartitionField = { column: 'note', transform: 'identity', argument: null, name: 'note' };
/** of 1 … 12 */
const bucketOf = (id: number): number => {
  const out = new Int32Array(1);
  const type = { kind: 'int', bits: 64 } as const;
  const distinct = distinctValues(buckets, type, 'here');
  distinct.number(vectorOf(type, [BigInt(id)]), 1, out);
  return Number(distinct.value(out[0]!));
};
const rows = numberedRows(12);

const fixtureOf = (options: ChunkOptions = {}) =>
  chunkFixture(embedded, rows, {
    partition: [buckets],
    ...options,
    limits: { partRows: 6, ...options.limits },
  });

/** Every file holds the rows of its partition, and no two files of a part are of the same. */
async function expectDivided(fixture: ChunkFixture): Promise<void> {
  for (const { files } of await fixture.log()) {
    expect(new Set(files.map(({ partition }) => JSON.stringify(partition))).size).toBe(files.length);
    for (const { final, partition } of files) {
      const inFile = await rowsOfFile((await embedded.store.get(final))!.body);
      expect(new Set(inFile.map(({ id }) => bucketOf(id)))).toEqual(new Set(partition));
    }
  }
}

test('a part becomes a file for each value, in the order in which they come', async () => {
  const fixture = await fixtureOf();
  expect(await fixture.invoke()).toEqual({ status: 'done', rows: 12, parts: 2 });
  await expectWhole(fixture, rows);
  await expectDivided(fixture);
  const parts = await fixture.log();
  expect(parts.map(({ files }) => files.map(({ partition }) => partition))).toEqual(
    [
      [1, 2, 3, 4, 5, 6],
      [7, 8, 9, 10, 11, 12],
    ].map((ids) => [...new Set(ids.map(bucketOf))].map((bucket) => [bucket])),
  );
  const folder = fixture.keys.dataOfRun(describeTable('orders'), fixture.id.run);
  expect(parts.flatMap(({ files }) => files.map(({ final }) => final))).toEqual(
    ['0-0', '0-1', '1-0', '1-1', '1-2'].map((name) => `${folder}000000-00000${name}.parquet`),
  );
  expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
});

test('NULL is a value of its own', async () => {
  const fixture = await fixtureOf({ partition: [notes], limits: { partRows: 12 } });
  await fixture.invoke();
  await expectWhole(fixture, rows);
  const [part] = await fixture.log();
  expect(part!.files.map(({ partition, rows: count }) => [partition![0], count])).toEqual([
    ...[1, 2, 3, 4].map((n) => [`row ${n}`, 1]),
    [null, 2],
    ...[6, 7, 8, 9, 11, 12].map((n) => [`row ${n}`, 1]),
  ]);
});

test('an empty text is a value, and not NULL', async () => {
  const some = ['', null, '', 'x'].map((note, at) => ({ id: at + 1, note }));
  const fixture = await chunkFixture(embedded, some, { partition: [notes] });
  await fixture.invoke();
  await expectWhole(fixture, some);
  const [part] = await fixture.log();
  expect(part!.files.map(({ partition, rows: count }) => [partition, count])).toEqual([
    [[''], 2],
    [[null], 1],
    [['x'], 1],
  ]);
});

test('several fields divide by all their values together', async () => {
  const two: PartitionField = { column: 'note', transform: 'truncate', argument: 5, name: 'note_trunc' };
  const fixture = await fixtureOf({ partition: [buckets, two], limits: { partRows: 12 } });
  await fixture.invoke();
  await expectWhole(fixture, rows);
  const [part] = await fixture.log();
  const expected = new Set(
    rows.map(({ id, note }) => JSON.stringify([bucketOf(id), note?.slice(0, 5) ?? null])),
  );
  expect(new Set(part!.files.map(({ partition }) => JSON.stringify(partition)))).toEqual(expected);
});

test('a chunk without rows, and a part whose rows have gone, have no files', async () => {
  const fixture = await fixtureOf({ range: { after: '100', upTo: '200' } });
  await fixture.invoke();
  expect(await fixture.log()).toMatchObject([{ n: 0, rows: 0, files: [], last: true }]);
});

describe('too many partitions', () => {
  const many = numberedRows(240);
  const noted = many.map(({ id }) => ({ id, note: `note ${id}` }));

  test('for one part: it is closed before the batch that would be too much', async () => {
    const fixture = await chunkFixture(embedded, noted, {
      partition: [notes],
      limits: { partRows: 1000, statementRows: 40 },
    });
    await fixture.invoke();
    await expectWhole(fixture, noted);
    expect((await fixture.log()).map(({ rows: count, files }) => [count, files.length])).toEqual([
      [80, 80],
      [80, 80],
      [80, 80],
    ]);
  });

  test('for one batch: the chunk is refused, and nothing of it is left', async () => {
    const fixture = await chunkFixture(embedded, noted, {
      partition: [notes],
      limits: { partRows: 1000, statementRows: 120 },
    });
    await expect(fixture.invoke()).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message:
        'table public.orders: 120 rows that follow each other have 120 values of note; allowed: up to 100, so a coarser transform, or a key along which these values change slowly',
    });
    expect(await fixture.log()).toEqual([]);
    expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
  });
});

test('the loser of a race deletes all its staged files', async () => {
  const fixture = await fixtureOf();
  const { gate } = faultAt(null, 'before');
  let staged: string[] = [];
  await fixture.invoke({
    async gate(call, proceed) {
      if (call.name === 'ledger.commitPart' && staged.length === 0) {
        staged = await keysUnder(embedded.store, fixture.keys.stagingOfSync);
        await fixture.invokeUntilDone();
      }
      return gate(call, proceed);
    },
  });
  expect(staged).toHaveLength(2);
  expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
  await expectWhole(fixture, rows);
});

describe('a fault at every call', () => {
  let calls: string[];
  beforeEach(async () => {
    const fixture = await fixtureOf();
    const fault = faultAt(null, 'before');
    await fixture.invoke({ gate: fault.gate });
    calls = fault.calls;
    // a part of two files and one of three: staged, committed by one item, renamed
    const count = (name: string) => calls.filter((one) => one === name).length;
    expect(['store.put', 'ledger.commitPart', 'store.copyToAbsent'].map(count)).toEqual([5, 2, 5]);
  });

  test.for(ways)('%s', async (way) => {
    await inParallel(calls.keys(), 6, async (at) => {
      const fixture = await fixtureOf();
      const fault = faultAt(at, way);
      const first = await fixture.invoke({ gate: fault.gate }).catch((error: unknown) => error);
      if (way === 'lost') expect(first).toMatchObject({ status: 'done' });
      else if (way === 'before' || way === 'after') expect(first).toBeInstanceOf(Died);
      else expect(first).toMatchObject({ kind: 'transient' });
      await fixture.invokeUntilDone();
      await fault.land();
      await expectWhole(fixture, rows);
      await expectDivided(fixture);
    });
  });

  test('an attempt that falls asleep there, while another does all the work', async () => {
    await inParallel(calls.keys(), 6, async (at) => {
      const fixture = await fixtureOf();
      const pause = pauseAt(at, 'before');
      const zombie = fixture.invoke({ gate: pause.gate, second: 1 });
      await pause.asleep;
      await fixture.invokeUntilDone();
      pause.wake();
      await zombie;
      await expectWhole(fixture, rows);
      await expectDivided(fixture);
      // both ended in peace: nothing is left over
      expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
    });
  });
});

test('a part of which some files are renamed and others have vanished stops the attempt', async () => {
  const fixture = await fixtureOf();
  const fault = faultAt(null, 'before');
  await fixture.invoke({ gate: fault.gate });
  const lost: Part = (await fixture.log()).at(-1)!;
  await embedded.store.delete([lost.files[1]!.final]);
  await expect(fixture.invoke()).rejects.toMatchObject({
    code: 'ProtocolViolation',
    message: expect.stringContaining('or so with another of its files'),
  });
});
