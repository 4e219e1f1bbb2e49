/** A database that cannot be reached, or says no: what is said of it, and that the run goes on once it is mended. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { type SyncWorld, syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

const secret = 'a-secret-word';
let folder: string;
let postgres: TestPostgres;
let good: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-refused-'));
  postgres = await testPostgres();
  await postgres.sql(`create role reader login password '${secret}'`);
  await postgres.sql('create table items (id integer primary key, note text)');
  await postgres.sql(`insert into items select i, 'note ' || i from generate_series(1, 100) i`);
  await postgres.sql('grant select on items to reader');
  good = postgres.urlFor({ user: 'reader', password: secret });
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

const changed = (part: (url: URL) => void): string => {
  const url = new URL(good);
  part(url);
  return url.href;
};

const worldWith = (name: string, url: string): SyncWorld =>
  syncWorld(folder, name, {
    source: { type: 'postgres', url },
    tables: ['public.items'],
    retry: { kind: 'none' },
  });

type Case = {
  readonly name: string;
  readonly url: () => Promise<string> | string;
  readonly code: string;
  readonly message: RegExp;
};

const cases: readonly Case[] = [
  {
    name: 'a port on which nobody listens',
    url: async () => {
      const port = await closedPort();
      return changed((url) => {
        url.port = String(port);
      });
    },
    code: 'SourceUnavailable',
    message: /the database postgres at 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
  },
  {
    name: 'a host that does not exist',
    url: () =>
      changed((url) => {
        url.hostname = 'no-such-host.invalid';
      }),
    code: 'SourceUnavailable',
    message: /at no-such-host\.invalid:\d+: .*(ENOTFOUND|EAI_AGAIN)/,
  },
  {
    name: 'a wrong password',
    url: () =>
      changed((url) => {
        url.password = 'not-the-word';
      }),
    code: 'SourceRefused',
    message: /127\.0\.0\.1:\d+: password authentication failed for user "reader"/,
  },
  {
    name: 'no password',
    url: () =>
      changed((url) => {
        url.password = '';
      }),
    code: 'SourceRefused',
    message: /127\.0\.0\.1:\d+: .*password/i,
  },
  {
    name: 'an unknown database',
    url: () =>
      changed((url) => {
        url.pathname = '/shop';
      }),
    code: 'SourceRefused',
    message: /database "shop" does not exist/,
  },
  {
    name: 'TLS demanded, not offered (require)',
    url: () => `${good}?sslmode=require`,
    code: 'SourceRefused',
    message: /does not support SSL/,
  },
  {
    name: 'TLS demanded, not offered (verify-full)',
    url: () => `${good}?sslmode=verify-full`,
    code: 'SourceRefused',
    message: /does not support SSL/,
  },
];

test('each is named with its code and place, exit code 1; mended, the same run goes on', async () => {
  const world = worldWith('refused', good);
  let run: string | null = null;
  for (const [index, { name, url, code, message }] of cases.entries()) {
    world.define({ source: { type: 'postgres', url: await url() } });
    const { exitCode, document, stdout, stderr } = await world.ask(index % 2 === 0 ? 'run' : 'redrive');
    expect({ name, exitCode, code: document.error?.code }).toEqual({ name, exitCode: 1, code });
    expect(document.error!.message).toMatch(message);
    expect(document.error!.next).toMatch(/tidemark redrive/);
    expect(stdout + stderr).not.toMatch(new RegExp(`${secret}|not-the-word`));
    expect(world.pointer('public.items')).toBeNull();
    run ??= document.run!;
    expect({ name, run: document.run }).toEqual({ name, run });
  }
  world.define({ source: { type: 'postgres', url: good } });
  const mended = await world.ask('redrive');
  expect(mended.exitCode, mended.stdout).toBe(0);
  expect(mended.document).toMatchObject({ outcome: 'published', run });
  expect(await compareWithSource(postgres.url, 'items', world.files('public.items'))).toMatchObject({
    lakeRows: 100,
    lost: 0,
    alien: 0,
  });
});

test('check finds the same, and ends at once', async () => {
  for (const { name, url, code, message } of cases.filter((one) => /password|listens/.test(one.name))) {
    const { exitCode, document } = await worldWith('checked', await url()).ask('check');
    expect({ name, exitCode }).toEqual({ name, exitCode: 1 });
    expect(document).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        expect.objectContaining({
          about: 'database',
          result: 'bad',
          code,
          text: expect.stringMatching(message),
        }),
      ]),
    });
  }
});

test('a URL that is none, or asks for what is not known: exit code 2, before anything is started', async () => {
  for (const [url, message] of [
    [
      `postgres://reader:${secret}@127.0.0.1:5432/postgres?ssl_mode=require`,
      /does not know the parameter ssl_mode/,
    ],
    [
      `postgres://reader:${secret}@127.0.0.1:5432/postgres?sslmode=strict`,
      /sslmode is strict, must be one of/,
    ],
    [`postgres://reader:${secret}@127.0.0.1:port/postgres`, /not a URL/],
    [`mysql://reader:${secret}@127.0.0.1:3306/shop`, /postgres:\/\//],
  ] as const) {
    const world = worldWith('no-url', url);
    const { exitCode, document, stdout, stderr } = await world.ask('run');
    expect({ url, exitCode }).toEqual({ url, exitCode: 2 });
    expect(document.error).toMatchObject({ code: 'DefinitionInvalid' });
    expect(document.error!.message).toMatch(/source\.url/);
    expect(document.error!.message).toMatch(message);
    expect(stdout + stderr).not.toContain(secret);
  }
});
