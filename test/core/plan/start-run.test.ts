/** Which run an execution works on: each case, and executions that race, die and lose answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ledger } from '../../../core/ledger/ledger.ts';
import { type RunRequest, type RunStart, startRun } from '../../../core/plan/start-run.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';
import { Died, faultAt, gated, pauseAt, ways } from '../../support/faults.ts';

let embedded: Embedded;
let ledger: Ledger;
beforeAll(async () => {
  embedded = await startEmbedded();
  ledger = embedded.ledger;
});
afterAll(() => embedded.close());

let sync: string;
beforeEach(() => {
  sync = embedded.freshSync().sync;
});

const over = new Set<string>();
const isOver = async (execution: string) => over.has(`${sync}/${execution}`);
const end = (execution: string) => over.add(`${sync}/${execution}`);

type Options = Partial<Omit<RunRequest, 'sync' | 'execution' | 'tables'>> & {
  readonly tables?: readonly string[];
};
let nowMs = Date.now;
const start = (
  execution: string,
  { tables = ['public.a'], ...options }: Options = {},
  via: Ledger = ledger,
): Promise<RunStart> =>
  startRun(
    via,
    { sync, execution, fresh: false, fingerprint: 'f1', tables: async () => tables, ...options },
    isOver,
    () => nowMs(),
  );

async function working(execution: string, options?: Options) {
  const started = await start(execution, options);
  if (started.status !== 'working') throw new Error(`${execution} was skipped`);
  return started;
}

const publish = (run: string) =>
  ledger.endRun(sync, run, { status: 'published', endedAt: 'then', totals: { rows: 0, bytes: 0, files: 0 } });

describe('which run', () => {
  test('the first one of a sync', async () => {
    const { run, abandoned } = await working('E1');
    expect(abandoned).toBeNull();
    expect(run).toMatchObject({
      sync,
      status: 'running',
      executions: ['E1'],
      fingerprint: 'f1',
      tables: ['public.a'],
    });
    expect(await ledger.run(sync, run.run)).toEqual(run);
    expect(await ledger.head(sync)).toEqual({ run: run.run, execution: 'E1' });
  });

  test('a new one after a run that is published, and its id is later', async () => {
    const first = await working('E1');
    await publish(first.run.run);
    const second = await working('E2');
    expect(second.run.run > first.run.run).toBe(true);
    expect(second).toMatchObject({ abandoned: null, run: { executions: ['E2'] } });
  });

  test('the same one for the same execution: its Plan is repeated, or redriven', async () => {
    const first = await working('E1');
    expect(await working('E1')).toEqual(first);
    expect(await working('E1', { fresh: true })).toEqual(first);
  });

  test('none, while another execution works on the sync', async () => {
    const { run } = await working('E1');
    const skipped = { status: 'skipped', run: run.run, execution: 'E1' };
    expect(await start('E2')).toEqual(skipped);
    expect(await start('E2', { fresh: true })).toEqual(skipped);
    expect(await start('E2', { fingerprint: 'f2' })).toEqual(skipped);
    expect(await ledger.head(sync)).toEqual({ run: run.run, execution: 'E1' });
  });

  test('that of an execution that is over: it is adopted', async () => {
    const first = await working('E1');
    end('E1');
    const adopted = await working('E2');
    expect(adopted).toEqual({ ...first, run: { ...first.run, executions: ['E1', 'E2'] } });
    expect(await ledger.head(sync)).toEqual({ run: first.run.run, execution: 'E2' });
    // the one that it was taken from is redriven
    expect(await start('E1')).toEqual({ status: 'skipped', run: first.run.run, execution: 'E2' });
  });

  test('a new one, where the last one began two months ago: its staging may be gone', async () => {
    const { run } = await working('E1');
    end('E1');
    const daysLater = (days: number) => () => Date.now() + days * 86_400_000;
    try {
      nowMs = daysLater(59);
      expect(await working('E2')).toMatchObject({ abandoned: null, run: { run: run.run } });
      end('E2');
      nowMs = daysLater(61);
      const third = await working('E3');
      expect(third.abandoned).toBe(run.run);
      expect(third.run.run > run.run).toBe(true);
      expect(await ledger.run(sync, run.run)).toMatchObject({ status: 'abandoned' });
    } finally {
      nowMs = Date.now;
    }
  });

  test('none, where an old execution is redriven whose run another one has published', async () => {
    const { run } = await working('E1');
    end('E1');
    await working('E2');
    await publish(run.run);
    end('E2');
    expect(await start('E1')).toEqual({ status: 'skipped', run: run.run, execution: 'E2' });
    expect((await working('E3')).run.run > run.run).toBe(true);
  });

  test('that of an execution that is over, however often: the item keeps the first execution and the newest', async () => {
    await working('E0');
    for (let n = 1; n <= 55; n++) {
      end(`E${n - 1}`);
      await working(`E${n}`);
    }
    const { executions } = (await ledger.runs(sync, 1))[0]!;
    expect(executions).toHaveLength(50);
    expect([executions[0], executions.at(-1)]).toEqual(['E0', 'E55']);
  });

  test.for([
    ['fresh is asked for', { fresh: true }],
    ['the definition has changed', { fingerprint: 'f2', tables: ['public.b'] }],
  ] as const)('a new one, the old one being abandoned, where %s', async ([, options]) => {
    const first = await working('E1');
    end('E1');
    const second = await working('E2', options);
    expect(second.abandoned).toBe(first.run.run);
    expect(second.run.run > first.run.run).toBe(true);
    expect(await ledger.run(sync, first.run.run)).toMatchObject({ status: 'abandoned' });
    expect(await ledger.run(sync, second.run.run)).toEqual(second.run);
  });

  test('never one’s own under another definition: the tables’ places in it would be others', async () => {
    const first = await working('E1');
    const second = await working('E1', { fingerprint: 'f2', tables: ['public.b'] });
    expect(second).toMatchObject({
      abandoned: first.run.run,
      run: { tables: ['public.b'], fingerprint: 'f2' },
    });
    expect(await ledger.head(sync)).toEqual({ run: second.run.run, execution: 'E1' });
    expect(await working('E1', { fingerprint: 'f2', tables: ['public.b'] })).toMatchObject({
      run: second.run,
    });
  });

  test('none, for an execution whose run is published', async () => {
    const { run } = await working('E1');
    await publish(run.run);
    expect(await start('E1')).toEqual({ status: 'skipped', run: run.run, execution: 'E1' });
  });

  test('a new one, where whoever abandoned the last one died before it began the next', async () => {
    const { run } = await working('E1');
    await ledger.endRun(sync, run.run, { status: 'abandoned', endedAt: 'then' });
    const second = await working('E1');
    expect(second.run.run > run.run).toBe(true);
  });
});

describe('an execution that died between the head and the run’s item', () => {
  const dead = '20260101T000000Z-dead';
  beforeEach(() => ledger.moveHead(sync, null, { run: dead, execution: 'E1' }));

  test('goes on', async () => {
    expect(await working('E1')).toMatchObject({ run: { run: dead, executions: ['E1'] } });
  });

  test('is left alone while it is alive', async () => {
    expect(await start('E2')).toMatchObject({ status: 'skipped' });
  });

  test('leaves its run to the next one, which frees it to have its own definition', async () => {
    end('E1');
    const { run } = await working('E2', { fingerprint: 'f2' });
    expect(run).toMatchObject({ run: dead, executions: ['E2'], fingerprint: 'f2' });
    expect(await ledger.head(sync)).toEqual({ run: dead, execution: 'E2' });
  });

  test('and whose item lands late: the run is not mixed with the other’s definition', async () => {
    end('E1');
    const pause = pauseAt(3, 'before');
    const starting = start(
      'E2',
      { fingerprint: 'f2', tables: ['public.b'] },
      gated('ledger', ledger, pause.gate),
    );
    await pause.asleep;
    expect(pause.calls.at(-1)).toBe('ledger.createRun');
    await ledger.createRun({
      sync,
      run: dead,
      status: 'running',
      startedAt: 'then',
      endedAt: null,
      executions: ['E1'],
      fingerprint: 'f1',
      tables: ['public.a'],
      totals: null,
    });
    pause.wake();
    const started = await starting;
    expect(started).toMatchObject({
      status: 'working',
      abandoned: dead,
      run: { tables: ['public.b'], fingerprint: 'f2' },
    });
    expect(await ledger.run(sync, dead)).toMatchObject({ status: 'abandoned' });
  });
});

test('a Plan that sleeps while a deployment changes the definition, and its own next try begins the run', async () => {
  const first = await working('E1');
  await publish(first.run.run);
  const changed = { fingerprint: 'f2', tables: ['public.b', 'public.a'] };
  // head, run, moveHead, and then the run's item
  const pause = pauseAt(3, 'before');
  const old = start('E2', {}, gated('ledger', ledger, pause.gate));
  await pause.asleep;
  expect(pause.calls.at(-1)).toBe('ledger.createRun');
  const { run } = await working('E2', changed);
  expect(run).toMatchObject({ executions: ['E2'], ...changed });
  pause.wake();
  const woken = await old;
  // it may give way or begin a run of its own, but tables are never known by their places in another definition
  expect(woken.status === 'working' && woken.run.run === run.run).toBe(false);
  expect(woken).toMatchObject({ run: { fingerprint: 'f1', tables: ['public.a'] } });
  expect(await ledger.run(sync, run.run)).toMatchObject(changed);
});

describe('races', () => {
  const executions = Array.from({ length: 20 }, (_, i) => `N${i}`);

  async function race(options?: Options) {
    const starts = await Promise.all(executions.map((execution) => start(execution, options)));
    const won = starts.flatMap((found, i) =>
      found.status === 'working' ? [{ ...found, by: executions[i]! }] : [],
    );
    expect(won).toHaveLength(1);
    const { run, by, abandoned } = won[0]!;
    for (const found of starts) {
      if (found.status === 'skipped') expect(found).toMatchObject({ execution: by, run: run.run });
    }
    expect(await ledger.head(sync)).toEqual({ run: run.run, execution: by });
    return { run, by, abandoned };
  }

  test('of twenty Plans one starts the first run', async () => {
    const { run, by } = await race();
    expect(run.executions).toEqual([by]);
    expect(await ledger.runs(sync, 99)).toHaveLength(1);
  });

  test('of twenty Plans one adopts a run', async () => {
    const first = await working('E1');
    end('E1');
    const { run, by } = await race();
    expect(run).toMatchObject({ run: first.run.run, executions: ['E1', by] });
  });

  test('of twenty Plans one begins anew', async () => {
    const first = await working('E1');
    end('E1');
    const { run } = await race({ fresh: true });
    expect(run.run > first.run.run).toBe(true);
    const runs = await ledger.runs(sync, 99);
    expect(runs.map(({ status }) => status)).toEqual(['running', 'abandoned']);
  });

  test('of twenty Plans with two definitions one has it, and the run is of its definition', async () => {
    await working('E0');
    end('E0');
    const starts = await Promise.all(
      executions.map((execution, i) =>
        start(execution, { fingerprint: `f${i % 2}`, tables: [`public.t${i % 2}`] }),
      ),
    );
    const won = starts.flatMap((found, i) =>
      found.status === 'working' ? [[found.run, i % 2] as const] : [],
    );
    expect(won).toHaveLength(1);
    const [run, definition] = won[0]!;
    expect(run).toMatchObject({ fingerprint: `f${definition}`, tables: [`public.t${definition}`] });
  });
});

describe('a Plan that meets a fault at any call, is repeated, and gives way to the next execution', () => {
  const situations = {
    'no run yet': async () => {},
    'a run to adopt': async () => {
      await working('E0');
      end('E0');
    },
    'a run to abandon': async () => {
      await working('E0', { fingerprint: 'old' });
      end('E0');
    },
  };
  test.for(Object.keys(situations).flatMap((name) => ways.map((way) => [name, way] as const)))(
    '%s: %s',
    async ([name, way]) => {
      const prepare = situations[name as keyof typeof situations];
      for (let at = 0; ; at++) {
        sync = embedded.freshSync().sync;
        await prepare();
        const fault = faultAt(at, way);
        const first = await start('E1', {}, gated('ledger', ledger, fault.gate)).catch(
          (error: unknown) => error,
        );
        if (fault.calls.length <= at) return;
        if (way === 'lost') expect(first).toMatchObject({ status: 'working' });
        if (way === 'after' || way === 'before') expect(first).toBeInstanceOf(Died);
        const again = await working('E1');
        await fault.land();
        const head = await ledger.head(sync);
        expect(head).toEqual({ run: again.run.run, execution: 'E1' });
        expect(again.run).toMatchObject({ status: 'running', fingerprint: 'f1' });
        // a run whose item never was written is no run; the others are over
        const others = (await ledger.runs(sync, 9)).filter(({ run }) => run !== head!.run);
        expect(others.filter(({ status }) => status === 'running')).toEqual([]);
        end('E1');
        expect(await working('E2')).toMatchObject({ run: { run: again.run.run }, abandoned: null });
      }
    },
  );
});

test('whether an execution is over is asked only where it matters, and its failure is passed on', async () => {
  await working('E1');
  const failing = startRun(
    ledger,
    { sync, execution: 'E2', fresh: false, fingerprint: 'f1', tables: async () => [] },
    async () => {
      throw new Error('states:DescribeExecution failed');
    },
    Date.now,
  );
  await expect(failing).rejects.toThrow('DescribeExecution');
  expect(await working('E1')).toMatchObject({ run: { executions: ['E1'] } });
});
