/** What bad input gets: a clear word about it, the next step, an exit code, and nothing is started or half done. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runTidemark } from '../support/command-line.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-bad-input-'));
  postgres = await testPostgres();
  await postgres.sql('create table items (id integer primary key, note text)');
  await postgres.sql(`insert into items select i, 'note ' || i from generate_series(1, 100) i`);
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const worldOf = (name: string, source: object = { type: 'postgres', url: postgres.url }): SyncWorld =>
  syncWorld(folder, name, { source, tables: ['public.items'], retry: { kind: 'none' } });

async function expectPublished(world: SyncWorld): Promise<void> {
  const { exitCode, document, stdout } = await world.ask('run');
  expect(exitCode, stdout).toBe(0);
  expect(document).toMatchObject({ outcome: 'published' });
  const difference = await compareWithSource(postgres.url, 'items', world.files('public.items'));
  expect(difference).toEqual({ sourceRows: 100, lakeRows: 100, lost: 0, alien: 0 });
}

describe('the command line', () => {
  for (const { args, message } of [
    { args: ['rnu'], message: /unknown command 'rnu'; did you mean run/ },
    { args: ['redirve'], message: /unknown command 'redirve'; did you mean redrive/ },
    { args: ['frobnicate'], message: /unknown command 'frobnicate'/ },
    { args: ['run', '--frehs'], message: /unknown option '--frehs'; did you mean --fresh/ },
    { args: ['run', 'public.items'], message: /too many arguments/ },
    { args: ['runs', '--limit', 'few'], message: /'few'.*a whole number from 1 on/ },
    { args: ['show'], message: /missing required argument 'run'/ },
    { args: ['run', '--cloud', 'awss'], message: /'awss'.*[Aa]llowed.*local, aws/ },
    { args: ['run', '--cloud', 'aws', '--count'], message: /--count with --cloud aws: .*query engine/ },
    { args: ['sample', 'run', '--cloud', 'aws'], message: /sample with --cloud aws: .*cannot reach it/ },
  ]) {
    test(`tidemark ${args.join(' ')}: exit code 2`, async () => {
      const { exitCode, stdout, stderr } = await runTidemark(args);
      expect(exitCode).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^✗ UsageWrong: /);
      expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(message);
      expect(stderr).toMatch(/next: .*--help/);
    });
  }

  test('no command: the help, exit code 2', async () => {
    const { exitCode, stderr } = await runTidemark([]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/tidemark <command>/);
  });

  test('with --json an error is one document on stdout, with code, message and next step', async () => {
    for (const [args, code, exit] of [
      [['rnu', '--json'], 'UsageWrong', 2],
      [['run', '--json', '--config', join(folder, 'nowhere.yaml')], 'DefinitionMissing', 2],
      [['redrive', '--json', '--config', join(folder, 'nowhere.yaml')], 'DefinitionMissing', 2],
    ] as const) {
      const { exitCode, stdout } = await runTidemark(args);
      expect(exitCode).toBe(exit);
      const { error } = JSON.parse(stdout);
      expect(error).toEqual({ code, message: expect.any(String), next: expect.any(String) });
      expect(error.next.length).toBeGreaterThan(10);
    }
  });
});

describe('the definition', () => {
  test('a typo: exit code 2, with the line, the place and the nearest word; nothing is started', async () => {
    const world = worldOf('typo');
    for (const [changes, message] of [
      [
        { tabels: ['public.items'] },
        /typo\.yaml:\d+: tabels: unknown option "tabels"; did you mean tables\?/,
      ],
      [
        { retry: { kind: 'exponentail' } },
        /retry\.kind: "exponentail" stands there; allowed: exponential, fixed, none; did you mean exponential\?/,
      ],
      [
        { tables: [{ name: 'public.items', as_txt: ['note'] }] },
        /tables\[0\]\.as_txt: unknown option "as_txt"; did you mean as_text\?/,
      ],
      [{ part: { rows: 0 } }, /part\.rows: 0 stands there; allowed: 1 or more/],
      [{ part: { bytes: '64MB' } }, /part\.bytes: "64MB" stands there; allowed: .*64MiB/],
      [{ tables: [] }, /tables: .*at least 1/],
      [{ tables: ['public.items', 'items'] }, /tables\[1\]: "items" stands already at tables\[0\]/],
      [{ target: { url: 's3:/lake' } }, /target\.url: .*s3:\/\/bucket\/prefix/],
      [{ name: 'Sync One' }, /name: "Sync One" stands there; allowed: lower-case/],
      [{ source: { type: 'postgers', url: postgres.url } }, /source\.type: .*did you mean postgres\?/],
    ] as const) {
      world.define(changes);
      const { exitCode, document, stdout } = await world.ask('run');
      expect(exitCode).toBe(2);
      expect(document.error).toMatchObject({ code: 'DefinitionInvalid' });
      expect(document.error!.message).toMatch(message);
      expect(document.error!.next).toMatch(/Mend the definition/);
      expect(stdout).not.toContain(new URL(postgres.url).password);
      expect(existsSync(world.home)).toBe(false);
    }
    writeFileSync(world.config, 'name: typo\nsource: {type: postgres, url: x\ntables: [');
    const { exitCode, stderr } = await world.run('run');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/typo\.yaml:\d+:\d+: this is not YAML/);
    world.define({});
    await expectPublished(world);
  });

  test('a column under as_text or key that the table does not have', async () => {
    const world = worldOf('columns');
    for (const [table, code, message] of [
      [
        { name: 'public.items', as_text: ['nota'] },
        'DefinitionInvalid',
        /as_text of public\.items names nota; its columns are id, note/,
      ],
      [
        { name: 'public.items', key: 'ident' },
        'KeyMissing',
        /public\.items has no column ident; its columns are id, note/,
      ],
    ] as const) {
      world.define({ tables: [table] });
      const { exitCode, document } = await world.ask('run');
      expect(exitCode).toBe(1);
      expect(document.tables).toMatchObject([{ state: 'incomplete', problem: { code } }]);
      expect(document.error!.message).toMatch(message);
    }
    world.define({});
    await expectPublished(world);
  });

  test('an environment variable that is not set, or empty: exit code 2', async () => {
    const world = worldOf('environment', { type: 'postgres', url: '${SHOP_DATABASE_URL}' });
    const unset = await world.ask('run');
    expect(unset.exitCode).toBe(2);
    expect(unset.document.error).toMatchObject({
      code: 'EnvironmentMissing',
      message: expect.stringMatching(
        /environment\.yaml: source\.url: .*\$SHOP_DATABASE_URL, which is not set/,
      ),
      next: expect.stringContaining('Set the environment variable'),
    });
    expect(existsSync(world.home)).toBe(false);
    const empty = syncWorld(
      folder,
      'empty',
      { source: { type: 'postgres', url: '${SHOP}' }, tables: ['items'] },
      { SHOP: '' },
    );
    expect((await empty.ask('run')).document.error!.message).toMatch(/\$SHOP, which is empty/);
  });
});

describe('the home folder', () => {
  test('a file in its place: said, exit code 1, and the file is left as it is', async () => {
    const world = worldOf('file');
    writeFileSync(world.home, 'mine');
    for (const command of ['run', 'status', 'redrive']) {
      const { exitCode, document, stdout } = await world.ask(command);
      expect({ command, exitCode }, stdout).toEqual({ command, exitCode: 1 });
      expect(document.error).toMatchObject({
        code: 'CloudBroken',
        message: expect.stringContaining(world.home),
      });
    }
    expect(readFileSync(world.home, 'utf8')).toBe('mine');
    rmSync(world.home);
    await expectPublished(world);
  });

  test('a place that cannot be written', async () => {
    const world = worldOf('closed');
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    writeFileSync(join(folder, 'no-folder'), '');
    // root may write in any folder, but not below a file
    for (const home of [
      join(folder, 'no-folder', 'home'),
      ...(process.getuid?.() === 0 ? [] : [join(closed, 'home')]),
    ]) {
      const { exitCode, stdout } = await world.run('run', '--json', '--home', home);
      expect(exitCode, stdout).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'CloudBroken',
        message: expect.stringContaining(home),
      });
    }
  });

  test('what dead processes left in instance.json is no hindrance', async () => {
    const world = worldOf('stale');
    mkdirSync(world.home);
    const endpoints = { s3: 'http://127.0.0.1:1', dynamodb: 'http://127.0.0.1:1', sfn: 'http://127.0.0.1:1' };
    for (const left of [
      JSON.stringify({ pid: 2 ** 22 + 1, began: '1', sync: 'stale', endpoints }),
      // its id is another process's by now
      JSON.stringify({ pid: process.pid, began: '1', sync: 'stale', endpoints }),
      '{"pid": 12',
      '',
      'null',
      '{}',
    ]) {
      writeFileSync(join(world.home, 'instance.json'), left);
      const { exitCode, stdout, stderr } = await world.run('status');
      expect({ left, exitCode }, stdout + stderr).toEqual({ left, exitCode: 0 });
    }
    writeFileSync(
      join(world.home, 'instance.json'),
      JSON.stringify({ pid: process.pid, began: '1', sync: 'stale', endpoints }),
    );
    await expectPublished(world);
    expect(existsSync(join(world.home, 'instance.json'))).toBe(false);
  });
});

test('what there is not: a run, something to redrive', async () => {
  const world = worldOf('nothing');
  const redriven = await world.ask('redrive');
  expect(redriven.exitCode).toBe(0);
  expect(redriven.document).toMatchObject({ outcome: 'nothing-to-do', run: null });
  for (const words of [
    ['show', '20200101T000000Z-0000'],
    ['redrive', '20200101T000000Z-0000'],
  ]) {
    const { exitCode, document } = await world.ask(...words);
    expect(exitCode).toBe(2);
    expect(document.error).toMatchObject({
      code: 'RunUnknown',
      message: expect.stringContaining('sync nothing has no run 20200101T000000Z-0000'),
      next: expect.stringContaining('tidemark runs'),
    });
  }
});
