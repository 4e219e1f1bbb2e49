import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import type { Rights, WantedTable } from '../../../../core/sources/source.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { publicTable, readWhole } from './reading.ts';

let db: TestPostgres;

beforeAll(async () => {
  db = await testPostgres();
  await db.sql(`CREATE TABLE orders (id int PRIMARY KEY, price int, secret text); INSERT INTO orders VALUES (1, 2, 'x');
    CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."t ""1" (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY);
    CREATE ROLE just LOGIN PASSWORD 'p'; GRANT SELECT ON orders TO just;
    CREATE ROLE more LOGIN PASSWORD 'p' CREATEDB BYPASSRLS; GRANT pg_read_all_data TO more; GRANT UPDATE, DELETE ON orders TO more;
    GRANT CREATE ON SCHEMA public TO more; CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO more`);
});
afterAll(() => db?.stop());

const wanted: WantedTable[] = [
  { name: publicTable('orders'), columns: ['id', 'price'] },
  { name: { schema: 'Odd one', table: 't "1' }, columns: null },
];

async function rightsOf(user: string, password: string): Promise<Rights> {
  const source = postgresSource({ url: db.urlFor({ user, password }) });
  try {
    return await source.rights(wanted, { connections: 5, iam: false });
  } finally {
    await source.close();
  }
}

test('an account that may read the tables, and no more', async () => {
  expect((await rightsOf('just', 'p')).beyond).toEqual([]);
});

test('one that may do more: what, each once', async () => {
  expect((await rightsOf('more', 'p')).beyond).toEqual([
    'may make databases (CREATEDB)',
    'is not held by row-level security (BYPASSRLS)',
    'is a member of pg_read_all_data',
    'may make tables in the schema public (CREATE)',
    'owns the table public.owned',
    'may do more than read (UPDATE, DELETE) with the table public.orders',
    'may read the table public.other, which the definition does not name',
  ]);
});

test('a superuser', async () => {
  const { password } = new URL(db.url);
  expect((await rightsOf('postgres', password)).beyond).toEqual(['is a superuser, who may do everything']);
});

test('the statements make an account that may read the tables and nothing else, over so many connections', async () => {
  const { grants } = await rightsOf('just', 'p');
  expect(grants).toEqual([
    `CREATE ROLE "just_reader" LOGIN PASSWORD '<a password>' CONNECTION LIMIT 5;`,
    'GRANT CONNECT ON DATABASE "postgres" TO "just_reader";',
    'GRANT USAGE ON SCHEMA "public" TO "just_reader";',
    'GRANT USAGE ON SCHEMA "Odd one" TO "just_reader";',
    'GRANT SELECT ("id", "price") ON "public"."orders" TO "just_reader";',
    'GRANT SELECT ON "Odd one"."t ""1" TO "just_reader";',
  ]);
  for (const statement of grants) await db.sql(statement);
  const source = postgresSource({ url: db.urlFor({ user: 'just_reader', password: '<a password>' }) });
  expect((await source.rights(wanted, { connections: 5, iam: false })).beyond).toEqual([]);
  const table = await source.describe(publicTable('orders'), { columns: ['id', 'price'] });
  await source.measure(table, 10);
  expect((await readWhole(source, table, { after: null, upTo: '9' })).rows).toEqual([['1', '2']]);
  await expect(source.describe(publicTable('orders'))).rejects.toMatchObject({
    code: 'TableDenied',
    message: expect.stringContaining('no SELECT right on secret'),
  });
  await source.close();
});

test('an account that logs in with IAM has no password', async () => {
  const source = postgresSource({ url: db.url });
  const { grants } = await source.rights([], { connections: 2, iam: true });
  await source.close();
  expect(grants.slice(0, 2)).toEqual([
    'CREATE ROLE "postgres_reader" LOGIN CONNECTION LIMIT 2;',
    'GRANT rds_iam TO "postgres_reader";',
  ]);
});

test('more connections than the account may have: refused for a while, not for good', async () => {
  await db.sql('ALTER ROLE just CONNECTION LIMIT 1');
  const [first, second] = [0, 1].map(() =>
    postgresSource({ url: db.urlFor({ user: 'just', password: 'p' }) }),
  );
  await first!.identify();
  await expect(second!.identify()).rejects.toMatchObject({
    code: 'SourceUnavailable',
    kind: 'transient',
    message: expect.stringContaining('too many connections for role "just"'),
  });
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
