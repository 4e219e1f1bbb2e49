/** What a definition says of tables in the lake, and what is refused, with place, finding and what is allowed. */
import { describe, expect, test } from 'vitest';
import { readToDeploy } from '../../../core/definition/deployable.ts';
import { lakeName } from '../../../core/definition/lake-name.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import type { Definition } from '../../../core/definition/options.ts';
import { publishGroup } from '../../../core/definition/publish-group.ts';

const definition = (target: string, tables = '[orders]') => `name: shop
source: { type: postgres, url: "postgres://h/d" }
tables: ${tables}
target: { url: s3://lake/shop, ${target} }
`;
const load = (target: string, tables?: string) => loadDefinition(definition(target, tables), 'a.yaml', {});

describe('target.catalog', () => {
  test.each([
    ['catalog: ledger', { type: 'ledger' }],
    ['catalog: { type: glue, database: raw }', { type: 'glue', database: 'raw' }],
    [
      'catalog: { type: rest, uri: "https://c/iceberg", namespace: raw, sign: { service: glue, region: eu-central-1 } }',
      { type: 'rest', uri: 'https://c/iceberg', sign: { service: 'glue', region: 'eu-central-1' } },
    ],
  ])('%s', (text, expected) => {
    expect(load(text).target.catalog).toMatchObject(expected);
  });

  test.each([
    ['catalog: hive', 'target.catalog: "hive" stands there; allowed: ledger, glue, rest'],
    ['catalog: glue', 'target.catalog.database: nothing stands there; allowed is a text'],
    [
      'catalog: { type: glu }',
      'target.catalog.type: "glu" stands there; allowed: ledger, glue, rest; did you mean glue?',
    ],
    ['catalog: { type: glue, databas: a }', 'unknown option "databas"; did you mean database?'],
    ['catalog: { type: glue, database: A-b }', 'lower-case letters, digits and _'],
    ['catalog: { type: rest, uri: "ftp://c", namespace: a }', 'https://host/path, without user, ? and #'],
    [
      'catalog: { type: rest, uri: "https://s3tables.eu-central-1.amazonaws.com/iceberg", namespace: a }',
      'target.catalog: names Amazon S3 Tables',
    ],
    [
      'catalog: { type: rest, uri: "https://c", namespace: a, sign: { service: s3tables, region: eu-central-1 } }',
      'target.catalog: names Amazon S3 Tables',
    ],
    ['keep: { snapshots: 0 }', 'target.keep.snapshots: 0 stands there; allowed: 1 or more'],
    ['keep: { days: 99999 }', 'target.keep.days: 99999 stands there; allowed: at most 3650'],
    ['manifests: [hive, delta]', 'target.manifests[1]: "delta" stands there; allowed: hive, redshift'],
  ])('%s is refused', (text, message) => {
    expect(() => load(text)).toThrow(message);
  });

  test('a token would stand readable in the settings of functions', () => {
    const text = definition('catalog: { type: rest, uri: "https://c", namespace: a, token: "${TOKEN}" }');
    const environment = { TOKEN: 'a secret' };
    expect(() => readToDeploy(text, 'a.yaml', environment, 'secret')).toThrow(
      'target.catalog.token: would stand readable in the functions’ settings',
    );
  });
});

describe('names in a catalog', () => {
  test.each([
    ['public', 'orders', 'orders'],
    ['public', 'Order Lines', 'order_lines'],
    ['sales', 'orders-2024', 'sales_orders_2024'],
  ])('%s.%s is %s', (schema, table, name) => {
    expect(lakeName({ schema, table }, undefined)).toBe(name);
    expect(lakeName({ schema, table }, 'other')).toBe('other');
  });

  test('two of one name, or none at all, are refused where a catalog is', () => {
    const glue = 'catalog: { type: glue, database: raw }';
    expect(() => load(glue, '[orders, "\\"Orders\\""]')).toThrow('would be orders there, as tables[0] is');
    expect(() => load(glue, '["\\"日本\\""]')).toThrow('which is no name for a table there');
    expect(load('catalog: ledger', '[orders, "\\"Orders\\""]').tables).toHaveLength(2);
  });

  test('two that are given the same one are refused everywhere', () => {
    expect(() => load('', '[{ name: a, as: x }, { name: b, as: x }]')).toThrow('tables[1]: would be x there');
  });
});

test('more buckets than a part can have files are refused', () => {
  expect(() => load('', '[{ name: a, partition: ["bucket(101, id)"] }]')).toThrow('has 101 buckets');
  expect(load('', '[{ name: a, partition: ["bucket(100, id)"] }]').tables[0]!.partition).toEqual([
    'bucket(100, id)',
  ]);
});

test('which tables are published together', () => {
  const tables = '[{ name: a, group: g }, b, { name: c, group: g }]';
  const groups = (of: Definition) =>
    ['a', 'b', 'c'].map((table) => publishGroup(of, { schema: 'public', table }));
  expect(groups(load('', tables))).toEqual(['g', null, 'g']);
  const together = loadDefinition(`${definition('', tables)}publish: together\n`, 'a.yaml', {});
  expect(groups(together)).toEqual(['all', 'all', 'all']);
  const byPattern = '[{ name: "public.*", group: g }, { name: b, group: h }]';
  expect(groups(load('', byPattern))).toEqual(['g', 'h', 'g']);
});
