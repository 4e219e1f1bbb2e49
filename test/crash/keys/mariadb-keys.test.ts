/** Every kind of key of a MariaDB, of tables of every size, copied, killed and resumed: every row once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mysqlSource } from '../../../core/sources/mysql/mysql.ts';
import type { Source } from '../../../core/sources/source.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../support/mariadb.ts';
import { seedOfThisRun } from '../../support/random.ts';
import { sweep, type ToldRow } from './key-sweep.ts';

/** columns of the key (made of i; an i may be beyond a thousand million), and the key itself; null: none */
const kinds: [string, string, string, string | null][] = [
  ['tinyint unsigned', 'a TINYINT UNSIGNED', 'i MOD 256', 'a'],
  ['int', 'a INT', 'i - 500', 'a'],
  ['bigint', 'a BIGINT', 'i * 4000000000 - 10', 'a'],
  ['bigint unsigned', 'a BIGINT UNSIGNED', '18446744073709551615 - CAST(i AS UNSIGNED) * 4000000000', 'a'],
  [
    'varchar, blind to case and accents',
    'a VARCHAR(40) COLLATE utf8mb4_unicode_ci',
    `CONCAT(ELT(i MOD 5 + 1, 'ä', 'A', 'B', 'b', 'ß'), i)`,
    'a',
  ],
  ['varchar, binary', 'a VARCHAR(40) COLLATE utf8mb4_bin', 'MD5(i)', 'a'],
  [
    'varchar, Swedish, in latin1',
    'a VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci',
    `CONCAT(ELT(i MOD 4 + 1, 'å', 'z', 'Ö', 'o'), i)`,
    'a',
  ],
  [
    'varchar without padding',
    'a VARCHAR(40) COLLATE utf8mb4_nopad_bin',
    `CONCAT('k', i, REPEAT(' ', i MOD 3))`,
    'a',
  ],
  [
    'varchar with odd characters',
    'a VARCHAR(80)',
    `CONCAT('\\\\\\\\ "[,''%_', CHAR(0x4E00 + i MOD 500 USING ucs2), i)`,
    'a',
  ],
  ['char', 'a CHAR(20)', `CONCAT('k', i)`, 'a'],
  ['binary', 'a BINARY(16)', 'UNHEX(MD5(i))', 'a'],
  ['varbinary', 'a VARBINARY(20)', `CONCAT(UNHEX(HEX(i)), X'00')`, 'a'],
  ['uuid as text', 'a CHAR(36) CHARACTER SET ascii', `CAST(UUID() AS CHAR)`, 'a'],
  ['uuid', 'a UUID', `UUID()`, 'a'],
  ['decimal', 'a DECIMAL(30,6)', 'i * 1000.125', 'a'],
  ['float', 'a FLOAT', 'i / 7', 'a'],
  ['double', 'a DOUBLE', 'i / 7', 'a'],
  ['date', 'a DATE', `DATE '2000-01-01' + INTERVAL (i MOD 2900000) DAY`, 'a'],
  ['datetime(6)', 'a DATETIME(6)', `TIMESTAMP '2000-01-01 00:00:00' + INTERVAL i * 1.000001 SECOND`, 'a'],
  [
    'timestamp(6)',
    'a TIMESTAMP(6) NULL',
    `TIMESTAMP '2000-01-02 00:00:00' + INTERVAL (i MOD 1000000) * 1.000001 SECOND`,
    'a',
  ],
  ['time(6)', 'a TIME(6)', `SEC_TO_TIME(i MOD 80000 + 0.000001 * (i MOD 7))`, 'a'],
  ['few and many', 'a INT, b BIGINT', 'i MOD 3, i', 'a, b'],
  ['many and few', 'a BIGINT, b INT', 'i DIV 2, i MOD 2', 'a, b'],
  [
    'blind text and date',
    'a VARCHAR(9), b DATE',
    `ELT(i MOD 3 + 1, 'Ab', 'c', 'é'), DATE '2000-01-01' + INTERVAL (i MOD 2900000) DAY`,
    'a, b',
  ],
  [
    'three',
    'a BINARY(16), b DECIMAL(9,2), c DATETIME',
    `UNHEX(MD5(i MOD 4)), i MOD 10, TIMESTAMP '2000-01-01 00:00:00' + INTERVAL i SECOND`,
    'a, b, c',
  ],
  ['none', 'a BIGINT', 'i', null],
];

const sizes: [string, string][] = [
  ['empty', 'SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_1 WHERE false'],
  ['1 row', 'SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_1'],
  ['1,000 rows', 'SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_1000'],
  // nine tenths lie together, the rest at both ends, with gaps of millions between
  [
    'skewed',
    'SELECT CAST(CASE WHEN seq <= 50 THEN seq WHEN seq <= 950 THEN 400000000 + seq ELSE seq * 1000003 END AS SIGNED) AS i FROM seq_1_to_1000',
  ],
];

describe.skipIf(noMariadb)('keys of MariaDB', () => {
  let db: TestMariadb;
  let source: Source;
  let ground: InMemory;

  beforeAll(async () => {
    db = await testMariadb();
    source = mysqlSource({ url: db.url });
    ground = await startInMemory();
  });
  afterAll(async () => {
    await ground?.close();
    await source?.close();
    await db?.stop();
  });

  describe.each(kinds.map((kind, number) => [number, ...kind] as const))(
    '%i: %s',
    (number, _, columns, made, key) => {
      test.each(sizes)('%s', async (size, numbers) => {
        const name = `t${number} ${size}`;
        const names = columns.split(/, (?=[abc] )/).map((column) => column.split(' ')[0] as string);
        const told = `CONCAT_WS('|', ${names.map((column) => `IF(${column} IS NULL, '', CONVERT(${column} USING utf8mb4))`).join(', ')})`;
        const isBytes = /BINARY/.test(columns);
        const toldAs = isBytes
          ? `CONCAT_WS('|', ${names.map((column) => `HEX(${column})`).join(', ')})`
          : told;
        const primary = key === null ? '' : `, PRIMARY KEY (${key})`;
        await db.sql(`CREATE TABLE \`${name}\` (v BIGINT NOT NULL, ${columns.replaceAll(' NULL', '')}, told TEXT${primary});
INSERT IGNORE INTO \`${name}\` (v, ${names.join(', ')}) SELECT n.i, ${made} FROM (${numbers}) AS n;
UPDATE \`${name}\` SET told = ${toldAs};
ANALYZE TABLE \`${name}\``);
        const seed = seedOfThisRun();
        const table = `${db.database}."${name}"`;
        const { rows, chunks, parts, disturbed } = await sweep(ground, source, 'mysql', table, seed);
        const oracle = (await db.sql(
          `SELECT CAST(v AS CHAR), told FROM \`${name}\``,
        )) as unknown as ToldRow[];
        const inOrder = (all: readonly ToldRow[]) => [...all].sort(([a], [b]) => Number(a) - Number(b));
        expect(inOrder(rows), `TIDEMARK_SEED=${seed}`).toEqual(inOrder(oracle));
        if (oracle.length > 900 && key !== null) {
          expect(parts).toBeGreaterThan(14);
          expect(chunks).toBeGreaterThan(2);
          expect(disturbed).toBeGreaterThan(2);
        }
      });
    },
  );
});
