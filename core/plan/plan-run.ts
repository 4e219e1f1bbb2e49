import { randomBytes } from 'node:crypto';
import { fingerprint } from '../definition/fingerprint.ts';
import type { Definition } from '../definition/options.ts';
import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { tableOptions } from '../definition/table-options.ts';
import { TidemarkError } from '../errors.ts';
import type { Ledger, TableHead } from '../ledger/ledger.ts';
import { sha256Of } from '../objects/checksum.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { ListedTable, Source, TableDescription, TableName } from '../sources/source.ts';
import { chunkOrder, type Order, problemOrder } from './chunk-order.ts';
import { planChunks } from './chunks.ts';
import { withLakeIds } from './column-ids.ts';
import { withDistinctNames } from './distinct-names.ts';
import { freezeTable } from './frozen-table.ts';
import { partitionOf } from './partition.ts';
import { emptyPatterns, listedFor, tableNames, tableProblems } from './run-tables.ts';
import { startRun } from './start-run.ts';
import { readTablePlan, settleTablePlan, type TablePlan } from './table-plan.ts';
import { forTables } from './tables-at-once.ts';

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

/**
 * How a table is to be copied; reads the catalog and a sample, writes nothing.
 * @param listed what there is in the source: of the columns that patterns name, those that the table has
 */
export async function planTable(
  source: Source,
  definition: Definition,
  name: TableName,
  listed: readonly ListedTable[],
): Promise<TablePlan> {
  const there = listed.find(({ schema, table }) => schema === name.schema && table === name.table);
  const options = tableOptions(definition, name, there && ((column) => there.columns.includes(column)));
  const described = await source.describe(name, {
    key: options.key ?? null,
    asText: options.as_text,
    columns: options.columns ?? null,
    excludeColumns: options.exclude_columns,
    where: options.where ?? null,
    mask: options.mask,
  });
  if (described.columns.length === 0)
    throw new TidemarkError(
      'TableUnsupported',
      `${formatTableName(name)}: ${options.columns || options.exclude_columns.length > 0 ? 'columns and exclude_columns leave none of its columns' : 'it has no columns'}`,
    );
  checkProtected(definition, described);
  const description = withDistinctNames(described, definition.target.catalog.type);
  const statistics = await source.measure(description, sampleKeys);
  const { rows, bytes, min, max } = statistics;
  const chunks = planChunks(statistics, definition.chunk.rows);
  const { mode } = options;
  const partition = partitionOf(description, options.partition);
  return { description, ...(mode === 'append' && { mode }), partition, rows, bytes, min, max, chunks };
}

/**
 * Between the listing and the description a table may have got a column that a pattern masks, or leaves out.
 * @throws TidemarkError TableChanged
 */
function checkProtected(definition: Definition, described: TableDescription): void {
  const { mask, exclude_columns } = tableOptions(definition, described);
  const open = described.columns.find(
    (column) =>
      exclude_columns.includes(column.name) ||
      (Object.hasOwn(mask, column.name) && column.mask === undefined),
  );
  if (open === undefined) return;
  throw new TidemarkError(
    'TableChanged',
    `${formatTableName(described)}: it got the column ${open.name} while the run was planned, which the definition masks or leaves out`,
  );
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
  let asked: Promise<readonly ListedTable[]> | null = null;
  const listing = (): Promise<readonly ListedTable[]> => {
    asked ??= listedFor(source, definition);
    return asked;
  };
  const start = await startRun(
    ledger,
    {
      ...{ sync, ...request, fingerprint: fingerprint(definition) },
      tables: async () => tableNames(definition, await listing()),
    },
    request.isOver,
    nowMs,
  );
  if (start.status === 'skipped') {
    return { status: 'skipped', sync, run: start.run, execution: start.execution };
  }
  const { run, tables } = start.run;
  await sweepStaging(run);
  const listed = await listing();
  const problems = tableProblems(definition, tables, listed);
  const empty = emptyPatterns(definition, tables, listed);

  /** The lines of one table; none where this run has published it already. */
  async function ordersOf(name: string, index: number): Promise<readonly Order[]> {
    const noTable = empty.get(name);
    if (noTable) return [problemOrder(sync, run, index, noTable)];
    const head = await ledger.claimTable(sync, name, run);
    try {
      const known = problems.get(name);
      if (known && head.publishedRun !== run && !(await readTablePlan(store, keys, run, index))) throw known;
      const { lastColumnId } = await prepare(head);
      if (head.publishedRun === run) return [];
      const plan =
        (await readTablePlan(store, keys, run, index)) ??
        (await settleTablePlan(store, keys, run, index, await planned(name, head, lastColumnId)));
      await freezeTable(store, keys, run, index, plan);
      const ranges = plan.chunks.length > 0 ? plan.chunks : [null];
      return ranges.map((range, chunk) => chunkOrder(definition, run, index, chunk, range, plan.description));
    } catch (error) {
      const problem = problemOf(error);
      if (!problem) throw error;
      return [problemOrder(sync, run, index, problem)];
    }
  }

  async function planned(name: string, head: TableHead, lastColumnId: number): Promise<TablePlan> {
    const plan = await planTable(source, definition, parseTableName(name)!, listed);
    return {
      ...plan,
      description: withLakeIds(plan.description, head.snapshot, lastColumnId, plan.mode === 'append'),
    };
  }

  // as bytes: the lines of a table are made when it is planned, and held once
  const lines: Buffer[] = tables.map(() => Buffer.alloc(0));
  let chunks = 0;
  await forTables(tables, async (name, index) => {
    const orders = await ordersOf(name, index);
    lines[index] = Buffer.from(orders.map((order) => `${JSON.stringify(order)}\n`).join(''));
    chunks += orders.length;
  });

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
