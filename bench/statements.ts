/**
 * How long our statements keep the server busy, by its own log: a whole run at the default settings over lineitem-like
 * rows and over documents (8 kB of text each, every hundredth 1 MB).
 *
 *     npm run bench:statements -- [rows = 3000000] [documents = 20000]
 *
 * To be run on an otherwise idle machine: what others take from the server counts in.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../local/postgres.ts';
import { runTidemark } from '../test/support/command-line.ts';
import { createLineitem } from './lineitem.ts';

const [rows = 3_000_000, documents = 20_000] = process.argv.slice(2).map(Number);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function createDocuments(url: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create table documents (id uuid primary key, body text not null)');
  await client.query(
    `insert into documents
     select md5(i::text)::uuid, (select string_agg(md5(random()::text), '') from generate_series(1, case when i % 100 = 0 then 32768 else 256 end))
     from generate_series(1, $1::int) i`,
    [count],
  );
  await client.query('vacuum (analyze) documents');
  await client.end();
}

/** The durations in ms of all statements of ours that the log tells of. */
function durationsIn(log: string): number[] {
  return [...log.matchAll(/app=tidemark.*duration: ([\d.]+) ms/g)].map((match) => Number(match[1]));
}

const folder = await mkdtemp(join(tmpdir(), 'tidemark-statements-'));
const postgres = await startPostgres({
  folder: join(folder, 'postgres'),
  settings: { log_min_duration_statement: '0', log_line_prefix: 'app=%a ', max_wal_size: '4GB' },
});
try {
  say(`loading ${rows.toLocaleString('en')} lineitem rows and ${documents.toLocaleString('en')} documents …`);
  await createLineitem(postgres.url, rows);
  await createDocuments(postgres.url, documents);
  const config = join(folder, 'tidemark.yaml');
  await writeFile(
    config,
    'name: bench\nsource: { type: postgres, url: "${DATABASE_URL}" }\ntables: [public.lineitem, public.documents]\ntarget: { url: "s3://lake/bench" }\n',
  );
  const { exitCode, stderr } = await runTidemark(
    ['run', '--config', config, '--home', join(folder, 'home')],
    {
      DATABASE_URL: postgres.url,
    },
  );
  if (exitCode !== 0) throw new Error(stderr);
  const durations = durationsIn(await readFile(postgres.logFile, 'utf8')).sort((a, b) => a - b);
  const at = (share: number): string =>
    `${durations[Math.floor(share * (durations.length - 1))]!.toFixed(0)} ms`;
  say('');
  say('| statements | median | 99 % | longest |');
  say('|---|---|---|---|');
  say(`| ${durations.length.toLocaleString('en')} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |`);
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
