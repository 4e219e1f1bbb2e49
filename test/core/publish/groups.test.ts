/** Tables that are published together, or not at all. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gate } from '../../support/faults.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { type Lake, lake } from './lake-fixture.ts';

let embedded: InMemory;
beforeAll(async () => {
  embedded = await startInMemory();
});
afterAll(() => embedded.close());

const keep = { snapshots: 2, days: 0 };
const tables = { orders: numberedRows(3), other: numberedRows(3), lines: numberedRows(5) };
const grouped = {
  publish: { keep, groupOf: (table: string) => (table === 'public.other' ? null : 'sales') },
};

const versions = (shop: Lake) =>
  Promise.all(Object.keys(tables).map(async (table) => (await shop.head(table))?.version));

test('those that are whole are held back until all of their group are; others are not', async () => {
  const shop = lake(embedded, tables, undefined, grouped);
  const { run, orders } = await shop.plan();
  await shop.copy(orders, { only: ({ table }) => table !== 2 });
  await expect(shop.publish(run, { reasons: new Map([[2, 'SourceTimeout: a lock']]) })).rejects.toMatchObject(
    {
      code: 'RunIncomplete',
      message: expect.stringContaining(
        '1 of 3 tables are published. Not complete: public.orders: complete, and held back with its group (public.lines); public.lines: SourceTimeout: a lock',
      ),
    },
  );
  expect(await versions(shop)).toEqual([0, 1, 0]);
  expect([await shop.read('orders'), await shop.read('lines')]).toEqual([null, null]);
  await shop.copy(orders);
  expect(await shop.publish(run)).toMatchObject({ status: 'published', tables: 3, rows: 11 });
  expect(await versions(shop)).toEqual([1, 1, 1]);
  expect(await shop.read('lines')).toEqual(numberedRows(5));
});

test('all that can be written before the first commit of a group is', async () => {
  const shop = lake(embedded, tables, undefined, grouped);
  await shop.runThrough();
  const { run, orders } = await shop.plan();
  await shop.copy(orders);
  const calls: string[] = [];
  const gate: Gate = async ({ name }, proceed) => {
    calls.push(name);
    return proceed();
  };
  await shop.publish(run, { gate });
  const commits = calls.flatMap((name, at) => (name === 'ledger.publishTable' ? [at] : []));
  expect(commits).toHaveLength(3);
  // between the commits of orders and lines stands one write: of the metadata file that the second one names
  expect(calls.slice(commits[0]! + 1, commits[1])).toEqual(['store.put']);
});

test('one whose commit fails for good does not undo the others; the next try completes the group', async () => {
  const shop = lake(embedded, tables, undefined, grouped);
  const { run, orders } = await shop.plan();
  await shop.copy(orders);
  let commits = 0;
  const gate: Gate = async ({ name }, proceed) => {
    if (name === 'ledger.publishTable' && ++commits === 2) throw new Error('died');
    return proceed();
  };
  await expect(shop.publish(run, { gate })).rejects.toThrow('died');
  expect(await versions(shop)).toEqual([1, 0, 0]);
  expect(await shop.publish(run)).toMatchObject({ status: 'published' });
  expect(await versions(shop)).toEqual([1, 1, 1]);
  expect(await shop.read('orders')).toEqual(numberedRows(3));
});
