import { describe, expect, test } from 'vitest';
import { asDeployed } from '../../../core/definition/deployed-source.ts';
import { loadDefinition } from '../../../core/definition/load.ts';

const resource = 'db-ABCDEFGHIJKL01234';
const text = (source: string, tables = '[shop.orders]'): string =>
  `{ name: shop, source: { ${source} }, tables: ${tables}, target: { url: s3://lake } }`;
const names = (yaml: string, environment: Record<string, string> | null = {}): string[] =>
  loadDefinition(yaml, 'tidemark.yaml', environment).tables.map(({ name }) => name);

describe('tables of MySQL', () => {
  const bare = (url: string) => text(`type: mysql, url: "${url}"`, '[orders, { name: crm."odd.name" }]');

  test('without a database: that of source.url, wherever the definition is read', () => {
    const whole = ['shop.orders', 'crm."odd.name"'];
    expect(names(bare('mysql://u:p@h:3306/shop?ssl-mode=REQUIRED'))).toEqual(whole);
    expect(names(bare('mariadb://u:${WORD}@${HOST}/shop'), null)).toEqual(whole);
    const secret = 'secret: "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf"';
    const beside = text(`type: mysql, url: "mysql://u:\${WORD}@\${HOST}/shop", ${secret}`, '[orders]');
    expect(loadDefinition(beside, 'tidemark.yaml', {}, 'secret').tables[0]!.name).toBe('shop.orders');
    expect(names(bare('mysql://u@h/sh%2Eop'))[0]).toBe('"sh.op".orders');
  });

  test.each(['${DATABASE_URL}', 'mysql://u@h/${DATABASE}', 'mysql://u@h'])('nobody names one: %s', (url) => {
    const load = () => names(bare(url), null);
    expect(load).toThrow(/tables\[0\]: "orders" names no database.*allowed: database\.table, or/);
  });

  test('the same table twice, once without its database', () => {
    expect(() => names(text('type: mysql, url: "mysql://u@h/shop"', '[orders, shop.orders]'))).toThrow(
      '"shop.orders" stands already at tables[0]',
    );
  });
});

test('of PostgreSQL names stay as they are written', () => {
  expect(names(text('type: postgres, url: "postgres://u@h/shop"', '[orders, crm.orders]'))).toEqual([
    'orders',
    'crm.orders',
  ]);
});

test.each([
  [
    'mysql',
    'postgres://u:geheim@h/d',
    'begins with postgres://, but its type is mysql; allowed: mysql:// or mariadb://, or type: postgres',
  ],
  [
    'postgres',
    'mariadb://u:geheim@h/d',
    'begins with mariadb://, but its type is postgres; allowed: postgres://, or type: mysql',
  ],
])('type %s with an address of another', (type, url, said) => {
  const load = () => loadDefinition(text(`type: ${type}, url: "${url}"`), 'tidemark.yaml', {});
  expect(load).toThrow(said);
  expect(load).not.toThrow('geheim');
});

test.each(['DISABLED', 'preferred', 'REQUIRED'])(
  'IAM with ssl-mode=%s: a token goes to nobody unverified',
  (mode) => {
    const yaml = text(`type: mysql, url: "mysql://u@h.example/d?ssl-mode=${mode}", iam: ${resource}`);
    expect(() => loadDefinition(yaml, 'tidemark.yaml', {}, 'iam')).toThrow(
      `ssl-mode=${mode} does not insist on a verified certificate, which source.iam needs; allowed: VERIFY_IDENTITY`,
    );
  },
);

test('a deployed function reads the address without its password', () => {
  const raw = { source: { type: 'mysql', url: 'mysql://u:${WORD}@h/d' } };
  expect(asDeployed(raw, 'iam')).toEqual({ source: { type: 'mysql', url: 'mysql://u@h/d' } });
  const maria = { source: { type: 'mysql', url: 'mariadb://u:word@h/d' } };
  expect(asDeployed(maria, 'secret')).toEqual({ source: { type: 'mysql', url: 'mariadb://u@h/d' } });
});
