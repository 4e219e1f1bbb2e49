import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import type { Source, TableDescription } from '../../../../core/sources/source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';
import { tcpGate } from '../../../support/tcp-gate.ts';
import { limits, readWhole, valuesOf } from './reading.ts';

const last = 30_000;
const whole = { after: null, upTo: String(last) };

describe.skipIf(noMariadb)('interruptions', () => {
  let db: TestMariadb;
  let source: Source;
  let table: TableDescription;

  beforeAll(async () => {
    db = await testMariadb();
    // sessions of the source are told apart by their user
    await db.sql(`CREATE USER reader@'%' IDENTIFIED BY 'word';
      GRANT SELECT ON ${db.database}.* TO reader@'%'`);
    source = mysqlSource({ url: db.urlFor({ user: 'reader', password: 'word' }) });
    await db.sql(`CREATE TABLE digits (i int PRIMARY KEY);
      INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
      CREATE TABLE t (id int PRIMARY KEY, v text);
      INSERT INTO t SELECT n, REPEAT('x', n MOD 100) FROM (
        SELECT 1 + a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i AS n FROM digits a, digits b, digits c, digits d, digits e
      ) AS all_of_them WHERE n <= ${last}`);
    table = await source.describe(named('t'));
  });
  afterAll(async () => {
    await source?.close();
    await db?.sql(`DROP USER reader@'%'`).catch(() => {});
    await db?.stop();
  });

  const named = (name: string) => ({ schema: db.database, table: name });
  const ids = (batch: { columns: readonly unknown[]; rows: number }): number[] =>
    valuesOf({ kind: 'int', bits: 32 }, batch.columns[0] as never, batch.rows).map(Number);
  const sessions = async (): Promise<(string | null)[][]> =>
    db.sql(`SELECT CAST(id AS CHAR), command FROM information_schema.processlist WHERE user = 'reader'`);

  test('the session is read only, in UTC, and holds nothing between statements', async () => {
    for await (const _ of source.read(table, whole, { ...limits, statementRows: 100, batchRows: 100 })) {
      const [row] = await db.sql(`SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.innodb_trx trx
        JOIN information_schema.processlist p ON p.id = trx.trx_mysql_thread_id WHERE p.user = 'reader' AND p.command = 'Sleep'`);
      expect(row).toEqual(['0']);
      break;
    }
    const settings = "@@tx_read_only = 1 AND @@time_zone = '+00:00' AND @@character_set_results = 'utf8mb4'";
    const readOnly = db.family === 'MariaDB' ? settings : settings.replace('tx_', 'transaction_');
    const seen = await source.describe(named('t'), { where: readOnly });
    expect((await readWhole(source, seen, { after: null, upTo: '9' })).rows).toHaveLength(9);
  });

  test('a connection that is killed in the middle: transient; reading on gives the rest', async () => {
    const seen: number[] = [];
    let lastKey = '';
    const reading = async (): Promise<void> => {
      for await (const batch of source.read(table, whole, {
        ...limits,
        statementRows: 500,
        batchRows: 1000,
      })) {
        seen.push(...ids(batch));
        lastKey = batch.lastKey;
        if (seen.length === 3000) for (const [id] of await sessions()) await db.sql(`KILL ${id}`);
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'SourceUnavailable', kind: 'transient' });
    expect(seen.at(-1)).toBe(Number(lastKey));
    expect(seen.length).toBeLessThan(last);
    const rest = await readWhole(source, table, { after: lastKey, upTo: String(last) });
    const all = [...seen, ...rest.rows.map(([id]) => Number(id))];
    expect(all).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  });

  test('cut off after any number of bytes: rows so far count, once, and the rest can be read', async () => {
    const gate = await tcpGate(db.port);
    const through = mysqlSource({
      url: db.urlFor({
        user: 'reader',
        password: 'word',
        port: gate.port,
        parameters: { 'ssl-mode': 'DISABLED' },
      }),
    });
    for (let round = 0; round < 15; round++) {
      gate.lead(db.port);
      const seen: number[] = [];
      let lastKey: string | null = null;
      const batchesUntilCut = round;
      const reading = async (): Promise<void> => {
        let batches = 0;
        for await (const batch of through.read(table, whole, {
          ...limits,
          statementRows: 700 + 13 * round,
          batchRows: 400,
        })) {
          seen.push(...ids(batch));
          lastKey = batch.lastKey;
          if (batches++ === batchesUntilCut) gate.lead(null);
        }
      };
      await expect(reading()).rejects.toMatchObject({ code: 'SourceUnavailable' });
      const rest = await readWhole(source, table, { after: lastKey, upTo: String(last) });
      expect(seen.length + rest.rows.length).toBe(last);
      expect(rest.rows[0]?.[0]).toBe(String(seen.length + 1));
    }
    await through.close();
    await gate.stop();
  });

  test('cut off at any byte of what the server says, from its first: an error that passes, or all rows', async () => {
    /** what the server may still say through the gate */
    let left = 0;
    const gate = createServer((near) => {
      const far = connect(db.port, '127.0.0.1');
      const end = (): void => {
        near.destroy();
        far.destroy();
      };
      near
        .on('data', (data) => far.write(data))
        .on('error', end)
        .on('close', end);
      far.on('error', end).on('close', end);
      far.on('data', (data) => {
        near.write(data.subarray(0, left));
        left -= data.length;
        if (left <= 0) near.end();
      });
    });
    await new Promise<void>((done) => gate.listen(0, '127.0.0.1', done));
    const { port } = gate.address() as AddressInfo;
    const url = db.urlFor({ user: 'reader', password: 'word', port, parameters: { 'ssl-mode': 'DISABLED' } });
    const range = { after: null, upTo: '200' };
    const each = { ...limits, statementRows: 60, batchRows: 25 };
    let whole = 0;
    const places = Array.from({ length: 150 }, (_, i) => 1 + i * 17).concat([
      4_000, 8_000, 16_000, 24_000, 1e6,
    ]);
    for (const bytes of places) {
      left = bytes;
      const through = mysqlSource({ url });
      const seen: number[] = [];
      try {
        for await (const batch of through.read(table, range, each)) seen.push(...ids(batch));
        whole++;
        expect(seen).toHaveLength(200);
      } catch (error) {
        expect([bytes, error]).toMatchObject([bytes, { code: 'SourceUnavailable', kind: 'transient' }]);
      }
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
      await through.close();
    }
    expect(whole).toBeGreaterThan(0);
    expect(whole).toBeLessThan(places.length / 2);
    await new Promise((done) => gate.close(done));
  }, 60_000);

  test('a server that says nothing any more: taken for dead', async () => {
    const gate = await tcpGate(db.port);
    const through = mysqlSource({
      url: db.urlFor({
        user: 'reader',
        password: 'word',
        port: gate.port,
        parameters: { 'ssl-mode': 'DISABLED' },
      }),
      silenceMsMax: 500,
    });
    const reading = async (): Promise<void> => {
      for await (const _ of through.read(table, whole, { ...limits, statementRows: 100, batchRows: 100 }))
        gate.hold(true);
    };
    await expect(reading()).rejects.toMatchObject({
      code: 'SourceUnavailable',
      message: expect.stringContaining('nothing came for 0.5 s'),
    });
    gate.hold(false);
    await through.describe(named('t'));
    gate.hold(true);
    await expect(through.describe(named('t'))).rejects.toMatchObject({ code: 'SourceUnavailable' });
    await through.close();
    await gate.stop();
  });

  test('who stops early can read again; nothing is left running', async () => {
    for (let i = 0; i < 3; i++) {
      let rows = 0;
      for await (const batch of source.read(table, whole, { ...limits, batchRows: 10 })) {
        rows += batch.rows;
        if (rows >= 50) break;
      }
      expect(rows).toBe(50);
    }
    expect((await readWhole(source, table, whole)).rows.length).toBe(last);
    await sleep(200);
    expect((await sessions()).length).toBeLessThanOrEqual(1);
  });

  test('reads may overlap, also with questions to the catalog', async () => {
    const results = await Promise.all([
      readWhole(source, table, whole),
      source.describe(named('t')),
      readWhole(source, table, { after: '10', upTo: '20' }),
      source.count(named('t')),
      source.count(named('t'), 'id MOD 2 = 0 # half of them'),
    ]);
    expect(results[0].rows.length).toBe(last);
    expect(results[1]).toEqual(table);
    expect(results[2].rows.length).toBe(10);
    expect(results.slice(3)).toEqual([last, last / 2]);
  });

  test('a consumer that is slow does not make statements wait, nor memory grow without bound', async () => {
    await db.sql(`CREATE TABLE fat (id int PRIMARY KEY, v longtext);
      INSERT INTO fat SELECT id, REPEAT(CHAR(65 + id MOD 26), 1000000) FROM t WHERE id <= 150;
      CREATE TABLE fat_keyless (id int, v longtext);
      INSERT INTO fat_keyless SELECT * FROM fat`);
    for (const [name, upTo] of [
      ['fat', '150'],
      ['fat_keyless', ''],
    ] as const) {
      const fat = await source.describe(named(name));
      const seen: number[] = [];
      let held = 0;
      for await (const batch of source.read(fat, { after: null, upTo }, limits)) {
        seen.push(...ids(batch));
        await sleep(20);
        held = Math.max(held, process.memoryUsage().arrayBuffers);
      }
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
      expect(held).toBeLessThan(250_000_000);
    }
  }, 60_000);

  test('a statement that takes too long: SourceTimeout', async () => {
    const hasty = mysqlSource({
      url: db.urlFor({ user: 'reader', password: 'word' }),
      statementTimeoutMs: 300,
    });
    const slow = await hasty.describe(named('t'), { where: 'SLEEP(0.05) = 0' });
    await expect(readWhole(hasty, slow, whole)).rejects.toMatchObject({
      code: 'SourceTimeout',
      message: expect.stringMatching(/error (1969|3024)/),
    });
    expect((await readWhole(hasty, table, { after: null, upTo: '5' })).rows.length).toBe(5);
    await hasty.close();
  });

  test('a lock on the table that stays: SourceTimeout', async () => {
    const hasty = mysqlSource({
      url: db.urlFor({ user: 'reader', password: 'word' }),
      statementTimeoutMs: 1000,
    });
    await db.sql('LOCK TABLES t WRITE');
    await expect(readWhole(hasty, table, whole)).rejects.toMatchObject({ code: 'SourceTimeout' });
    await db.sql('UNLOCK TABLES');
    await hasty.close();
  });

  describe('a table that changes', () => {
    const changes: [string, string][] = [
      ['a column of another type', 'ALTER TABLE c MODIFY v bigint NOT NULL'],
      ['a column renamed', 'ALTER TABLE c RENAME COLUMN v TO w'],
      ['a column dropped', 'ALTER TABLE c DROP v'],
      ['a column added', 'ALTER TABLE c ADD w int'],
      ['made anew', 'DROP TABLE c;\nCREATE TABLE c (id int PRIMARY KEY, v int NOT NULL)'],
      ['swapped', 'CREATE TABLE c2 LIKE c;\nRENAME TABLE c TO c1, c2 TO c;\nDROP TABLE c1'],
    ];
    const makeAnew = () =>
      db.sql(`DROP TABLE IF EXISTS c;
        CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL);
        INSERT INTO c SELECT id, id FROM t WHERE id <= 2000`);

    test.each(changes)('%s between plan and read', async (_, sql) => {
      await makeAnew();
      const planned = await source.describe(named('c'));
      await sleep(1100); // the server's times of making are in seconds
      await db.sql(sql);
      await expect(readWhole(source, planned, { after: null, upTo: '9' })).rejects.toMatchObject({
        code: 'TableChanged',
        message: expect.stringContaining('another table'),
      });
    });

    test.each([
      ['ALTER TABLE c MODIFY v float NOT NULL', 'TableChanged'],
      ['ALTER TABLE c MODIFY v int unsigned NOT NULL', 'TableChanged'],
      ['ALTER TABLE c DROP v', 'TableChanged'],
      ['DROP TABLE c', 'TableMissing'],
    ])('%s between two statements', async (sql, code) => {
      await makeAnew();
      const planned = await source.describe(named('c'));
      await sleep(1100);
      let changed = false;
      const reading = async (): Promise<void> => {
        const each = { ...limits, statementRows: 20, batchRows: 20 };
        for await (const _ of source.read(planned, { after: null, upTo: '2000' }, each)) {
          if (!changed) await db.sql(sql);
          changed = true;
        }
      };
      await expect(reading()).rejects.toMatchObject({ code });
    });

    test('another form of a column, within the second in which the table was made', async () => {
      // as if the server's time of making had not moved: what the answer says of its columns is held against the plan
      await makeAnew();
      const planned = await source.describe(named('c'));
      await db.sql(`ALTER TABLE c MODIFY v bigint NOT NULL`);
      const now = await source.describe(named('c'));
      const disguised = { ...planned, identity: now.identity };
      await expect(readWhole(source, disguised, { after: null, upTo: '9' })).rejects.toMatchObject({
        code: 'TableChanged',
        message: expect.stringMatching(
          /column v was int\(11\), is now bigint\(20\)|column v was int, is now bigint/,
        ),
      });
    });
  });

  test('a key that is none: a view’s, by the word of the definition', async () => {
    await db.sql(`CREATE TABLE doubled (id int NOT NULL, v int);
      INSERT INTO doubled VALUES (1, 1), (2, 1), (2, 2), (3, 1);
      CREATE VIEW twice AS SELECT id, v FROM doubled`);
    const twice = await source.describe(named('twice'), { key: ['id'] });
    expect(twice.notes.join()).toContain('that id is unique is the definition’s word');
    await expect(readWhole(source, twice, { after: null, upTo: '9' })).rejects.toMatchObject({
      code: 'KeyViolated',
      message: `${db.database}.twice: the key column id has the same value twice`,
    });
    // the same where one statement ends with the first of the two: the next one would begin behind both
    const apart = { ...limits, statementRows: 2 };
    await expect(readWhole(source, twice, { after: null, upTo: '9' }, apart)).rejects.toMatchObject({
      code: 'KeyViolated',
    });
    await db.sql('INSERT INTO doubled VALUES (NULL, 5)').catch(() => {});
    await db.sql('ALTER TABLE doubled MODIFY id int NULL;\nINSERT INTO doubled VALUES (NULL, 5)');
    await expect(
      source.measure(await source.describe(named('twice'), { key: ['id'] }), 10),
    ).rejects.toMatchObject({
      code: 'KeyViolated',
      message: expect.stringContaining('a row has NULL in its key (id)'),
    });
  });

  test('a server that is not there', async () => {
    const far = mysqlSource({ url: 'mysql://u:secret-word@127.0.0.1:1/db' });
    const error = await far.identify().catch((failure) => failure);
    expect(error).toMatchObject({
      code: 'SourceUnavailable',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain(
      'secret-word',
    );
    await far.close();
  });
});
