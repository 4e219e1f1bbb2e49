/** A read replica: it shows how far it is behind, and takes statements back that stand in the way of what it follows. */
import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { startPostgres } from '../../../../local/postgres.ts';
import { type ConnectedPostgres, connected, quickSettings } from '../../../support/postgres.ts';
import { limits, publicTable, readWhole } from './reading.ts';

let home: string;
let primary: ConnectedPostgres;
let replica: ConnectedPostgres;
let source: Source;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-test-replica-'));
  const first = await startPostgres({ folder: join(home, 'primary'), settings: quickSettings });
  await first.stop();
  // with its owner, as whom the server runs
  await promisify(execFile)('cp', ['-a', join(home, 'primary'), join(home, 'replica')]);
  const leading = await startPostgres({ folder: join(home, 'primary'), settings: quickSettings });
  primary = await connected(leading, leading.stop);
  const { port, password } = new URL(leading.url);
  const data = join(home, 'replica', 'data');
  await writeFile(join(data, 'standby.signal'), '');
  await appendFile(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=127.0.0.1 port=${port} user=postgres password=${password}'\n`,
  );
  const following = await startPostgres({
    folder: join(home, 'replica'),
    settings: { ...quickSettings, max_standby_streaming_delay: '0' },
  });
  replica = await connected(following, following.stop);
  source = postgresSource({ url: replica.url });
  await primary.sql(`CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE keyless (n int);
    INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i; INSERT INTO keyless VALUES (1)`);
  await caughtUp();
});
afterAll(async () => {
  await source?.close();
  await replica?.stop();
  await primary?.stop();
  await rm(home, { recursive: true, force: true });
});

async function caughtUp(): Promise<void> {
  const [[target] = []] = await primary.sql('SELECT pg_current_wal_insert_lsn()');
  for (;;) {
    const [[there] = []] = await replica.sql(`SELECT pg_last_wal_replay_lsn() >= '${target}'`);
    if (there === 'true' || there === 't') return;
    await sleep(20);
  }
}

test('says that it is one, and how far it is behind', async () => {
  expect((await source.identify()).description).toMatch(/, a replica 0 s behind$/);
  await replica.sql('SELECT pg_wal_replay_pause()');
  await primary.sql(`INSERT INTO t VALUES (5000, 'late')`);
  await expect
    .poll(async () => (await source.identify()).description)
    .toMatch(/, a replica (0\.[1-9]|[1-9][0-9.]*) s behind$/);
  await replica.sql('SELECT pg_wal_replay_resume()');
  await caughtUp();
});

test('is read like a server that leads', async () => {
  const table = await source.describe(publicTable('t'));
  const { rows } = await readWhole(source, table, { after: null, upTo: '5000' });
  expect(rows).toEqual(await primary.sql('SELECT t.id::text, t.v FROM t ORDER BY t.id'));
});

test('a statement that it takes back (a conflict with recovery) fails for a while only', async () => {
  const table = await source.describe(publicTable('t'), {
    where: 'pg_sleep(0.002) IS NOT NULL', // a statement of two thousand rows takes four seconds
  });
  const reading = readWhole(source, table, { after: null, upTo: '5000' }, { ...limits, statementMs: 10_000 });
  const failed = expect(reading).rejects.toMatchObject({
    code: 'SourceUnavailable',
    kind: 'transient',
    message: expect.stringContaining('conflict with recovery'),
  });
  await sleep(300);
  await primary.sql('DELETE FROM t WHERE id <= 1000');
  await primary.sql('VACUUM t');
  await failed;
  const again = await source.describe(publicTable('t'));
  const { rows } = await readWhole(source, again, { after: null, upTo: '5000' });
  expect(rows).toEqual(await primary.sql('SELECT t.id::text, t.v FROM t ORDER BY t.id'));
});

test('a table without a key is refused: nobody would notice that its rows move', async () => {
  await expect(source.describe(publicTable('keyless'))).rejects.toMatchObject({
    code: 'KeyMissing',
    message: expect.stringContaining('on a replica nobody would notice'),
  });
});
