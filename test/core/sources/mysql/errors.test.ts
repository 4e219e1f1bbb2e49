import { expect, test } from 'vitest';
import { loginFailure, serverFailure, sourceFailure } from '../../../../core/sources/mysql/errors.ts';

const of = (number: number, sqlState: string, message: string, quotesKeys = true) =>
  serverFailure('shop.orders', { number, sqlState, message }, quotesKeys);

test.each([
  [1040, '08004', 'SourceUnavailable'],
  [1203, '42000', 'SourceUnavailable'],
  [1226, '42000', 'SourceUnavailable'],
  [1205, 'HY000', 'SourceTimeout'],
  [1213, '40001', 'SourceUnavailable'],
  [1317, '70100', 'SourceTimeout'],
  [3024, 'HY000', 'SourceTimeout'],
  [1969, '70100', 'SourceTimeout'],
  [1045, '28000', 'SourceRefused'],
  [1142, '42000', 'TableDenied'],
  [1143, '42000', 'TableDenied'],
  [1146, '42S02', 'TableMissing'],
  [1054, '42S22', 'TableChanged'],
  [1176, '42000', 'TableChanged'],
  [1290, 'HY000', 'SourceFailed'],
  [1792, '25006', 'SourceFailed'],
  [9999, '08S01', 'SourceUnavailable'],
])('error %i (%s) is %s', (number, sqlState, code) => {
  expect(of(number, sqlState, 'words')).toMatchObject({
    code,
    message: `shop.orders: words (error ${number}, SQLSTATE ${sqlState})`,
  });
});

test('values and statements that messages quote do not go on', () => {
  for (const number of [1062, 1264, 1292, 1366, 1525, 1690])
    expect(of(number, '22007', "Incorrect value: 'geheim'", false).message).not.toContain('geheim');
  expect(of(1064, '42000', "near 'geheim'").message).toContain('the statement was not understood');
  // the definition's own words are no secret
  expect(of(1064, '42000', "near 'a =='", false).message).toContain("near 'a =='");
});

test('who did not get in', () => {
  expect(loginFailure(of(1045, '28000', 'Access denied'))).toBe('password');
  expect(loginFailure(of(1044, '42000', 'Access denied to database'))).toBe('other');
  expect(loginFailure(of(1146, '42S02', 'no table'))).toBeNull();
  const missing = { errno: 1049, sqlState: '42000', sqlMessage: 'Unknown database' };
  expect(sourceFailure('x', missing, true)).toMatchObject({ code: 'SourceRefused' });
  expect(sourceFailure('x', missing)).toMatchObject({ code: 'TableMissing' });
});

test('the network, and TLS', () => {
  expect(
    sourceFailure(
      'x',
      Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111 }),
    ),
  ).toMatchObject({
    code: 'SourceUnavailable',
    message: 'x: connect ECONNREFUSED',
  });
  expect(
    sourceFailure('x', Object.assign(new Error('self-signed'), { code: 'HANDSHAKE_SSL_ERROR' })),
  ).toMatchObject({
    code: 'SourceRefused',
  });
});
