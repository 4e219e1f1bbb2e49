/** A run whose tables are found by patterns: which it has, what is frozen of it, and what is not asked of the source. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadDefinition } from '../../../core/definition/load.ts';
import { TidemarkError } from '../../../core/errors.ts';
import type { Keys } from '../../../core/objects/keys.ts';
import type { Order, ProblemOrder } from '../../../core/plan/chunk-order.ts';
import { type PlannedRun, planRun } from '../../../core/plan/plan-run.ts';
import { readTablePlan } from '../../../core/plan/table-plan.ts';
import { Died, faultAt, gatedPlaces } from '../../support/faults.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { describeTable, type MemorySource, memorySource, numberedRows } from '../../support/memory-source.ts';

let embedded: InMemory;
beforeAll(async () => {
  embedded = await startInMemory();
});
afterAll(() => embedded.close());

let sync: string;
let keys: Keys;
let source: MemorySource;
let listings: (readonly string[])[];
beforeEach(() => {
  ({ sync, keys } = embedded.freshSync());
  source = memorySource({ a: numberedRows(25), b: numberedRows(3), nothing: [] });
  watchListings();
});

function watchListings(): void {
  listings = [];
  const { list } = source;
  source.list = (columns) => {
    listings.push(columns);
    return list(columns);
  };
}

const load = (tables: string, more = '') =>
  loadDefinition(
    `name: ${sync}\nsource: { type: postgres, url: postgres://h/d }\ntables: ${tables}\ntarget: { url: s3://lake/x }\n${more}`,
    'tidemark.yaml',
    {},
  );

type Asked = { tables?: string; more?: string; execution?: string; over?: boolean; fresh?: boolean };

const plan = (
  { tables = '["public.*"]', more = '', execution = 'E1', over = false, fresh = false }: Asked = {},
  places: object = {},
): Promise<PlannedRun> =>
  planRun(
    { ledger: embedded.ledger, store: embedded.store, keys, source, ...places },
    load(tables, more),
    { execution, fresh, isOver: async () => over },
    async () => ({ lastColumnId: 0 }),
    async () => {},
  );

async function planned(asked?: Asked) {
  const result = await plan(asked);
  if (result.status !== 'planned') throw new Error('skipped');
  const body = (await embedded.store.get(result.planKey))!.body.toString();
  const orders = body
    .split('\n')
    .filter(Boolean)
    .map((line): Order => JSON.parse(line));
  const { tables } = (await embedded.ledger.run(sync, result.run))!;
  return { ...result, orders, tables, problems: orders.filter(isProblem) };
}
const isProblem = (order: Order): order is ProblemOrder => 'problem' in order;

test('the tables that there are when a run begins are its tables, whoever goes on with it', async () => {
  const first = await planned();
  expect(first.tables).toEqual(['public.a', 'public.b', 'public.nothing']);
  source.tables.set('a_new', { rows: [], description: describeTable('a_new') });
  source.tables.delete('nothing');
  const adopted = await planned({ execution: 'E2', over: true });
  expect(adopted.run).toBe(first.run);
  expect(adopted.tables).toEqual(first.tables);
  expect(adopted.orders).toEqual(first.orders);
  const heads = await embedded.ledger.tableHeads(sync);
  expect(heads.map(({ table }) => table)).toEqual(first.tables);
  const fresh = await planned({ execution: 'E3', over: true, fresh: true });
  expect(fresh.tables).toEqual(['public.a', 'public.a_new', 'public.b']);
});

test('a source is asked once a Plan, and not at all for a run that is skipped, or without patterns', async () => {
  await planned();
  expect(listings).toHaveLength(1);
  expect(await plan({ execution: 'E2' })).toMatchObject({ status: 'skipped' });
  expect(listings).toHaveLength(1);
  await planned({ tables: '[a]', execution: 'E3', over: true });
  expect(listings).toHaveLength(1);
});

test('a source that does not answer leaves everything as it was, also the run that would be abandoned', async () => {
  const first = await planned();
  const head = await embedded.ledger.head(sync);
  source.list = async () => {
    throw new TidemarkError('SourceUnavailable', 'gone');
  };
  const asked = { execution: 'E2', over: true, fresh: true };
  await expect(plan(asked)).rejects.toMatchObject({ code: 'SourceUnavailable' });
  expect(await embedded.ledger.head(sync)).toEqual(head);
  expect(await embedded.ledger.run(sync, first.run)).toMatchObject({ status: 'running' });
});

test('a pattern that takes nothing is a line with its reason, has no head, and holds back no table', async () => {
  const { tables, problems, orders } = await planned({ tables: '["publik.*", a]' });
  expect(tables).toEqual(['publik.*', 'public.a']);
  expect(problems).toMatchObject([
    {
      table: 0,
      problem: { code: 'DefinitionInvalid', message: expect.stringContaining('there is public.') },
    },
  ]);
  expect(orders.filter((order) => !isProblem(order))).toMatchObject([{ table: 1, tableName: 'public.a' }]);
  expect((await embedded.ledger.tableHeads(sync)).map(({ table }) => table)).toEqual(['public.a']);
});

test('a mask that would apply nowhere keeps the tables of its pattern out, and no others', async () => {
  const { tables, problems, orders } = await planned({
    tables: '[{ name: "public.?", mask: { nota: hash } }, nothing]',
  });
  expect(listings).toEqual([['nota']]);
  expect(tables).toEqual(['public.a', 'public.b', 'public.nothing']);
  expect(problems.map(({ table, problem }) => [table, problem.code])).toEqual([
    [0, 'DefinitionInvalid'],
    [1, 'DefinitionInvalid'],
  ]);
  expect(orders.filter((order) => !isProblem(order))).toMatchObject([{ table: 2 }]);
});

test('what stands with a pattern counts in the tables that have the column', async () => {
  const [id] = describeTable('b').columns;
  source.tables.get('b')!.description = { ...describeTable('b'), columns: [id!] };
  const { run, problems } = await planned({ tables: '[{ name: "public.*", mask: { note: hash } }]' });
  expect(problems).toEqual([]);
  const masks = [];
  for (const index of [0, 1, 2]) {
    const { description } = (await readTablePlan(embedded.store, keys, run, index))!;
    masks.push(description.columns.map(({ mask }) => mask));
  }
  expect(masks).toEqual([[undefined, 'hash'], [undefined], [undefined, 'hash']]);
});

test('a column that comes between listing and describing is not copied without its mask', async () => {
  const whole = describeTable('b');
  source.tables.get('b')!.description = { ...whole, columns: whole.columns.slice(0, 1) };
  source.beforeDescribe = ({ table }) => {
    if (table === 'b') source.tables.get('b')!.description = whole;
  };
  const { problems } = await planned({ tables: '[{ name: "public.*", mask: { note: hash } }]' });
  expect(problems).toMatchObject([
    { table: 1, problem: { code: 'TableChanged', message: expect.stringContaining('column note') } },
  ]);
});

test('of very many tables several are planned at once: their lines stand in order, one’s problem is its own', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `t${String(n).padStart(3, '0')}`);
  source = memorySource(Object.fromEntries(names.map((name) => [name, []])));
  source.beforeDescribe = ({ table }) => {
    if (table === 't042') throw new TidemarkError('TableDenied', 'no');
  };
  const { orders, problems } = await planned();
  expect(orders.map(({ table }) => table)).toEqual(names.map((_, index) => index));
  expect(problems).toMatchObject([{ table: 42, problem: { code: 'TableDenied' } }]);
});

test('a Plan of very many tables that dies at any call is made up for by the next one', async () => {
  const names = Array.from({ length: 40 }, (_, n) => `t${n}`);
  for (let at = 0; ; at += 7) {
    ({ sync, keys } = embedded.freshSync());
    source = memorySource(Object.fromEntries(names.map((name) => [name, numberedRows(2)])));
    const fault = faultAt(at, at % 2 ? 'before' : 'after');
    const { ledger, store } = embedded;
    const first = await plan({}, gatedPlaces({ ledger, store, source }, fault.gate)).catch(
      (error: unknown) => error,
    );
    if (fault.calls.length <= at) return;
    expect(first).toBeInstanceOf(Died);
    const { orders, problems } = await planned();
    expect(orders).toHaveLength(40);
    expect(problems).toEqual([]);
  }
});
