import { describe, expect, it } from 'vitest';
import { main } from '../../cli/main.ts';
import {
  execution,
  type FakeState,
  fakeCloud,
  partItem,
  planOf,
  published,
  putPlan,
  runItem,
} from '../support/fake-cloud.ts';
import { definitionFile, fakeSurroundings } from '../support/fake-surroundings.ts';

const first = '20261120T060000Z-0001';
const second = '20261120T070000Z-0002';

async function called(
  state: Partial<FakeState>,
  args: readonly string[],
  environment?: Record<string, string>,
) {
  const cloud = fakeCloud(state);
  const told = fakeSurroundings({ cloud, ...(environment && { environment }) });
  const exitCode = await main([...args, '--config', definitionFile()], told.surroundings);
  return { ...told, exitCode, cloud };
}

/** One run published, the next one half copied. */
function halfway(last: ReturnType<typeof execution>): Partial<FakeState> {
  const state = {
    head: { run: second, execution: last.arn },
    runs: [
      runItem({
        run: first,
        status: 'published',
        endedAt: '2026-11-20T06:01:05.000Z',
        startedAt: '2026-11-20T06:00:00.000Z',
        totals: { rows: 1100, bytes: 11_000, files: 2 },
      }),
      runItem({ run: second, executions: ['arn:1', last.arn] }),
    ],
    heads: [published('public.orders', first, 1000), published('public.items', second, 100, 2)],
    parts: [
      partItem({ run: second, table: 0, chunk: 0, n: 0, rows: 600 }),
      partItem({
        run: second,
        table: 0,
        chunk: 0,
        n: 1,
        rows: 200,
        attempt: { id: 'again', startedAt: '2026-11-20T07:00:06.000Z', retry: 1 },
        readAt: '2026-11-20T07:00:07.000Z',
      }),
      partItem({ run: second, table: 1, chunk: 0, n: 0, rows: 100, last: true }),
    ],
    executions: new Map([[last.arn, last]]),
    objects: new Map<string, Buffer>(),
  };
  const whole = { ...fakeCloud(state).state };
  putPlan(whole, second, 0, planOf('public', 'orders', [1000]));
  putPlan(whole, second, 1, planOf('public', 'items', [100]));
  return whole;
}

const failed = execution({
  arn: 'arn:2',
  status: 'FAILED',
  error: 'RunIncomplete',
  message: `run ${second} of shop: 1 of 2 tables are published. Not complete: public.orders: TableDenied: no right`,
});

describe('tidemark status', () => {
  it('knows a sync without runs', async () => {
    const { exitCode, stdout, clouds, cloud } = await called({}, ['status']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^shop: no run yet; `npx tidemark run .*` starts one\n$/);
    expect(clouds[0]!.mode).toBe('look');
    expect(cloud.state.calls).toEqual(['close']);
  });

  it('needs no address of the source', async () => {
    expect((await called({}, ['status'], {})).exitCode).toBe(0);
  });

  it('shows what readers see, and how an unfinished run goes on', async () => {
    const { exitCode, stdout } = await called(halfway(failed), ['status']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`shop: run ${second} is unfinished: 900 rows in 3 parts committed\n`);
    expect(stdout).toContain('its last execution ended with RunIncomplete');
    expect(stdout).toMatch(
      /next: `npx tidemark run .*` copies the rest, after the cause is mended \(or `npx tidemark redrive/,
    );
    expect(stdout).toMatch(/public.orders +1 +1,000 +1 +10.0 kB +10 s ago|public.orders +1 +1,000/);
    expect(stdout).toMatch(/public.orders .* 80 % +800 +1,000 /);
  });

  it('says that a run is being copied, as JSON too', async () => {
    const live = execution({ arn: 'arn:2' });
    expect((await called(halfway(live), ['status'])).stdout).toContain(`run ${second} is being copied`);
    const { stdout } = await called(halfway(live), ['status', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'status',
      sync: 'shop',
      target: 's3://lake/shop',
      current: {
        state: 'unfinished',
        live: true,
        run: second,
        error: null,
        progress: { total: { rows: 900 } },
      },
      tables: [
        { table: 'public.orders', version: 1, run: first },
        { table: 'public.items', version: 2, run: second },
      ],
    });
  });
});

describe('tidemark runs', () => {
  it('lists runs, newest first, with what an unfinished one has committed', async () => {
    const { stdout } = await called(halfway(failed), ['runs']);
    expect(stdout).toBe(
      [
        'run                    status     started                   took  executions   rows     size',
        '20261120T070000Z-0002  running    2026-11-20 07:00:00Z         —           2    900  9.00 kB',
        '20261120T060000Z-0001  published  2026-11-20 06:00:00Z  1 m 05 s           1  1,100  11.0 kB',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await called(halfway(failed), ['runs', '--json', '--limit', '1'])).stdout);
    expect(json.runs).toHaveLength(1);
    expect(json.runs[0]).toMatchObject({
      run: second,
      status: 'running',
      executions: 2,
      rows: 900,
      files: 3,
    });
  });
});

describe('tidemark show', () => {
  it('shows chunks, attempts, the slowest part, and why a table is not complete', async () => {
    const { exitCode, stdout } = await called(halfway(failed), ['show', second]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/public.orders +waiting +0\/1 +2 +800 +8.00 kB +2 +1 +5.0 s \(0-0\)/);
    expect(stdout).toMatch(/public.items +published +1\/1 +1 +100 +1.00 kB +1 +0 +5.0 s/);
    expect(stdout).toMatch(/✗ public.orders: TableDenied: no right\n {2}next: GRANT SELECT/);
    expect(stdout).toMatch(/next: `npx tidemark run .*` copies the rest/);
  });

  it('takes the time of a part from its attempt', async () => {
    const { stdout } = await called(halfway(failed), ['show', second, '--json']);
    const { tables } = JSON.parse(stdout);
    expect(tables[0]).toMatchObject({
      attempts: 2,
      retries: 1,
      slowestPart: { chunk: 0, n: 0, rows: 600, seconds: 5 },
    });
  });

  it('does not know a run', async () => {
    const { exitCode, stderr } = await called({}, ['show', 'nope']);
    expect(exitCode).toBe(2);
    expect(stderr).toBe('✗ RunUnknown: sync shop has no run nope\n  next: `tidemark runs` lists the runs.\n');
  });
});

describe('tidemark redrive', () => {
  it('has nothing to do where every run is over', async () => {
    const { exitCode, stdout, cloud } = await called(
      { runs: [runItem({ run: first, status: 'published' })], head: { run: first, execution: 'arn:1' } },
      ['redrive'],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`nothing to do: run ${first} of shop is published\n`);
    expect(cloud.state.calls).toEqual(['close']);
    expect((await called({}, ['redrive'])).stdout).toMatch(/nothing to do: sync shop has no run yet/);
  });

  it('leaves a live execution alone: 75', async () => {
    const { exitCode, cloud } = await called(halfway(execution({ arn: 'arn:2' })), ['redrive']);
    expect(exitCode).toBe(75);
    expect(cloud.state.calls).toEqual(['close']);
  });

  it('says what to do where the execution is not known any more', async () => {
    const { exitCode, stderr } = await called({ ...halfway(failed), executions: new Map() }, [
      'redrive',
      second,
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /does not know the last execution .*\n {2}next: `npx tidemark run .*` adopts the run/,
    );
  });

  it('redrives the last execution, and is not misled by how it ended before', async () => {
    const redriven = { ...failed, redriveCount: 1 };
    const cloud = fakeCloud(halfway(failed), [
      // the old ending is still what one sees
      () => {},
      (state) => {
        state.executions.set('arn:2', { ...redriven, status: 'RUNNING', error: null, message: null });
        state.parts.push(partItem({ run: second, table: 0, chunk: 0, n: 2, rows: 200, last: true }));
      },
      (state) => {
        state.heads = [
          published('public.orders', second, 1000, 2),
          published('public.items', second, 100, 2),
        ];
        state.runs = state.runs.map((found) => ({ ...found, status: 'published' }));
        const output = { status: 'published', run: second };
        state.executions.set('arn:2', { ...redriven, status: 'SUCCEEDED', output });
      },
    ]);
    const told = fakeSurroundings({ cloud });
    expect(await main(['redrive', '--json', '--config', definitionFile()], told.surroundings)).toBe(0);
    expect(cloud.state.calls).toEqual(['redrive arn:2', 'close']);
    expect(told.stderr).toContain(`redriving run ${second}: 900 rows in 3 parts are committed already`);
    expect(JSON.parse(told.stdout)).toMatchObject({
      command: 'redrive',
      began: 'redriven',
      outcome: 'published',
      copied: { rows: 200, parts: 1 },
      committedBefore: { rows: 900, parts: 3 },
    });
  });
});
