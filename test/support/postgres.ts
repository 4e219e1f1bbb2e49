/** A real PostgreSQL on a temporary folder, for one test file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';

export type TestPostgres = ConnectedPostgres & { readonly server: RunningPostgres };

export type ConnectedPostgres = {
  readonly url: string;
  /** Runs SQL as the superuser; rows of texts, as PostgreSQL writes them. */
  sql(text: string, values?: readonly unknown[]): Promise<(string | null)[][]>;
  /** The URL of a database of this server as some user. */
  urlFor(part: { readonly user?: string; readonly password?: string; readonly database?: string }): string;
  stop(): Promise<void>;
};

/** Nothing of a test's has to survive the machine. */
export const quickSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
};

/** Stop it in `afterAll`. @param settings of the server, as in postgresql.conf */
export async function testPostgres(settings: Readonly<Record<string, string>> = {}): Promise<TestPostgres> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-test-pg-'));
  const server = await startPostgres({
    folder: join(home, 'pg'),
    settings: { ...quickSettings, ...settings },
  });
  return connected(server, async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });
}

/** @param end stops the server */
export async function connected<Server extends { readonly url: string }>(
  server: Server,
  end: () => Promise<void>,
): Promise<ConnectedPostgres & { readonly server: Server }> {
  const client = new pg.Client({
    connectionString: server.url,
    types: { getTypeParser: () => (text: string | Buffer) => text as string },
  });
  client.on('error', () => {});
  await client.connect();
  await client.query(`SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 3`);
  return {
    url: server.url,
    server,
    async sql(text, values) {
      const result = await client.query({ text, values: values as unknown[], rowMode: 'array' });
      return (result.rows ?? []) as (string | null)[][];
    },
    urlFor(part) {
      const url = new URL(server.url);
      if (part.user !== undefined) url.username = encodeURIComponent(part.user);
      if (part.password !== undefined) url.password = encodeURIComponent(part.password);
      if (part.database !== undefined) url.pathname = `/${encodeURIComponent(part.database)}`;
      return url.href;
    },
    async stop() {
      await client.end().catch(() => {});
      await end();
    },
  };
}
