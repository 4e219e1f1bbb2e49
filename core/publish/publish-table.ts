import { isAsCommitted, renameFile } from '../copy/rename.ts';
import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import { humanPartition } from '../formats/partition/values.ts';
import type { Ledger, Part, Run, TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import { inParallel } from '../parallel.ts';
import { readTablePlan, type TablePlan } from '../plan/table-plan.ts';
import type { TableDescription } from '../sources/source.ts';
import { ledgerCatalog } from './catalogs/ledger-catalog.ts';
import { withAddition } from './iceberg/commit.ts';
import { dataFile } from './iceberg/data-file.ts';
import type { SortField } from './iceberg/metadata.ts';
import { partitionRecord } from './iceberg/partition-avro.ts';
import { icebergFields } from './iceberg/schema.ts';
import { type Manifest, toManifest, writeManifest } from './manifest.ts';
import { showHead } from './projections.ts';
import { sweepTable } from './sweep-table.ts';

/** Requests to the store at once, while files are held against the ledger. */
const requestsMax = 16;

/** Somebody else changed the table between our look and our commit: this often in a row is no coincidence. */
const commitsMax = 20;

/** The snapshot before the current one stays, for readers that have opened it. */
const defaultKeep = { snapshots: 2, days: 0 } as const;

/** The committed parts of a table: chunk → parts in order. */
export type Log = ReadonlyMap<number, readonly Part[]>;

/**
 * The parts of a table in key order, or null while a chunk's log has not reached its end.
 * @throws TidemarkError ProtocolViolation where a log has a gap or does not cover its chunk
 */
function completeParts(plan: TablePlan, log: Log | undefined, table: string): Part[] | null {
  const ranges = plan.chunks.length > 0 ? plan.chunks : [{ after: null, upTo: null }];
  const all: Part[] = [];
  for (const [chunk, range] of ranges.entries()) {
    const parts = log?.get(chunk) ?? [];
    if (!parts.at(-1)?.last) return null;
    let offset = range.after;
    for (const [n, part] of parts.entries()) {
      if (part.n !== n || part.from !== offset || (part.last && n !== parts.length - 1)) {
        throw new TidemarkError(
          'ProtocolViolation',
          `table ${table}, chunk ${chunk}: the log has a gap or a fork at part ${n}`,
        );
      }
      offset = part.to;
    }
    if (offset !== range.upTo) {
      throw new TidemarkError(
        'ProtocolViolation',
        `table ${table}, chunk ${chunk}: the log ends before its range`,
      );
    }
    all.push(...parts);
  }
  return all;
}

/** Sees to it that every committed file has its final name and is, by size and checksum, what was committed. */
async function settleFiles(store: ObjectStore, parts: readonly Part[]): Promise<void> {
  const files = parts.flatMap((part) => part.files.map((file) => ({ part, file })));
  await inParallel(files, requestsMax, async ({ part, file }) => {
    let found = await store.head(file.final);
    if (!found && (await renameFile(store, part, file))) found = await store.head(file.final);
    if (!found || !isAsCommitted(found, part, file)) {
      throw new TidemarkError(
        'ProtocolViolation',
        found
          ? `s3://${store.bucket}/${file.final} is not the file that was committed`
          : `s3://${store.bucket}/${file.final} is gone`,
      );
    }
  });
}

/** The order of the rows in each file, where Iceberg orders values as the database does; text it may order otherwise. */
function sortOf({ columns, key }: TableDescription): SortField | null {
  const column = columns.find(({ name }) => name === key.column)!;
  if (!['int', 'decimal', 'date', 'timestamp'].includes(column.type.kind)) return null;
  return { 'source-id': column.id, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' };
}

function manifestOf(
  { sync, run }: Run,
  table: string,
  { description: { columns }, partition }: TablePlan,
  parts: readonly Part[],
): Manifest {
  return toManifest({
    sync,
    run,
    table,
    schema: columns.map(({ id, name, type, nullable }) => ({ id, name, type, nullable })),
    files: parts.flatMap(({ files }) =>
      files.map((file) => ({
        key: file.final,
        rows: file.rows,
        bytes: file.size,
        checksum: `sha256:${file.sha256}`,
        firstKey: file.firstKey,
        lastKey: file.lastKey,
        ...(file.partition && { partition: humanPartition(partition, columns, file.partition) }),
      })),
    ),
  });
}

export type PublishPlaces = { readonly ledger: Ledger; readonly store: ObjectStore; readonly keys: Keys };

/**
 * A table's part of `publishRun`.
 * @returns null while the table is not complete; superseded: another run has claimed it
 */
export async function publishTable(
  places: PublishPlaces,
  owner: Run,
  index: number,
  table: string,
  log: Log | undefined,
  nowMs: () => number,
): Promise<TableHead | 'superseded' | null> {
  const { ledger, store, keys } = places;
  const { sync, run } = owner;
  let head = await ledger.tableHead(sync, table);
  if (head?.publishedRun !== run) {
    const plan = await readTablePlan(store, keys, run, index);
    const parts = plan && completeParts(plan, log, table);
    if (!parts) return null;
    await settleFiles(store, parts);
    head = await commitSnapshot(places, owner, head, plan, parts, nowMs);
    if (head.publishedRun !== run) return 'superseded';
  }
  if (!(await showHead(places, sync, head))) {
    throw new TidemarkError(
      'ProtocolViolation',
      `s3://${store.bucket}/${keys.manifest(parseTableName(table)!, run)} is gone: somebody has deleted it`,
    );
  }
  await sweepTable(store, keys, ledgerCatalog(ledger, store, keys, sync), head);
  return head;
}

/** @returns the head: with the run's snapshot, or another run's that has claimed the table */
async function commitSnapshot(
  { ledger, store, keys }: PublishPlaces,
  owner: Run,
  seen: TableHead | null,
  plan: TablePlan,
  parts: readonly Part[],
  nowMs: () => number,
): Promise<TableHead> {
  const { sync, run } = owner;
  const { description, partition } = plan;
  const { columns } = description;
  const table = formatTableName(description);
  const manifest = manifestOf(owner, table, plan, parts);
  await writeManifest(store, keys, description, manifest);
  const sort = sortOf(description);
  const files = parts
    .flatMap((part) => part.files)
    .map(({ final, rows, size, statistics, partition: tuple }) => {
      const file = { path: `s3://${store.bucket}/${final}`, format: 'PARQUET', rows, bytes: size };
      return dataFile(file, columns, statistics, partitionRecord(partition, columns, tuple));
    });
  const addition = {
    ...{ sync, run, table: description, sort, files },
    partition: { fields: partition, columns },
    fields: icebergFields(columns),
    operation: 'overwrite',
    keep: defaultKeep,
  } as const;
  const catalog = ledgerCatalog(ledger, store, keys, sync);
  let before = seen;
  for (let tries = 1; tries <= commitsMax; tries++) {
    const loaded = await catalog.load(description, before);
    const next = await withAddition({ store, keys }, loaded, addition, nowMs());
    const snapshot = {
      run,
      publishedAt: new Date(nowMs()).toISOString(),
      rows: manifest.rows,
      bytes: manifest.bytes,
      files: manifest.files.length,
      schema: manifest.schema,
    };
    const head = await catalog.commit(description, loaded, next, { kind: 'publish', snapshot });
    if (head !== 'changed') return head;
    before = await ledger.tableHead(sync, table);
  }
  throw new TidemarkError('StoreUnavailable', `table ${table} is being changed by others all the time`);
}
