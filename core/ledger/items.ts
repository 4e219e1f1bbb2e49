import { checkFormat } from '../format-version.ts';
import { paddedNumber } from '../padded-number.ts';
import type { ChunkId, ChunkPlace, Run, SyncHead, TableHead } from './ledger.ts';

/** Every item carries the version of its format. Newer than this is refused, older is read. */
export const formatVersion = 1;
/** 2: a table's head names its metadata file. Who does not know that would leave it behind, and delete files that it names. */
export const tableFormatVersion = 2;

/** 16 partitions × 1,000 writes a second: 10,000 functions that commit every second or two are not throttled. */
export const shardCount = 16;

export type Key = { readonly pk: string; readonly sk: string };
export type Item = Record<string, unknown>;

export const syncPartition = (sync: string): string => `SYNC#${sync}`;
export const headKey = (sync: string): Key => ({ pk: syncPartition(sync), sk: 'HEAD' });
export const runKey = (sync: string, run: string): Key => ({ pk: syncPartition(sync), sk: `RUN#${run}` });
export const tableKey = (sync: string, table: string): Key => ({
  pk: syncPartition(sync),
  sk: `TABLE#${table}`,
});

export const shardPartition = (sync: string, run: string, shard: number): string =>
  `RUN#${sync}#${run}#${shard}`;

const chunkPartition = (id: ChunkId): string =>
  shardPartition(id.sync, id.run, (id.table + id.chunk) % shardCount);

/** What the sort keys of a chunk's parts begin with. They grow with tables and chunks. */
export const chunkPrefix = (id: ChunkPlace): string =>
  `CHUNK#${paddedNumber(id.table)}.${paddedNumber(id.chunk)}#`;

export const partKey = (id: ChunkId, n: number): Key => ({
  pk: chunkPartition(id),
  sk: `${chunkPrefix(id)}${paddedNumber(n)}`,
});

/** Where a chunk's log ends, however long it is. */
export const chunkLogEnd = (id: ChunkId): string => `${chunkPrefix(id)}~`;

export function without(item: Item, knownFormat = formatVersion): Item {
  const { pk, sk, format, ...rest } = item;
  checkFormat(`ledger item ${pk} ${sk}`, format, knownFormat);
  return rest;
}

export const runItem = (run: Run): Item => ({ ...runKey(run.sync, run.run), format: formatVersion, ...run });
export const headItem = (sync: string, head: SyncHead): Item => ({
  ...headKey(sync),
  format: formatVersion,
  run: head.run,
  execution: head.execution,
});

export const toRun = (item: Item): Run => without(item) as Run;
export const toHead = (item: Item): SyncHead => without(item) as SyncHead;

/** A table that was claimed but never published has a claim and nothing else. */
export const toTableHead = (item: Item): TableHead => {
  const head = without(item, tableFormatVersion) as Partial<TableHead> & { readonly snapshotRun?: string };
  const { table, version, claimedBy, snapshot, snapshotRun, metadata, inCatalog, previousRun } = head;
  return {
    table: table!,
    version: version ?? 0,
    claimedBy: claimedBy ?? null,
    snapshot: snapshot ?? null,
    publishedRun: snapshotRun ?? null,
    metadata: metadata ?? null,
    inCatalog: inCatalog ?? false,
    previousRun: previousRun ?? null,
  };
};
