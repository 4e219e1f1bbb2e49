import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Source } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { copyTable, publicTable, readWhole } from './reading.ts';

let db: TestPostgres;
let source: Source;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
});
afterAll(async () => {
  await source.close();
  await db.stop();
});

test('who and where, without the password', async () => {
  const { description, identity } = await source.identify();
  const { hostname, port, password } = new URL(db.url);
  expect(description).toMatch(/^PostgreSQL 17\.\d+ /);
  expect(description).toContain(`at ${hostname}:${port}/postgres, as postgres, without TLS`);
  expect(description).not.toContain(password);
  const [[system, oid] = []] =
    await db.sql(`SELECT system_identifier, d.oid FROM pg_control_system(), pg_database d
    WHERE datname = 'postgres'`);
  expect(identity).toBe(`postgres/${system}/${oid}`);
});

describe('columns', () => {
  test('keep their ids when others are dropped; domains, NOT NULL and generated columns', async () => {
    await db.sql(`CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN "Net Price" AS price NOT NULL;
      CREATE TABLE cols (gone int, id int PRIMARY KEY, p price, n "Net Price", also_gone int,
        twice numeric(12,2) GENERATED ALWAYS AS (p * 2) STORED, free numeric, whole bigint NOT NULL DEFAULT 1);
      ALTER TABLE cols DROP gone; ALTER TABLE cols DROP also_gone;
      INSERT INTO cols VALUES (1, 1.5, 2.25), (2, NULL, 3)`);
    const { table, rows } = await copyTable(source, 'cols');
    expect(
      table.columns.map(({ id, name, nullable, sourceType }) => [id, name, nullable, sourceType]),
    ).toEqual([
      [2, 'id', false, 'integer'],
      [3, 'p', true, 'public.price'],
      [4, 'n', true, 'public."Net Price"'],
      [6, 'twice', true, 'numeric(12,2)'],
      [7, 'free', true, 'numeric'],
      [8, 'whole', false, 'bigint'],
    ]);
    expect(table.columns[2]?.type).toEqual({ kind: 'decimal', precision: 10, scale: 2 });
    expect(table.notes).toEqual([expect.stringMatching(/^column free is copied as text: numeric without/)]);
    expect(Object.keys(table.columns[0] as object).sort()).toEqual(
      ['id', 'name', 'nullable', 'sourceType', 'transfer', 'type'].sort(),
    );
    expect(rows).toEqual(await db.sql('SELECT * FROM cols ORDER BY id'));
  });

  test('of any name', async () => {
    const names = [
      'select',
      'Mixed Case',
      'quo"te',
      "apos'trophe",
      'ünïcödé 😀',
      'semi;colon--',
      'a.b',
      '%s',
      '\\x',
    ];
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    await db.sql(`CREATE SCHEMA "Odd ""Schema"""; CREATE TABLE "Odd ""Schema"""."or'der; by" (
      ${quoted.map((name) => `${name} text`).join(', ')}, "the KEY" text PRIMARY KEY)`);
    await db.sql(
      `INSERT INTO "Odd ""Schema"""."or'der; by" VALUES (${names.map((_, i) => `'${i}'`).join(', ')}, 'k1'), (${names.map(() => 'NULL').join(', ')}, 'k2')`,
    );
    const table = await source.describe(
      { schema: 'Odd "Schema"', table: "or'der; by" },
      { asText: ['quo"te'] },
    );
    expect(table.columns.map(({ name }) => name)).toEqual([...names, 'the KEY']);
    const { rows } = await readWhole(source, table, { after: null, upTo: 'k9' });
    expect(rows).toEqual([
      [...names.map((_, i) => String(i)), 'k1'],
      [...names.map(() => null), 'k2'],
    ]);
    expect(await source.count({ schema: 'Odd "Schema"', table: "or'der; by" })).toBe(2);
  });

  test('as_text names a column that is not there', async () => {
    await expect(source.describe(publicTable('cols'), { asText: ['idd'] })).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringMatching(/as_text of public\.cols names idd; its columns are id, p/),
    });
  });
});

describe('keys', () => {
  beforeAll(() =>
    db.sql(`
    CREATE TABLE two (a int, b int, u text UNIQUE, n text UNIQUE NOT NULL, PRIMARY KEY (a, b));
    CREATE TABLE none (a int NOT NULL, x text UNIQUE, part text NOT NULL, expr text NOT NULL, bare int NOT NULL,
      later int NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED, pattern text NOT NULL, other text NOT NULL,
      padded char(3) NOT NULL UNIQUE, f float NOT NULL UNIQUE, ok uuid NOT NULL UNIQUE, included int NOT NULL,
      up int NOT NULL, down int NOT NULL, costs money NOT NULL UNIQUE);
    CREATE UNIQUE INDEX ON none (up, down DESC);
    CREATE UNIQUE INDEX ON none (part) WHERE a > 0;
    CREATE UNIQUE INDEX ON none (lower(expr));
    CREATE UNIQUE INDEX ON none (pattern text_pattern_ops);
    CREATE UNIQUE INDEX ON none (other COLLATE "C");
    CREATE UNIQUE INDEX ON none (included) INCLUDE (a);
    CREATE UNIQUE INDEX ON none (a, bare)`),
  );
  const refused: [string, string[], string, RegExp][] = [
    [
      'two',
      ['a'],
      'KeyUnsupported',
      /column a is not unique by itself: index two_pkey is on 2 columns \(a, b\)/,
    ],
    ['two', ['u'], 'KeyUnsupported', /column u may be NULL/],
    ['two', ['z'], 'KeyMissing', /has no column z; its columns are a, b, u, n/],
    [
      'two',
      ['a', 'n'],
      'KeyUnsupported',
      /columns a, n are not unique together: index two_pkey is on 2 columns \(a, b\); index two_n_key is on 1 column \(n\)/,
    ],
    ['none', ['x'], 'KeyUnsupported', /may be NULL/],
    ['none', ['part'], 'KeyUnsupported', /covers only a part of the rows/],
    ['none', ['expr'], 'KeyUnsupported', /column expr is not unique by itself/],
    ['none', ['pattern'], 'KeyUnsupported', /another operator class or collation/],
    ['none', ['other'], 'KeyUnsupported', /another operator class or collation/],
    ['none', ['up', 'down'], 'KeyUnsupported', /orders some columns upwards and some downwards/],
    ['none', ['costs'], 'KeyUnsupported', /of type money, which cannot be a key/],
    ['none', ['bare'], 'KeyUnsupported', /is on 2 columns/],
  ];
  test.each(refused)('%s by %s: %s %s', async (table, key, code, message) => {
    await expect(source.describe(publicTable(table), { key })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  const namesOf = async (table: string, key: string[] | null): Promise<string[]> => {
    const described = (await source.describe(publicTable(table), { key })).key;
    return described.by === 'columns' ? described.columns.map(({ column }) => column) : [described.by];
  };

  test.each(['ok', 'later', 'included', 'padded', 'f'])('none by %s', async (key) => {
    expect(await namesOf('none', [key])).toEqual([key]);
  });

  test('several columns are in the order of their index, however they are named', async () => {
    expect(await namesOf('two', null)).toEqual(['a', 'b']);
    expect(await namesOf('two', ['b', 'a'])).toEqual(['a', 'b']);
    expect(await namesOf('none', ['bare', 'a'])).toEqual(['a', 'bare']);
  });

  test('without a primary key, a unique index whose columns are NOT NULL: few columns, and no text, first', async () => {
    expect(await namesOf('none', null)).toEqual(['included']);
    await db.sql(
      `CREATE TABLE either (x int UNIQUE, a text NOT NULL UNIQUE, c int NOT NULL, b int NOT NULL, UNIQUE (b, c))`,
    );
    expect(await namesOf('either', null)).toEqual(['a']);
    await db.sql('ALTER TABLE either DROP a');
    expect(await namesOf('either', null)).toEqual(['b', 'c']);
    await db.sql('ALTER TABLE either ALTER b DROP NOT NULL');
    const table = await source.describe(publicTable('either'));
    expect(table.key).toMatchObject({ by: 'place' });
    expect(table.notes).toEqual([
      expect.stringMatching(
        /has no key: it is read by where its rows lie.*; b and c, or x would do as a key, if NOT NULL/,
      ),
    ]);
  });

  test('a primary key that cannot be one gives way', async () => {
    await db.sql('CREATE TABLE paid (amount money PRIMARY KEY, id int NOT NULL UNIQUE)');
    expect(await namesOf('paid', null)).toEqual(['id']);
  });

  test('an index whose building failed is none', async () => {
    await db.sql('CREATE TABLE invalid (a int NOT NULL); INSERT INTO invalid VALUES (1), (1)');
    await db.sql('CREATE UNIQUE INDEX CONCURRENTLY broken ON invalid (a)').catch(() => {});
    await expect(source.describe(publicTable('invalid'), { key: ['a'] })).rejects.toMatchObject({
      code: 'KeyUnsupported',
      message: expect.stringContaining('index broken is not valid'),
    });
  });
});

describe('tables', () => {
  test('missing, with the nearest name', async () => {
    await db.sql('CREATE TABLE orders (id int PRIMARY KEY)');
    await expect(source.describe(publicTable('ordres'))).rejects.toMatchObject({
      code: 'TableMissing',
      message: 'There is no table public.ordres in the database; there is public.orders',
    });
    await expect(source.describe({ schema: 'sales', table: 'orders' })).rejects.toMatchObject({
      message: expect.stringContaining('there is public.orders'),
    });
    await db.sql('CREATE SCHEMA "odd.one"; CREATE TABLE "odd.one"."Price List" (id int PRIMARY KEY)');
    await expect(source.describe({ schema: 'odd.on', table: 'Prise List' })).rejects.toMatchObject({
      message: 'There is no table "odd.on".Prise List in the database; there is "odd.one".Price List',
    });
    await expect(source.describe(publicTable('something'))).rejects.toMatchObject({
      message: 'There is no table public.something in the database',
    });
    await expect(source.count(publicTable('something'))).rejects.toMatchObject({ code: 'TableMissing' });
  });

  test('a sequence is no table', async () => {
    await db.sql('CREATE SEQUENCE a_seq');
    await expect(source.describe(publicTable('a_seq'))).rejects.toMatchObject({
      code: 'TableUnsupported',
      message: expect.stringContaining('public.a_seq is a sequence'),
    });
  });

  test('the rows of inheritance children are their own', async () => {
    await db.sql(`CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
      INSERT INTO parent VALUES (1), (3); INSERT INTO child VALUES (1), (2)`);
    const { rows, table } = await copyTable(source, 'parent');
    expect(rows).toEqual([['1'], ['3']]);
    expect(table.notes).toEqual([expect.stringContaining('1 inheritance children')]);
    expect(await source.count(publicTable('parent'))).toBe(2);
  });

  test('partitioned ones whole, in key order', async () => {
    await db.sql(`CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
      CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO parted SELECT i, i FROM generate_series(1, 2000) i`);
    const { rows, table } = await copyTable(source, 'parted');
    expect(rows).toEqual(await db.sql('SELECT * FROM parted ORDER BY id'));
    const { rows: estimate, bytes } = await source.measure(table, 100);
    expect(estimate).toBe(2000);
    expect(bytes).toBeGreaterThan(2000 * 30);
    expect(await source.count(publicTable('parted'))).toBe(2000);
  });

  test('empty, one row, and the estimate of many', async () => {
    await db.sql(`CREATE TABLE empty (id int PRIMARY KEY); CREATE TABLE single (id int PRIMARY KEY);
      INSERT INTO single VALUES (7); CREATE TABLE many (id int PRIMARY KEY, v text);
      INSERT INTO many SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i; ANALYZE many`);
    const measured = async (name: string) => source.measure(await source.describe(publicTable(name)), 500);
    expect(await measured('empty')).toEqual({ rows: 0, bytes: 0, min: null, max: null, sample: [] });
    expect(await measured('single')).toMatchObject({ rows: 1, min: '7', max: '7', sample: [] });
    const many = await measured('many');
    expect(many).toMatchObject({ min: '1', max: '60000' });
    expect(Math.abs(many.rows - 60_000)).toBeLessThan(25_000);
    expect(many.sample.length).toBeGreaterThan(200);
    expect(many.sample.length).toBeLessThan(1_500);
    expect(many.sample.map(Number)).toEqual(many.sample.map(Number).sort((a, b) => a - b));
  });
});

describe('rights', () => {
  let poor: Source;
  beforeAll(async () => {
    await db.sql(`CREATE ROLE poor LOGIN PASSWORD 'p@ss/word'; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
      CREATE TABLE denied (id int PRIMARY KEY); CREATE TABLE partly (id int PRIMARY KEY, open int, secret int);
      GRANT SELECT (id, open) ON partly TO poor; CREATE TABLE guarded (id int PRIMARY KEY); GRANT SELECT ON guarded TO poor;
      ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (id > 1);
      CREATE SCHEMA closed; CREATE TABLE closed.t (id int PRIMARY KEY); GRANT SELECT ON closed.t TO poor;
      CREATE TABLE granted (id int PRIMARY KEY); INSERT INTO granted VALUES (1); GRANT SELECT ON granted TO poor`);
    poor = postgresSource({ url: db.urlFor({ user: 'poor', password: 'p@ss/word' }) });
  });
  afterAll(() => poor.close());

  const refused: [{ schema: string; table: string }, string, string][] = [
    [publicTable('denied'), 'TableDenied', 'no SELECT right on id'],
    [publicTable('partly'), 'TableDenied', 'no SELECT right on secret'],
    [publicTable('guarded'), 'TableDenied', 'row-level security'],
    [{ schema: 'closed', table: 't' }, 'TableMissing', 'no USAGE right on schema closed'],
  ];
  test.each(refused)('%s: %s, %s', async (table, code, message) => {
    await expect(poor.describe(table)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('where the cluster does not tell its identifier, the database still has one', async () => {
    expect((await poor.identify()).identity).toMatch(/^postgres\/\d+$/);
    expect((await copyTable(poor, 'granted')).rows).toEqual([['1']]);
  });

  test('rights that are taken away between plan and read', async () => {
    const table = await poor.describe(publicTable('granted'));
    await db.sql('REVOKE SELECT ON granted FROM poor');
    await expect(readWhole(poor, table, { after: null, upTo: '9' })).rejects.toMatchObject({
      code: 'TableDenied',
    });
    await expect(poor.count(publicTable('granted'))).rejects.toMatchObject({ code: 'TableDenied' });
    await db.sql('GRANT SELECT ON granted TO poor');
    expect((await readWhole(poor, table, { after: null, upTo: '9' })).rows).toEqual([['1']]);
  });
});
