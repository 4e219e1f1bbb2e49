import { describe, expect, it } from 'vitest';
import { main } from '../../cli/main.ts';
import { TidemarkError } from '../../core/errors.ts';
import {
  execution,
  type FakeState,
  fakeCloud,
  partItem,
  planOf,
  published,
  putPlan,
  runItem,
  type Step,
} from '../support/fake-cloud.ts';
import { definitionFile, fakeSurroundings, type Told } from '../support/fake-surroundings.ts';

const old = '20261120T060000Z-0001';
const run = '20261120T070000Z-0002';

const running: Step = (state) => {
  state.executions.set('arn:new', execution({ arn: 'arn:new' }));
};

/** Plan decides on a run. */
const works =
  (id: string): Step =>
  (state) => {
    state.head = { run: id, execution: 'arn:new' };
    if (!state.runs.some((found) => found.run === id))
      state.runs.push(runItem({ run: id, executions: ['arn:new'] }));
    putPlan(state, id, 0, planOf('public', 'orders', [1000]));
    putPlan(state, id, 1, planOf('public', 'items', [100]));
  };

const commits =
  (id: string, table: number, n: number, rows: number, last: boolean): Step =>
  (state) => {
    state.parts.push(partItem({ run: id, table, chunk: 0, n, rows, last }));
  };

const ends =
  (over: Partial<Parameters<typeof execution>[0]>): Step =>
  (state) => {
    state.executions.set('arn:new', execution({ arn: 'arn:new', ...over }));
  };

const publishes =
  (id: string): Step =>
  (state) => {
    state.heads = [published('public.orders', id, 1000), published('public.items', id, 100)];
    state.runs = state.runs.map((found) => (found.run === id ? { ...found, status: 'published' } : found));
    ends({ status: 'SUCCEEDED', output: { status: 'published', run: id } })(state);
  };

const story = (id: string): Step[] => [
  works(id),
  commits(id, 0, 0, 600, false),
  commits(id, 0, 1, 400, true),
  commits(id, 1, 0, 100, true),
  publishes(id),
];

async function called(
  cloud: ReturnType<typeof fakeCloud>,
  args: readonly string[] = [],
  onSleep?: (told: Told) => void,
): Promise<Told & { exitCode: number }> {
  const told = fakeSurroundings({ cloud, ...(onSleep && { onSleep }) });
  const exitCode = await main(['run', '--config', definitionFile(), ...args], told.surroundings);
  return { ...told, exitCode };
}

/** An unfinished run with 600 rows, whose execution was interrupted. */
const unfinished = (): Partial<FakeState> => ({
  head: { run: old, execution: 'arn:1' },
  runs: [runItem({ run: old })],
  parts: [partItem({ run: old, table: 0, chunk: 0, n: 0, rows: 600 })],
  executions: new Map([['arn:1', execution({ arn: 'arn:1', status: 'ABORTED' })]]),
});

describe('tidemark run', () => {
  it('makes a new run, follows it, and sums it up', async () => {
    const cloud = fakeCloud({}, story(run), { start: running });
    const { exitCode, stdout, stderr, clouds } = await called(cloud);
    expect(exitCode).toBe(0);
    expect(cloud.state.calls).toEqual(['start fresh=false', 'close']);
    expect(clouds[0]).toMatchObject({ mode: 'run', home: '.tidemark' });
    expect(stderr).toContain(`new run ${run} of shop: 2 tables\n`);
    expect(stderr).toContain('public.orders: published');
    expect(stdout).toContain(`✓ published: run ${run} of shop\n`);
    expect(stdout).toMatch(/✓ {2}public.orders +1,000 +1 +10.0 kB +1\n/);
    expect(stdout).toMatch(/copied +1,100 rows in 3 parts in /);
    expect(stdout).toContain(`npx tidemark show ${run}`);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('says what an adopted run has already, and what this execution copied itself', async () => {
    const steps = [works(old), commits(old, 0, 1, 400, true), commits(old, 1, 0, 100, true), publishes(old)];
    const { exitCode, stdout, stderr } = await called(fakeCloud(unfinished(), steps, { start: running }));
    expect(exitCode).toBe(0);
    expect(stderr).toContain(
      `run ${old} was interrupted: 600 rows in 1 part are committed already; copying the rest\n`,
    );
    expect(stdout).toMatch(
      /copied +500 rows in 2 parts in .* rows\/s; 600 rows in 1 part were committed before and not copied again/,
    );
  });

  it.each([
    [['--fresh'], 'f', '--fresh'],
    [[], 'other', 'the definition has changed since'],
  ])('says that the old run is abandoned, and why (%s)', async (args, fingerprint, why) => {
    const before = unfinished();
    const begins: Step = (state) => {
      works(run)(state);
      state.runs = state.runs.map((found) =>
        found.run === run ? { ...found, fingerprint: 'f' } : { ...found, fingerprint, status: 'abandoned' },
      );
    };
    const cloud = fakeCloud(before, [begins, ...story(run).slice(1)], { start: running });
    // as it is before the execution begins
    before.runs![0] = { ...before.runs![0]!, fingerprint };
    const { stderr, exitCode } = await called(cloud, args);
    expect(exitCode).toBe(0);
    expect(cloud.state.calls[0]).toBe(`start fresh=${args.length > 0}`);
    expect(stderr).toContain(
      `run ${old} is abandoned (${why}); its 600 committed rows will not be used\nnew run ${run}`,
    );
  });

  it('prints one document with --json', async () => {
    const { exitCode, stdout, stderr } = await called(fakeCloud({}, story(run), { start: running }), [
      '--json',
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'run',
      outcome: 'published',
      sync: 'shop',
      run,
      began: 'new',
      abandoned: null,
      tables: [
        {
          table: 'public.orders',
          state: 'published',
          rows: 1000,
          files: 1,
          parts: 2,
          version: 1,
          problem: null,
        },
        { table: 'public.items', rows: 100 },
      ],
      rows: 1100,
      copied: { rows: 1100, parts: 3 },
      committedBefore: { rows: 0, parts: 0 },
      counts: null,
    });
    expect(stderr).toContain('new run');
  });

  it('names the tables that are not complete, why, and what to do; exit code 1', async () => {
    const fails: Step = (state) => {
      state.heads = [published('public.items', run, 100)];
      ends({
        status: 'FAILED',
        error: 'RunIncomplete',
        message: `run ${run} of shop: 1 of 2 tables are published. Not complete: public.orders: TableDenied: permission denied for table orders`,
      })(state);
    };
    const steps = [works(run), commits(run, 1, 0, 100, true), fails];
    const { exitCode, stdout, stderr } = await called(fakeCloud({}, steps, { start: running }));
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`✗ not complete: run ${run} of shop`);
    expect(stdout).toMatch(/✗ {2}public.orders .*not complete\n✓ {2}public.items /);
    expect(stderr).toContain('RunIncomplete: ');
    expect(stderr).toContain(
      '1 of 2 tables published, 1 not complete\n    public.orders: TableDenied: permission denied',
    );
    expect(stderr).toContain('→ GRANT SELECT');
    expect(stderr).toMatch(
      /next: Do what is said of each table; .*`npx tidemark redrive --config .*shop.yaml` then .* `npx tidemark run --fresh --config .*shop.yaml` starts anew/,
    );
    expect(stderr).toMatch(/\n {2}log: {2}\.tidemark\/functions\/logs\/copy-chunk\.log\n$/);

    const json = await called(fakeCloud({}, steps, { start: running }), ['--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      outcome: 'incomplete',
      tables: [{ problem: { code: 'TableDenied' } }, { problem: null }],
      error: {
        code: 'RunIncomplete',
        message: expect.any(String),
        next: expect.any(String),
        logs: ['.tidemark/functions/logs/copy-chunk.log'],
      },
    });
  });

  it('says the error of an execution that failed before it had a run', async () => {
    const fails = ends({
      status: 'FAILED',
      error: 'SourceRefused',
      message: 'password authentication failed',
    });
    const { exitCode, stderr } = await called(fakeCloud({}, [fails], { start: running }));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /✗ SourceRefused: password authentication failed\n {2}next: Mend the user name[\s\S]*\n {2}log: {2}\.tidemark\/functions\/logs\/plan\.log\n$/,
    );
  });

  it('exits with 75 where another execution works on the sync', async () => {
    const skips = ends({ status: 'SUCCEEDED', output: { status: 'skipped', run: old, execution: 'arn:1' } });
    const { exitCode, stdout, stderr } = await called(fakeCloud(unfinished(), [skips], { start: running }));
    expect({ exitCode, stdout }).toEqual({ exitCode: 75, stdout: '' });
    expect(stderr).toContain(
      `another execution works on sync shop (run ${old}): execution 1, since 2026-11-20 07:00:00Z`,
    );
    const json = await called(fakeCloud(unfinished(), [skips], { start: running }), ['--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      outcome: 'skipped',
      execution: 'arn:1',
      since: '2026-11-20T07:00:00.000Z',
    });
  });

  it('knows the run that it published although another execution has begun the next one', async () => {
    const overtakes: Step = (state) => {
      works(run)(state);
      publishes(run)(state);
      state.head = { run: '20261120T080000Z-0003', execution: 'arn:other' };
    };
    const { exitCode, stdout } = await called(fakeCloud({}, [overtakes], { start: running }));
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`✓ published: run ${run} of shop\n`);
  });

  it('copies to the end although it cannot be drawn, and then says so', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    const cloud = fakeCloud({}, story(run), { start: running });
    const told = fakeSurroundings({ cloud });
    const stderr = {
      write: (text: string) => {
        if (text.includes('starting\n')) throw new Error('no space left');
        told.surroundings.stderr.write(text);
      },
    };
    const surroundings = { ...told.surroundings, stderr };
    expect(await main(['run', '--config', definitionFile()], surroundings)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
    expect(told.stderr).toContain('Unexpected: Error: no space left');
    expect(cloud.state.runs[0]!.status).toBe('published');
  });

  it('exits with 75 where another process holds the folder', async () => {
    const told = fakeSurroundings({});
    const busy = () => Promise.reject(new TidemarkError('CloudBusy', 'process 7 works in .tidemark'));
    const surroundings = { ...told.surroundings, openCloud: busy };
    expect(await main(['run', '--config', definitionFile()], surroundings)).toBe(75);
  });

  it('looks on while the ledger does not answer for a moment', async () => {
    const cloud = fakeCloud({}, story(run), { start: running });
    let failing = 2;
    const head = cloud.ledger.head;
    cloud.ledger.head = async (sync) => {
      if (cloud.state.calls.length > 0 && failing-- > 0) throw new TidemarkError('LedgerUnavailable', 'slow');
      return head(sync);
    };
    expect((await called(cloud)).exitCode).toBe(0);
    cloud.ledger.head = async () => {
      throw new TidemarkError('LedgerUnavailable', 'for long');
    };
    const told = await called(fakeCloudWithout(cloud));
    expect(told.exitCode).toBe(1);
    expect(told.stderr).toContain('LedgerUnavailable: for long');
  });
});

/** A fresh execution that never ends, with the ledger of another cloud. */
function fakeCloudWithout(broken: ReturnType<typeof fakeCloud>): ReturnType<typeof fakeCloud> {
  const cloud = fakeCloud({}, [], { start: running });
  let before = true;
  return {
    ...cloud,
    start: async (input) => {
      before = false;
      return cloud.start(input);
    },
    ledger: { ...cloud.ledger, head: (sync) => (before ? Promise.resolve(null) : broken.ledger.head(sync)) },
  };
}

describe('Ctrl-C', () => {
  const aborts = ends({ status: 'ABORTED', error: 'Tidemark.Stopped' });
  const begun = [works(run), commits(run, 0, 0, 600, false)];

  it('stops at a part boundary, says what is committed and how to go on; exit code 1', async () => {
    const cloud = fakeCloud({}, begun, { start: running, stop: aborts });
    let sleeps = 0;
    const { exitCode, stdout, stderr, exits } = await called(cloud, [], (told) => {
      if (++sleeps === 12) told.interrupt();
    });
    expect(exitCode).toBe(1);
    expect(exits).toEqual([]);
    expect(cloud.state.calls).toEqual(['start fresh=false', 'stop arn:new', 'close']);
    expect(stderr).toContain(
      'stopping at the next part boundary … (again: stop now; nothing that is committed is lost)',
    );
    expect(stdout).toContain(`✗ stopped: run ${run}`);
    expect(stderr).toMatch(
      /Stopped: run .* is not complete; 600 rows in 1 part are committed and stay\n {2}next: `npx tidemark run .*` copies only the rest\.\n$/,
    );
  });

  it('waits for the functions that are at their last part', async () => {
    let finish = () => {};
    const cloud = fakeCloud({}, begun, {
      start: running,
      stop: async (state) => {
        aborts(state);
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        commits(run, 0, 1, 300, false)(state);
      },
    });
    let sleeps = 0;
    const { stderr } = await called(cloud, [], (told) => {
      sleeps++;
      if (sleeps === 12) told.interrupt();
      if (sleeps === 40) finish();
    });
    expect(stderr).toContain('900 rows in 2 parts are committed and stay');
  });

  it('ends at once the second time', async () => {
    const cloud = fakeCloud({}, begun, { start: running });
    let sleeps = 0;
    const { exits } = await called(cloud, [], (told) => {
      sleeps++;
      if (sleeps === 12 || sleeps === 14) told.interrupt();
      // the process would be gone by now; the test's is not
      if (sleeps === 30) aborts(cloud.state);
    });
    expect(exits).toEqual([1]);
  });

  it('stops an execution that has just been started', async () => {
    const cloud = fakeCloud({}, begun, { stop: aborts });
    const told = fakeSurroundings({ cloud });
    cloud.start = async () => {
      told.interrupt();
      running(cloud.state);
      return 'arn:new';
    };
    expect(await main(['run', '--config', definitionFile()], told.surroundings)).toBe(1);
    expect(cloud.state.calls).toEqual(['stop arn:new', 'close']);
  });

  it('is too late where everything is published: that is a success', async () => {
    const cloud = fakeCloud({}, story(run).slice(0, -1), {
      start: running,
      stop: (state) => {
        publishes(run)(state);
        aborts(state);
      },
    });
    let sleeps = 0;
    const { exitCode, stdout } = await called(cloud, [], (told) => {
      if (++sleeps === 12) told.interrupt();
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('✓ published');
  });
});
