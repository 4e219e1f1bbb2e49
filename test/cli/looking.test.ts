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

  it('names the commands to come with the definition of this one, with the sample, too', async () => {
    const file = definitionFile();
    const cloud = fakeCloud({});
    for (const [config, words] of [
      [['--config', file], `npx tidemark sample run --config ${file}\``],
      [[], 'npx tidemark sample run`'],
    ] as const) {
      const told = fakeSurroundings({ cloud });
      expect(await main(['sample', ...config, 'status'], told.surroundings)).toBe(0);
      expect(told.stdout).toContain(words);
    }
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

  it('does not say that the rest is copied where the definition has changed', async () => {
    const state = halfway(failed);
    const runs = state.runs!.map((run) => ({ ...run, fingerprint: 'of another definition' }));
    for (const args of [['status'], ['show', second]]) {
      const { stdout } = await called({ ...state, runs }, args);
      expect(stdout).toMatch(
        /next: the definition has changed\. A run keeps its definition\. `npx tidemark run .*` abandons it/,
      );
      expect(stdout).not.toContain('copies the rest');
    }
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
        state: 'running',
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

describe('tidemark status of tables that are not in the definition any more', () => {
  const gone = { ...published('public.gone', first, 5), claimedBy: second };
  const never = {
    table: 'public.never',
    version: 0,
    claimedBy: second,
    snapshot: null,
    metadata: null,
    publishedRun: null,
    inCatalog: false,
    previousRun: null,
  };

  it('marks them, published or not', async () => {
    const state = halfway(failed);
    const heads = [...state.heads!, gone, never, { ...never, table: 'public.items' }];
    const { stdout } = await called({ ...state, heads }, ['status']);
    expect(stdout).toMatch(/public.gone +1 .* ago; not in the definition/);
    expect(stdout).toMatch(/public.never +— .* not in the definition/);
    expect(stdout).toMatch(/public.items +— .* not yet/);
    const json = JSON.parse((await called({ ...state, heads }, ['status', '--json'])).stdout);
    expect(json.tables.map((table: { inDefinition: boolean }) => table.inDefinition)).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });
});

describe('tidemark runs', () => {
  it('lists runs, newest first, with what an unfinished one has committed', async () => {
    const { stdout } = await called(halfway(failed), ['runs']);
    expect(stdout).toBe(
      [
        'run                    status      started                   took  executions   rows     size',
        '20261120T070000Z-0002  unfinished  2026-11-20 07:00:00Z         —           2    900  9.00 kB',
        '20261120T060000Z-0001  published   2026-11-20 06:00:00Z  1 m 05 s           1  1,100  11.0 kB',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await called(halfway(failed), ['runs', '--json', '--limit', '1'])).stdout);
    expect(json.runs).toHaveLength(1);
    expect(json.runs[0]).toMatchObject({
      run: second,
      status: 'unfinished',
      executions: 2,
      rows: 900,
      files: 3,
    });
  });

  it('calls a run running only while an execution works on it, as status and show do', async () => {
    for (const [last, word] of [
      [failed, 'unfinished'],
      [execution({ arn: 'arn:2' }), 'running'],
    ] as const) {
      const asked = async (...args: string[]) =>
        JSON.parse((await called(halfway(last), [...args, '--json'])).stdout);
      expect((await asked('runs')).runs[0].status).toBe(word);
      expect((await asked('status')).current.state).toBe(word);
      expect((await asked('show', second)).status).toBe(word);
    }
  });
});

describe('tidemark show', () => {
  it('shows chunks, attempts, the slowest part, and why a table is not complete', async () => {
    const { exitCode, stdout } = await called(halfway(failed), ['show', second]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/public.orders +waiting +0\/1 +2 +800 +8.00 kB +2 +1 +5.0 s \(0-0\)/);
    expect(stdout).toMatch(/public.items +published +1\/1 +1 +100 +1.00 kB +1 +0 +5.0 s/);
    expect(stdout).toMatch(/✗ public.orders: TableDenied: no right\n {2}next: GRANT SELECT/);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(/GRANT SELECT [^`]+`npx tidemark redrive --config \S+`\./);
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
    const next = '`npx tidemark runs --config \\S+/shop.yaml` lists the runs.'.replaceAll(' ', '\\s+');
    expect(stderr).toMatch(new RegExp(`^✗ RunUnknown: sync shop has no run nope\n  next:\\s+${next}\n$`));
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
    const { exitCode, stderr, cloud } = await called(halfway(execution({ arn: 'arn:2' })), ['redrive']);
    expect(exitCode).toBe(75);
    expect(stderr).toContain(
      `Skipped: an execution works on run ${second} of shop: execution 2, since 2026-11-20 07:00:00Z`,
    );
    expect(cloud.state.calls).toEqual(['close']);
  });

  it('refuses where the definition has changed since the run began: exit code 2, nothing is redriven', async () => {
    const state = halfway(failed);
    const runs = state.runs!.map((run) => ({ ...run, fingerprint: 'of another definition' }));
    for (const executions of [state.executions!, new Map()]) {
      const { exitCode, stdout, stderr, cloud } = await called({ ...state, runs, executions, calls: [] }, [
        'redrive',
      ]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(
        new RegExp(
          `✗ DefinitionChanged: the definition .*shop.yaml has changed since run ${second} of shop began\n` +
            '  next: A run keeps its definition. `npx tidemark run --config .*` abandons it and starts a new run of all tables; to keep what is committed, undo the change.\n',
        ),
      );
      expect(cloud.state.calls).toEqual(['close']);
    }
  });

  it('adopts the new run that its execution makes after all, and says so', async () => {
    const third = '20261120T080000Z-0003';
    const cloud = fakeCloud(halfway(failed), [
      (state) => {
        state.executions.set('arn:2', { ...failed, status: 'RUNNING', redriveCount: 1 });
      },
      (state) => {
        state.head = { run: third, execution: 'arn:2' };
        state.runs = [
          ...state.runs.map((found) => ({ ...found, status: 'abandoned' as const })),
          runItem({ run: third, fingerprint: 'another', executions: ['arn:2'] }),
        ];
        state.parts.push(partItem({ run: third, table: 0, chunk: 0, n: 0, rows: 1000, last: true }));
      },
      (state) => {
        state.heads = [published('public.orders', third, 1000, 2), published('public.items', third, 0, 3)];
        state.runs = state.runs.map((found) =>
          found.run === third ? { ...found, status: 'published' } : found,
        );
        const output = { status: 'published', run: third };
        state.executions.set('arn:2', { ...failed, status: 'SUCCEEDED', redriveCount: 1, output });
      },
    ]);
    const told = fakeSurroundings({ cloud });
    expect(await main(['redrive', '--json', '--config', definitionFile()], told.surroundings)).toBe(0);
    expect(told.stderr).toContain(
      `run ${second} is abandoned (the definition has changed since); what it has committed will not be used\nnew run ${third} of shop: 2 tables\n`,
    );
    expect(JSON.parse(told.stdout)).toMatchObject({
      outcome: 'published',
      run: third,
      began: 'new',
      abandoned: second,
      copied: { rows: 1000, parts: 1 },
      committedBefore: { rows: 0, parts: 0 },
    });
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
