/** The sample database of the first screen: an embedded PostgreSQL with real data in it. */
import { join } from 'node:path';
import pg from 'pg';
import { TidemarkError } from '../core/errors.ts';
import { startPostgres } from './postgres.ts';
import { copyIn } from './sample/copy-in.ts';
import { openSampleData, type SampleData } from './sample/rows.ts';
import { type SampleTable, sampleTables } from './sample/tables.ts';

/** Gets lines for people: what is done, and how long it took. */
type Log = (line: string) => void;

export type Sample = {
  readonly url: string;
  /** in the schema public */
  readonly tables: readonly string[];
  stop(): Promise<void>;
};

/** The server writes its tables straight to their files, without the log in between, and rarely has to pause. */
const settings = {
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '2GB',
  maintenance_work_mem: '256MB',
  shared_buffers: '256MB',
};

/**
 * Starts the embedded PostgreSQL under `<home>/sample` and loads the sample into it if it is not there.
 *
 * @throws CloudBusy, CloudBroken
 */
export async function startSample(options: { home: string; log: Log }): Promise<Sample> {
  const postgres = await startPostgres({ folder: join(options.home, 'sample'), settings });
  try {
    const { tables } = await loadSample({ url: postgres.url, log: options.log });
    return { url: postgres.url, tables, stop: postgres.stop };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Stands as a comment on the first table, once everything is loaded; another number means loading anew. */
const marker = 'Tidemark sample 1';

/**
 * Loads the sample's tables into the schema public, unless they are there. All of it is one transaction: killed
 * at any moment, it leaves nothing. Tables of these names that are no sample of ours are not touched.
 *
 * @throws CloudBroken when a table of that name is not ours, or the database refuses
 */
export async function loadSample(options: {
  url: string;
  log: Log;
}): Promise<{ tables: readonly string[]; loaded: boolean }> {
  const tables = sampleTables.map(({ name }) => name);
  const client = new pg.Client({ connectionString: options.url, application_name: 'tidemark sample' });
  // a connection that breaks between two statements fails the next one
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('BEGIN');
    const state = await stateOf(client);
    if (state === 'missing') await loadAll(client, options.log);
    await client.query('COMMIT');
    return { tables, loaded: state === 'missing' };
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause;
    const message = `The sample database cannot be loaded: ${(cause as Error).message}`;
    throw new TidemarkError('CloudBroken', message, { cause });
  } finally {
    await client.end().catch(() => {});
  }
}

async function stateOf(client: pg.Client): Promise<'loaded' | 'missing'> {
  // two that load at the same time: the second waits, then finds it loaded
  await client.query('SELECT pg_advisory_xact_lock(7433625)');
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT relname AS name, obj_description(oid, 'pg_class') AS comment
     FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)`,
    [sampleTables.map(({ name }) => name)],
  );
  const foreign = rows.filter(({ comment }) => !comment?.startsWith('Tidemark sample'));
  if (foreign.length > 0) {
    const names = foreign.map(({ name }) => `public.${name}`).join(', ');
    throw new TidemarkError('CloudBroken', `The sample would overwrite ${names}, which it has not made.`);
  }
  const whole = rows.length === sampleTables.length && rows.every(({ comment }) => comment === marker);
  return whole ? 'loaded' : 'missing';
}

async function loadAll(client: pg.Client, log: Log): Promise<void> {
  const begun = performance.now();
  log('loading the sample database, once: 3 million flights and three smaller tables');
  const data = await openSampleData();
  try {
    for (const table of sampleTables) await loadTable(client, data, table, log);
  } finally {
    data.close();
  }
  log(`the sample database is loaded (${seconds(begun)})`);
}

async function loadTable(client: pg.Client, data: SampleData, table: SampleTable, log: Log): Promise<void> {
  const { name, key } = table;
  const begun = performance.now();
  await client.query(`DROP TABLE IF EXISTS public.${name}`);
  await client.query(`CREATE TABLE public.${name} (${table.columns})`);
  // FREEZE: readers need not write hint bits, so the first run is as fast as every other
  const rows = await copyIn(client, `COPY public.${name} FROM STDIN (FORMAT csv, FREEZE)`, data.rows(table));
  await client.query(`ALTER TABLE public.${name} ADD PRIMARY KEY (${key})`);
  if (table.columns.includes('AS IDENTITY')) {
    await client.query(`ALTER TABLE public.${name} ALTER ${key} RESTART WITH ${rows + 1}`);
  }
  await client.query(`COMMENT ON TABLE public.${name} IS '${marker}'`);
  await client.query(`ANALYZE public.${name}`);
  log(`public.${name}: ${rows.toLocaleString('en')} rows (${seconds(begun)})`);
}

const seconds = (begun: number): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
