import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';
import { copyIn } from '../../local/sample/copy-in.ts';
import { checkSamplePackages } from '../../local/sample/rows.ts';
import { loadSample, startSample } from '../../local/sample.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const dataFolder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');

let home: string;
let postgres: RunningPostgres;
let client: pg.Client;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-sample-'));
  postgres = await startPostgres({ folder: join(home, 'sample') });
  client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await postgres?.stop();
  await rm(home, { recursive: true, force: true });
});

const one = async (query: string): Promise<Record<string, unknown>> => (await client.query(query)).rows[0];

const tablesThere = async (): Promise<unknown> =>
  (await one(`SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'public'::regnamespace`)).n;

/** The same query answered by DuckDB from the data file. */
async function fromFile(query: string): Promise<Record<string, unknown>> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const [row] = (await connection.runAndReadAll(query)).getRowObjectsJson();
    return row ?? {};
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test('packages that are not installed are named, as they are to be installed', () => {
  expect(() => checkSamplePackages()).not.toThrow();
  const { devDependencies } = createRequire(import.meta.url)('../../package.json');
  const find = (name: string) => {
    throw new Error(`Cannot find module '${name}'\nRequire stack:`);
  };
  expect(() => checkSamplePackages(find)).toThrow(
    expect.objectContaining({
      code: 'CloudBroken',
      message: expect.stringMatching(
        /vega-datasets and @duckdb\/node-api: Cannot find module 'vega-datasets'$/,
      ),
      next: expect.stringContaining(
        `npm i vega-datasets@${devDependencies['vega-datasets']} @duckdb/node-api@${devDependencies['@duckdb/node-api']}`,
      ),
    }),
  );
});

test('a load that is killed in the middle leaves nothing', async () => {
  const program = `
    import { loadSample } from ${JSON.stringify(join(project, 'local/sample.ts'))};
    await loadSample({ url: process.argv[1], log: () => {} });`;
  const loader = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program, postgres.url],
    { cwd: project, stdio: 'inherit' },
  );
  const exited = once(loader, 'exit');
  const copied = async () =>
    Number((await one('SELECT max(tuples_processed) AS n FROM pg_stat_progress_copy')).n ?? 0);
  while ((await copied()) < 100_000 && loader.exitCode === null) await sleep(20);
  loader.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
  expect(await tablesThere()).toBe(0);
});

test('every flight is there, in the order of the file, and the load happens once', async () => {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  // two at once: one of them loads
  const both = await Promise.all([1, 2].map(() => loadSample({ url: postgres.url, log })));
  const tables = ['flights', 'earthquakes', 'movies', 'birdstrikes'];
  expect(both.map((each) => each.tables)).toEqual([tables, tables]);
  expect(both.map(({ loaded }) => loaded).sort()).toEqual([false, true]);
  expect(lines.filter((line) => line.startsWith('public.flights: 3,000,000 rows'))).toHaveLength(1);

  // weighted by the key, so that a value in another row would be seen
  const sums = (id: string, epoch: string) => `
    SELECT count(*)::varchar AS rows, min(${id})::varchar AS first, max(${id})::varchar AS last,
      sum(${id} * delay)::varchar AS delays, sum(${id} * distance)::varchar AS distances,
      sum(${id} * ${epoch})::varchar AS dates,
      sum(${id} * (ascii(origin) + 100 * ascii(substr(origin, 2, 1)) + ascii(substr(origin, 3, 1))))::varchar AS origins,
      sum(${id} * (ascii(destination) + 100 * ascii(substr(destination, 2, 1)) + length(destination)))::varchar AS destinations`;
  const loaded = await one(`${sums('id', 'extract(epoch FROM date)::bigint')} FROM flights`);
  const file = `read_parquet('${join(dataFolder, 'flights-3m.parquet')}', file_row_number = true)`;
  expect(loaded).toEqual(
    await fromFile(
      `${sums('id', 'epoch(date)::bigint')} FROM (SELECT file_row_number + 1 AS id, * FROM ${file})`,
    ),
  );
  expect(loaded.rows).toBe('3000000');
}, 120_000);

test('the smaller tables have text, JSON, NULLs, numbers and times, as in their files', async () => {
  expect(await one(`SELECT * FROM earthquakes WHERE id = 'ci37868143'`)).toMatchObject({
    magnitude: '2.00',
    place: '4km W of Castaic, CA',
    time: new Date(1517966773840),
    updated: new Date(1517966996303),
    felt_reports: null,
    tsunami: false,
    longitude: -118.6671667,
    depth_km: 26.49,
    properties: expect.objectContaining({ mag: 2, felt: null, ids: ',ci37868143,' }),
  });
  expect(
    await one(`SELECT count(*)::int AS rows, count(felt_reports)::int AS felt,
      count(*) FILTER (WHERE magnitude IS DISTINCT FROM (properties->>'mag')::numeric)::int AS differ FROM earthquakes`),
  ).toEqual({ rows: 1707, felt: 127, differ: 0 });
  expect(
    await one(`SELECT count(*)::int AS rows, count(title)::int AS titles, count(director)::int AS directors,
      count(*) FILTER (WHERE title LIKE '"%')::int AS quoted, max(title) FILTER (WHERE id = 1) AS first,
      sum(us_gross)::varchar AS gross, to_char(min(release_date), 'YYYY-MM-DD') AS earliest FROM movies`),
  ).toEqual(
    await fromFile(`SELECT count(*)::int AS rows, count(Title)::int AS titles, count(Director)::int AS directors,
      0 AS quoted, 'The Land Girls' AS first, sum("US Gross")::varchar AS gross, '1928-12-31' AS earliest
      FROM read_json('${join(dataFolder, 'movies.json')}')`),
  );
  expect(
    await one(`SELECT count(*)::int AS rows, count("Speed IAS in knots")::int AS speeds,
      sum("Cost Total $")::varchar AS cost, count(DISTINCT "Wildlife Species")::int AS species FROM birdstrikes`),
  ).toEqual(
    await fromFile(`SELECT count(*)::int AS rows, count("Speed IAS in knots")::int AS speeds,
      sum("Cost Total $")::varchar AS cost, count(DISTINCT "Wildlife Species")::int AS species
      FROM read_csv('${join(dataFolder, 'birdstrikes.csv')}')`),
  );
});

test('the tables have keys that new rows can follow, and statistics', async () => {
  for (const table of ['flights', 'movies', 'birdstrikes']) {
    const next = await one(`SELECT max(id) + 1 AS n FROM ${table}`);
    const columns = table === 'flights' ? `(date, delay, distance, origin, destination)` : '';
    const values = table === 'flights' ? `VALUES (now(), 1, 1, 'AAA', 'BBB')` : 'DEFAULT VALUES';
    await client.query('BEGIN');
    expect((await one(`INSERT INTO ${table} ${columns} ${values} RETURNING id AS n`)).n).toEqual(next.n);
    await client.query('ROLLBACK');
  }
  const known = await client.query(
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples > 1000`,
  );
  expect(known.rows).toHaveLength(4);
});

test('a table of the same name that is not the sample’s is left alone', async () => {
  await client.query('CREATE DATABASE mine');
  const url = postgres.url.replace(/postgres$/, 'mine');
  const mine = new pg.Client({ connectionString: url });
  await mine.connect();
  try {
    await mine.query('CREATE TABLE movies (id int)');
    await expect(loadSample({ url, log: () => {} })).rejects.toMatchObject({
      name: 'CloudBroken',
      message: expect.stringContaining('public.movies'),
    });
    expect(
      (await mine.query(`SELECT to_regclass('movies') AS movies, to_regclass('flights') AS flights`)).rows,
    ).toEqual([{ movies: 'movies', flights: null }]);
  } finally {
    await mine.end();
  }
});

test('a copy that the server refuses, or whose data fails, is an error; the connection goes on', async () => {
  await client.query('CREATE TEMPORARY TABLE numbers (n int)');
  async function* pieces(...texts: (string | Error)[]) {
    for (const text of texts) {
      if (text instanceof Error) throw text;
      yield Buffer.from(text);
    }
  }
  const copy = 'COPY numbers FROM STDIN (FORMAT csv)';
  await expect(copyIn(client, copy, pieces('1\n', 'x\n'))).rejects.toThrow('invalid input syntax');
  await expect(copyIn(client, copy, pieces('1\n', new Error('no more')))).rejects.toThrow('no more');
  await expect(copyIn(client, 'COPY nothing FROM STDIN', pieces('1\n'))).rejects.toThrow('does not exist');
  expect(await copyIn(client, copy, pieces('1\n2', '2\n'))).toBe(2);
  expect(await one('SELECT sum(n)::int AS sum FROM numbers')).toEqual({ sum: 23 });
});

test('a start finds the sample that is there', async () => {
  await client.end();
  await postgres.stop();
  const lines: string[] = [];
  const sample = await startSample({ home, log: (line) => lines.push(line) });
  try {
    expect(lines).toEqual([]);
    const again = new pg.Client({ connectionString: sample.url });
    await again.connect();
    expect((await again.query('SELECT count(*)::int AS n FROM flights')).rows).toEqual([{ n: 3_000_000 }]);
    await again.end();
  } finally {
    await sample.stop();
  }
  await expect(new pg.Client({ connectionString: sample.url }).connect()).rejects.toThrow();
});
