/**
 * Who takes part: executions, which plan, copy and publish one after the other as the state machine has them do, and
 * single invocations beside them (attempts, publishers), which overlap with anything. Each step of theirs is a function
 * of the core, called as its Lambda function calls it.
 */
import { type ChunkOutcome, copyChunk } from '../../../core/copy/copy-chunk.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import { kindOf } from '../../../core/errors.ts';
import type { Format } from '../../../core/formats/format.ts';
import { keysOf, parseTarget } from '../../../core/objects/keys.ts';
import type { ChunkOrder, Order } from '../../../core/plan/chunk-order.ts';
import { type PlannedRun, planRun } from '../../../core/plan/plan-run.ts';
import { prepareTable } from '../../../core/publish/projections.ts';
import { publishRun } from '../../../core/publish/publish-run.ts';
import { sweepStagingBefore } from '../../../core/publish/sweep.ts';
import { memorySource, numberedRows } from '../../support/memory-source.ts';
import type { CodePlaces, Ending, Invocation } from './tabulate.ts';

export const sync = 's';
/** rows, and as many parts, of each table; chunks of as many rows as the scenario says */
export type Lake = { readonly tables: number; readonly rows: number; readonly chunkRows: number };

/** What an actor does at the moment. Plain data: equal tasks are the same invocation. */
export type Task =
  | {
      readonly kind: 'plan';
      readonly by: string;
      readonly fresh: boolean;
      readonly tries: number;
      /** an execution that gets no further than its plan */
      readonly only?: true;
    }
  | {
      readonly kind: 'copy';
      readonly by: string;
      readonly order: ChunkOrder;
      /** the run's other chunks, of an execution; null: an attempt, which does nothing else */
      readonly rest: readonly ChunkOrder[] | null;
      readonly tries: number;
    }
  | { readonly kind: 'publish'; readonly by: string; readonly run: string; readonly tries: number };

/** As often as the definition's `retry` would have it; more than the faults of any scenario. */
const triesMax = 4;

export type Tasks = {
  readonly invocationOf: (task: Task) => Invocation;
  /** What the state machine does when an invocation has ended; null: the execution is over. */
  readonly after: (task: Task, ending: Ending) => Task | null;
};

type Planned = { readonly planned: PlannedRun; readonly orders: readonly Order[] };

/** Names are a letter and a number: `E2`, `A1`. Of two, the greater one begins later. */
const placeOf = (name: string): number => name.charCodeAt(0) - 64 + 32 * Number(name.slice(1));
const nowMsOf = (name: string): number => Date.UTC(2026, 0, 1) + placeOf(name);

export const keys = keysOf(parseTarget('s3://lake/x'), sync);

export const tableNameOf = (table: number): string => `public.t${table}`;

export function tasksOf({ tables, rows, chunkRows }: Lake): Tasks {
  const names = Array.from({ length: tables }, (_, i) => tableNameOf(i));
  const definition = loadDefinition(
    `name: ${sync}
source: { type: postgres, url: postgres://h/d }
tables: [${names.join(', ')}]
target: { url: s3://lake/x }
chunk: { rows: ${chunkRows} }
part: { rows: 1 }`,
    'tidemark.yaml',
    {},
  );
  const rowsByTable = Object.fromEntries(names.map((name) => [name.split('.')[1]!, numberedRows(rows)]));

  async function plan(
    { ledger, store, isOver }: CodePlaces,
    execution: string,
    fresh: boolean,
  ): Promise<Planned> {
    const planned = await planRun(
      { ledger, store, keys, source: memorySource(rowsByTable) },
      definition,
      { execution, fresh, isOver },
      (head) => prepareTable({ ledger, store, keys }, sync, head),
      (run) => sweepStagingBefore(store, keys, run),
      () => nowMsOf(execution),
    );
    if (planned.status === 'skipped') return { planned, orders: [] };
    // as the Map reads it
    const lines = (await store.get(planned.planKey))!.body.toString('utf8').split('\n').filter(Boolean);
    return { planned, orders: lines.map((line) => JSON.parse(line)) };
  }

  function copy(
    { ledger, store }: CodePlaces,
    by: string,
    order: ChunkOrder,
    tries: number,
  ): Promise<ChunkOutcome> {
    const id = `${by}.${order.table}${order.chunk}.${tries}`;
    const startedMs = nowMsOf(by) + 10_000 * tries;
    return copyChunk(
      { ledger, store, keys, source: memorySource(rowsByTable), format: plainFormat(id) },
      order,
      { id, startedAt: new Date(startedMs).toISOString(), retry: tries },
      { nowMs: () => startedMs, remainingMs: () => 900_000 },
    );
  }

  const isTransient = (ending: Ending): boolean =>
    ending.status === 'failed' && kindOf(ending.code as Parameters<typeof kindOf>[0]) === 'transient';

  return {
    invocationOf: (task) => ({
      key: JSON.stringify(task),
      salt: placeOf(task.by) * 8 + task.tries,
      async run(places) {
        switch (task.kind) {
          case 'plan':
            return plan(places, task.by, task.fresh);
          case 'copy':
            return copy(places, task.by, task.order, task.tries);
          case 'publish': {
            const { ledger, store } = places;
            const reasons = async () => new Map<number, string>();
            return publishRun({ ledger, store, keys }, sync, task.run, false, reasons, () =>
              nowMsOf(task.by),
            );
          }
        }
      },
    }),

    after(task, ending) {
      const isOver = task.tries === triesMax;
      if (isTransient(ending)) return isOver ? null : { ...task, tries: task.tries + 1 };
      switch (task.kind) {
        case 'plan': {
          if (ending.status === 'failed') return null;
          const { planned, orders } = ending.value as Planned;
          if (planned.status === 'skipped' || task.only) return null;
          return following(task.by, planned.run, orders.filter(isChunk));
        }
        case 'copy': {
          if (ending.status === 'returned' && (ending.value as ChunkOutcome).status === 'more' && !isOver) {
            return { ...task, tries: task.tries + 1 };
          }
          // the Map tolerates a child that failed
          return task.rest && following(task.by, task.order.run, task.rest);
        }
        case 'publish':
          return null;
      }
    },
  };
}

const isChunk = (order: Order): order is ChunkOrder => !('problem' in order);

function following(by: string, run: string, orders: readonly ChunkOrder[]): Task {
  const [order, ...rest] = orders;
  return order ? { kind: 'copy', by, order, rest, tries: 0 } : { kind: 'publish', by, run, tries: 0 };
}

/** Files that say whose they are: two attempts never write the same bytes, as if every row had changed meanwhile. */
function plainFormat(writer: string): Format {
  return {
    extension: 'txt',
    mediaType: 'text/plain',
    encoder() {
      const read: string[] = [];
      const text = () => `${writer}: ${read.join(' ')}`;
      return {
        get rows() {
          return read.length;
        },
        get bytes() {
          return text().length;
        },
        write({ firstKey }) {
          read.push(firstKey);
        },
        finish: () => ({
          pieces: [Buffer.from(text())],
          bytes: text().length,
          rows: read.length,
          statistics: { splits: [], columns: [] },
        }),
      };
    },
  };
}
