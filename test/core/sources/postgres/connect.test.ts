import { execFile } from 'node:child_process';
import { chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../core/sources/postgres/address.ts';
import { serverFailure } from '../../../../core/sources/postgres/errors.ts';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';
import { copyTable } from './reading.ts';

const run = promisify(execFile);

describe('source.url', () => {
  test('in libpq’s words', () => {
    expect(parseAddress('postgresql://us%40er:p%2Fw@db.example:6543/sh%20op?sslmode=require')).toMatchObject({
      ...{
        host: 'db.example',
        port: 6543,
        user: 'us@er',
        password: 'p/w',
        database: 'sh op',
        sslMode: 'require',
      },
    });
    expect(parseAddress('postgres://me@[::1]')).toMatchObject({
      ...{
        host: '::1',
        port: 5432,
        database: 'me',
        password: undefined,
        sslMode: 'prefer',
        connectMs: 10_000,
      },
    });
  });

  test.each([
    ['nonsense secret', /not a URL/],
    ['mysql://me:secret@h/d', /must begin with postgres:\/\//],
    ['postgres://me:secret@h/d?sslmod=require', /does not know the parameter sslmod; known are sslmode/],
    [
      'postgres://me:secret@h/d?sslmode=verify_full',
      /sslmode is verify_full, must be one of disable, prefer/,
    ],
    ['postgres://me:sec%zzret@h/d', /two hexadecimal digits/],
    ['postgres://h/secret', /names no user/],
    ['postgres://me:secret@h/d?connect_timeout=soon', /number of seconds/],
  ])('%s', (url, message) => {
    let error: Error | null = null;
    try {
      postgresSource({ url });
    } catch (thrown) {
      error = thrown as Error;
    }
    expect(error).toMatchObject({ code: 'DefinitionInvalid', message: expect.stringMatching(message) });
    expect(error?.message).toMatch(/^source\.url: /);
    expect(error?.message).not.toContain('secret');
  });
});

describe('what the server says', () => {
  test.each([
    ['08006', 'SourceUnavailable'],
    ['57P01', 'SourceUnavailable'],
    ['57P03', 'SourceUnavailable'],
    ['53300', 'SourceUnavailable'],
    ['40001', 'SourceUnavailable'],
    ['57014', 'SourceTimeout'],
    ['55P03', 'SourceTimeout'],
    ['28P01', 'SourceRefused'],
    ['28000', 'SourceRefused'],
    ['3D000', 'SourceRefused'],
    ['42P01', 'TableMissing'],
    ['3F000', 'TableMissing'],
    ['42501', 'TableDenied'],
    ['42703', 'TableChanged'],
    ['XX001', 'SourceFailed'],
    ['42601', 'SourceFailed'],
  ])('%s → %s', (sqlState, code) => {
    expect(serverFailure('public.t', { sqlState, message: 'its own words' })).toMatchObject({
      code,
      message: `public.t: its own words (SQLSTATE ${sqlState})`,
    });
  });

  test('values do not go on', () => {
    const { message } = serverFailure('public.t', {
      ...{ sqlState: '22P02', message: 'invalid input syntax for type integer: "4111 1111 1111 1111"' },
    });
    expect(message).toBe('public.t: a value could not be converted (SQLSTATE 22P02)');
  });
});

describe('a server', () => {
  let db: TestPostgres;
  let certificates: string;
  const file = (name: string) => join(certificates, name);

  beforeAll(async () => {
    db = await testPostgres();
    certificates = await mkdtemp(join(tmpdir(), 'tidemark-tls-'));
    const openssl = (...args: string[]) => run('openssl', args, { cwd: certificates });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    for (const ca of ['ca', 'other'])
      await openssl(
        'req',
        '-x509',
        ...key,
        '-keyout',
        `${ca}.key`,
        '-out',
        `${ca}.pem`,
        '-subj',
        `/CN=${ca}`,
        '-days',
        '2',
      );
    for (const [name, san] of [
      ['right', 'IP:127.0.0.1,DNS:localhost'],
      ['wrong', 'DNS:elsewhere.example'],
    ] as const) {
      await openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const sign = [
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
      ];
      await run('sh', ['-c', `printf 'subjectAltName=${san}' > ${name}.ext`], { cwd: certificates });
      await openssl(...sign, '-extfile', `${name}.ext`, '-out', `${name}.pem`, '-days', '2');
    }
    await db.sql(`CREATE TABLE t AS SELECT i AS id, repeat('x', 100) AS v FROM generate_series(1, 20000) i`);
    await db.sql('ALTER TABLE t ADD PRIMARY KEY (id)');
  });
  afterAll(async () => {
    await db.stop();
    await rm(certificates, { recursive: true, force: true });
  });

  /** PostgreSQL reads its key as the user that it runs as. */
  async function serve(name: 'right' | 'wrong'): Promise<void> {
    const [[data] = []] = await db.sql(`SELECT current_setting('data_directory')`);
    const owner = await stat(`/proc/${db.server.pid}`);
    await run('chmod', ['755', certificates]);
    await run('chmod', ['600', file(`${name}.key`)]);
    if (process.getuid?.() === 0) await chown(file(`${name}.key`), owner.uid, owner.gid);
    expect(data).not.toBeNull();
    await db.sql(`ALTER SYSTEM SET ssl_cert_file = '${file(`${name}.pem`)}'`);
    await db.sql(`ALTER SYSTEM SET ssl_key_file = '${file(`${name}.key`)}'`);
    await db.sql('ALTER SYSTEM SET ssl = on');
    await db.sql('SELECT pg_reload_conf()');
    for (let tries = 0; tries < 100; tries++) {
      const [[set] = []] = await db.sql(
        `SELECT setting FROM pg_file_settings WHERE name = 'ssl_cert_file' AND applied`,
      );
      if (set?.includes(name)) break;
    }
    await new Promise((done) => setTimeout(done, 200));
  }

  const attempt = async (query: string): Promise<string> => {
    const source = postgresSource({ url: `${db.url}?${query}` });
    try {
      const { description } = await source.identify();
      expect((await copyTable(source, 't')).rows.length).toBe(20_000);
      return description.endsWith('over TLS') ? 'TLS' : 'plain';
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`;
    } finally {
      await source.close();
    }
  };

  test('without TLS', async () => {
    expect(await attempt('sslmode=disable')).toBe('plain');
    expect(await attempt('sslmode=prefer')).toBe('plain');
    expect(await attempt('')).toBe('plain');
    expect(await attempt('sslmode=require')).toMatch(/^SourceRefused: .*does not support SSL/);
    expect(await attempt('sslmode=verify-full')).toMatch(/^SourceRefused/);
  });

  test('with TLS, verified when asked for', async () => {
    const ca = `sslrootcert=${encodeURIComponent(file('ca.pem'))}`;
    const other = `sslrootcert=${encodeURIComponent(file('other.pem'))}`;
    await serve('right');
    expect(await attempt('sslmode=disable')).toBe('plain');
    expect(await attempt('')).toBe('TLS');
    expect(await attempt('sslmode=require')).toBe('TLS');
    expect(await attempt(`sslmode=verify-full&${ca}`)).toBe('TLS');
    expect(await attempt(`sslmode=verify-ca&${ca}`)).toBe('TLS');
    expect(await attempt('sslmode=verify-full')).toMatch(/^SourceRefused: .*certificate/);
    expect(await attempt(`sslmode=verify-ca&${other}`)).toMatch(/^SourceRefused/);
    expect(await attempt(`sslmode=require&${other}`)).toMatch(/^SourceRefused/);
    expect(await attempt('sslmode=verify-full&sslrootcert=/nowhere/ca.pem')).toMatch(
      /^DefinitionInvalid: .*ENOENT/,
    );
    await serve('wrong');
    expect(await attempt(`sslmode=verify-ca&${ca}`)).toBe('TLS');
    expect(await attempt(`sslmode=verify-full&${ca}`)).toMatch(/^SourceRefused: .*127\.0\.0\.1/);
  });

  test('a wrong password, user or database', async () => {
    for (const url of [
      db.urlFor({ password: 'wrong-secret' }),
      db.urlFor({ user: 'nobody' }),
      db.urlFor({ database: 'nowhere' }),
      db.url.replace(/:[^:@/]+@/, '@'),
    ]) {
      const source = postgresSource({ url });
      const error = await source.identify().catch((failure) => failure);
      expect(error).toMatchObject({ code: 'SourceRefused' });
      expect(error.message).toMatch(/^the database /);
      expect(error.message).not.toContain('wrong-secret');
      await source.close();
    }
  });

  test('no room for another connection: transient', async () => {
    await db.sql(`CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 0`);
    const source = postgresSource({ url: db.urlFor({ user: 'few', password: 'few' }) });
    await expect(source.identify()).rejects.toMatchObject({ code: 'SourceUnavailable' });
    await source.close();
  });
});

test.each(['disable', 'prefer', 'require'])('who does not answer, sslmode=%s', async (sslMode) => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((done) => silent.once('listening', done));
  const { port } = silent.address() as { port: number };
  const source = postgresSource({
    url: `postgres://u:p@127.0.0.1:${port}/d?connect_timeout=0.3&sslmode=${sslMode}`,
  });
  await expect(source.identify()).rejects.toMatchObject({ code: 'SourceUnavailable' });
  await source.close();
  silent.close();
});
