import { randomBytes } from 'node:crypto';
import { fingerprint } from '../definition/fingerprint.ts';
import type { Definition, TableOptions } from '../definition/options.ts';
import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Ledger, TableHead } from '../ledger/ledger.ts';
import { sha256Of } from '../objects/checksum.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Source, TableWishes } from '../sources/source.ts';
import { chunkOrder, type Order, problemOrder } from './chunk-order.ts';
import { planChunks } from './chunks.ts';
import { withLakeIds } from './column-ids.ts';
import { withDistinctNames } from './distinct-names.ts';
import { freezeTable } from './frozen-table.ts';
import { partitionOf } from './partition.ts';
import { startRun } from './start-run.ts';
import { readTablePlan, settleTablePlan, type TablePlan } from './table-plan.ts';

/** Keys to sample from a table: for up to some hundred chunks, each is within a few percent of its size. */
const sampleKeys = 30_000;

export type PlanPlaces = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
  readonly source: Source;
};

/** A table before it is planned. */
export type PreparedTable = {
  /** the greatest id that a column has had there, as far as a catalog says it; 0: nobody but the head knows */
  readonly lastColumnId: number;
};

export type PlannedRun =
  | {
      readonly status: 'planned';
      readonly sync: string;
      readonly run: string;
      readonly bucket: string;
      /** of the JSON lines that the Map walks */
      readonly planKey: string;
      readonly resultsPrefix: string;
      readonly chunks: number;
      readonly abandoned: string | null;
    }
  | { readonly status: 'skipped'; readonly sync: string; readonly run: string; readonly execution: string };

/**
 * What keeps this one table from being planned; null for what concerns all of them, or passes by itself. A statement
 * that ran into its time limit is most likely a lock on this table: it must not hold back the others.
 */
function problemOf(error: unknown): TidemarkError | null {
  if (!(error instanceof TidemarkError) || error.code === 'SourceRefused') return null;
  if (error.code === 'SourceTimeout')
    return new TidemarkError('SourceFailed', error.message, { cause: error });
  return error.kind === 'transient' ? null : error;
}

const wishesFor = ({ key, as_text: asText }: TableOptions): Partial<TableWishes> => ({
  key: key === undefined ? null : [key],
  asText,
});

/** How the table named in the definition is to be copied; reads the catalog and a sample, writes nothing. */
export async function planTable(
  source: Source,
  definition: Definition,
  table: TableOptions,
): Promise<TablePlan> {
  const described = await source.describe(parseTableName(table.name)!, wishesFor(table));
  const description = withDistinctNames(described, definition.target.catalog.type);
  const statistics = await source.measure(description, sampleKeys, definition.chunk.rows);
  const { rows, bytes, min, max } = statistics;
  const chunks = planChunks(statistics, definition.chunk.rows);
  const { mode } = table;
  const partition = partitionOf(description, table.partition);
  return { description, ...(mode === 'append' && { mode }), partition, rows, bytes, min, max, chunks };
}

/**
 * Starts, adopts or goes on with a run, claims its tables and plans those that have no plan yet.
 *
 * A table that cannot be planned does not hold back the others: its line in the plan carries the reason. Only what
 * passes by itself, or concerns the whole source, ends the planning.
 *
 * @param request.isOver whether an execution has ended
 * @param prepare looks at the table in its catalog, and brings what readers open up to its head, where that can be done
 * @param sweepStaging deletes the staging of runs before the given one: they are over
 */
export async function planRun(
  { ledger, store, keys, source }: PlanPlaces,
  definition: Definition,
  request: { execution: string; fresh: boolean; isOver: (execution: string) => Promise<boolean> },
  prepare: (head: TableHead) => Promise<PreparedTable>,
  sweepStaging: (before: string) => Promise<void>,
  nowMs: () => number = Date.now,
): Promise<PlannedRun> {
  const sync = definition.name;
  const names = definition.tables.map((table) => formatTableName(parseTableName(table.name)!));
  const start = await startRun(
    ledger,
    { sync, ...request, fingerprint: fingerprint(definition), tables: names },
    request.isOver,
    nowMs,
  );
  if (start.status === 'skipped') {
    return { status: 'skipped', sync, run: start.run, execution: start.execution };
  }
  const { run } = start.run;
  await sweepStaging(run);

  // as bytes: the lines of a table are made when it is planned, and held once
  const lines: Buffer[] = [];
  let chunks = 0;
  const add = (orders: readonly Order[]): void => {
    lines.push(Buffer.from(orders.map((order) => `${JSON.stringify(order)}\n`).join('')));
    chunks += orders.length;
  };
  for (const [index, table] of definition.tables.entries()) {
    const head = await ledger.claimTable(sync, names[index]!, run);
    try {
      const { lastColumnId } = await prepare(head);
      if (head.publishedRun === run) continue;
      const plan =
        (await readTablePlan(store, keys, run, index)) ??
        (await settleTablePlan(store, keys, run, index, await planned(table, head, lastColumnId)));
      await freezeTable(store, keys, run, index, plan);
      const ranges = plan.chunks.length > 0 ? plan.chunks : [null];
      add(ranges.map((range, chunk) => chunkOrder(definition, run, index, chunk, range, plan.description)));
    } catch (error) {
      const problem = problemOf(error);
      if (!problem) throw error;
      add([problemOrder(sync, run, index, problem)]);
    }
  }

  async function planned(table: TableOptions, head: TableHead, lastColumnId: number): Promise<TablePlan> {
    const plan = await planTable(source, definition, table);
    return {
      ...plan,
      description: withLakeIds(plan.description, head.snapshot, lastColumnId, plan.mode === 'append'),
    };
  }

  const planKey = keys.plan(run, randomBytes(4).toString('hex'));
  const body = Buffer.concat(lines);
  await store.put(planKey, body, sha256Of([body]), { mediaType: 'application/x-ndjson' });
  return {
    status: 'planned',
    sync,
    run,
    bucket: store.bucket,
    planKey,
    resultsPrefix: keys.results(run),
    chunks,
    abandoned: start.abandoned,
  };
}
