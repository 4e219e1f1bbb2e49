/**
 * What a deployed sync goes through, told once and played in two worlds: the embedded cloud (embedded.test.ts, in the
 * suite) and AWS (test/deployed). After each step an independent reader compares every row with the source.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  paginateGetExecutionHistory,
  paginateListExecutions,
  paginateListMapRuns,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Ended, type Started, startTidemark } from '../support/command-line.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { rowCount, table } from './scenario-definition.ts';
import type { World } from './world.ts';

type Document = {
  readonly outcome?: string;
  readonly execution?: string;
  readonly console?: string | null;
  readonly run?: string | null;
  readonly current?: { readonly state: string; readonly run?: string };
  readonly runs?: readonly { readonly run: string; readonly status: string; readonly executions: number }[];
  readonly error?: { readonly code: string };
};

type Pointer = { readonly version: number; readonly files: readonly { readonly key: string }[] };

/** Registers the scenario's tests, in their order, for one world. */
export function scenario(open: () => Promise<World>): void {
  let world: World;
  let source: pg.Client;
  let folder: string;
  const succeeded: string[] = [];
  /** the execution that is started and aborted, and what readers saw before */
  let aborted: string;
  let seen: Pointer;
  /** the state machine's ARN, once an execution has told it */
  let machine: string;

  const sql = (text: string) => source.query(text);

  const command = (...words: string[]): Started =>
    startTidemark(
      [...words, '--cloud', 'aws', '--config', world.definitionFile, '--json'],
      world.environment,
    );

  async function documentOf({ ended }: Started): Promise<Ended & { readonly document: Document }> {
    const end = await ended;
    try {
      return { ...end, document: JSON.parse(end.stdout) };
    } catch {
      throw new Error(`a command gave no document: ${end.stdout}${end.stderr}`);
    }
  }

  const ask = (...words: string[]) => documentOf(command(...words));

  async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
    const giveUpMs = Date.now() + world.patienceMs;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (Date.now() > giveUpMs) throw new Error(`waited ${world.patienceMs / 1000} s in vain until ${what}`);
      await sleep(world.pollMs);
    }
  }

  const describeExecution = (executionArn: string): Promise<DescribeExecutionCommandOutput> =>
    world.sfn.send(new DescribeExecutionCommand({ executionArn }));

  async function untilEnded(
    executionArn: string,
  ): Promise<{ status: string; output: Record<string, unknown> }> {
    const found = await until(`${executionArn} has ended`, async () => {
      const now = await describeExecution(executionArn);
      return now.status !== 'RUNNING' && now.status !== 'PENDING_REDRIVE' && now;
    });
    if (found.status === 'SUCCEEDED' && executionArn !== aborted) succeeded.push(executionArn);
    return { status: found.status!, output: JSON.parse(found.output ?? '{}') };
  }

  async function object(key: string): Promise<Uint8Array> {
    const { Body } = await world.s3.send(new GetObjectCommand({ Bucket: world.target.bucket, Key: key }));
    return Body!.transformToByteArray();
  }

  const pointer = async (): Promise<Pointer> =>
    JSON.parse(Buffer.from(await object(`${world.target.prefix}${table}/current.json`)).toString());

  /** Every row that readers see, against every row of the source. */
  async function expectWhole(): Promise<Pointer> {
    const snapshot = await pointer();
    const local = join(folder, String(snapshot.version));
    mkdirSync(local, { recursive: true });
    const files: string[] = [];
    for (const [index, { key }] of snapshot.files.entries()) {
      files.push(join(local, `${index}.parquet`));
      writeFileSync(files[index]!, await object(key));
    }
    const { rows } = await sql(`select count(*)::int as n from ${table}`);
    const difference = await compareWithSource(world.sourceUrl, table, files, world.sourceWrites);
    expect(difference).toEqual({ sourceRows: rows[0].n, lakeRows: rows[0].n, lost: 0, alien: 0 });
    return snapshot;
  }

  /** New values, so that an old snapshot is not taken for the new one. */
  const change = (note: string) =>
    sql(`update ${table} set note = '${note} ' || id, amount = amount + 1 where id % 3 = 0`);

  /** How often a child's function died without a word. */
  async function deaths(executionArn: string): Promise<number> {
    const pages = { client: world.sfn };
    let count = 0;
    for await (const { mapRuns } of paginateListMapRuns(pages, { executionArn })) {
      for (const { mapRunArn } of mapRuns ?? []) {
        for await (const { executions } of paginateListExecutions(pages, { mapRunArn })) {
          for (const child of executions ?? []) {
            const history = { executionArn: child.executionArn };
            for await (const { events } of paginateGetExecutionHistory(pages, history)) {
              for (const { taskFailedEventDetails: failed } of events ?? [])
                if (failed?.error === 'Runtime.ExitError') count++;
            }
          }
        }
      }
    }
    return count;
  }

  async function start(): Promise<string> {
    const input = JSON.stringify({});
    const { executionArn } = await world.sfn.send(
      new StartExecutionCommand({ stateMachineArn: machine, input }),
    );
    return executionArn!;
  }

  /** The table's data files, published or not: their keys, and which writing of them it is. */
  async function dataFiles(): Promise<string[]> {
    const places = { Bucket: world.target.bucket, Prefix: `${world.target.prefix}${table}/data/` };
    const found: string[] = [];
    for await (const { Contents } of paginateListObjectsV2({ client: world.s3 }, places))
      found.push(
        ...(Contents ?? []).map(({ Key, ETag, LastModified }) => `${Key} ${ETag} ${LastModified!.getTime()}`),
      );
    return found;
  }

  /**
   * Waits until the run that has just begun has copied a part, and then locks the table: it can go neither on nor to
   * its end, until `unlock`.
   */
  async function lockedHalfway(): Promise<void> {
    const before = new Set(await dataFiles());
    await until('a part is copied', async () => (await dataFiles()).some((file) => !before.has(file)));
    await sql(`begin; lock table ${table} in access exclusive mode`);
  }

  /** May be called where nothing is locked. */
  const unlock = () => sql('rollback');

  // each step needs the one before
  let failed = false;
  beforeEach(({ skip }) => skip(failed, 'a step before it has failed'));
  afterEach(async ({ task }) => {
    failed ||= task.result?.state === 'fail';
    if (failed) await unlock();
  });

  beforeAll(async () => {
    world = await open();
    folder = mkdtempSync(join(tmpdir(), 'tidemark-scenario-'));
    source = new pg.Client({ connectionString: world.sourceUrl });
    await source.connect();
    await sql(`create schema if not exists tidemark_scenario; drop table if exists ${table}`);
    await sql(
      `create table ${table} (id integer primary key, customer text not null, amount numeric(12,2), placed timestamptz, note text)`,
    );
    await sql(
      `insert into ${table} select i, 'customer ' || i % 997, i * 1.37, timestamptz '2026-01-01 00:00:00Z' + i * interval '1 minute', case when i % 5 = 0 then null else 'note ' || i end from generate_series(1, ${rowCount}) i`,
    );
    await sql(`analyze ${table}`);
  });

  afterAll(async () => {
    await source?.query('rollback; drop schema tidemark_scenario cascade').catch(() => {});
    await source?.end();
    await world?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('a run from the command line is published', async () => {
    const { exitCode, document, stderr } = await ask('run', '--fresh');
    expect(exitCode, stderr).toBe(0);
    expect(document).toMatchObject({ outcome: 'published', run: expect.any(String) });
    expect(document.console).toContain(document.execution);
    machine = (await describeExecution(document.execution!)).stateMachineArn!;
    await untilEnded(document.execution!);
    await expectWhole();
    const shown = await ask('status');
    expect(shown.document.current).toMatchObject({ state: 'published', run: document.run });
  });

  test('sandboxes that are killed cost a try each, and nothing else', async () => {
    await change('killed');
    const executionArn = await world.whileSandboxesDie(async (strike) => {
      const started = await start();
      await lockedHalfway();
      await until('a sandbox has died', async () => {
        await strike();
        return (await deaths(started)) > 0;
      });
      await unlock();
      return started;
    });
    expect(await untilEnded(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      output: { status: 'published' },
    });
    await expectWhole();
  });

  test('Ctrl-C leaves the execution to itself: it goes on', async () => {
    await change('aborted');
    seen = await pointer();
    const running = command('run');
    await lockedHalfway();
    running.signal('SIGINT');
    const { exitCode, document } = await documentOf(running);
    expect({ exitCode, document }).toMatchObject({
      exitCode: 1,
      document: { outcome: 'detached', error: { code: 'Detached' } },
    });
    aborted = document.execution!;
    expect(await describeExecution(aborted)).toMatchObject({ status: 'RUNNING' });
  });

  test('a second start is skipped: from the API, and with exit code 75 from the command line', async () => {
    const [second, fromHere] = await Promise.all([start(), ask('run')]);
    expect(fromHere).toMatchObject({
      exitCode: 75,
      document: { outcome: 'skipped', execution: aborted },
    });
    expect(await untilEnded(second)).toMatchObject({
      status: 'SUCCEEDED',
      output: { status: 'skipped', execution: aborted },
    });
  });

  test('aborted as the console does it, a run is unfinished, and readers see what they saw', async () => {
    await world.sfn.send(new StopExecutionCommand({ executionArn: aborted }));
    expect(await untilEnded(aborted)).toMatchObject({ status: 'ABORTED' });
    expect((await ask('status')).document.current).toMatchObject({ state: 'unfinished' });
    expect(await pointer()).toEqual(seen);
  });

  test('redriven as the console does it, the run is published; what was committed is not copied again', async () => {
    const { document } = await ask('status');
    const { run } = document.current!;
    const ofRun = async () => (await dataFiles()).filter((file) => file.includes(`/data/${run}/`));
    const committed = await ofRun();
    expect(committed.length).toBeGreaterThan(0);
    await unlock();
    await world.sfn.send(new RedriveExecutionCommand({ executionArn: aborted }));
    expect(await untilEnded(aborted)).toMatchObject({ status: 'SUCCEEDED', output: { status: 'published' } });
    const { redriveCount } = await describeExecution(aborted);
    expect(redriveCount).toBe(1);
    const { runs } = (await ask('runs', '--limit', '1')).document;
    expect(runs![0]).toMatchObject({ run, status: 'published', executions: 1 });
    const { files } = await expectWhole();
    expect(await ofRun()).toEqual(expect.arrayContaining(committed));
    expect(files.length).toBeGreaterThan(committed.length);
  });

  test('the schedule starts a run by itself', async () => {
    await change('scheduled');
    const executionArn = await world.fireSchedule();
    expect(await untilEnded(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      output: { status: 'published' },
    });
    await expectWhole();
  });

  test('people were told of the execution that was aborted, and of no other', async () => {
    const nameOf = (arn: string) => arn.split(':').at(-1)!;
    const told = await until('the notice is there', async () => {
      const notices = await world.notices();
      return notices.some((text) => text.includes(nameOf(aborted))) && notices;
    });
    const here = told.filter((text) => text.includes(nameOf(aborted)));
    for (const text of here) expect(text).toMatch(new RegExp(`${world.sync}.*ABORTED`));
    // there may be others, of the alarm: but none of an execution that succeeded
    expect(succeeded.length).toBeGreaterThan(3);
    for (const arn of succeeded) expect(told.filter((text) => text.includes(nameOf(arn)))).toEqual([]);
  });
}
