/** A small lake: tables in memory that are planned, copied and published by the core, and a reader of what is shown. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { copyChunk } from '../../../core/copy/copy-chunk.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import type { TableHead } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Keys } from '../../../core/objects/keys.ts';
import type { ChunkOrder, Order } from '../../../core/plan/chunk-order.ts';
import { planRun } from '../../../core/plan/plan-run.ts';
import type { TableCatalog } from '../../../core/publish/catalogs/catalog.ts';
import type { Pointer } from '../../../core/publish/pointer.ts';
import { prepareTable } from '../../../core/publish/projections.ts';
import {
  type PublishedRun,
  type PublishOptions,
  type PublishPlaces,
  publishRun,
} from '../../../core/publish/publish-run.ts';
import { sweepStagingBefore } from '../../../core/publish/sweep.ts';
import type { Embedded } from '../../support/embedded.ts';
import { type Gate, gatedPlaces } from '../../support/faults.ts';
import type { Ground } from '../../support/in-memory.ts';
import { type MemorySource, memorySource, type Row } from '../../support/memory-source.ts';
import { rowsOfFile } from '../copy/chunk-fixture.ts';

export type Copying = {
  /** copies only the orders that it lets through */
  readonly only?: (order: ChunkOrder) => boolean;
  /** for the copying attempts */
  readonly gate?: Gate;
};

export type Lake = {
  readonly sync: string;
  readonly keys: Keys;
  readonly source: MemorySource;
  readonly places: PublishPlaces;
  /** of all tables, from the next plan on */
  partition: string[];
  /** Plans as a new execution, whose predecessors are over. Gives the run. */
  plan(options?: { fresh?: boolean }): Promise<{ run: string; orders: Order[] }>;
  copy(orders: readonly Order[], copying?: Copying): Promise<void>;
  publish(
    run: string,
    options?: { gate?: Gate; goAgain?: boolean; reasons?: ReadonlyMap<number, string> },
  ): Promise<PublishedRun>;
  /** All three, with all the rows of the tables as they are now. */
  runThrough(): Promise<string>;
  pointer(table: string): Promise<Pointer | null>;
  head(table: string): Promise<TableHead | null>;
  /** What a reader of the table's pointer sees: checks that every file is there as the pointer says. */
  read(table: string): Promise<Row[] | null>;
};

const nameOf = (table: string) => ({ schema: 'public', table });

export type How = {
  readonly mode?: 'append' | 'overwrite';
  /** default: two snapshots, each table by itself */
  readonly publish?: PublishOptions;
  /** another lake, whose sync under another definition this one is */
  readonly like?: Lake;
  /** made for the lake's places */
  readonly catalog?: (keys: Keys) => TableCatalog | undefined;
};

/** By default chunks of about two rows, and parts of one. */
export function lake(
  embedded: Ground,
  tables: Readonly<Record<string, readonly Row[]>>,
  sizes = { chunk: 2, part: 1 },
  how: How = {},
): Lake {
  const { ledger, store, format } = embedded;
  const { sync, keys } = how.like ?? embedded.freshSync();
  const source = memorySource(tables);
  const definition = loadDefinition(
    `name: ${sync}
source: { type: postgres, url: postgres://h/d }
tables: [${Object.keys(tables).map((name) => `{ name: ${name}, mode: ${how.mode ?? 'overwrite'} }`)}]
target: { url: s3://lake/${sync} }
chunk: { rows: ${sizes.chunk} }
part: { rows: ${sizes.part} }`,
    'tidemark.yaml',
    {},
  );
  const places = { ledger, store, keys, catalog: how.catalog?.(keys) };
  const execution = how.like ? 'F' : 'E';
  let executions = 0;
  const made: Lake = {
    sync,
    keys,
    source,
    places,
    partition: [],
    async plan({ fresh = false } = {}) {
      const result = await planRun(
        { ...places, source },
        {
          ...definition,
          tables: definition.tables.map((table) => ({ ...table, partition: made.partition })),
        },
        { execution: `${execution}${++executions}`, fresh, isOver: async () => true },
        (head) => prepareTable(places, sync, head),
        (run) => sweepStagingBefore(store, keys, run),
      );
      if (result.status !== 'planned') throw new Error('skipped');
      const body = (await store.get(result.planKey))!.body.toString();
      return {
        run: result.run,
        orders: body
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line)),
      };
    },
    async copy(orders, { only = () => true, gate } = {}) {
      for (const order of orders) {
        if ('problem' in order || !only(order)) continue;
        const attempt = { id: randomBytes(6).toString('hex'), startedAt: new Date().toISOString(), retry: 0 };
        const copyPlaces = { ...places, format, source };
        await copyChunk(gate ? gatedPlaces(copyPlaces, gate) : copyPlaces, order, attempt, {
          nowMs: Date.now,
          remainingMs: () => 900_000,
        });
      }
    },
    publish(run, { gate, goAgain = false, reasons = new Map() } = {}) {
      const through = gate ? gatedPlaces(places, gate) : places;
      return publishRun(through, sync, run, goAgain, async () => reasons, Date.now, how.publish);
    },
    async runThrough() {
      const { run, orders } = await made.plan();
      await made.copy(orders);
      expect(await made.publish(run)).toMatchObject({ status: 'published' });
      return run;
    },
    async pointer(table) {
      const found = await store.get(keys.pointer(nameOf(table)));
      return found && JSON.parse(found.body.toString());
    },
    head: (table) => ledger.tableHead(sync, `public.${table}`),
    async read(table) {
      const pointer = await made.pointer(table);
      if (!pointer) return null;
      const rows: Row[] = [];
      for (const file of pointer.files) {
        const found = await store.get(file.key);
        expect(found, `${file.key} of version ${pointer.version}`).not.toBeNull();
        // of another program's files nothing more is known
        if (file.checksum) expect(`sha256:${sha256Of([found!.body])}`).toBe(file.checksum);
        expect(found!.body.length).toBe(file.bytes);
        const inFile = await rowsOfFile(found!.body);
        expect(inFile).toHaveLength(file.rows);
        rows.push(...inFile);
      }
      expect(rows).toHaveLength(pointer.rows);
      return rows;
    },
  };
  return made;
}

export async function under(embedded: Pick<Embedded, 'store'>, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of embedded.store.list(prefix)) found.push(key);
  return found;
}
