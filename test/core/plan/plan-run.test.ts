import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../core/definition/load.ts';
import { TidemarkError } from '../../../core/errors.ts';
import type { Snapshot, TableHead } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Keys } from '../../../core/objects/keys.ts';
import {
  type ChunkOrder,
  checkOrder,
  type Order,
  type ProblemOrder,
} from '../../../core/plan/chunk-order.ts';
import { readFrozenTable } from '../../../core/plan/frozen-table.ts';
import { type PlannedRun, planRun } from '../../../core/plan/plan-run.ts';
import { readTablePlan } from '../../../core/plan/table-plan.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { Died, faultAt, gatedPlaces, pauseAt } from '../../support/faults.ts';
import { describeTable, type MemorySource, memorySource, numberedRows } from '../../support/memory-source.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

let sync: string;
let keys: Keys;
let source: MemorySource;
beforeEach(() => {
  ({ sync, keys } = embedded.freshSync());
  source = memorySource({ a: numberedRows(25), b: numberedRows(3), nothing: [] });
});

const definition = (tables = '[a, b, nothing]', more = 'chunk: { rows: 10 }') =>
  loadDefinition(
    `name: ${sync}\nsource: { type: postgres, url: postgres://h/d }\ntables: ${tables}\ntarget: { url: s3://lake/x }\n${more}`,
    'tidemark.yaml',
    {},
  );

type Asked = {
  definition?: ReturnType<typeof definition>;
  execution?: string;
  fresh?: boolean;
  over?: boolean;
};
type Seen = { rolled: TableHead[]; swept: string[] };

function plan(
  asked: Asked = {},
  places: object = {},
  seen: Seen = { rolled: [], swept: [] },
): Promise<PlannedRun> {
  const { ledger, store } = embedded;
  return planRun(
    { ledger, store, keys, source, ...places },
    asked.definition ?? definition(),
    {
      execution: asked.execution ?? 'E1',
      fresh: asked.fresh ?? false,
      isOver: async () => asked.over ?? false,
    },
    async (head) => {
      seen.rolled.push(head);
      return { lastColumnId: 0 };
    },
    async (before) => void seen.swept.push(before),
  );
}

async function planned(asked?: Asked, places?: object, seen?: Seen) {
  const result = await plan(asked, places, seen);
  if (result.status !== 'planned') throw new Error('skipped');
  const body = (await embedded.store.get(result.planKey))!.body.toString();
  const orders = body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Order);
  expect(orders).toHaveLength(result.chunks);
  return { ...result, orders };
}
const isProblem = (order: Order): order is ProblemOrder => 'problem' in order;

test('a line for every chunk of every table, with all that the copying depends on', async () => {
  const seen: Seen = { rolled: [], swept: [] };
  const { orders, run, ...result } = await planned({}, {}, seen);
  expect(result).toMatchObject({ status: 'planned', sync, bucket: 'lake', abandoned: null, chunks: 5 });
  expect(result.resultsPrefix).toBe(keys.results(run));
  const ranges = orders.map((order) => !isProblem(order) && [order.table, order.chunk, order.range]);
  expect(ranges).toEqual([
    [0, 0, { after: null, upTo: '9' }],
    [0, 1, { after: '9', upTo: '17' }],
    [0, 2, { after: '17', upTo: '25' }],
    [1, 0, { after: null, upTo: '3' }],
    [2, 0, null],
  ]);
  expect(orders[0]).toEqual({
    format: 3,
    sync,
    run,
    table: 0,
    tableName: 'public.a',
    chunk: 0,
    range: { after: null, upTo: '9' },
    limits: {
      partRows: 1_000_000,
      partBytes: 64 * 1024 ** 2,
      partSeconds: 60,
      statementMs: 200,
      statementRows: 100_000,
    },
    compression: 'auto',
  });
  expect(seen.swept).toEqual([run]);
  expect(seen.rolled.map(({ table, claimedBy }) => [table, claimedBy])).toEqual([
    ['public.a', run],
    ['public.b', run],
    ['public.nothing', run],
  ]);
});

test('each table’s description stands beside its plan, and is the plan’s', async () => {
  const { run } = await planned();
  source.tables.get('a')!.description = { ...describeTable('a'), identity: 'another' };
  await planned({ execution: 'E2', over: true });
  const { store } = embedded;
  for (const [index, table] of ['a', 'b', 'nothing'].entries()) {
    const { columns, ...rest } = describeTable(table);
    const numbered = columns.map((column) => ({ ...column, number: column.id }));
    expect(await readFrozenTable(store, keys, run, index)).toEqual({
      description: { ...rest, columns: numbered },
      partition: [],
    });
  }
});

test('an older version’s plan of a table gets its description beside it when the run is gone on with', async () => {
  const { run } = await planned();
  const { store } = embedded;
  await store.delete([keys.tableDescription(run, 0)]);
  await planned({ execution: 'E2', over: true });
  expect((await store.get(keys.tableDescription(run, 0)))!.body.toString()).toContain('memory/a');
});

test('a table of 1,600 columns and 10,000 chunks: its lines stay short', async () => {
  const columns = Array.from({ length: 1_600 }, (_, i) => ({
    ...describeTable('wide').columns[1]!,
    id: i + 1,
    name: `${'a_long_name_of_a_column_'.repeat(2)}${i}`,
  }));
  source = memorySource({ wide: numberedRows(10_000) });
  source.tables.get('wide')!.description = { ...describeTable('wide'), columns };
  const { run, orders, chunks } = await planned({ definition: definition('[wide]', 'chunk: { rows: 1 }') });
  expect(chunks).toBe(10_000);
  // Step Functions takes 256 KiB; the child's state is the line and the outcome
  const longest = Math.max(...orders.map((order) => JSON.stringify(order).length));
  expect(longest).toBeLessThan(400);
  expect((await readFrozenTable(embedded.store, keys, run, 0)).description.columns).toHaveLength(1_600);
});

test('a second execution is told to go, and touches nothing', async () => {
  const { run } = await planned();
  const seen: Seen = { rolled: [], swept: [] };
  expect(await plan({ execution: 'E2' }, {}, seen)).toEqual({
    status: 'skipped',
    sync,
    run,
    execution: 'E1',
  });
  expect(seen).toEqual({ rolled: [], swept: [] });
});

test('the first plan of a run is the plan, whatever has become of the table since', async () => {
  const first = await planned();
  source.tables.get('a')!.rows = numberedRows(100);
  const adopted = await planned({ execution: 'E2', over: true });
  expect(adopted.run).toBe(first.run);
  expect(adopted.orders).toEqual(first.orders);
  expect(adopted.planKey).not.toBe(first.planKey);
  const fresh = await planned({ execution: 'E3', over: true, fresh: true });
  expect(fresh.abandoned).toBe(first.run);
  expect(fresh.orders).not.toHaveLength(first.orders.length);
});

test('two Plans of one run at once agree on the plan', async () => {
  // at its put: it has found no plan
  const pause = pauseAt(1, 'before');
  const first = planned({}, gatedPlaces({ store: embedded.store }, pause.gate));
  await pause.asleep;
  expect(pause.calls).toEqual(['store.get', 'store.put']);
  source.tables.get('a')!.rows = numberedRows(100);
  const second = await planned();
  source.tables.get('a')!.rows = numberedRows(5);
  pause.wake();
  expect((await first).orders).toEqual(second.orders);
});

test('sizes of parts may be mended within a run; its chunks stay', async () => {
  const first = await planned();
  const again = await planned({ definition: definition(undefined, 'part: { rows: 7 }\nchunk: { rows: 1 }') });
  expect(again.orders).toHaveLength(first.orders.length);
  expect((again.orders[0] as ChunkOrder).limits.partRows).toBe(7);
});

describe('a table that cannot be planned', () => {
  const failing = (table: string, error: Error) => {
    source.beforeDescribe = (name) => {
      if (name.table === table) throw error;
    };
  };

  test.for(['TableMissing', 'TableDenied', 'KeyMissing', 'TableUnsupported', 'SourceFailed'] as const)(
    '%s: gets a line with the reason, and the others go on',
    async (code) => {
      failing('b', new TidemarkError(code, 'table public.b: so it is'));
      const { orders, run } = await planned();
      expect(orders).toHaveLength(5);
      expect(orders.filter(isProblem)).toEqual([
        { format: 3, sync, run, table: 1, problem: { code, message: 'table public.b: so it is' } },
      ]);
      source.beforeDescribe = () => {};
      const mended = await planned();
      expect(mended.orders.filter(isProblem)).toEqual([]);
      expect(mended.orders.filter(({ table }) => table !== 1)).toEqual(
        orders.filter((order) => !isProblem(order)),
      );
    },
  );

  test('because of a lock on it: the others go on', async () => {
    failing('b', new TidemarkError('SourceTimeout', 'canceled'));
    const { orders } = await planned();
    expect(orders.filter(isProblem)).toMatchObject([
      { table: 1, problem: { code: 'SourceFailed', message: 'canceled' } },
    ]);
    expect(orders.filter((order) => !isProblem(order)).length).toBeGreaterThan(0);
  });

  test.for(['SourceUnavailable', 'SourceRefused', 'StoreUnavailable'] as const)(
    '%s concerns more than the table: the Plan ends, and is tried again',
    async (code) => {
      failing('b', new TidemarkError(code, 'so it is'));
      await expect(plan()).rejects.toMatchObject({ code });
      source.beforeDescribe = () => {};
      expect((await planned()).orders).toHaveLength(5);
    },
  );

  test('because its pointer is not this sync’s: the same', async () => {
    const { ledger, store } = embedded;
    const result = await planRun(
      { ledger, store, keys, source },
      definition(),
      { execution: 'E1', fresh: false, isOver: async () => false },
      async ({ table }) => {
        if (table === 'public.a') throw new TidemarkError('DefinitionInvalid', 'so it is');
        return { lastColumnId: 0 };
      },
      async () => {},
    );
    const { orders } = await planned();
    expect(result).toMatchObject({ status: 'planned', chunks: 3 });
    expect(orders.filter(isProblem)).toEqual([]);
  });

  test('an error that nobody expected is not hidden in a line', async () => {
    failing('b', new Error('a bug'));
    await expect(plan()).rejects.toThrow('a bug');
  });
});

describe('tables that this run has published already', () => {
  const snapshotOf = (run: string): Snapshot => ({
    run,
    publishedAt: 't',
    rows: 0,
    bytes: 0,
    files: 0,
    schema: [],
  });

  test('are left out, and so may be all', async () => {
    const { run } = await planned();
    await embedded.ledger.publishTable(sync, 'public.a', snapshotOf(run), { seen: null, next: 1 });
    const rest = await planned({ execution: 'E2', over: true });
    expect(rest.orders.map(({ table }) => table)).toEqual([1, 2]);
    for (const table of ['public.b', 'public.nothing']) {
      await embedded.ledger.publishTable(sync, table, snapshotOf(run), { seen: null, next: 1 });
    }
    expect(await planned({ execution: 'E3', over: true })).toMatchObject({ chunks: 0, orders: [], run });
  });

  test('are copied again by the next run', async () => {
    const { run } = await planned();
    await embedded.ledger.publishTable(sync, 'public.a', snapshotOf(run), { seen: null, next: 1 });
    const next = await planned({ execution: 'E2', over: true, fresh: true });
    expect(new Set(next.orders.map(({ table }) => table))).toEqual(new Set([0, 1, 2]));
  });
});

test('a redriven Plan under a definition with other tables begins another run', async () => {
  const first = await planned({ definition: definition('[a, b]') });
  const second = await planned({ definition: definition('[b, nothing]') });
  expect(second.abandoned).toBe(first.run);
  expect((await embedded.ledger.run(sync, second.run))!.tables).toEqual(['public.b', 'public.nothing']);
  expect((await readTablePlan(embedded.store, keys, second.run, 0))!.description.table).toBe('b');
});

test('a Plan that dies at any call is made up for by the next one', async () => {
  for (let at = 0; ; at++) {
    ({ sync, keys } = embedded.freshSync());
    const fault = faultAt(at, at % 2 ? 'before' : 'after');
    const { ledger, store } = embedded;
    const first = await plan({}, gatedPlaces({ ledger, store, source }, fault.gate)).catch(
      (error: unknown) => error,
    );
    if (fault.calls.length <= at) return;
    expect(first).toBeInstanceOf(Died);
    expect((await planned()).orders).toHaveLength(5);
  }
});

describe('what a newer Tidemark wrote', () => {
  test('a table’s plan is not read', async () => {
    const { run } = await planned();
    const body = Buffer.from('{"format":99}\n');
    await embedded.store.put(keys.tablePlan(run, 0), body, sha256Of([body]), { mediaType: 'text/plain' });
    const again = await planned();
    expect(again.orders.filter(isProblem)).toMatchObject([{ table: 0, problem: { code: 'FormatTooNew' } }]);
  });

  test('an order is refused', async () => {
    const { orders } = await planned();
    expect(checkOrder(orders[0]!)).toBe(orders[0]);
    expect(() => checkOrder({ ...orders[0]!, format: 4 })).toThrow(
      expect.objectContaining({ code: 'FormatTooNew' }),
    );
    expect(() => checkOrder({} as Order)).toThrow(expect.objectContaining({ code: 'FormatTooNew' }));
  });
});

test('a plan that was cut off is no plan', async () => {
  const { run } = await planned();
  const whole = (await embedded.store.get(keys.tablePlan(run, 0)))!.body.toString();
  const cut = Buffer.from(whole.split('\n').slice(0, 2).join('\n'));
  await embedded.store.put(keys.tablePlan(run, 0), cut, sha256Of([cut]), { mediaType: 'text/plain' });
  await expect(readTablePlan(embedded.store, keys, run, 0)).rejects.toMatchObject({
    code: 'ProtocolViolation',
  });
});
