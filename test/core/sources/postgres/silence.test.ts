/** A server whose connections are open and say nothing: failed over, or dropped by a NAT, without RST. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import { silenceWatch } from '../../../../core/sources/reading/silence.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { type TcpGate, tcpGate } from '../../../support/tcp-gate.ts';
import { limits, publicTable, readWhole } from './reading.ts';

const silenceMsMax = 500;
const rows = 400;
const whole = { after: null, upTo: String(rows) };
let db: TestPostgres;
let gate: TcpGate;
const opened: Source[] = [];

beforeAll(async () => {
  db = await testPostgres();
  gate = await tcpGate(db.server.port);
  await db.sql(`CREATE TABLE t (id int PRIMARY KEY, v text);
    INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, ${rows}) i`);
});
afterEach(async () => {
  gate.hold(false);
  await Promise.all(opened.splice(0).map((source) => source.close()));
});
afterAll(async () => {
  await gate.stop();
  await db.stop();
});

function behindGate(options: { silenceMsMax?: number } = {}): Source {
  const url = new URL(db.url);
  url.port = String(gate.port);
  const source = postgresSource({ url: url.href, ...options });
  opened.push(source);
  return source;
}

test('in the middle of a read: transient, within the limit; the rows before count', async () => {
  const source = behindGate({ silenceMsMax });
  const table = await source.describe(publicTable('t'));
  let lastKey: string | null = null;
  const reading = async (): Promise<void> => {
    for await (const batch of source.read(table, whole, { ...limits, statementRows: 20, batchRows: 20 })) {
      lastKey = batch.lastKey;
      gate.hold(true);
    }
  };
  await expect(reading()).rejects.toMatchObject({
    code: 'SourceUnavailable',
    message: 'public.t: nothing came for 0.5 s; the connection is taken for dead',
  });
  gate.hold(false);
  const rest = await readWhole(source, table, { after: lastKey, upTo: String(rows) });
  expect(rest.rows).toHaveLength(rows - Number(lastKey));
});

test('in the middle of a question, and the next one is asked on another connection', async () => {
  const source = behindGate({ silenceMsMax });
  const table = await source.describe(publicTable('t'));
  for (const ask of [
    () => source.describe(publicTable('t')),
    () => source.measure(table, 10),
    () => readWhole(source, table, whole),
  ]) {
    gate.hold(true);
    await expect(ask()).rejects.toMatchObject({
      code: 'SourceUnavailable',
      message: expect.stringContaining('nothing came for 0.5 s'),
    });
    gate.hold(false);
    expect(await source.describe(publicTable('t'))).toEqual(table);
  }
});

test('a server that works in silence for longer is not taken for dead, while it is asked to count', async () => {
  const source = behindGate({ silenceMsMax });
  await db.sql(`CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN PERFORM pg_sleep(0.5); RETURN true; END $$`);
  await db.sql('CREATE VIEW slow AS SELECT i FROM generate_series(1, 3) i WHERE slowly()');
  expect(await source.count(publicTable('slow'))).toBe(3);
});

test('one who is slow, but speaks, is heard', async () => {
  await db.sql(`CREATE TYPE drop AS (v int)`);
  await db.sql(`CREATE FUNCTION drop_text(v drop) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.2); RETURN repeat('s', 9000) || v.v; END $$`);
  await db.sql(`CREATE CAST (drop AS text) WITH FUNCTION drop_text(drop);
    CREATE TABLE drops (id int PRIMARY KEY, v drop); INSERT INTO drops SELECT i, ROW(i)::drop FROM generate_series(1, 8) i`);
  const source = behindGate({ silenceMsMax });
  const table = await source.describe(publicTable('drops'));
  // one statement of 1.6 s, more than three times the limit
  const read = await readWhole(source, table, { after: null, upTo: '8' }, { ...limits, statementMs: 60_000 });
  expect(read.rows).toHaveLength(8);
});

test('close does not wait for an answer that does not come', async () => {
  const source = behindGate();
  await source.identify();
  gate.hold(true);
  const asked = Promise.allSettled([source.describe(publicTable('t')), source.count(publicTable('t'))]);
  await source.close();
  for (const answer of await asked)
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'SourceUnavailable' } });
});

test('time in which this process stands still is not the server’s silence', async () => {
  let silent = 0;
  const watch = silenceWatch(200, () => silent++);
  const until = performance.now() + 400;
  while (performance.now() < until);
  // what came meanwhile is read after the timers
  await new Promise((done) => setImmediate(done));
  expect(silent).toBe(0);
  await new Promise((done) => setTimeout(done, 400));
  expect(silent).toBe(1);
  watch.stop();
});
