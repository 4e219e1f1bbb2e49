/** A cloud in memory, whose story a test writes: each look at the execution takes the next step. */
import type { ChunkActivity, Cloud, Execution, Keeper } from '../../cli/cloud.ts';
import { fingerprint } from '../../core/definition/fingerprint.ts';
import { loadDefinition } from '../../core/definition/load.ts';
import type { Ledger, Part, Run, SyncHead, TableHead } from '../../core/ledger/ledger.ts';
import { sha256Of } from '../../core/objects/checksum.ts';
import { keysOf } from '../../core/objects/keys.ts';
import type { ObjectStore } from '../../core/objects/store.ts';
import type { TablePlan } from '../../core/plan/table-plan.ts';
import { shopDefinition } from './fake-surroundings.ts';

export type FakeState = {
  head: SyncHead | null;
  runs: Run[];
  heads: TableHead[];
  parts: Part[];
  executions: Map<string, Execution>;
  activity: ChunkActivity | null;
  objects: Map<string, Buffer>;
  /** what was asked of the cloud, in order: `start fresh=false`, `stop arn:1`, `redrive arn:1`, `close` */
  calls: string[];
};

export type Step = (state: FakeState) => void;

export type FakeCloud = Cloud & { readonly state: FakeState };

export const syncName = 'shop';
export const keys = keysOf({ bucket: 'lake', prefix: 'shop/' }, syncName);

/** Of the definition that a test's command line has, unless it writes another. */
const shopFingerprint = fingerprint(loadDefinition(shopDefinition, 'shop.yaml', null));

export const execution = (over: Partial<Execution> & { arn: string }): Execution => ({
  status: 'RUNNING',
  startedAt: new Date('2026-11-20T07:00:00Z'),
  stoppedAt: null,
  redriveCount: 0,
  output: null,
  error: null,
  message: null,
  ...over,
});

export const runItem = (over: Partial<Run> & { run: string }): Run => ({
  sync: syncName,
  status: 'running',
  startedAt: '2026-11-20T07:00:00.000Z',
  endedAt: null,
  executions: ['arn:1'],
  fingerprint: shopFingerprint,
  tables: ['public.orders', 'public.items'],
  totals: null,
  ...over,
});

export const partItem = (
  over: Partial<Part> & Pick<Part, 'run' | 'table' | 'chunk' | 'n' | 'rows'>,
): Part => ({
  sync: syncName,
  from: null,
  to: String(over.n),
  last: false,
  files: [
    {
      staged: 's',
      stagedEtag: 'e',
      final: `f-${over.table}-${over.chunk}-${over.n}`,
      size: over.rows * 10,
      sha256: '00',
      rows: over.rows,
      firstKey: '1',
      lastKey: '2',
      partition: null,
      statistics: null,
    },
  ],
  attempt: { id: `a${over.table}${over.chunk}`, startedAt: '2026-11-20T07:00:00.000Z', retry: 0 },
  readAt: '2026-11-20T07:00:05.000Z',
  ...over,
});

export const planOf = (schema: string, table: string, chunkRows: readonly number[]): TablePlan => ({
  description: {
    schema,
    table,
    identity: '1',
    columns: [],
    key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
    notes: [],
  },
  partition: [],
  rows: chunkRows.reduce((sum, rows) => sum + rows, 0),
  bytes: 1000,
  min: '1',
  max: '9',
  chunks: chunkRows.map((rows, index) => ({
    after: index === 0 ? null : String(index),
    upTo: String(index + 1),
    rows,
  })),
});

export const published = (table: string, run: string, rows: number, version = 1): TableHead => ({
  table,
  version,
  claimedBy: run,
  snapshot: { run, publishedAt: '2026-11-20T07:01:00.000Z', schema: [], rows, bytes: rows * 10, files: 1 },
  metadata: 1,
  publishedRun: run,
  inCatalog: false,
  previousRun: null,
});

/** Writes a table's plan where Plan does. */
export function putPlan(state: FakeState, run: string, index: number, plan: TablePlan): void {
  const { chunks, ...table } = plan;
  const lines = [{ format: 1, ...table, chunks: chunks.length }, ...chunks];
  state.objects.set(
    keys.tablePlan(run, index),
    Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
  );
}

const refuse = (): never => {
  throw new Error('the command line only looks: it must not write');
};

function fakeLedger(state: FakeState): Ledger {
  return {
    head: async () => state.head,
    run: async (_sync, run) => state.runs.find((found) => found.run === run) ?? null,
    runs: async (_sync, limit) => [...state.runs].sort((a, b) => (a.run < b.run ? 1 : -1)).slice(0, limit),
    tableHead: async (_sync, table) => state.heads.find((head) => head.table === table) ?? null,
    tableHeads: async () => state.heads,
    async *partsOfRun(_sync, run, from = { table: 0, chunk: 0 }) {
      yield* state.parts.filter(
        ({ table, chunk, ...part }) =>
          part.run === run && (table > from.table || (table === from.table && chunk >= from.chunk)),
      );
    },
    lastPart: refuse,
    moveHead: refuse,
    createRun: refuse,
    joinRun: refuse,
    endRun: refuse,
    claimTable: refuse,
    publishTable: refuse,
    changeTable: refuse,
    commitPart: refuse,
  };
}

function fakeStore(state: FakeState): ObjectStore {
  return {
    bucket: 'lake',
    get: async (key) => {
      const body = state.objects.get(key);
      return body ? { body, etag: sha256Of([body]) } : null;
    },
    head: refuse,
    put: refuse,
    copyToAbsent: refuse,
    delete: refuse,
    list: refuse,
    listFolders: refuse,
  };
}

/**
 * @param steps taken one at a time, each before `execution()` answers; the last state stays
 * @param on what `start`, `redrive` and `stopAtPartBoundary` do
 * @param keeper of executions; by default this machine
 */
export function fakeCloud(
  initial: Partial<FakeState>,
  steps: readonly Step[] = [],
  on: { start?: Step; redrive?: Step; stop?: (state: FakeState) => void | Promise<void> } = {},
  keeper?: Keeper,
): FakeCloud {
  const state: FakeState = {
    head: null,
    runs: [],
    heads: [],
    parts: [],
    executions: new Map(),
    activity: null,
    objects: new Map(),
    calls: [],
    ...initial,
  };
  const left = [...steps];
  let begun = false;
  return {
    state,
    ledger: fakeLedger(state),
    store: fakeStore(state),
    keys,
    catalog: undefined,
    place: (key) => `.tidemark/s3/lake/${key}`,
    logs: (name) => `.tidemark/functions/logs/${name}.log`,
    start: async ({ fresh }) => {
      state.calls.push(`start fresh=${fresh}`);
      begun = true;
      on.start?.(state);
      return 'arn:new';
    },
    execution: async (arn) => {
      if (begun) left.shift()?.(state);
      return state.executions.get(arn) ?? null;
    },
    redrive: async (arn) => {
      state.calls.push(`redrive ${arn}`);
      begun = true;
      on.redrive?.(state);
    },
    keeper: keeper ?? {
      kind: 'machine',
      stopAtPartBoundary: async (arn) => {
        state.calls.push(`stop ${arn}`);
        await on.stop?.(state);
      },
      othersAtWork: async () => false,
    },
    pace: { lookMs: 500, readingMs: 1_000, readingShare: 1 / 2 },
    activity: async () => state.activity,
    close: async () => {
      state.calls.push('close');
    },
  };
}
