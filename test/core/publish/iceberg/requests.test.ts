/** What a commit asks of the store: it must not grow with what is in the table. */
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type InMemory, startInMemory } from '../../../support/in-memory.ts';
import { numberedRows } from '../../../support/memory-source.ts';
import { lake } from '../lake-fixture.ts';

let ground: InMemory;
beforeEach(async () => {
  ground = await startInMemory();
  onTestFinished(ground.close);
});

test.each(['overwrite', 'append'] as const)('%s of 10 files: five requests, run after run', async (mode) => {
  const calls: string[] = [];
  const keysOf: string[] = [];
  const store = new Proxy(ground.store, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...operands: unknown[]) => {
        calls.push(String(name));
        keysOf.push(String(operands[0]));
        return member.apply(target, operands);
      };
    },
  });
  const shop = lake({ ...ground, store }, { a: numberedRows(10) }, { chunk: 100, part: 1 }, { mode });
  for (let at = 0; at < 4; at++) {
    const { run, orders } = await shop.plan();
    await shop.copy(orders);
    calls.length = 0;
    keysOf.length = 0;
    let begin = 0;
    let end = 0;
    await shop.publish(run, {
      gate: async ({ name }, proceed) => {
        // the table's manifest for readers without Iceberg is the last thing before it
        if (name === 'ledger.publishTable') end = calls.length;
        return proceed();
      },
    });
    begin = keysOf.findIndex((key) => key.includes('/manifests/')) + 1;
    const asked = calls.slice(begin, end);
    expect(asked.filter((name) => name === 'put')).toHaveLength(3);
    expect(asked.length, asked.join()).toBeLessThanOrEqual(5);
    expect((await shop.pointer('a'))!.rows).toBe(mode === 'append' ? 10 * (at + 1) : 10);
  }
});
