/** Behind a pooler in transaction mode: all clients share one process of the server, and what the others have set there. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../../../support/pgbouncer.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { copyTable, limits, publicTable, readWhole } from './reading.ts';

if (!hasPgBouncer()) {
  if (process.env.CI === 'true') throw new Error('PgBouncer is not installed, and this is CI');
  console.warn('SKIPPED: PgBouncer is not installed; run test/support/install-servers.sh');
}

describe.skipIf(!hasPgBouncer())('PgBouncer in transaction mode', () => {
  let db: TestPostgres;
  let pooler: PgBouncer;
  let url: string;
  const opened: Source[] = [];
  const pooled = (): Source => {
    const source = postgresSource({ url });
    opened.push(source);
    return source;
  };

  beforeAll(async () => {
    db = await testPostgres();
    pooler = await startPgBouncer(db.url);
    const through = new URL(db.url);
    through.port = String(pooler.port);
    url = through.href;
    await db.sql(`CREATE TABLE t (at timestamptz PRIMARY KEY, f float8, b bytea, i interval, d date);
      INSERT INTO t SELECT timestamptz '2026-01-01' + n * interval '1.000001 s', n / 7.0::float8,
        decode(md5(n::text), 'hex'), n * interval '3 days 1.5 s', date '2026-01-01' + n FROM generate_series(1, 3000) n`);
  });
  afterAll(async () => {
    for (const source of opened) await source.close();
    await pooler?.stop();
    await db?.stop();
  });

  test('what another client has set on the shared connection changes nothing', async () => {
    const wishes = { asText: ['at', 'f', 'b', 'i', 'd'] };
    const direct = postgresSource({ url: db.url });
    const expected = await copyTable(direct, 't', wishes);
    await direct.close();
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query(`SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET extra_float_digits = -5;
      SET bytea_output = 'escape'; SET intervalstyle = 'iso_8601'; SET search_path = 'pg_catalog';
      SET default_transaction_read_only = off; SET enable_indexscan = off; SET statement_timeout = 300`);
    expect((await other.query('SHOW timezone')).rows).toEqual([{ TimeZone: 'Asia/Tokyo' }]);
    const { table, rows } = await copyTable(pooled(), 't', wishes);
    expect(rows).toEqual(expected.rows);
    expect(table).toEqual(expected.table);
    // and nothing of ours stays there
    await other.query('SET statement_timeout = 0');
    const shown = await other.query('SHOW bytea_output');
    expect(shown.rows).toEqual([{ bytea_output: 'escape' }]);
    await other.query('CREATE TABLE public.written (n int)');
    await other.query('RESET ALL');
    await other.end();
  });

  test('several readers at once take turns, statement by statement', async () => {
    const expected = await db.sql(`SELECT t.at::text FROM t ORDER BY t.at`);
    const small = { ...limits, statementRows: 50 };
    const readers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const source = pooled();
        const table = await source.describe(publicTable('t'), { asText: ['at'] });
        const { max } = await source.measure(table, 50);
        return readWhole(source, table, { after: null, upTo: max as string }, small);
      }),
    );
    for (const { rows } of readers) expect(rows.map(([at]) => [at])).toEqual(expected);
  });

  test('a statement that fails leaves no transaction behind', async () => {
    const source = pooled();
    await expect(source.describe(publicTable('nowhere'))).rejects.toMatchObject({ code: 'TableMissing' });
    await expect(source.describe(publicTable('t'), { where: 'no_such_column = 1' })).rejects.toMatchObject({
      code: 'DefinitionInvalid',
    });
    expect(await source.count(publicTable('t'))).toBe(3000);
    const [[waiting] = []] = await db.sql(
      `SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'`,
    );
    expect(waiting).toBe('0');
  });
});
