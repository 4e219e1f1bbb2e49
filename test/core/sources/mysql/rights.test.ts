import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import type { Rights, Source, WantedTable } from '../../../../core/sources/source.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';

describe.skipIf(noMariadb)('accounts and what they see', () => {
  let db: TestMariadb;
  let wanted: WantedTable[];
  const sourceOf = (user: string): Source => mysqlSource({ url: db.urlFor({ user, password: 'p' }) });

  beforeAll(async () => {
    db = await testMariadb();
    const { database } = db;
    await db.sql(`CREATE TABLE orders (id INT PRIMARY KEY, price INT, secret TEXT);
      CREATE TABLE other (id INT PRIMARY KEY, Secret INT);
      CREATE TABLE \`odd \`\`name\` (id INT PRIMARY KEY);
      CREATE VIEW seen AS SELECT id FROM orders;
      INSERT INTO orders VALUES (1, 2, 'x');
      CREATE USER just@'%' IDENTIFIED BY 'p';
      GRANT SELECT (id, price) ON ${database}.orders TO just@'%';
      CREATE USER more@'%' IDENTIFIED BY 'p';
      GRANT SELECT, UPDATE ON ${database}.orders TO more@'%';
      GRANT SELECT ON ${database}.other TO more@'%';
      GRANT PROCESS ON *.* TO more@'%';
      CREATE USER wide@'%' IDENTIFIED BY 'p';
      GRANT SELECT, CREATE ON ${database}.* TO wide@'%'`);
    wanted = [
      { name: { schema: database, table: 'orders' }, columns: ['id', 'price'] },
      { name: { schema: database, table: 'odd `name' }, columns: null },
    ];
  });
  afterAll(() => db?.stop());

  async function rightsOf(user: string): Promise<Rights> {
    const source = sourceOf(user);
    try {
      return await source.rights(wanted, { connections: 5, iam: false });
    } finally {
      await source.close();
    }
  }

  test('what one may do beyond reading the tables', async () => {
    expect((await rightsOf('just')).beyond).toEqual([]);
    expect((await rightsOf('more')).beyond).toEqual([
      'may do this in every database: PROCESS',
      `has rights on ${db.database}.other, which the definition does not name`,
      `may do more than read (UPDATE) with the table ${db.database}.orders`,
    ]);
    expect((await rightsOf('wide')).beyond).toEqual([
      `may do this in all of the database ${db.database}: CREATE, SELECT`,
    ]);
  });

  test('the statements make an account that may read the tables and nothing else, over so many connections', async () => {
    const { grants } = await rightsOf('just');
    expect(grants).toEqual([
      "CREATE USER `just_reader`@'%' IDENTIFIED BY '<a password>' WITH MAX_USER_CONNECTIONS 5;",
      `GRANT SELECT (\`id\`, \`price\`) ON \`${db.database}\`.\`orders\` TO \`just_reader\`@'%';`,
      `GRANT SELECT ON \`${db.database}\`.\`odd \`\`name\` TO \`just_reader\`@'%';`,
    ]);
    for (const statement of grants) await db.sql(statement);
    const source = mysqlSource({ url: db.urlFor({ user: 'just_reader', password: '<a password>' }) });
    const orders = { schema: db.database, table: 'orders' };
    expect((await source.rights(wanted, { connections: 5, iam: false })).beyond).toEqual([]);
    const table = await source.describe(orders, { columns: ['id', 'price'] });
    expect(await source.measure(table, 10)).toMatchObject({ min: '1', max: '1' });
    const limits = { statementMs: 200, statementRows: 100, batchRows: 100 };
    let rows = 0;
    for await (const batch of source.read(table, { after: null, upTo: '9' }, limits)) rows += batch.rows;
    expect(rows).toBe(1);
    await expect(source.describe(orders)).rejects.toMatchObject({
      code: 'TableDenied',
      message: expect.stringMatching(
        /orders: it has columns that this user may not see, besides id, price; .*`columns:`/,
      ),
    });
    await source.close();
  });

  test('an account that logs in with IAM has no password', async () => {
    const source = sourceOf('just');
    const { grants } = await source.rights([], { connections: 2, iam: true });
    await source.close();
    expect(grants).toEqual([
      "CREATE USER `just_reader`@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL WITH MAX_USER_CONNECTIONS 2;",
    ]);
  });

  test('more connections than the account may have: refused for a while, not for good', async () => {
    await db.sql("ALTER USER just@'%' WITH MAX_USER_CONNECTIONS 1");
    const [first, second] = [sourceOf('just'), sourceOf('just')];
    await first!.identify();
    await expect(second!.identify()).rejects.toMatchObject({ code: 'SourceUnavailable', kind: 'transient' });
    await first!.close();
    await expect
      .poll(() =>
        second!.identify().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await second!.close();
  });

  test('what is said of a column holds however the table spells it', async () => {
    const source = mysqlSource({ url: db.url });
    const other = { schema: db.database, table: 'other' };
    const masked = await source.describe(other, { mask: { secret: 'hash' } });
    expect(masked.columns[1]).toMatchObject({ name: 'Secret', mask: 'hash' });
    const left = await source.describe(other, { excludeColumns: ['SECRET'], key: ['ID'] });
    expect(left.columns.map(({ name }) => name)).toEqual(['id']);
    await source.close();
  });

  test('what there is: tables by patterns, views not; the columns that were asked for', async () => {
    const source = mysqlSource({ url: db.url });
    const listed = (await source.list(['secret', 'id'])).filter(({ schema }) => schema === db.database);
    await source.close();
    expect(listed.map(({ table, kind, byPattern, columns }) => [table, kind, byPattern, columns])).toEqual([
      ['odd `name', 'table', true, ['id']],
      ['orders', 'table', true, ['id', 'secret']],
      // as it was asked for: to the server, upper and lower case are the same
      ['other', 'table', true, ['id', 'secret']],
      ['seen', 'view', false, ['id']],
    ]);
    const poor = sourceOf('more');
    const seen = (await poor.list([])).filter(({ schema }) => schema === db.database);
    await poor.close();
    expect(seen.map(({ table }) => table)).toEqual(['orders', 'other']);
  });
});
