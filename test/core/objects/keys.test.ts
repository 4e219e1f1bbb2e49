import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keysOf, parseTarget, pathSegment, tableFolder } from '../../../core/objects/keys.ts';

test.for([
  ['s3://lake', 'lake', ''],
  ['s3://lake/', 'lake', ''],
  ['s3://lake/shop', 'lake', 'shop/'],
  ['s3://lake/a/b//c//', 'lake', 'a/b/c/'],
] as const)('%s', ([url, bucket, prefix]) => {
  expect(parseTarget(url)).toEqual({ bucket, prefix });
});

const table = { schema: 'public', table: 'Order Lines' };
const keys = keysOf({ bucket: 'lake', prefix: 'p/' }, 'shop');

test('everything has its place under the prefix', () => {
  const folder = 'p/public.Order!20Lines';
  expect(keys.staged('R', table, 3, 14, 'att', 'parquet')).toBe(
    'p/_staging/shop/R/public.Order!20Lines/000003-000014-att.parquet',
  );
  expect(keys.stagingOf('R')).toBe('p/_staging/shop/R/');
  expect(keys.stagingOfSync).toBe('p/_staging/shop/');
  expect(keys.final(table, 'R', 3, 14, 'parquet')).toBe(`${folder}/data/R/000003-000014.parquet`);
  expect(keys.dataOfRun(table, 'R')).toBe(`${folder}/data/R/`);
  expect(keys.dataOf(table)).toBe(`${folder}/data/`);
  expect(keys.manifest(table, 'R')).toBe(`${folder}/manifests/R.json`);
  expect(keys.pointer(table)).toBe(`${folder}/current.json`);
  expect(keys.tablePlan('R', 2)).toBe('p/_runs/shop/R/tables/000002.jsonl');
  expect(keys.tableDescription('R', 2)).toBe('p/_runs/shop/R/tables/000002-description.json');
  expect(keys.plan('R', 'x')).toBe('p/_runs/shop/R/plan-x.jsonl');
  expect(keys.results('R')).toBe('p/_runs/shop/R/results');
});

describe('names as path segments', () => {
  test.for([
    ['orders_2-A', 'orders_2-A'],
    ['a.b', 'a!2eb'],
    ['a/b', 'a!2fb'],
    ['..', '!2e!2e'],
    ['a!2eb', 'a!212eb'],
    ['größe', 'gr!c3!b6!c3!9fe'],
    ['\u0000', '!00'],
  ] as const)('%s', ([name, segment]) => {
    expect(pathSegment(name)).toBe(segment);
  });

  const anyName = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('!', '2', 'e', '.', '_') }),
  );

  test('hold nothing that S3, URLs or file systems take amiss', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(pathSegment(name)).toMatch(/^[A-Za-z0-9_!-]*$/);
      }),
    );
  });

  test('are read back as the name, so different names give different segments', () => {
    const readBack = (segment: string) =>
      Buffer.from(
        segment.replaceAll(/!(..)|(.)/g, (_, hex, plain) => hex ?? Buffer.from(plain).toString('hex')),
        'hex',
      ).toString('utf8');
    fc.assert(
      fc.property(anyName, (name) => {
        expect(readBack(pathSegment(name))).toBe(name);
      }),
    );
  });

  test('two tables never share a folder', () => {
    const name = fc.record({ schema: anyName, table: anyName });
    fc.assert(
      fc.property(name, name, (one, other) => {
        const same = one.schema === other.schema && one.table === other.table;
        expect(tableFolder(one) === tableFolder(other)).toBe(same);
      }),
    );
  });
});

test('keys of parts sort as their numbers, and attempts of a part stay apart', () => {
  const numbers = [0, 1, 9, 10, 99, 100, 5000, 99_999, 100_000, 999_999];
  const finals = numbers.map((n) => keys.final(table, 'R', 1, n, 'parquet'));
  expect([...finals].sort()).toEqual(finals);
  const staged = ['a', 'b'].map((attempt) => keys.staged('R', table, 1, 1, attempt, 'parquet'));
  expect(new Set(staged).size).toBe(2);
});
