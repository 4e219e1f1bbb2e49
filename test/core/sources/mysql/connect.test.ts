import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../core/sources/mysql/address.ts';
import { mysqlSource } from '../../../../core/sources/mysql/mysql.ts';
import { noMariadb, type TestMariadb, testMariadb } from '../../../support/mariadb.ts';
import { readWhole } from './reading.ts';

describe('an address', () => {
  test('whole, and with what is left out', () => {
    expect(
      parseAddress(
        'mysql://ti%40de:w%2Frd@db.example:3307/sh%20op?SSL-Mode=verify_identity&ssl-ca=ca.pem&connect-timeout=3',
      ),
    ).toMatchObject({
      ...{ host: 'db.example', port: 3307, database: 'sh op', user: 'ti@de', password: 'w/rd' },
      ...{ sslMode: 'VERIFY_IDENTITY', sslFiles: { ca: 'ca.pem' }, connectMs: 3000 },
    });
    expect(parseAddress('mariadb://u@[::1]/d')).toMatchObject({
      ...{ host: '::1', port: 3306, password: undefined, sslMode: 'PREFERRED', sslFiles: {} },
    });
  });

  test.each([
    ['geheim', 'not a URL'],
    ['postgres://u:geheim@h/d', 'begins with postgres://, must begin with mysql:// or mariadb://'],
    ['mysql://u:geheim@h', 'names no database'],
    ['mysql://:geheim@h/d', 'names no user'],
    ['mysql://u:geheim@h/d?ssl-mode=yes', 'ssl-mode is yes, must be one of DISABLED, PREFERRED'],
    ['mysql://u:geheim@h/d?sslmode=require', 'does not know the parameter sslmode; known are ssl-mode'],
    ['mysql://u:geheim@h/d?connect-timeout=0', 'connect-timeout must be a number of seconds above 0'],
    ['mysql://u:geheim%@h/d', 'has a % that is not followed'],
    [
      'mysql://u:geheim@10.0.0.1/d?ssl-mode=VERIFY_IDENTITY',
      'the host is an IP address; allowed: the host’s name',
    ],
  ])('%s', (url, said) => {
    const parse = () => parseAddress(url);
    expect(parse).toThrow(said);
    expect(parse).not.toThrow('geheim');
  });
});

describe.skipIf(noMariadb || process.env.TIDEMARK_TEST_MYSQL_URL !== undefined)('connections', () => {
  let folder: string;
  let db: TestMariadb;
  const file = (name: string) => join(folder, name);

  /** An authority of its own, and a certificate by it for localhost; another authority that signed nothing. */
  async function makeCertificates(): Promise<void> {
    const run = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
    for (const name of ['ca', 'other'])
      await run(
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
        ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
      );
    await run(
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost'],
      ...['-keyout', 'server.key', '-out', 'server.csr'],
    );
    await writeFile(file('names'), 'subjectAltName=DNS:localhost');
    await run(
      ...[
        'x509',
        '-req',
        '-in',
        'server.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-days',
        '2',
      ],
      ...['-extfile', 'names', '-out', 'server.pem'],
    );
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-mysql-tls-'));
    await makeCertificates();
    db = await testMariadb({
      ...{ 'ssl-ca': file('ca.pem'), 'ssl-cert': file('server.pem'), 'ssl-key': file('server.key') },
    });
    await db.sql(`CREATE TABLE t (id int PRIMARY KEY, v longtext);
      INSERT INTO t VALUES (1, REPEAT('x', 3000000)), (2, 'y');
      CREATE USER reader@'%' IDENTIFIED BY 'wo:rd/1' REQUIRE SSL;
      CREATE USER nobody@'%' IDENTIFIED BY 'word';
      GRANT SELECT ON ${db.database}.* TO reader@'%'`);
  });
  afterAll(async () => {
    await db?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const urlOf = (host: string, parameters: Record<string, string>, user = 'reader', password = 'wo:rd/1') =>
    db.urlFor({ user, password, parameters }).replace('@127.0.0.1:', `@${host}:`);

  const accepted: [string, string, Record<string, string>][] = [
    ['VERIFY_IDENTITY', 'localhost', { 'ssl-ca': 'ca.pem' }],
    ['VERIFY_CA', '127.0.0.1', { 'ssl-ca': 'ca.pem' }],
    ['REQUIRED', 'localhost', {}],
    ['REQUIRED', '127.0.0.1', { 'ssl-ca': 'ca.pem' }],
    ['PREFERRED', 'localhost', {}],
    ['preferred', '127.0.0.1', {}],
  ];
  test.each(accepted)('TLS %s at %s is made, and rows come through it', async (mode, host, given) => {
    const files = Object.fromEntries(Object.entries(given).map(([name, path]) => [name, file(path)]));
    const source = mysqlSource({ url: urlOf(host, { 'ssl-mode': mode, ...files }) });
    expect((await source.identify()).description).toMatch(
      /^MariaDB 1\d\.\d+\.\d+ at .*, as reader, over TLS$/,
    );
    const table = await source.describe({ schema: db.database, table: 't' });
    const { rows } = await readWhole(source, table, { after: null, upTo: '2' });
    expect(rows.map(([id, v]) => [id, v?.length])).toEqual([
      ['1', 3_000_000],
      ['2', 1],
    ]);
    await source.close();
  });

  const refused: [string, string, Record<string, string>, RegExp][] = [
    ['VERIFY_IDENTITY', 'localhost', { 'ssl-ca': 'other.pem' }, /certificate|self.signed|issuer/i],
    ['VERIFY_IDENTITY', 'localhost', {}, /certificate|self.signed|issuer/i],
    ['VERIFY_CA', 'localhost', { 'ssl-ca': 'other.pem' }, /certificate|self.signed|issuer/i],
    ['VERIFY_CA', 'localhost', {}, /certificate|self.signed|issuer/i],
    ['REQUIRED', 'localhost', { 'ssl-ca': 'other.pem' }, /certificate|self.signed|issuer/i],
    // it insists on TLS
    ['DISABLED', 'localhost', {}, /error 1045/],
  ];
  test.each(refused)('TLS %s at %s with %j is refused', async (mode, host, given, said) => {
    const files = Object.fromEntries(Object.entries(given).map(([name, path]) => [name, file(path)]));
    const source = mysqlSource({ url: urlOf(host, { 'ssl-mode': mode, ...files }) });
    const error = await source.identify().catch((failure) => failure);
    expect(error).toMatchObject({ code: 'SourceRefused', message: expect.stringMatching(said) });
    expect(`${error.message} ${error.stack} ${error.cause}`).not.toContain('wo:rd/1');
    await source.close();
  });

  test('the name in the certificate is another', async () => {
    // a name of this machine that the certificate does not have
    const source = mysqlSource({
      url: urlOf('ip6-localhost', {
        'ssl-mode': 'VERIFY_IDENTITY',
        'ssl-ca': file('ca.pem'),
        'connect-timeout': '3',
      }),
    });
    const error = await source.identify().catch((failure) => failure);
    // the server listens at 127.0.0.1 only: where that name is another address, nobody answers
    expect(['SourceRefused', 'SourceUnavailable']).toContain(error.code);
    await source.close();
  });

  test('a file that is not there', async () => {
    const source = mysqlSource({
      url: urlOf('localhost', { 'ssl-mode': 'VERIFY_CA', 'ssl-ca': file('none.pem') }),
    });
    await expect(source.identify()).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringMatching(/^source\.url: ssl-ca: .*none\.pem cannot be read \(ENOENT\)$/),
    });
  });

  const wrong: [string, string, string, string, string][] = [
    ['a wrong password', 'reader', 'other', '', 'SourceRefused'],
    ['no password', 'reader', '', '', 'SourceRefused'],
    ['a user that is not there', 'stranger', 'word', '', 'SourceRefused'],
    ['a database that is not there', 'reader', 'wo:rd/1', 'nowhere', 'SourceRefused'],
    ['no right on the database', 'nobody', 'word', '', 'SourceRefused'],
  ];
  test.each(wrong)('%s', async (_, user, password, database, code) => {
    const source = mysqlSource({ url: db.urlFor({ user, password, ...(database !== '' && { database }) }) });
    const error = await source.identify().catch((failure) => failure);
    expect(error).toMatchObject({ code, kind: 'source' });
    if (password !== '' && password !== 'word')
      expect(`${error.message} ${error.stack}`).not.toContain(password);
    await source.close();
  });

  test('whoever asks for a password in clear text gets none where the certificate was not verified', async () => {
    // answers the handshake with a request for mysql_clear_password
    const heard: Buffer[] = [];
    const fake = createServer((socket: Socket) => {
      const hello = Buffer.concat([
        Buffer.from('\x0a10.6.0-MariaDB\0', 'latin1'),
        Buffer.from([1, 0, 0, 0]),
        Buffer.from('abcdefgh\0', 'latin1'),
        Buffer.from([0x00, 0xa2, 0x2d, 0x02, 0x00, 0x08, 0x00, 0x15]),
        Buffer.alloc(10),
        Buffer.from('ijklmnopqrst\0mysql_native_password\0', 'latin1'),
      ]);
      socket.on('error', () => {});
      socket.write(Buffer.concat([Buffer.of(hello.length, 0, 0, 0), hello]));
      const ask = Buffer.from('\xfemysql_clear_password\0', 'latin1');
      socket.once('data', () => socket.write(Buffer.concat([Buffer.of(ask.length, 0, 0, 2), ask])));
      socket.on('data', (data) => heard.push(data));
    });
    await new Promise<void>((done) => fake.listen(0, '127.0.0.1', done));
    const { port } = fake.address() as { port: number };
    const source = mysqlSource({ url: `mysql://u:geheimwort@127.0.0.1:${port}/d?ssl-mode=DISABLED` });
    await expect(source.identify()).rejects.toMatchObject({
      code: 'SourceRefused',
      message: expect.stringContaining('mysql_clear_password'),
    });
    expect(Buffer.concat(heard).toString('latin1')).not.toContain('geheimwort');
    await source.close();
    await new Promise((done) => fake.close(done));
  });
});
