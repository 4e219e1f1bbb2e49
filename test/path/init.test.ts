/** From a live database to a definition, and from that to a run: nothing is written by hand. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Ended, runTidemark } from '../support/command-line.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../support/mariadb.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-init-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function tidemark(name: string, url: string, ...words: string[]): Promise<Ended> {
  const config = join(folder, `${name}.yaml`);
  const home = join(folder, `${name}-home`);
  return runTidemark([...words, '--config', config, '--home', home], { DATABASE_URL: url });
}

const written = (name: string) => readFile(join(folder, `${name}.yaml`), 'utf8');

describe('of PostgreSQL', () => {
  let db: TestPostgres;
  let url: string;
  beforeAll(async () => {
    db = await testPostgres();
    await db.sql(`CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT i, i FROM generate_series(1, 300) i; ANALYZE orders;
      CREATE TABLE lines (order_id int, n int, PRIMARY KEY (order_id, n)); INSERT INTO lines VALUES (1, 1);
      CREATE TABLE log (line text); CREATE VIEW recent AS SELECT * FROM orders;
      CREATE SCHEMA sales; CREATE TABLE sales."Odd: #name" (id uuid PRIMARY KEY);
      CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY HASH (id);
      CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
      CREATE TABLE denied (id int PRIMARY KEY); CREATE TABLE "*" (id int PRIMARY KEY);
      CREATE TABLE "a\${HOME}b" (id int PRIMARY KEY); CREATE TABLE nothing_in ();
      CREATE ROLE me LOGIN PASSWORD 'geheim'; GRANT USAGE ON SCHEMA sales TO me;
      GRANT SELECT ON "*", "a\${HOME}b", nothing_in, orders, lines, log, recent, parted, sales."Odd: #name" TO me`);
    url = db.urlFor({ user: 'me', password: 'geheim' });
  });
  afterAll(() => db?.stop());

  test('what it writes: tables with their sizes and keys, the rest with its reason, and no password', async () => {
    const made = await tidemark('pg', url, 'init');
    expect(made.exitCode, made.stdout + made.stderr).toBe(0);
    expect(made.stdout).toMatch(
      /pg\.yaml: 6 tables of PostgreSQL 17.*; 4 more, commented out, with the reason/,
    );
    const text = await written('pg');
    expect(text).not.toContain('geheim');
    expect(text.split('\n').slice(2)).toEqual([
      'name: postgres',
      'source: { type: postgres, url: "${DATABASE_URL}" }',
      'tables:',
      expect.stringMatching(/^ {2}- public\."\*" # .*; key id integer; 1 column$/),
      '  # - public.a${HOME}b',
      '  #   its name holds ${, where a definition asks the environment: it cannot be named',
      '  # - public.denied',
      '  #   TableDenied: public.denied: no SELECT right on id',
      '  - public.lines # size unknown until ANALYZE; key order_id integer, n integer; 2 columns',
      expect.stringMatching(/^ {2}- public\.log # .*; key none: by place; 1 column$/),
      expect.stringMatching(/^ {4}# has no key: it is read by where its rows lie/),
      '  # - public.nothing_in',
      '  #   it has no columns',
      expect.stringMatching(/^ {2}- public\.orders # about 300 rows, .*kB; key id integer; 2 columns$/),
      expect.stringMatching(/^ {2}- public\.parted # .*; key id integer; 1 column$/),
      '  # - { name: public.recent, key: [...] }',
      '  #   a view: name columns that are unique together, as its key',
      expect.stringMatching(/^ {2}- "?sales\.Odd: #name"? # .*; key id uuid; 1 column$/),
      'target: { url: s3://lake/postgres } # your bucket',
      '',
    ]);
  });

  test('check and run take it as it stands', async () => {
    const checked = await tidemark('pg', url, 'check');
    expect(checked.exitCode, checked.stdout).toBe(0);
    expect(checked.stdout).toContain(
      'its account may do more than read these tables: it may read the tables public.a${HOME}b, public.nothing_in, public.recent, which the definition does not name',
    );
    const run = await tidemark('pg', url, 'run', '--json');
    expect(run.exitCode, run.stdout + run.stderr).toBe(0);
    expect(JSON.parse(run.stdout).tables).toMatchObject([
      { table: 'public.*', rows: 0 },
      { table: 'public.lines', rows: 1 },
      { table: 'public.log', rows: 0 },
      { table: 'public.orders', rows: 300 },
      { table: 'public.parted', rows: 0 },
      { table: 'sales.Odd: #name', rows: 0 },
    ]);
  });

  test('check of an account that may do more says what, and how to make one that may not', async () => {
    const checked = await tidemark('pg', db.url, 'check');
    expect(checked.exitCode, checked.stdout).toBe(0);
    expect(checked.stdout).toMatch(
      /! database: its account may do more than read these tables: it is a superuser/,
    );
    expect(checked.stdout).toContain(
      '    GRANT SELECT ("order_id", "n") ON "public"."lines" TO "postgres_reader";',
    );
    expect(checked.stdout).toContain('CONNECTION LIMIT 5;');
  });

  test('a file that is there stays; an address on the command line; none at all', async () => {
    await writeFile(join(folder, 'mine.yaml'), 'name: mine\n');
    const there = await tidemark('mine', url, 'init');
    expect(there).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/mine\.yaml is there already, and is not overwritten/),
    });
    expect(await written('mine')).toBe('name: mine\n');
    const given = await tidemark('given', '', 'init', url);
    expect(given.exitCode, given.stderr).toBe(0);
    expect(given.stdout).toContain("The address is not in it: export DATABASE_URL='…'");
    expect(await written('given')).not.toContain('geheim');
    const none = await tidemark('none', '', 'init');
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/neither an address on the command line, nor \$DATABASE_URL/),
    });
    const wrong = await tidemark('wrong', '', 'init', 'http://db/shop');
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toMatch(/the address begins as none that is known[\s\S]*Allowed: postgres:\/\//);
  });
});

describe.skipIf(noMariadb)('of MariaDB', () => {
  let db: TestMariadb;
  beforeAll(async () => {
    db = await testMariadb();
    await db.sql(`CREATE TABLE orders (id BIGINT UNSIGNED PRIMARY KEY, v TEXT);
      INSERT INTO orders SELECT seq, seq FROM seq_1_to_300;
      CREATE TABLE \`lines\` (order_id INT, n INT, PRIMARY KEY (order_id, n));
      INSERT INTO \`lines\` VALUES (1, 1);
      CREATE TABLE log (line TEXT);
      CREATE VIEW recent AS SELECT * FROM orders`);
  });
  afterAll(() => db?.stop());

  test('written, checked, run', async () => {
    const made = await tidemark('my', db.url, 'init');
    expect(made.exitCode, made.stdout + made.stderr).toBe(0);
    const text = await written('my');
    const { database } = db;
    expect(text).toMatch(
      new RegExp(`- ${database}\\.lines # .*; key order_id int\\(11\\), n int\\(11\\); 2 columns`),
    );
    expect(text).toMatch(new RegExp(`- ${database}\\.log # .*; key none: in one piece; 1 column`));
    expect(text).toMatch(
      new RegExp(`- ${database}\\.orders # about .* rows, .*; key id bigint\\(20\\) unsigned; 2 columns`),
    );
    expect(text).toMatch(new RegExp(`# - \\{ name: ${database}\\.recent, key`));
    const checked = await tidemark('my', db.url, 'check');
    expect(checked.exitCode, checked.stdout).toBe(0);
    expect(checked.stdout).toMatch(
      /its account may do more than read these tables: it may do this in every database: /,
    );
    const run = await tidemark('my', db.url, 'run', '--json');
    expect(run.exitCode, run.stdout + run.stderr).toBe(0);
    expect(JSON.parse(run.stdout).tables.map(({ rows }: { rows: number }) => rows)).toEqual([1, 0, 300]);
  });
});
