/** Commands with `--cloud aws`: what differs where executions need nobody to look on. */
import { describe, expect, it } from 'vitest';
import type { Keeper } from '../../cli/cloud.ts';
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

const run = '20261120T070000Z-0002';

const keeper: Keeper = {
  kind: 'cloud',
  console: (arn) => `https://console/${arn}`,
  stopCommand: (arn) => `aws stop ${arn}`,
  deployed: async () => 'AWS account 1, region r: all there',
};

const running: Step = (state) => state.executions.set('arn:new', execution({ arn: 'arn:new' }));

const begins: Step = (state) => {
  state.head = { run, execution: 'arn:new' };
  state.runs.push(runItem({ run, executions: ['arn:new'] }));
  putPlan(state, run, 0, planOf('public', 'orders', [1000]));
  putPlan(state, run, 1, planOf('public', 'items', [100]));
  state.parts.push(partItem({ run, table: 0, chunk: 0, n: 0, rows: 600 }));
};

const publishes: Step = (state) => {
  state.heads = [published('public.orders', run, 1000), published('public.items', run, 100)];
  state.runs = state.runs.map((found) => ({ ...found, status: 'published' }));
  const output = { status: 'published', run };
  state.executions.set('arn:new', execution({ arn: 'arn:new', status: 'SUCCEEDED', output }));
};

async function called(
  cloud: ReturnType<typeof fakeCloud>,
  args: readonly string[],
  options: { onSleep?: (told: Told) => void; environment?: Record<string, string> } = {},
) {
  const told = fakeSurroundings({ cloud, ...options });
  const file = definitionFile();
  const exitCode = await main([...args, '--cloud', 'aws', '--config', file], told.surroundings);
  return { ...told, exitCode, file };
}

/** Presses Ctrl-C at some sleep of the command's. */
function interruptAt(...times: number[]): (told: Told) => void {
  let sleeps = 0;
  return (told) => {
    if (times.includes(++sleeps)) told.interrupt();
  };
}

describe('run', () => {
  it('needs no source here, says where to look, and names commands for AWS', async () => {
    const cloud = fakeCloud({}, [begins, publishes], { start: running }, keeper);
    const { exitCode, stdout, stderr, clouds } = await called(cloud, ['run'], { environment: {} });
    expect(exitCode).toBe(0);
    expect(clouds[0]).toMatchObject({ where: 'aws', mode: 'run' });
    expect(stderr).toMatch(/^sync shop on AWS\n/);
    expect(stderr).toContain(
      'console: https://console/arn:new\nCtrl-C ends only this command, never the execution\n',
    );
    expect(stderr).not.toContain('embedded cloud');
    expect(stdout).toMatch(/npx tidemark status --config \S+ --cloud aws/);
  });

  it('says nothing of an execution where none was started', async () => {
    const cloud = fakeCloud({}, [], {}, keeper);
    cloud.start = async () => {
      throw new TidemarkError('LedgerUnavailable', 'nobody answers');
    };
    const { exitCode, stderr } = await called(cloud, ['run']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('nobody answers');
    expect(stderr).not.toContain('Ctrl-C');
  });

  it('gives the console’s page with --json', async () => {
    const cloud = fakeCloud({}, [begins, publishes], { start: running }, keeper);
    const { stdout } = await called(cloud, ['run', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'published',
      execution: 'arn:new',
      console: 'https://console/arn:new',
    });
  });

  it('waits for an execution that Step Functions does not know yet', async () => {
    let looks = 0;
    const appears: Step = (state) => {
      if (++looks === 3) running(state);
    };
    const cloud = fakeCloud({}, [appears, appears, appears, begins, publishes], {}, keeper);
    expect((await called(cloud, ['run'])).exitCode).toBe(0);
    const never = await called(fakeCloud({}, [], {}, keeper), ['run']);
    expect(never.exitCode).toBe(1);
    expect(never.stderr).toContain('Step Functions does not know the execution arn:new');
  });
});

describe('Ctrl-C', () => {
  it('leaves the execution running, and says how to look and how to stop; exit code 1', async () => {
    const cloud = fakeCloud({}, [begins], { start: running }, keeper);
    const { exitCode, stdout, stderr, exits } = await called(cloud, ['run'], { onSleep: interruptAt(12) });
    expect({ exitCode, exits }).toEqual({ exitCode: 1, exits: [] });
    expect(cloud.state.calls).toEqual(['start fresh=false', 'close']);
    expect(stderr).toContain('leaving the execution to itself: it goes on');
    expect(stderr).not.toContain('stopping');
    expect(stderr).toMatch(/✗ Detached: execution arn:new|✗ Detached: execution new goes on/);
    expect(stderr).toMatch(/`npx tidemark status --config \S+ --cloud aws` shows how far it is/);
    expect(stdout).toMatch(/^ {2}aws stop arn:new /m);
  });

  it('says the same as one document', async () => {
    const cloud = fakeCloud({}, [begins], { start: running }, keeper);
    const { stdout } = await called(cloud, ['run', '--json'], { onSleep: interruptAt(12) });
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'detached',
      run,
      execution: 'arn:new',
      console: 'https://console/arn:new',
      stop: 'aws stop arn:new',
      error: { code: 'Detached' },
    });
  });

  it('that comes before the start has been answered waits for the answer', async () => {
    const cloud = fakeCloud({}, [], {}, keeper);
    const told = fakeSurroundings({ cloud });
    cloud.start = async () => {
      told.interrupt();
      return 'arn:new';
    };
    const args = ['run', '--cloud', 'aws', '--json', '--config', definitionFile()];
    expect(await main(args, told.surroundings)).toBe(1);
    expect(JSON.parse(told.stdout)).toMatchObject({ outcome: 'detached', run: null, execution: 'arn:new' });
  });

  it('twice ends the command at once', async () => {
    const cloud = fakeCloud({}, [begins], { start: running }, keeper);
    const told = fakeSurroundings({ cloud });
    const look = cloud.execution;
    let looks = 0;
    cloud.execution = async (arn) => {
      // while an answer is waited for
      if (++looks === 2) {
        told.interrupt();
        told.interrupt();
      }
      return look(arn);
    };
    await main(['run', '--cloud', 'aws', '--config', definitionFile()], told.surroundings);
    expect(told.exits).toEqual([1]);
  });

  it('is too late where it is over', async () => {
    const cloud = fakeCloud({}, [begins, begins, publishes], { start: running }, keeper);
    const { exitCode } = await called(cloud, ['run'], { onSleep: interruptAt(500) });
    expect(exitCode).toBe(0);
  });
});

/** An unfinished run that began with another definition than the file's. */
const changed = (over: Partial<FakeState> = {}): Partial<FakeState> => ({
  head: { run, execution: 'arn:1' },
  runs: [runItem({ run, fingerprint: 'of what is deployed' })],
  executions: new Map([['arn:1', execution({ arn: 'arn:1', status: 'FAILED', error: 'RunIncomplete' })]]),
  ...over,
});

describe('a definition that is not the deployed one', () => {
  it('is named by status and show, which do not claim to know what a run will do', async () => {
    for (const args of [['status'], ['show', run]]) {
      const { exitCode, stdout, file } = await called(fakeCloud(changed(), [], {}, keeper), args);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`it began with another definition than ${file}; the deployed one counts.`);
    }
  });

  it('is named by status of a sync whose last run is published', async () => {
    const runs = [runItem({ run, fingerprint: 'other', status: 'published' })];
    const { stdout, file } = await called(fakeCloud(changed({ runs }), [], {}, keeper), ['status']);
    expect(stdout).toContain(`it had another definition than ${file}: this one is not deployed`);
    const same = [runItem({ run, status: 'published' })];
    const other = await called(fakeCloud(changed({ runs: same }), [], {}, keeper), ['status']);
    expect(other.stdout).not.toContain('another definition');
  });

  it('is not redriven under; the next step names the console', async () => {
    const cloud = fakeCloud(changed(), [], {}, keeper);
    const { exitCode, stderr } = await called(cloud, ['redrive']);
    expect(exitCode).toBe(2);
    expect(cloud.state.calls).toEqual(['close']);
    expect(stderr).toMatch(/DefinitionChanged: run \S+ of shop began with another definition than /);
    expect(stderr).toContain('https://console/arn:1');
  });
});

describe('status', () => {
  it('gives the page of the execution of a run that is not over', async () => {
    for (const status of ['RUNNING', 'FAILED'] as const) {
      const executions = new Map([['arn:1', execution({ arn: 'arn:1', status })]]);
      const state = { ...changed({ executions }), runs: [runItem({ run })] };
      const { stdout } = await called(fakeCloud(state, [], {}, keeper), ['status']);
      expect(stdout).toContain('  console: https://console/arn:1\n');
    }
  });
});

describe('redrive', () => {
  it('that AWS refuses is told, with what does go on; exit code 1', async () => {
    const state = { ...changed(), runs: [runItem({ run })] };
    const cloud = fakeCloud(state, [], {}, keeper);
    cloud.redrive = async () => {
      throw new TidemarkError('NotRedrivable', 'execution 1 cannot be redriven: older than 14 days');
    };
    const { exitCode, stderr } = await called(cloud, ['redrive']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /older than 14 days\n {2}next: `npx tidemark run --config \S+ --cloud aws`\s+adopts the run/,
    );
  });
});

describe('check', () => {
  it('looks for what is deployed in place of the folder', async () => {
    const { exitCode, stdout } = await called(fakeCloud({}, [], {}, keeper), ['check']);
    expect(stdout).toContain('✓ AWS account 1, region r: all there');
    expect(stdout).not.toContain('can be written');
    // the test's source cannot be opened
    expect(exitCode).toBe(1);
  });

  it('says what is missing', async () => {
    const missing: Keeper = {
      ...keeper,
      deployed: () => Promise.reject(new TidemarkError('NotDeployed', 'sync shop has no ledger table t')),
    };
    const { stdout } = await called(fakeCloud({}, [], {}, missing), ['check']);
    expect(stdout).toMatch(
      /✗ NotDeployed: sync shop has no ledger table t|✗ sync shop has no ledger table t/,
    );
    expect(stdout).toContain('npx cdk deploy');
  });
});
