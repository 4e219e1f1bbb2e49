/** A group of tables on a REST catalog that knows transactions: one commit for all of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultAt } from '../../../support/faults.ts';
import { type InMemory, startInMemory } from '../../../support/in-memory.ts';
import { restService } from '../../../support/lake-catalogs.ts';
import { numberedRows } from '../../../support/memory-source.ts';
import { lake } from '../lake-fixture.ts';

let ground: InMemory;
beforeAll(async () => {
  ground = await startInMemory();
});
afterAll(() => ground.close());

const tables = { orders: numberedRows(3), lines: numberedRows(5) };

function shopOf(endpoints: readonly string[]) {
  const service = restService({ endpoints });
  const shop = lake(ground, tables, undefined, {
    publish: { keep: { snapshots: 2, days: 0 }, groupOf: () => 'sales' },
    catalog: (keys) => service.catalogFor(ground.store, keys, 'sales'),
  });
  const count = (operation: string) => service.servers[0]!.calls.filter((call) => call === operation).length;
  return { shop, count };
}

test('tables that are there are committed in one step; new ones, and on other servers, one after the other', async () => {
  const { shop, count } = shopOf(['POST /v1/{prefix}/transactions/commit']);
  await shop.runThrough();
  expect([count('commit-transaction'), count('commit-table')]).toEqual([0, 2]);
  await shop.runThrough();
  expect([count('commit-transaction'), count('commit-table')]).toEqual([1, 2]);
  expect([(await shop.head('orders'))!.version, (await shop.head('lines'))!.version]).toEqual([2, 2]);
  const other = shopOf([]);
  await other.shop.runThrough();
  await other.shop.runThrough();
  expect([other.count('commit-transaction'), other.count('commit-table')]).toEqual([0, 4]);
});

test('who dies after that commit, before the heads have followed: both follow, and nothing is committed again', async () => {
  const { shop, count } = shopOf(['POST /v1/{prefix}/transactions/commit']);
  await shop.runThrough();
  const { run, orders } = await shop.plan();
  await shop.copy(orders);
  const counting = faultAt(null, 'before');
  await shop
    .publish(run, {
      gate: async (call, proceed) => {
        if (call.name === 'ledger.publishTable') throw new Error('died');
        return counting.gate(call, proceed);
      },
    })
    .catch(() => {});
  expect(await shop.publish(run)).toMatchObject({ status: 'published', tables: 2, rows: 8 });
  expect([count('commit-transaction'), count('commit-table')]).toEqual([1, 2]);
  expect(await shop.read('lines')).toEqual(numberedRows(5));
});
