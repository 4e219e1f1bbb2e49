/** Publish dies, loses answers, sleeps and overlaps at every call: readers see whole snapshots, and the newest wins. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inParallel } from '../../../core/parallel.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { Died, faultAt, type Gate, pauseAt } from '../../support/faults.ts';
import { startInMemory } from '../../support/in-memory.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { type Lake, lake, under } from './lake-fixture.ts';

/** In memory: the same small lake is made anew for each call of Publish. */
let embedded: Embedded;
beforeAll(async () => {
  embedded = await startInMemory();
});
afterAll(() => embedded.close());

const a = { schema: 'public', table: 'a' };
const [before, after, later] = ['before', 'after', 'later'].map((note) => numberedRows(4, note)) as [
  ReturnType<typeof numberedRows>,
  ReturnType<typeof numberedRows>,
  ReturnType<typeof numberedRows>,
];

/** A lake with a published run, and a second one that is copied. One of its parts has not got its final name. */
async function secondRunCopied(on = embedded): Promise<{ shop: Lake; first: string; run: string }> {
  const shop = lake(on, { a: before }, { chunk: 2, part: 100 });
  const first = await shop.runThrough();
  shop.source.tables.get('a')!.rows = after;
  const { run, orders } = await shop.plan();
  await shop.copy(orders, { only: ({ chunk }) => chunk > 0 });
  const dies: Gate = ({ name }, proceed) =>
    name === 'store.copyToAbsent' ? Promise.reject(new Error('died')) : proceed();
  await shop.copy(orders, { only: ({ chunk }) => chunk === 0, gate: dies }).catch(() => {});
  return { shop, first, run };
}

async function expectPublished({ shop, run }: { shop: Lake; run: string }, on = embedded): Promise<void> {
  expect(await shop.head('a')).toMatchObject({ version: 2, snapshot: { run, rows: 4 } });
  expect(await shop.pointer('a')).toMatchObject({ version: 2, runs: [run] });
  expect(await shop.read('a')).toEqual(after);
  expect(await on.ledger.run(shop.sync, run)).toMatchObject({
    status: 'published',
    totals: { rows: 4 },
  });
}

async function callsOfPublish(): Promise<string[]> {
  const { shop, run } = await secondRunCopied();
  const { gate, calls } = faultAt(null, 'before');
  expect(await shop.publish(run, { gate })).toMatchObject({ status: 'published' });
  await expectPublished({ shop, run });
  return calls;
}

const each = (calls: readonly string[], scenario: (at: number) => Promise<void>) =>
  inParallel(calls.keys(), 6, scenario);

describe('a Publish that meets a fault at any call, and one after it', () => {
  test.for(['before', 'after', 'lost', 'late'] as const)('%s', async (way) => {
    await each(await callsOfPublish(), async (at) => {
      const { shop, run } = await secondRunCopied();
      const fault = faultAt(at, way);
      const died = await shop.publish(run, { gate: fault.gate }).catch((error: unknown) => error);
      if (way === 'before' || way === 'after') expect(died).toBeInstanceOf(Died);
      if (way === 'lost') expect(died).toMatchObject({ status: 'published' });
      // whatever it got done, readers have one snapshot or the other
      expect([before, after]).toContainEqual(await shop.read('a'));
      expect(['published', 'over']).toContain((await shop.publish(run)).status);
      await fault.land();
      await expectPublished({ shop, run });
      if (at % 4 > 0) return;
      // what was left over goes with the next run
      shop.source.tables.get('a')!.rows = later;
      const next = await shop.plan();
      expect(await under(embedded, shop.keys.stagingOfSync)).toEqual([]);
      expect(next.run > run).toBe(true);
    });
  });
});

test('who polls the pointer sees whole snapshots only, at any moment of two runs', async () => {
  const shop = lake(embedded, { a: before }, { chunk: 2, part: 1 });
  const seen: unknown[] = [];
  const poll = async () => {
    const rows = await shop.read('a');
    if (JSON.stringify(rows) !== JSON.stringify(seen.at(-1))) seen.push(rows);
  };
  const polling: Gate = async (_call, proceed) => {
    await poll();
    return proceed();
  };
  for (const rows of [before, after, later]) {
    shop.source.tables.get('a')!.rows = rows;
    const { run, orders } = await shop.plan();
    await shop.copy(orders, { gate: polling });
    await shop.publish(run, { gate: polling });
  }
  await poll();
  expect(seen).toEqual([null, before, after, later]);
});

test('ten Publishes of a run at once: one version', async () => {
  // with servers, whose answers come as they come
  const served = await startEmbedded();
  try {
    const { shop, run } = await secondRunCopied(served);
    const results = await Promise.all(Array.from({ length: 10 }, () => shop.publish(run)));
    expect(results.map(({ status }) => status)).toContain('published');
    await expectPublished({ shop, run }, served);
    expect(await under(served, shop.keys.stagingOfSync)).toEqual([]);
  } finally {
    await served.close();
  }
});

describe('a Publish that sleeps at any call', () => {
  test.for(['before', 'after'] as const)(
    '%s it, while another one publishes the same run and a new one',
    async (moment) => {
      await each(await callsOfPublish(), async (at) => {
        // half of the moments each: after a call is nearly before the next one
        if ((at % 2 === 0) === (moment === 'after')) return;
        const { shop, run } = await secondRunCopied();
        const pause = pauseAt(at, moment);
        const zombie = shop.publish(run, { gate: pause.gate });
        await pause.asleep;
        await shop.publish(run);
        shop.source.tables.get('a')!.rows = later;
        const third = await shop.runThrough();
        pause.wake();
        expect(['published', 'over']).toContain((await zombie).status);
        expect(await shop.head('a')).toMatchObject({
          version: 3,
          snapshot: { run: third },
          previousRun: run,
        });
        expect(await shop.pointer('a')).toMatchObject({ version: 3, runs: [third] });
        expect(await shop.read('a')).toEqual(later);
        // the generation before is still there for who opened it
        expect(await under(embedded, shop.keys.dataOfRun(a, run))).toHaveLength(2);
      });
    },
  );

  test('while its run is abandoned and a fresh one is published', async () => {
    await each(await callsOfPublish(), async (at) => {
      if (at % 2 > 0) return;
      const { shop, run } = await secondRunCopied();
      const pause = pauseAt(at, 'before');
      const zombie = shop.publish(run, { gate: pause.gate }).catch((error: unknown) => error);
      await pause.asleep;
      shop.source.tables.get('a')!.rows = later;
      const fresh = await shop.plan({ fresh: true });
      await shop.copy(fresh.orders);
      await shop.publish(fresh.run);
      pause.wake();
      const woken = await zombie;
      // its staged file may have been swept: that is no failure of a run that nobody waits for
      expect(woken).toMatchObject({ status: expect.stringMatching(/^(published|over)$/) });
      expect(await shop.pointer('a')).toMatchObject({ runs: [fresh.run] });
      expect(await shop.head('a')).toMatchObject({ snapshot: { run: fresh.run } });
      expect(await shop.read('a')).toEqual(later);
    });
  });
});
