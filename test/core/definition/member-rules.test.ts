import { describe, expect, test } from 'vitest';
import { readToDeploy } from '../../../core/definition/deployable.ts';
import { loadDefinition } from '../../../core/definition/load.ts';

const yaml = (tables: string, sources = 'sources: { eu: { type: mysql, url: "mysql://u:p@eu/shop" } }') =>
  `name: shop
source: { type: postgres, url: "postgres://u@h/d" }
${sources}
tables:
${tables}
target: { url: s3://lake/shop }
`;
const load = (text: string) => loadDefinition(text, 'tidemark.yaml', {});

describe('tables that become one', () => {
  test('texts, patterns, and tables of other sources; of MySQL by their whole names', () => {
    const { tables } = load(
      yaml(
        '  - { name: public.all, from: [public.a_*, { source: eu, table: orders, as: eu }], source_column: who }',
      ),
    );
    expect(tables[0]).toMatchObject({
      from: [{ table: 'public.a_*' }, { source: 'eu', table: 'shop.orders', as: 'eu' }],
      source_column: 'who',
    });
  });

  test.each([
    ['  - { name: "public.*", from: [a] }', /tables\[0\]\.from: stands with the pattern "public\.\*"/],
    ['  - { name: a, source_column: x }', /tables\[0\]\.source_column: stands there, but no `from`/],
    ['  - { name: a, from: [b, public.b] }', /tables\[0\]\.from\[1\]: stands already at from\[0\]/],
    ['  - { name: a, from: [b.c.d] }', /"b\.c\.d" is no table’s name/],
    ['  - { name: a, from: [] }', /allowed: at least 1/],
    ['  - { name: a, from: [{ table: "b_*", as: x }] }', /would say the same of all its tables/],
    ['  - { name: a, from: [{ table: b, source: us }] }', /"us" is none of `sources`; allowed: eu/],
  ])('%s', (tables, message) => {
    expect(() => load(yaml(tables))).toThrow(message);
  });

  test.each([
    ['sources: { eu: { type: mysql } }', /sources\.eu: has no url/],
    [
      'sources: { eu: { type: mysql, url: "postgres://u@h/d" } }',
      /sources\.eu\.url: begins with postgres:\/\/, but its type is mysql/,
    ],
    ['sources: { EU: { type: mysql, url: "mysql://u@h/d" } }', /lower-case letters/],
  ])('%s', (sources, message) => {
    expect(() => load(yaml('  - a', sources))).toThrow(message);
  });

  test('cannot be deployed yet', () => {
    const text = yaml('  - { name: a, from: [b, { source: eu, table: c }] }');
    expect(() => readToDeploy(text, 'tidemark.yaml', {})).toThrow(
      /tidemark\.yaml:3: sources: cannot be deployed yet/,
    );
  });
});
