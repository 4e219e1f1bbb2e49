/** Every kind of key, of tables of every size, copied, killed and resumed: every row once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../core/sources/source.ts';
import { type InMemory, startInMemory } from '../../support/in-memory.ts';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { seedOfThisRun } from '../../support/random.ts';
import { sweep, type ToldRow } from './key-sweep.ts';

/** columns of the key (made of i; an i may be beyond a thousand million), and the key itself; null: none */
const kinds: [string, string, string, string | null][] = [
  ['smallint', 'a smallint', 'i % 32767', 'a'],
  ['integer', 'a int', 'i - 500', 'a'],
  ['bigint', 'a bigint', 'i * 4000000000 - 10', 'a'],
  ['text, C', 'a text COLLATE "C"', 'md5(i::text)', 'a'],
  ['text, ICU', 'a text COLLATE german', `(array['ä', 'a', 'B', 'b', 'ß'])[i % 5 + 1] || i`, 'a'],
  ['text, blind to case and accents', 'a text COLLATE blind', `'Ab' || i`, 'a'],
  ['varchar with odd characters', 'a varchar(40)', `E'\\\\ "[,''' || chr((200 + i % 500)::int) || i`, 'a'],
  ['char', 'a char(20)', `'k' || i`, 'a'],
  ['bytea', 'a bytea', `decode(md5(i::text), 'hex')`, 'a'],
  ['uuid', 'a uuid', 'md5(i::text)::uuid', 'a'],
  ['numeric', 'a numeric', 'i / 7.0', 'a'],
  ['numeric(20,3)', 'a numeric(20,3)', 'i * 1000.125', 'a'],
  ['float', 'a float8', 'i / 7.0', 'a'],
  ['date', 'a date', `date '2000-01-01' + (i % 3000000)::int`, 'a'],
  ['timestamp', 'a timestamp', `timestamp '2000-01-01' + i * interval '1.000001 s'`, 'a'],
  ['timestamptz', 'a timestamptz', `timestamptz '2000-01-01' + i * interval '1 us'`, 'a'],
  ['time', 'a time', `time '00:00' + i * interval '1 us'`, 'a'],
  ['interval', 'a interval', `i * interval '1 us'`, 'a'],
  ['inet', 'a inet', `inet '::' + i`, 'a'],
  ['bits', 'a bit varying', `i::bit(40)`, 'a'],
  ['enum and integer', 'a mood, b bigint', `(array['sad', 'so, "so"'])[i % 2 + 1]::mood, i`, 'a, b'],
  ['few and many', 'a int, b bigint', 'i % 3, i', 'a, b'],
  ['many and few', 'a bigint, b int', 'i / 2, (i % 2)::int', 'a, b'],
  [
    'blind text and date',
    'a text COLLATE blind, b date',
    `(array['Ab', 'aB', 'c'])[i % 3 + 1], date '2000-01-01' + (i % 3000000)::int`,
    'a, b',
  ],
  [
    'three',
    'a uuid, b numeric, c timestamptz',
    `md5((i % 4)::text)::uuid, i % 10, timestamptz '2000-01-01' + i * interval '1 s'`,
    'a, b, c',
  ],
  ['none', 'a bigint', 'i', null],
];

const sizes: [string, string][] = [
  ['empty', 'SELECT i::bigint FROM generate_series(1, 0) i'],
  ['1 row', 'SELECT i::bigint FROM generate_series(1, 1) i'],
  ['1,000 rows', 'SELECT i::bigint FROM generate_series(1, 1000) i'],
  // nine tenths lie together, the rest at both ends, with gaps of millions between
  [
    'skewed',
    'SELECT CASE WHEN i <= 50 THEN i WHEN i <= 950 THEN 400000000 + i ELSE i::bigint * 1000003 END FROM generate_series(1, 1000) i',
  ],
];

let db: TestPostgres;
let source: Source;
let ground: InMemory;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
  ground = await startInMemory();
  await db.sql(`CREATE TYPE mood AS ENUM ('sad', 'so, "so"');
    CREATE COLLATION german (provider = icu, locale = 'de');
    CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`);
});
afterAll(async () => {
  await ground?.close();
  await source?.close();
  await db?.stop();
});

describe.each(kinds)('%s', (kind, columns, made, key) => {
  test.each(sizes)('%s', async (size, numbers) => {
    const name = `${kind}: ${size}`;
    const names = columns.split(', ').map((column) => column.split(' ')[0] as string);
    const told = names.map((column) => `r.${column}::text`).join(` || '|' || `);
    const primary = key === null ? '' : `, PRIMARY KEY (${key})`;
    await db.sql(`CREATE TEMP TABLE made (v bigint, ${columns}${primary});
      INSERT INTO made SELECT n.i, ${made} FROM (${numbers}) AS n (i) ON CONFLICT DO NOTHING;
      CREATE TABLE "${name}" (v bigint, told text, ${columns}${primary});
      INSERT INTO "${name}" SELECT v, ${told}, ${names.map((column) => `r.${column}`).join(', ')} FROM made r;
      DROP TABLE made; ANALYZE "${name}"`);
    const seed = seedOfThisRun();
    const { rows, chunks, parts, disturbed } = await sweep(
      ground,
      source,
      'postgres',
      `public."${name}"`,
      seed,
    );
    const oracle = (await db.sql(`SELECT v::text, told FROM "${name}"`)) as unknown as ToldRow[];
    const inOrder = (all: readonly ToldRow[]) => [...all].sort(([a], [b]) => Number(a) - Number(b));
    expect(inOrder(rows), `TIDEMARK_SEED=${seed}`).toEqual(inOrder(oracle));
    if (oracle.length > 900) {
      expect(parts).toBeGreaterThan(14);
      expect(chunks).toBeGreaterThan(2);
      expect(disturbed).toBeGreaterThan(2);
    }
  });
});
