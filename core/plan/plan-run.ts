import { randomBytes } from 'node:crypto';
import { fingerprint } from '../definition/fingerprint.ts';
import type { Definition } from '../definition/options.ts';
import { parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Ledger, TableHead } from '../ledger/ledger.ts';
import { sha256Of } from '../objects/checksum.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { ListedTable } from '../sources/source.ts';
import { chunkOrder, type Order, problemOrder } from './chunk-order.ts';
import { withLakeIds } from './column-ids.ts';
import { freezeTable } from './frozen-table.ts';
import { withIdsOf } from './members.ts';
import { type PlanSources, planTable } from './plan-table.ts';
import { emptyPatterns, listedFor, tableNames, tableProblems } from './run-tables.ts';
import { startRun } from './start-run.ts';
import { readTablePlan, settleTablePlan, type TablePlan } from './table-plan.ts';
import { forTables } from './tables-at-once.ts';

export type PlanPlaces = PlanSources & {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
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
  { ledger, store, keys, ...sources }: PlanPlaces,
  definition: Definition,
  request: { execution: string; fresh: boolean; isOver: (execution: string) => Promise<boolean> },
  prepare: (head: TableHead) => Promise<PreparedTable>,
  sweepStaging: (before: string) => Promise<void>,
  nowMs: () => number = Date.now,
): Promise<PlannedRun> {
  const sync = definition.name;
  let asked: Promise<readonly ListedTable[]> | null = null;
  const listing = (): Promise<readonly ListedTable[]> => {
    asked ??= listedFor(sources.source, definition);
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
      return ranges.map((range, chunk) => chunkOrder(definition, run, index, chunk, range, plan));
    } catch (error) {
      const problem = problemOf(error);
      if (!problem) throw error;
      return [problemOrder(sync, run, index, problem)];
    }
  }

  async function planned(name: string, head: TableHead, lastColumnId: number): Promise<TablePlan> {
    const plan = await planTable(sources, definition, parseTableName(name)!, listed);
    const description = withLakeIds(plan.description, head.snapshot, lastColumnId, plan.mode === 'append');
    const members = plan.members?.map((member) => withIdsOf(description, member));
    return { ...plan, description, ...(members !== undefined && { members }) };
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
