import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wholeBytesMax } from '../../../../core/sources/in-one-piece.ts';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import { chooseKey } from '../../../../core/sources/mysql/table-key.ts';
import type { Source, TableWishes } from '../../../../core/sources/source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';
import { copyTable, readWhole } from './reading.ts';

test('a table without a key: refused, with what to do, where one statement would not fit an invocation', () => {
  const table = (bytes: number) => ({
    where: 'shop.events',
    relation: { kind: 'table' as const, created: null, rows: 1, bytes },
    columns: [],
    indexes: [],
  });
  expect(chooseKey(table(wholeBytesMax), null, null)).toEqual({ by: 'nothing' });
  expect(() => chooseKey(table(wholeBytesMax + 1), null, null)).toThrow(
    'shop.events has no key, and about 513 MiB: without a key it would be read by one statement into one file, and more than 512 MiB do not fit',
  );
  // of a run that is under way, it was planned so
  expect(chooseKey(table(wholeBytesMax + 1), null, 'nothing')).toEqual({ by: 'nothing' });
});

describe.skipIf(noMariadb)('the catalog', () => {
  let db: TestMariadb;
  let source: Source;

  beforeAll(async () => {
    db = await testMariadb();
    source = mysqlSource({ url: db.url });
  });
  afterAll(async () => {
    await source?.close();
    await db?.stop();
  });

  const named = (table: string) => ({ schema: db.database, table });
  const copy = (name: string, wishes: Partial<TableWishes> = {}) =>
    copyTable(source, db.database, name, wishes);

  test('who and where, without the password', async () => {
    const { description, identity } = await source.identify();
    expect(description).toMatch(
      new RegExp(`^${db.family} \\d+\\.\\d+\\.\\d+ at .*:${db.port}/${db.database}, as `),
    );
    expect(identity).toMatch(new RegExp(`^${db.family.toLowerCase()}/.+/${db.database}$`));
    expect(await source.identify()).toEqual({ description, identity });
  });

  describe('columns', () => {
    test('generated, with defaults, invisible; of tables of other engines', async () => {
      await db.sql(`CREATE TABLE cols (id int PRIMARY KEY, p decimal(10,2), twice decimal(12,2) AS (p * 2) VIRTUAL,
          kept decimal(12,2) AS (p * 3) STORED, whole bigint NOT NULL DEFAULT 1, hidden int INVISIBLE DEFAULT 7) ENGINE=InnoDB;
        INSERT INTO cols (id, p) VALUES (1, 1.5), (2, NULL)`);
      const { table, rows } = await copy('cols');
      expect(table.columns.map(({ id, name, nullable }) => [id, name, nullable])).toEqual([
        [1, 'id', false],
        [2, 'p', true],
        [3, 'twice', true],
        [4, 'kept', true],
        [5, 'whole', false],
        [6, 'hidden', true],
      ]);
      expect(Object.keys(table.columns[0] as object).sort()).toEqual(
        ['id', 'name', 'nullable', 'sourceType', 'transfer', 'type'].sort(),
      );
      expect(rows).toEqual([
        ['1', '1.50', '3.00', '4.50', '1', '7'],
        ['2', null, null, null, '1', '7'],
      ]);
      await db.sql(`CREATE TABLE old (id int PRIMARY KEY, v varchar(9)) ENGINE=MyISAM;
        INSERT INTO old VALUES (2, 'b'), (1, 'a')`);
      expect((await copy('old')).rows).toEqual([
        ['1', 'a'],
        ['2', 'b'],
      ]);
    });

    test('of any name', async () => {
      const names = [
        'select',
        'Mixed Case',
        'quo"te',
        "apos'trophe",
        'ünïcödé',
        'semi;colon--',
        'a.b',
        '%s',
        '\\x',
        'back`tick',
      ];
      const schema = 'odd `schema`';
      const table = "or'der; by`";
      const quoted = names.map((name) => `\`${name.replaceAll('`', '``')}\``);
      await db.sql(
        'DROP DATABASE IF EXISTS `odd ``schema```;\nCREATE DATABASE `odd ``schema``` CHARACTER SET utf8mb4',
      );
      try {
        await db.sql(
          `CREATE TABLE \`odd \`\`schema\`\`\`.\`or'der; by\`\`\` (${quoted.map((name) => `${name} varchar(20)`).join(', ')}, \`the KEY\` varchar(20) PRIMARY KEY)`,
        );
        await db.sql(
          `INSERT INTO \`odd \`\`schema\`\`\`.\`or'der; by\`\`\` VALUES (${names.map((_, i) => `'${i}'`).join(', ')}, 'k1'), (${names.map(() => 'NULL').join(', ')}, 'k2')`,
        );
        const described = await source.describe({ schema, table }, { asText: ['quo"te'] });
        expect(described.columns.map(({ name }) => name)).toEqual([...names, 'the KEY']);
        const { rows } = await readWhole(source, described, { after: null, upTo: 'k9' });
        expect(rows).toEqual([
          [...names.map((_, i) => String(i)), 'k1'],
          [...names.map(() => null), 'k2'],
        ]);
        expect(await source.count({ schema, table })).toBe(2);
      } finally {
        await db.sql('DROP DATABASE `odd ``schema```');
      }
    });

    test('JSON of MariaDB is told by its check; a text without one is a text', async () => {
      await db.sql(
        `CREATE TABLE documents (id int PRIMARY KEY, j json, t longtext, u longtext CHECK (LENGTH(u) > 1))`,
      );
      const { columns } = await source.describe(named('documents'));
      expect(columns.map(({ type }) => type.kind)).toEqual(['int', 'json', 'string', 'string']);
    });

    test('notes say what becomes of what', async () => {
      await db.sql(
        'CREATE TABLE noted (id int PRIMARY KEY, u bigint unsigned, d decimal(60,2), g point, t date)',
      );
      const { notes } = await source.describe(named('noted'), { asText: ['t'] });
      expect(notes).toEqual([
        'column u becomes a decimal of 20 digits: files have no unsigned 64-bit number that every reader knows',
        'column d is copied as text: 60 digits are more than the 38 of a decimal',
        'column g is copied as text: type point has no form of its own in files; what is copied are the hexadecimal digits of its bytes',
        'column t is copied as text: listed under as_text',
      ]);
    });
  });

  describe('wishes', () => {
    beforeAll(() =>
      db.sql(`CREATE TABLE wished (id int PRIMARY KEY, a int, b varchar(20), c date);
        INSERT INTO wished VALUES (1, 10, 'x', NULL), (2, 20, 'y', '2026-01-01'), (3, NULL, 'z)', NULL)`),
    );

    test('columns, those that are left out, rows', async () => {
      expect((await copy('wished', { columns: ['id', 'b'] })).rows[2]).toEqual(['3', 'z)']);
      expect((await copy('wished', { excludeColumns: ['a', 'c'] })).rows[2]).toEqual(['3', 'z)']);
      for (const where of [
        'a >= 15',
        "b = 'y' -- a comment",
        'a > 15 OR a < 5 # another',
        '1 = 1 AND a = 20',
      ])
        expect((await copy('wished', { where })).rows.map(([id]) => id)).toEqual(['2']);
      expect(await source.count(named('wished'), 'a > 5')).toBe(2);
    });

    const refused: [Partial<TableWishes>, RegExp][] = [
      [{ asText: ['idd'] }, /as_text of .*wished names idd; its columns are id, a, b, c/],
      [{ columns: ['a'] }, /columns of .*wished: id belongs to the key/],
      [{ mask: { id: 'hash' } }, /mask of .*wished: id belongs to the key/],
      [{ where: 'nothing = 1' }, /where of .*wished: Unknown column 'nothing'/],
      [{ where: '1) OR (1' }, /where of .*wished: .*syntax/],
      [{ where: '1 UNION SELECT 1' }, /where of .*wished: .*syntax/],
      [{ where: '1 LIMIT 1' }, /where of .*wished: .*syntax/],
      [{ where: '1 FOR UPDATE' }, /where of .*wished: /],
      [{ where: '1 /*' }, /where of .*wished: .*syntax/],
      [{ where: 'a, b' }, /where of .*wished: .*syntax/],
      [{ where: '' }, /where of .*wished: .*syntax/],
    ];
    test.each(refused)('%j: refused', async (wishes, message) => {
      await expect(source.describe(named('wished'), wishes)).rejects.toMatchObject({
        code: 'DefinitionInvalid',
        message: expect.stringMatching(message),
      });
    });
  });

  describe('keys', () => {
    beforeAll(() =>
      db.sql(`CREATE TABLE two (a int, b int, n varchar(9) NOT NULL UNIQUE, PRIMARY KEY (a, b));
        CREATE TABLE none (x varchar(9) UNIQUE, part varchar(20) NOT NULL, e enum('a') NOT NULL UNIQUE, j json, blobs blob NOT NULL,
          twin int NOT NULL, a int NOT NULL, ok varchar(9) NOT NULL UNIQUE, UNIQUE one_of_two (a, twin), UNIQUE prefix (part(5)));
        CREATE TABLE chosen (t varchar(9) NOT NULL UNIQUE, n int NOT NULL UNIQUE, a int NOT NULL, b int NOT NULL, UNIQUE (a, b));
        CREATE TABLE backwards (a int NOT NULL, b int NOT NULL, v int, UNIQUE down (a DESC, b DESC));
        INSERT INTO backwards VALUES (1, 1, 1), (1, 2, 2), (2, 1, 3);
        CREATE TABLE mixed (a int NOT NULL, b int NOT NULL, UNIQUE ways (a, b DESC));
        CREATE TABLE hashed (id int PRIMARY KEY) ENGINE=MEMORY`),
    );

    const chosen: [string, readonly string[] | null, readonly string[]][] = [
      ['two', null, ['a', 'b']],
      ['two', ['b', 'a'], ['a', 'b']],
      ['two', ['n'], ['n']],
      ['none', null, ['ok']],
      ['none', ['twin', 'a'], ['a', 'twin']],
      ['chosen', null, ['n']],
      ['backwards', null, ['a', 'b']],
    ];
    test.each(chosen)('%s by %j: %j', async (table, key, columns) => {
      const described = await source.describe(named(table), { key });
      expect(described.key.by === 'columns' && described.key.columns.map(({ column }) => column)).toEqual(
        columns,
      );
    });

    test('an index that goes downwards is walked the other way', async () => {
      expect((await copy('backwards')).rows.map((row) => row[2])).toEqual(['1', '2', '3']);
    });

    const refused: [string, readonly string[], string, RegExp][] = [
      [
        'two',
        ['a'],
        'KeyUnsupported',
        /column a is not unique by itself: index PRIMARY is on 2 columns \(a, b\)/,
      ],
      ['two', ['z'], 'KeyMissing', /has no column z; its columns are a, b, n/],
      ['none', ['x'], 'KeyUnsupported', /column x may be NULL/],
      ['none', ['part'], 'KeyUnsupported', /index prefix holds only the beginnings of its values/],
      ['none', ['e'], 'KeyUnsupported', /of type enum\('a'\), which cannot be a key/],
      ['none', ['j'], 'KeyUnsupported', /which cannot be a key/],
      ['mixed', ['a', 'b'], 'KeyUnsupported', /index ways orders some columns upwards and some downwards/],
      ['hashed', ['id'], 'KeyUnsupported', /index PRIMARY has no order, or is not used/],
    ];
    test.each(refused)('%s by %j: %s %s', async (table, key, code, message) => {
      await expect(source.describe(named(table), { key })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    });

    test('an index that is ignored', async () => {
      if (db.family !== 'MariaDB') return;
      await db.sql('CREATE TABLE put_aside (id int PRIMARY KEY, a int NOT NULL, UNIQUE resting (a) IGNORED)');
      await expect(source.describe(named('put_aside'), { key: ['a'] })).rejects.toMatchObject({
        message: expect.stringContaining('index resting has no order, or is not used'),
      });
    });

    test('none at all: one statement, one part, a note; what would do', async () => {
      await db.sql(`CREATE TABLE bare (a int, b int UNIQUE);
        INSERT INTO bare VALUES (1, 1), (1, NULL), (1, NULL)`);
      const { table, rows, keys } = await copy('bare', {});
      expect(table.key).toEqual({ by: 'nothing' });
      expect(table.notes).toEqual([
        'has no key: it is read by one statement, and becomes one file; b would do as a key, if NOT NULL',
      ]);
      expect(rows).toHaveLength(3);
      expect(new Set(keys)).toEqual(new Set(['']));
      expect(await source.measure(table, 10)).toMatchObject({ min: '', max: '', sample: [] });
    });

    test('of a view: named by the definition', async () => {
      await db.sql(
        "CREATE VIEW seen AS SELECT a, b, n FROM two;\nINSERT INTO two VALUES (1, 1, 'x'), (1, 2, 'y')",
      );
      await expect(source.describe(named('seen'))).rejects.toMatchObject({ code: 'KeyMissing' });
      expect((await copy('seen', { key: ['a', 'b'] })).rows).toEqual([
        ['1', '1', 'x'],
        ['1', '2', 'y'],
      ]);
    });
  });

  describe('tables', () => {
    test('missing, with the nearest name', async () => {
      await db.sql('CREATE TABLE orders (id int PRIMARY KEY)');
      await expect(source.describe(named('ordres'))).rejects.toMatchObject({
        code: 'TableMissing',
        message: `There is no table ${db.database}.ordres that this user may see; there is ${db.database}.orders`,
      });
      await expect(source.count(named('something'))).rejects.toMatchObject({ code: 'TableMissing' });
      await expect(source.count({ schema: 'nowhere', table: 'something' })).rejects.toMatchObject({
        code: 'TableMissing',
      });
    });

    test('sequences and the server’s own are none; system-versioned ones are as they are now', async () => {
      if (db.family !== 'MariaDB') return;
      await db.sql(`CREATE SEQUENCE a_seq;
        CREATE TABLE versioned (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING;
        INSERT INTO versioned VALUES (1, 1), (2, 2);
        UPDATE versioned SET v = 3 WHERE id = 1;
        DELETE FROM versioned WHERE id = 2`);
      await expect(source.describe(named('a_seq'))).rejects.toMatchObject({ code: 'TableUnsupported' });
      await expect(source.describe({ schema: 'information_schema', table: 'TABLES' })).rejects.toMatchObject({
        code: 'TableUnsupported',
      });
      expect((await copy('versioned')).rows).toEqual([['1', '3']]);
    });

    test('partitioned ones whole, in key order', async () => {
      await db.sql(`CREATE TABLE parted (id int PRIMARY KEY, v varchar(9)) PARTITION BY HASH (id) PARTITIONS 3;
        INSERT INTO parted WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, i FROM n`);
      const { rows } = await copy('parted');
      expect(rows.map(([id]) => Number(id))).toEqual(Array.from({ length: 900 }, (_, i) => i + 1));
    });

    test('empty, and of one row', async () => {
      await db.sql(`CREATE TABLE empty (id int PRIMARY KEY);
        CREATE TABLE single (id int PRIMARY KEY);
        INSERT INTO single VALUES (7)`);
      const measured = async (name: string) => source.measure(await source.describe(named(name)), 500);
      expect(await measured('empty')).toMatchObject({ rows: 0, min: null, max: null, sample: [] });
      expect(await measured('single')).toMatchObject({ rows: 1, min: '7', max: '7', sample: [] });
    });
  });

  describe('rights', () => {
    let poor: Source;
    beforeAll(async () => {
      await db.sql(`CREATE USER poor@'%' IDENTIFIED BY 'p@ss/word';
        CREATE TABLE denied (id int PRIMARY KEY);
        CREATE TABLE behind (id int PRIMARY KEY, v int);
        INSERT INTO behind VALUES (1, 10), (2, 20);
        CREATE VIEW before_it AS SELECT id, v FROM behind;
        GRANT SELECT ON ${db.database}.before_it TO poor@'%';
        CREATE TABLE partly (id int PRIMARY KEY, open int, secret int);
        GRANT SELECT (id, open) ON ${db.database}.partly TO poor@'%';
        CREATE TABLE granted (id int PRIMARY KEY, j json);
        INSERT INTO granted VALUES (1, '{}');
        GRANT SELECT ON ${db.database}.granted TO poor@'%'`);
      poor = mysqlSource({ url: db.urlFor({ user: 'poor', password: 'p@ss/word' }) });
    });
    afterAll(async () => {
      await poor?.close();
      await db?.sql(`DROP USER poor@'%'`);
    });

    test('none on a table: it looks as if there were none', async () => {
      await expect(poor.describe(named('denied'))).rejects.toMatchObject({ code: 'TableMissing' });
    });

    test('on some columns: these, where they are named; others would be left out silently', async () => {
      await expect(poor.describe(named('partly'))).rejects.toMatchObject({
        code: 'TableDenied',
        message: expect.stringContaining('it has columns that this user may not see, besides id, open'),
      });
      const { columns } = await poor.describe(named('partly'), { columns: ['id', 'open'] });
      expect(columns.map(({ name }) => name)).toEqual(['id', 'open']);
    });

    test('SELECT alone is enough for everything, also to tell JSON from text', async () => {
      const { table, rows } = await copyTable(poor, db.database, 'granted');
      expect(rows).toEqual([['1', '{}']]);
      expect(table.columns[1]?.type).toEqual({ kind: 'json' });
      expect((await poor.identify()).identity).toBe((await source.identify()).identity);
    });

    test('a view, without a right on what lies behind it', async () => {
      const { rows } = await copyTable(poor, db.database, 'before_it', { key: ['id'] });
      expect(rows).toEqual([
        ['1', '10'],
        ['2', '20'],
      ]);
    });

    test('rights that are taken away between plan and read', async () => {
      const table = await poor.describe(named('granted'));
      await db.sql(`REVOKE SELECT ON ${db.database}.granted FROM poor@'%'`);
      await expect(readWhole(poor, table, { after: null, upTo: '9' })).rejects.toMatchObject({
        code: 'TableMissing',
      });
      await expect(poor.count(named('granted'))).rejects.toMatchObject({ code: 'TableDenied' });
      await db.sql(`GRANT SELECT ON ${db.database}.granted TO poor@'%'`);
      expect((await readWhole(poor, table, { after: null, upTo: '9' })).rows).toEqual([['1', '{}']]);
    });
  });
});
