/** How PostgreSQL carries out each statement that is sent about a table: by its index from where it begins, without a sort or a scan of the whole. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../core/sources/postgres/address.ts';
import { type CatalogTable, readCatalog } from '../../../../core/sources/postgres/catalog.ts';
import { openSession, type Session } from '../../../../core/sources/postgres/connect.ts';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import {
  compareKey,
  copyRange,
  fromTable,
  orderBy,
  rangeQuery,
} from '../../../../core/sources/postgres/statement.ts';
import type { Source, TableWishes } from '../../../../core/sources/source.ts';
import { noWishes } from '../../../../core/sources/table-wishes.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { publicTable } from './reading.ts';

const rows = 50_000;
let db: TestPostgres;
let source: Source;
let session: Session;

beforeAll(async () => {
  db = await testPostgres();
  source = postgresSource({ url: db.url });
  session = await openSession(parseAddress(db.url), { statementTimeoutMs: 10_000, silenceMsMax: 20_000 });
  await db.sql(`CREATE TABLE one (id bigint PRIMARY KEY, v text, odd int);
    INSERT INTO one SELECT i * 3, 'v' || i, i % 7 FROM generate_series(1, ${rows}) i;
    CREATE TABLE several (a int, b text, c date, v text, PRIMARY KEY (a, b, c));
    INSERT INTO several SELECT i % 5, 'b' || i % 900, date '2020-01-01' + i / 900, 'v' FROM generate_series(1, ${rows}) i ON CONFLICT DO NOTHING;
    CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    ${[0, 1, 2, 3, 4].map((n) => `CREATE TABLE parted_${n} PARTITION OF parted FOR VALUES FROM (${n * 10_000}) TO (${(n + 1) * 10_000});`).join('')}
    INSERT INTO parted SELECT i, 'v' FROM generate_series(0, ${rows - 1}) i;
    CREATE TABLE keyless (n int, v text); INSERT INTO keyless SELECT i, 'v' FROM generate_series(1, ${rows}) i;
    CREATE VIEW seen AS SELECT id, v FROM one WHERE odd < 3;
    ANALYZE`);
});
afterAll(async () => {
  await session?.end();
  await source?.close();
  await db?.stop();
});

type Node = {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: Node[];
};

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** The plan as it was carried out. @returns what its nodes are, and how many rows the largest one brought */
async function carriedOut(sql: string): Promise<{ nodes: string[]; rows: number }> {
  const [[json] = []] = await session.query('explain', `EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) ${sql}`);
  const [{ Plan: plan }] = JSON.parse(json!) as [{ Plan: Node }];
  const nodes = nodesOf(plan);
  return {
    nodes: [...new Set(nodes.map((node) => node['Node Type']))],
    rows: Math.max(...nodes.map((node) => node['Actual Rows'] * node['Actual Loops'])),
  };
}

const byIndex = [
  'Limit',
  'Index Scan',
  'Index Only Scan',
  'Append',
  'Merge Append',
  'Result',
  'Subquery Scan',
];

const cases: [string, Partial<TableWishes>][] = [
  ['one', {}],
  ['one', { where: 'odd <> 3' }],
  ['one', { mask: { v: 'hash' } }],
  ['several', {}],
  ['parted', {}],
  ['seen', { key: ['id'] }],
];

describe.each(cases)('%s, %j', (name, wishes) => {
  let table: CatalogTable;
  let sample: readonly string[];
  let max: string;
  beforeAll(async () => {
    table = await readCatalog(session, 'any', publicTable(name), { ...noWishes, ...wishes }, null);
    const described = await source.describe(publicTable(name), wishes);
    const measured = await source.measure(described, 100);
    max = measured.max as string;
    // of a view nothing is sampled
    sample = measured.sample.length > 0 ? measured.sample : ['30000', '60000', '90000'];
  });

  test('a range, from its beginning, from its middle, and its last rows', async () => {
    const middle = sample[Math.floor(sample.length / 2)] as string;
    for (const [after, upTo] of [
      [null, middle],
      [middle, max],
      [sample.at(-1) as string, max],
    ] as const) {
      const { nodes, rows: read } = await carriedOut(rangeQuery(table, after, upTo, 50));
      expect(byIndex).toEqual(expect.arrayContaining(nodes));
      // of each partition one more than is needed may be looked at
      expect(read).toBeLessThan(60);
    }
  });

  test('whether the offset is there twice', async () => {
    const [first] = copyRange(table, sample[1] as string, max, 50).split(';');
    const { nodes, rows: read } = await carriedOut(first as string);
    expect(byIndex).toEqual(expect.arrayContaining(nodes));
    expect(read).toBeLessThan(2);
    expect(first).toContain(compareKey(table, 'equal', sample[1] as string));
  });
});

test('the least and the greatest key: one entry of the index each', async () => {
  for (const name of ['one', 'several', 'parted']) {
    const table = await readCatalog(session, 'any', publicTable(name), noWishes, null);
    for (const direction of ['', ' DESC'] as const) {
      const sql = `SELECT 1 ${fromTable(table)} ${orderBy(table, direction)} LIMIT 1`;
      const { nodes, rows: read } = await carriedOut(sql);
      expect(byIndex).toEqual(expect.arrayContaining(nodes));
      expect(read).toBeLessThan(6);
    }
  }
});

test('a table without a key, by its pages: of the rest nothing is read', async () => {
  const table = await readCatalog(session, 'any', publicTable('keyless'), noWishes, null);
  const { nodes, rows: read } = await carriedOut(rangeQuery(table, '(10,65535)', '(12,65535)', 9_999));
  expect(nodes).toEqual(['Limit', 'Tid Range Scan']);
  expect(read).toBeLessThan(1_000);
});
