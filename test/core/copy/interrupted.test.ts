/** A chunk whose attempts die, lose answers, sleep and overlap at every single call: every row exactly once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inParallel } from '../../../core/parallel.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { Died, faultAt, pauseAt, ways } from '../../support/faults.ts';
import { startInMemory } from '../../support/in-memory.ts';
import { numberedRows } from '../../support/memory-source.ts';
import { chunkFixture, expectWhole, keysUnder } from './chunk-fixture.ts';

/** In memory: the same small chunk is made anew for each call of an attempt. */
let embedded: Embedded;
beforeAll(async () => {
  embedded = await startInMemory();
});
afterAll(() => embedded.close());

const rows = numberedRows(10);

/** Scenarios have nothing to do with each other. */
const each = (numbers: Iterable<number>, scenario: (n: number) => Promise<void>) =>
  inParallel(numbers, 6, scenario);

/** How many calls an undisturbed attempt makes. */
async function callsOfWholeCopy(): Promise<string[]> {
  const fixture = await chunkFixture(embedded, rows);
  const { gate, calls } = faultAt(null, 'before');
  expect(await fixture.invoke({ gate })).toEqual({ status: 'done', rows: 10, parts: 3 });
  await expectWhole(fixture, rows);
  expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
  return calls;
}

test('an undisturbed attempt makes the calls that the faults below are put into', async () => {
  const calls = await callsOfWholeCopy();
  // a part has its final name before the next one is committed, or even staged
  const onePart = ['store.put', 'ledger.commitPart', 'store.copyToAbsent', 'store.delete'];
  expect(calls.filter((name) => onePart.includes(name))).toEqual([...onePart, ...onePart, ...onePart]);
  expect(calls.filter((name) => name === 'source.read.next')).toHaveLength(6);
});

describe('an attempt that meets a fault at any call, and one after it', () => {
  test.for(ways)('%s', async (way) => {
    const calls = await callsOfWholeCopy();
    await each(calls.keys(), async (at) => {
      const fixture = await chunkFixture(embedded, rows);
      const fault = faultAt(at, way);
      const first = await fixture.invoke({ gate: fault.gate }).catch((error: unknown) => error);
      if (way === 'lost') expect(first).toMatchObject({ status: 'done' });
      else if (way === 'before' || way === 'after') expect(first).toBeInstanceOf(Died);
      else expect(first).toMatchObject({ kind: 'transient' });
      await fixture.invokeUntilDone();
      await fault.land();
      await expectWhole(fixture, rows);
    });
  });
});

describe('a commit that lands late, at any moment of the next attempt', () => {
  test.for([1, 2])('of part %i', async (n) => {
    const calls = await callsOfWholeCopy();
    const commits = calls.flatMap((name, at) => (name === 'ledger.commitPart' ? [at] : []));
    await each(calls.keys(), async (moment) => {
      const fixture = await chunkFixture(embedded, rows);
      const fault = faultAt(commits[n]!, 'late');
      await expect(fixture.invoke({ gate: fault.gate })).rejects.toMatchObject({ code: 'LedgerUnavailable' });
      const pause = pauseAt(moment, 'before');
      const second = fixture.invoke({ gate: pause.gate });
      await Promise.race([pause.asleep, second]);
      await fault.land();
      pause.wake();
      await second;
      await fixture.invokeUntilDone();
      await expectWhole(fixture, rows);
    });
  });
});

describe('an attempt that falls asleep at any call, while another does all the work', () => {
  test.for([
    { moment: 'before' as const, sleeper: 'earlier' as const },
    { moment: 'after' as const, sleeper: 'earlier' as const },
    // by its clock; clocks differ
    { moment: 'before' as const, sleeper: 'later' as const },
  ])('$moment the call; the sleeper began $sleeper', async ({ moment, sleeper }) => {
    const calls = await callsOfWholeCopy();
    await each(calls.keys(), async (at) => {
      const fixture = await chunkFixture(embedded, rows);
      const pause = pauseAt(at, moment);
      const zombie = fixture.invoke({ gate: pause.gate, second: sleeper === 'earlier' ? 1 : 50 });
      await pause.asleep;
      await fixture.invokeUntilDone();
      const callsBefore = pause.calls.length;
      pause.wake();
      const woken = await zombie;
      expect(['done', 'more']).toContain(woken.status);
      await expectWhole(fixture, rows);
      // both ended in peace: nothing is left over
      expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
      if (sleeper === 'later') return;
      // it notices at its first commit that it is not needed any more
      const commits = pause.calls.slice(callsBefore).filter((name) => name === 'ledger.commitPart');
      expect(commits.length).toBeLessThanOrEqual(1);
    });
  });

  test('and a third one after both, taking turns', async () => {
    const calls = await callsOfWholeCopy();
    const moments = [...calls.keys()].filter((at) => at % 5 === 4);
    await each(
      moments.flatMap((at) => moments.map((then) => at * 100 + then)),
      async (both) => {
        const fixture = await chunkFixture(embedded, rows);
        const first = pauseAt(Math.floor(both / 100), 'before');
        const second = pauseAt(both % 100, 'before');
        const a = fixture.invoke({ gate: first.gate });
        await first.asleep;
        const b = fixture.invoke({ gate: second.gate });
        await Promise.race([second.asleep, b]);
        first.wake();
        await a;
        second.wake();
        await b;
        await fixture.invokeUntilDone();
        await expectWhole(fixture, rows);
        expect(await keysUnder(embedded.store, fixture.keys.stagingOfSync)).toEqual([]);
      },
    );
  });
});

test('six attempts at once make one log', async () => {
  // with servers, whose answers come as they come
  const served = await startEmbedded();
  try {
    const many = numberedRows(60);
    const fixture = await chunkFixture(served, many);
    await Promise.all(Array.from({ length: 6 }, () => fixture.invoke()));
    await fixture.invokeUntilDone();
    await expectWhole(fixture, many);
    expect(await keysUnder(served.store, fixture.keys.stagingOfSync)).toEqual([]);
  } finally {
    await served.close();
  }
});
