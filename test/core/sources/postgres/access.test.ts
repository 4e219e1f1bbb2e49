import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Access } from '../../../../core/sources/postgres/access.ts';
import { parseAddress } from '../../../../core/sources/postgres/address.ts';
import { postgresSource } from '../../../../core/sources/postgres/postgres.ts';
import { type TestPostgres, testPostgres } from '../../../support/postgres.ts';

let db: TestPostgres;
beforeAll(async () => {
  db = await testPostgres();
  await db.sql(`CREATE ROLE tide LOGIN PASSWORD 'old'`);
  await db.sql('CREATE TABLE t (id int PRIMARY KEY)');
  await db.sql('GRANT SELECT ON t TO tide');
});
afterAll(() => db?.stop());

/** Gives these passwords, one after the other, the last one for ever. */
function accessWith(passwords: string[], refusedPausesMs: readonly number[]) {
  const given: string[] = [];
  const access: Access = {
    async address() {
      const password = passwords.length > 1 ? passwords.shift()! : passwords[0]!;
      given.push(password);
      return parseAddress(db.urlFor({ user: 'tide', password }));
    },
    refusedPausesMs,
    refusedHint: ({ user }) => `look at ${user}`,
  };
  return { access, given };
}

test('the address is asked for anew for every connection: a rotated password is found', async () => {
  const { access, given } = accessWith(['old', 'new'], []);
  const source = postgresSource({ url: access, applicationName: 'rotated' });
  expect((await source.identify()).description).toContain('as tide');
  await db.sql(`ALTER ROLE tide PASSWORD 'new'`);
  // waits until it is gone: a connection that dies a moment later would fail the count in place of the look before it
  await db.sql(
    `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'rotated'`,
  );
  await source.identify().catch(() => {});
  expect(await source.count({ schema: 'public', table: 't' })).toBe(0);
  expect(given).toEqual(['old', 'new']);
  await source.close();
  await db.sql(`ALTER ROLE tide PASSWORD 'old'`);
});

describe('a password that is refused', () => {
  test('is asked for once more after each pause: the secret follows the database by seconds', async () => {
    const { access, given } = accessWith(['yesterday', 'yesterday', 'old'], [1, 1]);
    const source = postgresSource({ url: access });
    expect((await source.identify()).description).toContain('as tide');
    expect(given).toEqual(['yesterday', 'yesterday', 'old']);
    await source.close();
  });

  test('is refused in the end, with what else to look at', async () => {
    const { access, given } = accessWith(['wrong-secret'], [1, 1]);
    const source = postgresSource({ url: access });
    const error = await source.identify().catch((failure) => failure);
    expect(error).toMatchObject({ code: 'SourceRefused' });
    expect(error.message).toMatch(/\(SQLSTATE 28P01\); look at tide$/);
    expect(error.message).not.toContain('wrong-secret');
    expect(given).toHaveLength(3);
    await source.close();
  });

  test('other refusals are not asked about again', async () => {
    const { access, given } = accessWith(['old'], [60_000]);
    const address = async () => ({ ...(await access.address()), database: 'nowhere' });
    const source = postgresSource({ url: { ...access, address } });
    const error = await source.identify().catch((failure) => failure);
    expect(error).toMatchObject({ code: 'SourceRefused' });
    expect(error.message).not.toContain('look at');
    expect(given).toHaveLength(1);
    await source.close();
  });
});

/** As RDS says it: a server that lets nobody in. */
test('PAM refuses: named with what IAM needs, and not asked about again', async () => {
  const field = (kind: string, text: string) => `${kind}${text}\0`;
  const fields = `${field('S', 'FATAL')}${field('V', 'FATAL')}${field('C', '28000')}${field('M', 'PAM authentication failed for user "tide"')}\0`;
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const source = postgresSource({
    url: {
      address: async () => parseAddress(`postgres://tide:token@127.0.0.1:${port}/shop?sslmode=disable`),
      refusedPausesMs: [60_000],
      refusedHint: () => 'rds-db:connect',
    },
  });
  const error = await source.identify().catch((failure) => failure);
  expect(error).toMatchObject({
    code: 'SourceRefused',
    message: `the database shop at 127.0.0.1:${port}: PAM authentication failed for user "tide" (SQLSTATE 28000); rds-db:connect`,
  });
  expect(connections).toBe(1);
  await source.close();
  server.close();
});
