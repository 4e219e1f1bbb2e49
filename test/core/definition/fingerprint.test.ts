import { expect, test } from 'vitest';
import { fingerprint } from '../../../core/definition/fingerprint.ts';
import { loadDefinition } from '../../../core/definition/load.ts';

const text = `
name: shop
source: { type: postgres, url: postgres://a@h/db, statement_rows: 10 }
tables:
  - public.orders
  - { name: public.events, key: id, as_text: [a, b] }
target: { url: s3://lake/shop, compression: none }
part: { rows: 5, bytes: 10, seconds: 2 }
chunk: { rows: 7 }
concurrency: 9
retry: { kind: fixed, attempts: 3 }
`;
const of = (from: string | RegExp = /$^/, to = '') => {
  const changed = text.replace(from, to);
  if (to !== '') expect(changed).not.toBe(text);
  return fingerprint(loadDefinition(changed, 'tidemark.yaml', {}));
};

test.for([
  ['name: shop', 'name: store'],
  ['  - public.orders\n', '  - public.order\n'],
  ['  - public.orders\n', '  - public.orders\n  - public.more\n'],
  ['  - public.orders\n', '  - { name: public.orders, key: id }\n'],
  ['key: id', 'key: other'],
  ['[a, b]', '[a]'],
  ['s3://lake/shop', 's3://lake/store'],
] as const)('another run: %s → %s', ([from, to]) => {
  expect(of(from, to)).not.toBe(of());
});

test.for([
  ['[a, b]', '[b, a]'],
  ['postgres://a@h/db', 'postgres://b:other@new-host/db?sslmode=require'],
  ['statement_rows: 10', 'statement_rows: 11'],
  ['compression: none', 'compression: snappy'],
  ['rows: 5', 'rows: 6'],
  ['bytes: 10', 'bytes: 11'],
  ['seconds: 2', 'seconds: 3'],
  ['rows: 7', 'rows: 8'],
  ['concurrency: 9', 'concurrency: 8'],
  ['kind: fixed', 'kind: none'],
  ['concurrency: 9', 'concurrency: 9\nschedule: rate(1 day)\ndeploy: { memory_mebibytes: 3008 }'],
  ['url: postgres://a@h/db', 'secret: "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf"'],
  ['url: postgres://a@h/db', 'url: postgres://a@h/db, iam: db-ABCDEFGHIJKL01234'],
] as const)('the same run goes on: %s → %s', ([from, to]) => {
  expect(of(from, to)).toBe(of());
});

const patterns = `
name: shop
source: { type: postgres, url: postgres://a@h/db }
tables:
  - { name: public.*, mode: append, mask: { email: hash, name: redact }, partition: [country] }
  - { name: public.orders, key: [region, id], columns: [id, region], exclude_columns: [a, b], where: id > 1 }
exclude: [public.a, public.b]
target: { url: s3://lake/shop }
`;
const ofPatterns = (from: string | RegExp = /$^/, to = '') =>
  fingerprint(loadDefinition(patterns.replace(from, to), 'tidemark.yaml', {}));

test.for([
  ['[region, id]', '[id, region]'],
  ['columns: [id, region]', 'columns: [id]'],
  ['columns: [a, b]', 'columns: [a]'],
  ['id > 1', 'id > 2'],
  ['email: hash', 'email: redact'],
  ['email: hash', 'mail: hash'],
  ['public.b]', 'public.c]'],
  ['public.*,', 'public.o*,'],
  // they take the place of what the pattern says
  ['key: [region, id]', 'key: [region, id], mode: overwrite'],
  ['key: [region, id]', 'key: [region, id], partition: []'],
] as const)('patterns and what stands with them, another run: %s → %s', ([from, to]) => {
  expect(ofPatterns(from, to)).not.toBe(ofPatterns());
});

test.for([
  ['columns: [id, region]', 'columns: [region, id]'],
  ['columns: [a, b]', 'columns: [b, a]'],
  ['{ email: hash, name: redact }', '{ name: redact, email: hash }'],
  ['[public.a, public.b]', '[public.b, public.a]'],
] as const)('patterns and what stands with them, the same run goes on: %s → %s', ([from, to]) => {
  expect(ofPatterns(from, to)).toBe(ofPatterns());
});

test('a definition of before there were patterns stands for the same as then: its runs go on', () => {
  const old = `
name: shop
source: { type: postgres, url: postgres://a@h/db, statement_rows: 10 }
tables:
  - public.orders
  - { name: public.events, key: id, as_text: [b, a], mode: overwrite, partition: [] }
  - { name: public.lines, mode: append, as: l, partition: [day(at)] }
target: { url: s3://lake/shop, compression: none, catalog: { type: glue, database: d } }
`;
  // as the last version without them has computed it
  expect(fingerprint(loadDefinition(old, 'tidemark.yaml', {}))).toBe('5c9dd7cbbec81877');
});

test('the order of the tables counts: it is their place in the run', () => {
  const swapped = text.replace('  - public.orders\n', '').replace('target:', '  - public.orders\ntarget:');
  expect(fingerprint(loadDefinition(swapped, 'tidemark.yaml', {}))).not.toBe(of());
});
