/**
 * What the kind of a key costs: the same rows read by an integer key, by other keys and without one, from the source into
 * Parquet in memory; one chunk, no stores. All in one process, in rounds that go back and forth; medians count, as
 * ratios to the integer key in the same round. `last tenth` is the time of a table's last tenth over that of its first.
 *
 *     npm run bench:keys -- [--rows 2000000] [--rounds 5]
 *
 * To be run on an otherwise idle machine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { encodeParts } from '../core/copy/encode-parts.ts';
import { defaultCompression, parquetFormat } from '../core/formats/parquet/parquet.ts';
import { postgresSource } from '../core/sources/postgres/postgres.ts';
import type { Source, TableDescription } from '../core/sources/source.ts';
import { startPostgres } from '../local/postgres.ts';
import { median } from './measure.ts';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '2000000' }, rounds: { type: 'string', default: '5' } },
});
const rows = Number(values.rows);
const rounds = Number(values.rounds);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const payload = `md5(i::text) AS a, i * 7 AS b, date '2026-01-01' + i % 1000 AS c, (i % 100000) / 100.0 AS d`;
/** name → the table's first columns, made of i, and its key; null: none */
const tables: Readonly<Record<string, readonly [string, string | null]>> = {
  integer: ['i AS id, i % 40 AS tenant', 'id'],
  composite: ['i / 50000 AS tenant, i AS id', 'tenant, id'],
  text: [`lpad(i::text, 12, '0') AS id, i % 40 AS tenant`, 'id'],
  uuid: ['md5(i::text)::uuid AS id, i % 40 AS tenant', 'id'],
  keyless: ['i AS id, i % 40 AS tenant', null],
};

async function load(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  for (const [name, [columns, key]] of Object.entries(tables)) {
    say(`loading ${rows.toLocaleString('en')} rows of ${name} …`);
    await client.query(
      `CREATE TABLE "${name}" AS SELECT ${columns}, ${payload} FROM generate_series(1, ${rows}) i`,
    );
    if (key !== null) await client.query(`ALTER TABLE "${name}" ADD PRIMARY KEY (${key})`);
    await client.query(`VACUUM (ANALYZE, FREEZE) "${name}"`);
  }
  await client.end();
}

type Timed = { readonly ms: number; readonly lastToFirst: number };

const limits = {
  ...{ partRows: 1_000_000, partBytes: 64 * 2 ** 20, partSeconds: 60 },
  ...{ statementMs: 200, statementRows: 100_000, batchRows: 16_384 },
};
const format = await parquetFormat({ compression: defaultCompression() });

async function read(source: Source, description: TableDescription, upTo: string): Promise<Timed> {
  const began = performance.now();
  /** when each batch had come, and how many rows there were by then */
  const times: [number, number][] = [[0, 0]];
  let count = 0;
  const watched: Source = {
    ...source,
    async *read(...operands) {
      for await (const batch of source.read(...operands)) {
        count += batch.rows;
        yield batch;
        times.push([performance.now() - began, count]);
      }
    },
  };
  const range = { after: null, upTo };
  const parts = encodeParts(
    watched,
    description,
    [],
    range,
    limits,
    format,
    () => ({}),
    () => false,
    Date.now,
  );
  for await (const _ of parts);
  if (count !== rows) throw new Error(`${description.table}: ${count} of ${rows} rows`);
  const at = (share: number): number => times.find(([, seen]) => seen >= rows * share)![0];
  return { ms: performance.now() - began, lastToFirst: (at(1) - at(0.9)) / (at(0.1) - at(0)) };
}

const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
const postgres = await startPostgres({
  folder: join(folder, 'postgres'),
  settings: { max_wal_size: '4GB', shared_buffers: '2GB' },
});
try {
  await load(postgres.url);
  const source = postgresSource({ url: postgres.url });
  const described = await Promise.all(
    Object.keys(tables).map(async (table) => {
      const description = await source.describe({ schema: 'public', table });
      const { max } = await source.measure(description, 1_000);
      return { table, description, max: max as string, timed: [] as Timed[] };
    }),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const each of round % 2 === 1 ? described : [...described].reverse()) {
      const timed = await read(source, each.description, each.max);
      if (round > 0) each.timed.push(timed);
    }
    say(round === 0 ? 'warm' : `round ${round} of ${rounds}`);
  }
  await source.close();
  const [{ timed: integer }] = described as [(typeof described)[number]];
  say(`\n| ${rows.toLocaleString('en')} rows, key | of the integer key’s speed | rows/s | last tenth |`);
  say('|---|---:|---:|---:|');
  for (const { table, timed } of described) {
    const ratio = median(timed.map(({ ms }, round) => integer[round]!.ms / ms));
    const speed = median(timed.map(({ ms }) => (rows / ms) * 1000));
    const last = median(timed.map(({ lastToFirst }) => lastToFirst));
    say(
      `| ${table} | ${ratio.toFixed(2)} | ${Math.round(speed).toLocaleString('en')} | ${last.toFixed(2)} |`,
    );
  }
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
