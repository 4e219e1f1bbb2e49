/** `snapshots`, `rollback`, `tag`, and what `status` says then, of a lake that runs have published. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { lake } from '../core/publish/lake-fixture.ts';
import { fakeCloud } from '../support/fake-cloud.ts';
import { definitionFile, fakeSurroundings } from '../support/fake-surroundings.ts';
import { type InMemory, startInMemory } from '../support/in-memory.ts';
import { numberedRows } from '../support/memory-source.ts';

let ground: InMemory;
beforeAll(async () => {
  ground = await startInMemory();
});
afterAll(() => ground.close());

/** A sync with a table of as many generations, and the command line on it. */
async function shop(generations: number, mode: 'append' | 'overwrite' = 'overwrite') {
  const publish = { keep: { snapshots: 9, days: 0 } };
  const made = lake(ground, { a: [] }, undefined, { mode, publish });
  const runs: string[] = [];
  for (let at = 0; at < generations; at++) {
    made.source.tables.get('a')!.rows = numberedRows(10 + at, `generation ${at}`);
    runs.push(await made.runThrough());
  }
  const file = definitionFile(`name: ${made.sync}
source: { type: postgres, url: "postgres://h/d" }
tables: [{ name: a, mode: ${mode} }, b]
target: { url: s3://lake/${made.sync} }`);
  return {
    ...made,
    runs,
    async call(...args: string[]) {
      const cloud = { ...fakeCloud({}), ledger: ground.ledger, store: ground.store, keys: made.keys };
      const told = fakeSurroundings({ cloud });
      const exitCode = await main([...args, '--config', file], told.surroundings);
      return { exitCode, stdout: told.stdout, stderr: told.stderr };
    },
  };
}

describe('tidemark snapshots', () => {
  test('newest first, with an arrow at what readers see', async () => {
    const { call, runs } = await shop(2);
    const { exitCode, stdout } = await call('snapshots', 'a');
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n').filter((line) => runs.some((run) => line.includes(run)));
    expect(lines[0]).toMatch(new RegExp(`^→ +\\d+ .* ${runs[1]} +overwrite +11 `));
    expect(lines[1]).toMatch(new RegExp(`^ +\\d+ .* ${runs[0]} +overwrite +10 `));
    expect(stdout).toContain('rollback a <snapshot>');
  });

  test.each([
    ['b', 'table public.b of sync', 'has no snapshot yet'],
    ['orders', 'has no table "orders"', 'its tables: public.a, public.b'],
  ])('of %s: what is wrong, and what there is', async (table, ...words) => {
    const { call } = await shop(1);
    const { exitCode, stderr } = await call('snapshots', table);
    expect(exitCode).toBe(2);
    for (const word of words) expect(stderr.replaceAll(/\s+/g, ' ')).toContain(word);
  });
});

describe('tidemark rollback', () => {
  test('shows an older snapshot, and says what comes next', async () => {
    const { call, runs, read } = await shop(3);
    const { exitCode, stdout } = await call('rollback', 'a', runs[0]!);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^✓ public\\.a: readers see snapshot \\d+ of run ${runs[0]} now, 10 rows`),
    );
    expect(stdout).toContain('The next run that is published takes its place');
    expect(await read('a')).toHaveLength(10);
    expect((await call('status')).stdout).toContain(`${runs[0]} (rolled back)`);
    expect((await call('rollback', 'a', runs[0]!)).stdout).toContain('nothing was changed');
  });

  test('as JSON', async () => {
    const { call, runs } = await shop(2, 'append');
    const { stdout } = await call('rollback', 'public.a', runs[0]!, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ command: 'rollback', table: 'public.a', run: runs[0], rows: 10, version: 3, changed: true },
    });
  });
});

describe('tidemark tag', () => {
  test('names a snapshot, and takes the name away', async () => {
    const { call, runs } = await shop(2);
    expect((await call('tag', 'a', 'audit', '--snapshot', runs[0]!)).stdout).toMatch(
      /^✓ public\.a: snapshot \d+ is audit/,
    );
    expect((await call('snapshots', 'a')).stdout).toMatch(new RegExp(`${runs[0]} .* audit\\n`));
    expect((await call('rollback', 'a', 'audit')).stdout).toContain(`of run ${runs[0]}`);
    expect((await call('tag', 'a', 'audit', '--delete')).stdout).toContain('the tag audit is gone');
    const { exitCode, stderr } = await call('tag', 'a', 'audit', '--delete');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('has no tag "audit"')]);
  });

  test('a name and a snapshot, or a name to take away', async () => {
    const { call } = await shop(1);
    const { exitCode, stderr } = await call('tag', 'a', 'audit', '--delete', '--snapshot', '1');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('cannot be used with')]);
  });
});

test('status counts all rows of a table to which runs are added', async () => {
  const { call } = await shop(3, 'append');
  const { tables } = JSON.parse((await call('status', '--json')).stdout);
  expect(tables).toMatchObject([{ table: 'public.a', version: 3, rows: 33, rolledBack: false }]);
});
