/**
 * The whole path, as a person runs it, killed at random: its sandboxes, then the process with all it has started. After
 * each, it is run again until it is published, and every row is compared with the source by DuckDB.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';
import { runTidemark, sandboxesOf, startTidemark } from '../support/command-line.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { faultsOf, filesOf, filesUnder, readPointer, strayFiles } from '../support/lake.ts';
import { randomFrom, seedOfThisRun } from '../support/random.ts';

const rows = 240_000;
const folderOfTable = 'public.events';
let folder: string;
let postgres: RunningPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-killed-'));
  postgres = await startPostgres({ folder: join(folder, 'postgres') });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`
    create table events (
      id bigint primary key, at timestamptz, amount numeric(12,2), kind text not null, note text, payload jsonb,
      token uuid not null, ok boolean, ratio double precision)`);
  // ids with gaps, and more of them at one end
  await client.query(`
    insert into events
    select i * case when i % 10 < 7 then 1 else 1000 end + i % 10 * 1000000000::bigint,
           case when i % 5 > 0 then timestamptz '2024-01-01' + i * interval '37 s' end,
           case when i % 7 > 0 then (random() * 1e6)::numeric(12,2) end,
           (array['view','click','order'])[1 + i % 3], case when i % 4 = 0 then repeat('x', i % 200) end,
           case when i % 6 = 0 then jsonb_build_object('i', i, 'text', md5(i::text)) end,
           md5(i::text)::uuid, i % 2 = 0, random()
    from generate_series(1, ${rows}) i`);
  await client.query('analyze events');
  await client.end();
}, 60_000);

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A home and a definition of their own, with chunks and parts so small that a kill falls between them. */
async function world(name: string) {
  const home = join(folder, name);
  const config = join(folder, `${name}.yaml`);
  await writeFile(
    config,
    `name: ${name}
source: { type: postgres, url: "\${DATABASE_URL}" }
tables: [public.events]
target: { url: "s3://lake/${name}" }
chunk: { rows: 30000 }
part: { rows: 2500 }
retry: { attempts: 30, kind: fixed, interval_seconds: 1 }
`,
  );
  const args = ['--config', config, '--home', home];
  const environment = { DATABASE_URL: postgres.url };
  return {
    home,
    table: join(name, folderOfTable),
    start: (...words: string[]) => startTidemark([...words, ...args], environment),
    run: (...words: string[]) => runTidemark([...words, ...args], environment),
  };
}

async function expectExactlyTheSource(home: string, table: string): Promise<void> {
  const pointer = readPointer(home, 'lake', table)!;
  expect(await compareWithSource(postgres.url, 'events', filesOf(home, 'lake', pointer))).toEqual({
    sourceRows: rows,
    lakeRows: rows,
    lost: 0,
    alien: 0,
  });
  expect(pointer.rows).toBe(rows);
  expect(faultsOf(home, 'lake', pointer)).toEqual([]);
}

const stagedFiles = (home: string): string[] =>
  filesUnder(join(home, 's3', 'lake')).filter((file) => file.includes('/_staging/'));

const dataFiles = (home: string, table: string): string[] =>
  filesUnder(join(home, 's3', 'lake', table, 'data'));

/** Waits until the table has that many data files, however slow the machine is; not forever. */
async function untilFiles(home: string, table: string, count: number): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (dataFiles(home, table).length < count && Date.now() < giveUpAt) await sleep(10);
}

describe('killed at random moments', () => {
  const seed = seedOfThisRun();
  const random = randomFrom(seed);

  test(`sandboxes: the state machine tries again until every row is there once (TIDEMARK_SEED=${seed})`, async () => {
    const { home, table, start } = await world('sandboxes');
    const running = start('run', '--json');
    let over = false;
    running.ended.then(() => {
      over = true;
    });
    let killed = 0;
    while (!over && killed < 25) {
      await sleep(50 + random() * 350);
      const sandboxes = sandboxesOf(running.pid);
      const victim = sandboxes[Math.floor(random() * sandboxes.length)];
      if (victim === undefined) continue;
      try {
        process.kill(victim, 'SIGKILL');
        killed++;
      } catch {
        // it has ended by itself meanwhile
      }
    }
    const { exitCode, stderr } = await running.ended;
    expect(exitCode, stderr).toBe(0);
    expect(killed).toBeGreaterThan(3);
    await expectExactlyTheSource(home, table);
    expect(strayFiles(home, 'lake', table)).toEqual([]);
    expect(stagedFiles(home)).toEqual([]);
  }, 180_000);

  test(`the whole process group: run again, it goes on and copies only the rest (TIDEMARK_SEED=${seed})`, async () => {
    const { home, table, start, run } = await world('group');
    let adopted = 0;
    for (let round = 0; round < 2; round++) {
      const running = start('run');
      const moreFiles = Math.floor(random() * 12);
      await untilFiles(home, table, dataFiles(home, table).length + moreFiles);
      await sleep(random() * 300);
      running.killGroup();
      const { stderr, stdout } = await running.ended;
      if (/interrupted/.test(stdout + stderr)) adopted++;
      const pointer = readPointer(home, 'lake', table);
      if (pointer) expect(faultsOf(home, 'lake', pointer)).toEqual([]);
    }
    const { exitCode, stdout, stderr } = await run('run', '--json');
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'published' });
    expect(adopted).toBeGreaterThan(0);
    await expectExactlyTheSource(home, table);
    expect(stagedFiles(home)).toEqual([]);
  }, 180_000);
});

test('readers that poll current.json see only whole snapshots while runs are killed and replaced', async () => {
  const { home, table, start, run } = await world('readers');
  const random = randomFrom(seedOfThisRun() + 1);
  const seen = new Set<number>();
  const wrong: string[] = [];
  let polling = true;
  const poller = (async () => {
    while (polling) {
      const pointer = readPointer(home, 'lake', table);
      if (pointer) {
        seen.add(pointer.version);
        wrong.push(...faultsOf(home, 'lake', pointer));
        if (pointer.rows !== rows) wrong.push(`version ${pointer.version} has ${pointer.rows} rows`);
      }
      await sleep(5);
    }
  })();
  for (let snapshot = 1; snapshot <= 3; snapshot++) {
    const running = start('run');
    await untilFiles(home, table, dataFiles(home, table).length + Math.floor(random() * 20));
    running.killGroup();
    await running.ended;
    const { exitCode, stderr } = await run('run');
    expect(exitCode, stderr).toBe(0);
  }
  polling = false;
  await poller;
  expect(wrong).toEqual([]);
  expect(Math.max(...seen)).toBeGreaterThanOrEqual(3);
  await expectExactlyTheSource(home, table);
}, 180_000);
