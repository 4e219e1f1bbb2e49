/** Patterns of tables, and what counts for a table that several entries speak of. */
import { describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../core/definition/load.ts';
import { parseTableName } from '../../../core/definition/table-name.ts';
import { isDefined, tableOptions } from '../../../core/definition/table-options.ts';
import { parseTablePattern } from '../../../core/definition/table-pattern.ts';

const load = (tables: string, more = '') =>
  loadDefinition(
    `name: shop
source: { type: postgres, url: "postgres://h/d" }
tables: ${tables}
target: { url: s3://lake/shop }
${more}`,
    'tidemark.yaml',
    {},
  );

const refused = (tables: string, more = ''): string[] => {
  try {
    load(tables, more);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  throw new Error('the definition was accepted');
};

const named = (text: string) => parseTableName(text)!;

describe('a pattern', () => {
  test.for([
    [
      'public.*',
      ['public.orders', 'public."a.b"', 'public.*', 'public.two\nlines'],
      ['sales.orders', 'Public.orders'],
    ],
    ['*.*', ['public.orders', 'sales.lines'], []],
    ['*', ['public.orders'], ['sales.orders']],
    ['public.order_*', ['public.order_', 'public.order_lines'], ['public.orders', 'public.Order_lines']],
    ['public.t?', ['public.t1', 'public.t🌊', 'public.té'], ['public.t', 'public.t12']],
    ['s?les_*.*_log', ['sales_eu.web_log'], ['sales.web_log', 'sales_eu.web_logs']],
    ['public."what?"*', [], ['public.what?x']],
    ['"a.b".*', ['"a.b".c'], ['ab.c']],
    ['public.a+(b)[c]{2}^$|\\*', ['public.a+(b)[c]{2}^$|\\x'], ['public.aab']],
    ['public.**a**', ['public.a', 'public.bab'], ['public.b']],
  ] as const)('%s', ([text, matched, others]) => {
    const pattern = parseTablePattern(text);
    if (text === 'public."what?"*') return expect(pattern).toBeNull();
    expect(pattern!.exact).toBeNull();
    for (const table of matched) expect([table, pattern!.matches(named(table))]).toEqual([table, true]);
    for (const table of others) expect([table, pattern!.matches(named(table))]).toEqual([table, false]);
  });

  test('is none where its * and ? stand in quotes', () => {
    expect(parseTablePattern('public."*"')!.exact).toEqual({ schema: 'public', table: '*' });
    expect(parseTablePattern('"s?".orders')!.exact).toEqual({ schema: 's?', table: 'orders' });
  });

  test('takes what nothing excludes; what is named is the definition’s all the same', () => {
    const definition = load('["public.*", public.tmp_kept]', 'exclude: ["public.tmp_*", public.secret]');
    const isOurs = (text: string) => isDefined(definition, named(text));
    expect(['public.orders', 'public.tmp_kept'].map(isOurs)).toEqual([true, true]);
    expect(['public.tmp_1', 'public.secret', 'sales.orders'].map(isOurs)).toEqual([false, false, false]);
  });
});

describe('what counts for a table', () => {
  const definition = load(`
  - { name: public.orders, mode: append, mask: { note: redact }, exclude_columns: [card], group: g }
  - { name: "public.*", mask: { email: hash, note: hash }, as_text: [amount], where: "id > 0", partition: [country] }
  - { name: "public.o*", exclude_columns: [phone], as_text: [place], partition: [day(at)], mask: { email: ~ } }`);
  const of = (text: string, has?: (column: string) => boolean) => tableOptions(definition, named(text), has);

  test('is taken from what names it, else from the last pattern that says it; masks and lists add up', () => {
    expect(of('public.orders')).toEqual({
      mode: 'append',
      mask: { email: 'null', note: 'redact' },
      exclude_columns: ['phone', 'card'],
      as_text: ['amount', 'place'],
      where: 'id > 0',
      partition: ['day(at)'],
      group: 'g',
      key: undefined,
      columns: undefined,
      as: undefined,
    });
    expect(of('public.items')).toMatchObject({
      mode: 'overwrite',
      mask: { email: 'hash', note: 'hash' },
      partition: ['country'],
      exclude_columns: [],
      group: undefined,
    });
    expect(of('sales.orders')).toMatchObject({ mask: {}, where: undefined, as_text: [] });
  });

  test('of patterns: in the table’s own columns; of what names it: whatever it says', () => {
    expect(of('public.orders', (column) => column === 'country')).toMatchObject({
      mask: { note: 'redact' },
      exclude_columns: ['card'],
      as_text: [],
      // what the later pattern says is of a column that the table does not have
      partition: ['country'],
    });
  });

  test('null is a mask with and without quotes; columns may be called as anything', () => {
    const odd = load('[{ name: a, mask: { one: null, two: "null", constructor: hash } }]');
    const { mask } = tableOptions(odd, named('a'));
    expect(Object.entries(mask)).toEqual([
      ['one', 'null'],
      ['two', 'null'],
      ['constructor', 'hash'],
    ]);
  });

  test('a key is a name or a list of names', () => {
    const keys = load('[{ name: a, key: id }, { name: b, key: [region, id] }, c]');
    const of = (table: string) => tableOptions(keys, named(table)).key;
    expect([of('a'), of('b'), of('c')]).toEqual([['id'], ['region', 'id'], undefined]);
  });
});

test.for([
  [
    '[{ name: "public.*", as: x }]',
    'tables[0].as: stands with the pattern "public.*", but is one table’s own',
  ],
  ['[{ name: "public.*", key: id }]', 'tables[0].key: stands with the pattern "public.*"'],
  ['["public.*", "public.*"]', 'tables[1]: "public.*" stands already at tables[0]'],
  ['[public.., x]', 'tables[0].name: "public.." is no table’s name; allowed: table'],
  [
    '[{ name: a, columns: [b, c], exclude_columns: [c] }]',
    'tables[0].exclude_columns: "c" stands in columns, too',
  ],
  ['[{ name: a, key: [b, c], mask: { c: hash } }]', 'tables[0].mask.c: belongs to the key, by whose values'],
  ['[{ name: a, mask: { c: sha } }]', 'tables[0].mask.c: "sha" stands there; allowed: hash, redact, null'],
  ['[{ name: a, mask: [c] }]', 'tables[0].mask: a list stands there; allowed is a group, with'],
  ['[{ name: a, mask: { __proto__: hash } }]', 'tables[0].mask: __proto__ cannot be masked'],
  ['[{ name: a, columns: [] }]', 'tables[0].columns: a list stands there; allowed: at least 1'],
  ['[{ name: a, key: 7 }]', 'tables[0].key: 7 stands there; allowed is a list'],
  ['[{ name: a, where: "" }]', 'tables[0].where: "" stands there; allowed: a text that is not empty'],
] as const)('%s is refused', ([tables, message]) => {
  expect(refused(tables)).toEqual([expect.stringContaining(message)]);
});

test.for(['[*.*]', '\n  - *.log_*', '[*]'])('%s: it is said that quotes are missing', (tables) => {
  expect(refused(tables)).toEqual([
    expect.stringMatching(
      /^tidemark\.yaml.*alias.*; a pattern that begins with \* stands in quotes: "\*\.\*"$/i,
    ),
  ]);
});

test.for([
  ['[a]', '[b]', 'exclude[0]: takes tables out of patterns, but none stands under tables'],
  ['["public.*", public.a]', '[a]', 'exclude[0]: "a" is named at tables[1]; allowed: in one of both'],
  ['["public.*"]', '[a.b.c]', 'exclude[0]: "a.b.c" is neither a table’s name nor a pattern'],
] as const)('%s without %s is refused', ([tables, exclude, message]) => {
  expect(refused(tables, `exclude: ${exclude}`)).toEqual([expect.stringContaining(message)]);
});
