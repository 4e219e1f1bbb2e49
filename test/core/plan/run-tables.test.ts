/** Which tables a run has, by names and patterns, and why some of them cannot be copied as the definition stands. */
import { describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../core/definition/load.ts';
import { parseTableName } from '../../../core/definition/table-name.ts';
import {
  emptyPatterns,
  idleExcludes,
  listedFor,
  passedOver,
  tableNames,
  tableProblems,
} from '../../../core/plan/run-tables.ts';
import type { ListedTable } from '../../../core/sources/source.ts';

const load = (tables: string, more = '', catalog = 'ledger') =>
  loadDefinition(
    `name: shop
source: { type: postgres, url: "postgres://h/d" }
tables: ${tables}
target: { url: s3://lake/shop, catalog: ${catalog} }
${more}`,
    'tidemark.yaml',
    {},
  );

const table = (name: string, over: Partial<ListedTable> = {}): ListedTable => ({
  ...{ kind: 'table', byPattern: true, columns: [], rows: null, bytes: null },
  ...parseTableName(name)!,
  ...over,
});
const view = (name: string) => table(name, { kind: 'view', byPattern: false });

const listed = [
  table('public.Orders', { columns: ['email'] }),
  table('public.items'),
  table('public.orders', { columns: ['email', 'note'] }),
  view('public.seen'),
  table('public.tmp_1'),
  table('sales.lines'),
];

const messages = (found: ReadonlyMap<string, Error>) =>
  Object.fromEntries([...found].map(([name, { message }]) => [name, message]));

describe('the tables of a run', () => {
  test('in the order of the definition, each once; a view only where it is named', () => {
    const definition = load(
      '[sales.lines, "public.*", public.orders, public.seen, missing]',
      'exclude: ["*.tmp_*"]',
    );
    expect(tableNames(definition, listed)).toEqual([
      'sales.lines',
      'public.Orders',
      'public.items',
      'public.orders',
      'public.seen',
      'public.missing',
    ]);
  });

  test('are those that are named where there is no pattern: the source is not asked', async () => {
    const definition = load('[b, a]');
    const source = {
      list: async () => {
        throw new Error('asked');
      },
    };
    expect(tableNames(definition, await listedFor(source, definition))).toEqual(['public.b', 'public.a']);
  });

  test('the source is asked for the columns that patterns name', async () => {
    const definition = load(
      '[{ name: "public.*", mask: { a: hash }, as_text: [b, a], columns: [c], exclude_columns: [d], partition: [day(e)] }, { name: x, as_text: [f] }]',
    );
    const asked: (readonly string[])[] = [];
    const list = async (columns: readonly string[]) => {
      asked.push(columns);
      return [];
    };
    await listedFor({ list }, definition);
    expect(asked).toEqual([['b', 'a', 'c', 'd', 'e']]);
  });

  test('are refused where their names have no room in the ledger', () => {
    const many = Array.from({ length: 6000 }, (_, n) => table(`public.${`t${n}_`.padEnd(50, 'x')}`));
    expect(() => tableNames(load('["public.*"]'), many)).toThrow(
      /tables: 6000 tables, whose names have 342000 bytes together; a run holds names of 300000 bytes; allowed: narrower/,
    );
  });
});

describe('a pattern that takes nothing', () => {
  test.for([
    ['publik.*', '', 'takes no table: there is public.'],
    ['nowhere.*', '', 'takes no table: there is no such schema, but public, sales.'],
    ['public.itmes*', '', 'takes no table: there is public.items.'],
    ['public.zzz*', '', 'takes no table: its schema has others.'],
    ['public.see?', '', 'takes no table: public.seen is a view, and has to be named itself.'],
    ['public.tmp*', 'exclude: [public.tmp_1]', 'takes no table: all that it matches stand under `exclude`.'],
  ] as const)('%s is named, with what is near, and the others go on', ([pattern, more, message]) => {
    const definition = load(`[public.items, ${JSON.stringify(pattern)}, "sales.*"]`, more);
    const tables = tableNames(definition, listed);
    expect(tables).toEqual(['public.items', pattern, 'sales.lines']);
    expect(messages(emptyPatterns(definition, tables, listed))).toEqual({
      [pattern]: `tables[1].name: the pattern ${pattern} ${message} Once there are tables, \`tidemark run --fresh\` takes them`,
    });
  });

  test('and whose tables were made since: the run keeps what it began with', () => {
    const definition = load('["new.*"]');
    const tables = tableNames(definition, listed);
    expect(messages(emptyPatterns(definition, tables, [...listed, table('new.one')]))['new.*']).toContain(
      'took no table when the run began, and a run keeps the tables that it began with; `tidemark run --fresh` takes new.one',
    );
  });

  test('a table may be called as a pattern is written', () => {
    const odd = [table('public.*')];
    const definition = load('["public.*"]');
    expect(tableNames(definition, odd)).toEqual(['public.*']);
    expect(emptyPatterns(definition, ['public.*'], odd).size).toBe(0);
  });
});

describe('names that collide in the catalog', () => {
  const glue = '{ type: glue, database: raw }';
  const problems = (tables: string, found: readonly ListedTable[], more = '', catalog = glue) => {
    const definition = load(tables, more, catalog);
    return messages(tableProblems(definition, tableNames(definition, found), found));
  };
  const allowed =
    'allowed: a name of its own, by `as:` in an entry that names the table; or `exclude:` for it';

  test('also by case, and of different schemas: each is named, the others go on', () => {
    const found = [...listed, table('public.sales_lines')];
    expect(problems('["public.*", "sales.*"]', found)).toEqual({
      'public.Orders': `public.Orders would be orders in target.catalog, as public.orders would; ${allowed}`,
      'public.orders': `public.orders would be orders in target.catalog, as public.Orders would; ${allowed}`,
      'public.sales_lines': `public.sales_lines would be sales_lines in target.catalog, as sales.lines would; ${allowed}`,
      'sales.lines': `sales.lines would be sales_lines in target.catalog, as public.sales_lines would; ${allowed}`,
    });
  });

  test('not where one of them has another name, or is excluded', () => {
    expect(problems('["public.*", { name: public.Orders, as: big_orders }]', listed)).toEqual({});
    expect(problems('["public.*"]', listed, 'exclude: [public.Orders]')).toEqual({});
    expect(Object.keys(problems('["public.*", { name: public.Orders, as: items }]', listed))).toEqual([
      'public.Orders',
      'public.items',
    ]);
  });

  test('names of which nothing is left', () => {
    expect(problems('["public.*"]', [table('public.日本')])).toEqual({
      'public.日本': `public.日本 would be "_" there, which is no name; ${allowed}`,
    });
  });

  test('in the ledger’s own only names that are given count: folders differ', () => {
    expect(problems('["public.*"]', listed, '', 'ledger')).toEqual({});
    expect(
      problems('["public.*", { name: a, as: x }, { name: sales.lines, as: y }]', listed, '', 'ledger'),
    ).toEqual({});
  });
});

describe('a column that a pattern names', () => {
  const problems = (tables: string, more = '') => {
    const definition = load(tables, more);
    return messages(tableProblems(definition, tableNames(definition, listed), listed));
  };

  test('needs to be in one of its tables', () => {
    expect(problems('[{ name: "public.*", mask: { note: hash }, exclude_columns: [email] }]')).toEqual({});
  });

  test('and is in none: none of the pattern’s tables is copied, as a mask would be lost; the others are', () => {
    const found = problems('[{ name: "public.*", mask: { emial: hash, note: hash } }, "sales.*"]');
    expect(Object.keys(found)).toEqual(['public.Orders', 'public.items', 'public.orders', 'public.tmp_1']);
    expect(found['public.items']).toBe(
      'public.items: tables[0] (public.*) says something of emial, which none of the tables has that it matches; allowed: columns that at least one of them has',
    );
  });

  test.for(['as_text: [x]', 'columns: [email, x]', 'exclude_columns: [x]', 'partition: [day(x)]'])(
    '%s: the same',
    (option) => {
      expect(Object.keys(problems(`[{ name: "sales.*", ${option} }, public.items]`))).toEqual([
        'sales.lines',
      ]);
    },
  );

  test('counts also in what is named besides, or is a view', () => {
    expect(
      Object.keys(problems('[{ name: "public.*", mask: { x: hash } }, public.seen, sales.lines]')),
    ).toContain('public.seen');
  });
});

test('what people should know: excludes that exclude nothing, and what patterns pass over', () => {
  const definition = load('["public.*", "sales.*"]', 'exclude: [public.tmp_*, public.secret, other.lines]');
  expect(idleExcludes(definition, listed)).toEqual(['public.secret', 'other.lines']);
  expect(passedOver(definition, listed).map(({ table }) => table)).toEqual(['seen']);
  expect(passedOver(load('["public.*", public.seen]'), listed)).toEqual([]);
  expect(passedOver(load('["public.*"]', 'exclude: [public.seen]'), listed)).toEqual([]);
});
