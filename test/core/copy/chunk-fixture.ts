/** One chunk to copy, the attempts that do it, and what must hold whatever they went through. */
import { randomBytes } from 'node:crypto';
import { parquetReadObjects } from 'hyparquet';
import { expect } from 'vitest';
import { type ChunkOutcome, type Clock, type CopyPlaces, copyChunk } from '../../../core/copy/copy-chunk.ts';
import type { PartitionField } from '../../../core/formats/partition/partition.ts';
import type { ChunkId, Part } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Keys } from '../../../core/objects/keys.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import type { ChunkOrder } from '../../../core/plan/chunk-order.ts';
import { freezeTable } from '../../../core/plan/frozen-table.ts';
import type { Key, KeyRange } from '../../../core/sources/source.ts';
import type { Embedded } from '../../support/embedded.ts';
import { type Gate, gatedPlaces } from '../../support/faults.ts';
import { describeTable, type MemorySource, memorySource, type Row } from '../../support/memory-source.ts';

export const run = '20260101T000000Z-0001';

export type ChunkFixture = {
  readonly id: ChunkId;
  readonly order: ChunkOrder;
  readonly places: CopyPlaces & { readonly source: MemorySource };
  readonly keys: Keys;
  /** An invocation: a new attempt with its own stamp, through the gate if there is one. */
  invoke(options?: Invocation): Promise<ChunkOutcome>;
  /** Invokes again and again, as the state machine does, until the chunk is done; gives the statuses. */
  invokeUntilDone(): Promise<string[]>;
  log(): Promise<Part[]>;
};

export type Invocation = {
  readonly gate?: Gate;
  /** when the attempt began, in seconds of an imaginary day */
  readonly second?: number;
  readonly clock?: Partial<Clock>;
};

const stamp = (second: number) => `2026-01-01T00:${String(second).padStart(2, '0')}:00.000Z`;

export type ChunkOptions = {
  readonly partition?: readonly PartitionField[];
  readonly range?: KeyRange | null;
  readonly key?: Key;
  readonly limits?: Partial<ChunkOrder['limits']>;
};

/** By default parts of four rows, read by statements of two. */
export async function chunkFixture(
  embedded: Embedded,
  rows: readonly Row[],
  options: ChunkOptions = {},
): Promise<ChunkFixture> {
  const { ledger, store, format } = embedded;
  const { sync, keys } = embedded.freshSync();
  const source = memorySource({ orders: rows });
  const id = { sync, run, table: 0, chunk: 0 };
  const last = [...rows].sort((a, b) => a.id - b.id).at(-1);
  const order: ChunkOrder = {
    format: 3,
    ...id,
    range: options.range === undefined ? { after: null, upTo: String(last!.id) } : options.range,
    tableName: 'public.orders',
    limits: {
      partRows: 4,
      partBytes: 1024 ** 2,
      partSeconds: 60,
      statementMs: 200,
      statementRows: 2,
      ...options.limits,
    },
    compression: 'none',
  };
  await ledger.createRun({
    sync,
    run,
    status: 'running',
    startedAt: stamp(0),
    endedAt: null,
    executions: ['first'],
    fingerprint: 'f',
    tables: ['public.orders'],
    totals: null,
  });
  await freezeTable(store, keys, run, id.table, {
    description: { ...describeTable('orders'), ...(options.key && { key: options.key }) },
    partition: options.partition ?? [],
  });
  const places = { ledger, store, keys, format, source };
  let seconds = 0;
  const fixture: ChunkFixture = {
    id,
    order,
    places,
    keys,
    invoke({ gate, second, clock } = {}) {
      const attempt = {
        id: randomBytes(6).toString('hex'),
        startedAt: stamp(second ?? 10 + seconds++),
        retry: 0,
      };
      return copyChunk(gate ? gatedPlaces(places, gate) : places, order, attempt, {
        nowMs: () => 0,
        remainingMs: () => 900_000,
        ...clock,
      });
    },
    async invokeUntilDone() {
      const statuses: string[] = [];
      while (statuses.at(-1) !== 'done') {
        if (statuses.length === 20) throw new Error(`not done after ${statuses.join(', ')}`);
        statuses.push((await fixture.invoke()).status);
      }
      return statuses;
    },
    async log() {
      const parts: Part[] = [];
      for await (const part of ledger.partsOfRun(sync, run)) parts.push(part);
      return parts;
    },
  };
  return fixture;
}

export async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

/** The rows of a Parquet file, by a reader that is not ours. */
export async function rowsOfFile(body: Uint8Array): Promise<Row[]> {
  const file = new Uint8Array(body).buffer;
  const rows = await parquetReadObjects({ file });
  return rows.map(({ id, note }) => ({ id: Number(id), note: (note as string | null) ?? null }));
}

/**
 * What must hold when a chunk is done, whatever its attempts went through: the log leads from the range's beginning to
 * its end without gap or fork; under data/ stand the committed files, whole, and nothing else; together they hold
 * every row of the source exactly once, in order.
 */
export async function expectWhole(fixture: ChunkFixture, expected: readonly Row[]): Promise<void> {
  const { order, places, keys, id } = fixture;
  const { store } = places;
  const parts = await fixture.log();
  let offset = order.range?.after ?? null;
  for (const [n, part] of parts.entries()) {
    expect(part).toMatchObject({ ...id, n, from: offset, last: n === parts.length - 1 });
    offset = part.to;
  }
  expect(offset).toBe(order.range?.upTo ?? null);
  const files = parts.flatMap((part) => part.files);
  expect(await keysUnder(store, keys.dataOf(describeTable('orders')))).toEqual(
    files.map(({ final }) => final).sort(),
  );
  const copied: Row[] = [];
  for (const part of parts) {
    const ofPart: Row[] = [];
    for (const file of part.files) {
      const { body } = (await store.get(file.final))!;
      expect([body.length, sha256Of([body])]).toEqual([file.size, file.sha256]);
      const rows = await rowsOfFile(body);
      expect(rows.length).toBe(file.rows);
      expect(rows).toEqual([...rows].sort((a, b) => a.id - b.id));
      ofPart.push(...rows);
    }
    ofPart.sort((a, b) => a.id - b.id);
    expect(ofPart.length).toBe(part.rows);
    for (const { firstKey, lastKey } of part.files)
      expect([firstKey, lastKey]).toEqual([String(ofPart[0]!.id), String(ofPart.at(-1)!.id)]);
    copied.push(...ofPart);
  }
  expect(copied).toEqual([...expected].sort((a, b) => a.id - b.id));
}
