import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { putText } from '../../../../core/objects/put-text.ts';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { updatesBetween } from '../../../../core/publish/catalogs/table-updates.ts';
import { withAddition } from '../../../../core/publish/iceberg/commit.ts';
import type { TableMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import { withFields, withSort } from '../../../../core/publish/iceberg/table.ts';
import { startEmbedded } from '../../../support/embedded.ts';
import { icebergReader } from '../../../support/iceberg-reader.ts';
import {
  errorAnswer,
  type RestCatalogServer,
  type RestCatalogSettings,
} from '../../../support/rest-catalog-server.ts';
import type { Json } from '../../../support/rest-table-updates.ts';
import { a, b, by, catalogAt, empty, field, keys, plus, restServers } from './rest-fixture.ts';

const { start, closing } = restServers();

/** A server, a catalog on it, and a table with one snapshot. */
async function withTable(settings: RestCatalogSettings = {}) {
  const server = await start(settings);
  const catalog = catalogAt(server);
  expect(await catalog.commit(a, null, plus(empty(), 1))).toBe('committed');
  const seen = (await catalog.load(a))!;
  server.calls.length = 0;
  return { server, catalog, seen };
}

const asAnother = (server: RestCatalogServer, seen: LoadedTable, next: TableMetadata, name = 'shop.a') => {
  const { requirements, updates } = updatesBetween(seen.metadata, next);
  return server.commit(name, [...requirements] as Json[], [...updates] as Json[]);
};

describe('a table', () => {
  test('that is not there is null, and so is one without its namespace', async () => {
    const server = await start();
    expect(await catalogAt(server).load(a)).toBeNull();
    server.namespaces.add('shop');
    expect(await catalogAt(server).load(a)).toBeNull();
  });

  test('is made in one step, in a namespace that is made for it, at the place that is ours', async () => {
    const server = await start();
    const catalog = catalogAt(server);
    const next = plus(empty(), 1);
    expect(await catalog.commit(a, null, next)).toBe('committed');
    expect(server.calls).toEqual([
      ...['config', 'load-namespace', 'create-namespace', 'create-table', 'commit-table'],
    ]);
    const { metadata, version, file } = (await catalog.load(a))!;
    expect(file).toMatch(/^s3:\/\/lake\/shop\/public\.a\/metadata\/00000-/);
    expect(version).toBe(file);
    const { 'table-uuid': uuid, 'last-updated-ms': _, ...rest } = next;
    // the one that the server has staged
    expect(metadata['table-uuid']).not.toBe(uuid);
    expect(metadata).toMatchObject(rest);
  });

  test('with a snapshot id of 63 bits keeps it, also in what is asked for', async () => {
    const { server, catalog, seen } = await withTable();
    const id = 2n ** 62n + 1n;
    await asAnother(server, seen, plus(seen.metadata, id));
    const loaded = (await catalog.load(a))!;
    expect(loaded.metadata['current-snapshot-id']).toBe(id);
    expect(await catalog.commit(a, loaded, plus(loaded.metadata, 3))).toBe('committed');
    expect(server.table('shop.a')!.metadata.snapshots).toMatchObject([
      { 'snapshot-id': 1 },
      { 'snapshot-id': id, 'parent-snapshot-id': 1 },
      { 'snapshot-id': 3, 'parent-snapshot-id': id },
    ]);
  });

  test('whose order of rows the server has written in its own way is not given another one', async () => {
    const { catalog, seen } = await withTable();
    const next = plus(withSort(withFields(seen.metadata, [field(1, 'id'), field(2, 'n')]), by(1)), 2);
    expect(await catalog.commit(a, seen, next)).toBe('committed');
    expect((await catalog.load(a))!.metadata).toMatchObject({ 'default-sort-order-id': 1 });
  });

  test('is read by a reader that is not ours, from the files that the server writes', async () => {
    const embedded = await startEmbedded();
    closing.push(() => embedded.close());
    const { keys: own } = embedded.freshSync();
    const server = await start({
      write: async (url, text) => {
        await putText(embedded.store, url.slice('s3://lake/'.length), text, {
          mediaType: 'application/json',
        });
      },
    });
    const catalog = catalogAt(server, undefined, own);
    const places = { store: embedded.store, keys: own };
    const add = async (run: string) => {
      const seen = await catalog.load(a);
      const addition = { sync: 's', run, table: a, fields: [field(1, 'id')], sort: by(1), files: [] };
      const rest = { operation: 'overwrite', keep: { snapshots: 2, days: 0 } } as const;
      const next = await withAddition(places, seen, { ...addition, ...rest }, Date.now());
      expect(await catalog.commit(a, seen, next)).toBe('committed');
    };
    for (const run of ['1', '2', '3']) await add(run);
    const { metadata, file } = (await catalog.load(a))!;
    expect(metadata.snapshots).toHaveLength(2);
    const found = await embedded.store.get(file.slice('s3://lake/'.length));
    const read = JSON.parse(found!.body.toString());
    expect(await icebergReader(embedded.s3).manifestList(read)).toMatchObject({ records: [] });
  });
});

describe('a commit', () => {
  test('to a table that has moved on is told so, and changes nothing', async () => {
    const { server, catalog, seen } = await withTable();
    await asAnother(server, seen, plus(seen.metadata, 2));
    const before = server.table('shop.a');
    expect(await catalog.commit(a, seen, plus(seen.metadata, 3))).toBe('changed');
    expect(server.table('shop.a')).toBe(before);
  });

  test('is told so as well where only a schema, an order or a tag has changed', async () => {
    for (const of of [
      (metadata: TableMetadata) => withFields(metadata, [field(1, 'id')]),
      (metadata: TableMetadata) => withSort(metadata, null),
    ]) {
      const { server, catalog, seen } = await withTable();
      await asAnother(server, seen, of(seen.metadata));
      expect(await catalog.commit(a, seen, plus(seen.metadata, 3))).toBe('changed');
    }
  });

  test('without a snapshot of its own is told so, too: one that goes back, one that sets a tag', async () => {
    for (const of of [
      (metadata: TableMetadata) => ({
        ...metadata,
        'current-snapshot-id': 1,
        refs: { main: { type: 'branch' as const, 'snapshot-id': 1 } },
      }),
      (metadata: TableMetadata) => ({
        ...metadata,
        refs: { ...metadata.refs, v1: { type: 'tag' as const, 'snapshot-id': 1 } },
      }),
    ]) {
      const { server, catalog, seen } = await withTable();
      await asAnother(server, seen, plus(seen.metadata, 2));
      const now = (await catalog.load(a))!;
      await asAnother(server, now, plus(now.metadata, 3));
      expect(await catalog.commit(a, now, of(now.metadata))).toBe('changed');
      expect(server.table('shop.a')!.metadata['current-snapshot-id']).toBe(3);
    }
  });

  test('whose sequence number a new branch has taken is told so, though the server says 400', async () => {
    const { server, catalog, seen } = await withTable();
    const branch = { action: 'set-snapshot-ref', 'ref-name': 'dev', type: 'branch', 'snapshot-id': 2 };
    const snapshot = { ...plus(seen.metadata, 2).snapshots!.at(-1)! };
    await server.commit('shop.a', [], [{ action: 'add-snapshot', snapshot }, branch]);
    expect(await catalog.commit(a, seen, plus(seen.metadata, 3))).toBe('changed');
    expect(server.calls).toEqual(['commit-table', 'load-table']);
  });

  test('that makes a table which another has made is told so', async () => {
    const { server, catalog } = await withTable();
    expect(await catalog.commit(a, null, plus(empty(), 9))).toBe('changed');
    // between the two steps
    server.drop('shop.a');
    const other = catalogAt(server);
    const [one, two] = await Promise.all([
      catalog.commit(a, null, plus(empty(), 9)),
      other.commit(a, null, plus(empty(), 10)),
    ]);
    expect([one, two].sort()).toEqual(['changed', 'committed']);
  });

  test('of which the server says a conflict over a table that is not there is refused', async () => {
    const server = await start();
    server.fail('create-table', {
      when: 'before',
      answer: errorAnswer(409, 'AlreadyExistsException', 'location is taken'),
    });
    await expect(catalogAt(server).commit(a, null, plus(empty(), 1))).rejects.toMatchObject({
      code: 'CatalogRefused',
      message: expect.stringContaining('409 AlreadyExistsException: location is taken'),
    });
  });

  test('of several tables: all of them, or none', async () => {
    const { server, catalog, seen } = await withTable({
      endpoints: ['POST /v1/{prefix}/transactions/commit'],
    });
    await catalog.commit(b, null, plus(empty(b), 5));
    const other = (await catalog.load(b))!;
    const changes = [
      { table: a, seen, next: plus(seen.metadata, 2) },
      { table: b, seen: other, next: plus(other.metadata, 6) },
    ];
    expect(await catalog.commitTogether!(changes)).toBe('committed');
    const now = (await catalog.load(a))!;
    const late = [{ table: a, seen: now, next: plus(now.metadata, 3) }, changes[1]!];
    expect(await catalog.commitTogether!(late)).toBe('changed');
    expect((await catalog.load(a))!.version).toBe(now.version);
    expect(server.table('shop.b')!.metadata['current-snapshot-id']).toBe(6);
  });

  test('of several tables is not for a server that does not list it', async () => {
    const { catalog, seen, server } = await withTable();
    const changes = [{ table: a, seen, next: plus(seen.metadata, 2) }];
    expect(await catalog.commitTogether!(changes)).toBe('unsupported');
    expect(server.calls).toEqual([]);
  });
});

describe('a table elsewhere', () => {
  const elsewhere = { locationOf: (name: string) => `s3://moved/${name}` };

  test('is refused when it is loaded, with both places', async () => {
    const { server, catalog } = await withTable();
    await server.commit('shop.a', [], [{ action: 'set-location', location: 's3://moved/a' }]);
    await expect(catalog.load(a)).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringMatching(/s3:\/\/moved\/a; allowed is s3:\/\/lake\/shop\/public\.a/),
    });
  });

  test('that a server proposes is not taken: the commit says where it stands', async () => {
    const server = await start(elsewhere);
    const catalog = catalogAt(server);
    expect(await catalog.commit(a, null, plus(empty(), 1))).toBe('committed');
    expect((await catalog.load(a))!.metadata.location).toBe(keys.location(a));
  });

  test('on which the server insists is refused', async () => {
    for (const staging of [true, false]) {
      const server = await start({ ...elsewhere, movable: false, staging });
      await expect(catalogAt(server).commit(a, null, plus(empty(), 1))).rejects.toMatchObject({
        code: 'DefinitionInvalid',
        message: expect.stringContaining('s3://moved/a; allowed is s3://lake/shop/public.a'),
      });
    }
  });

  test('of S3 Tables is refused before anything is asked', async () => {
    const server = await start(elsewhere);
    const sign = { service: 's3tables', region: 'eu-central-1' } as const;
    await expect(catalogAt({ uri: server.uri, sign }).commit(a, null, empty())).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringContaining('S3 Tables'),
    });
    expect(server.calls).toEqual([]);
  });

  test('a slash at its end is no other place', async () => {
    const { server, catalog } = await withTable();
    await server.commit('shop.a', [], [{ action: 'set-location', location: `${keys.location(a)}/` }]);
    expect(await catalog.load(a)).not.toBeNull();
  });
});

describe('what is no catalog', () => {
  async function answering(status: number, type: string, body: string, headers = {}): Promise<string> {
    const server = http.createServer((_, response) => {
      response.writeHead(status, { 'content-type': type, ...headers });
      response.end(body);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    closing.push(() => new Promise((closed) => server.close(() => closed())));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each([
    ['a page', 200, 'text/html', '<html>', /200 no JSON but text\/html/],
    ['a page that is not there', 404, 'text/html', '<html>', /404 no JSON/],
    ['JSON of something else', 200, 'application/json', '{"a":1}', /200 without a configuration/],
    ['another place', 302, 'text/html', '', /302/],
  ])('%s: the address is named', async (_, status, type, body, words) => {
    const uri = await answering(status, type, body, { location: 'http://127.0.0.1:9/' });
    await expect(catalogAt({ uri }).load(a)).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringMatching(words),
    });
  });

  test('metadata of another version, or none at all', async () => {
    const { server, catalog } = await withTable();
    const answer = (metadata: unknown, file: unknown = 's3://f') => ({
      when: 'before' as const,
      answer: { status: 200, body: JSON.stringify({ metadata, 'metadata-location': file }) },
    });
    server.fail('load-table', answer({ ...empty(), 'format-version': 3 }), answer({}), answer(empty(), null));
    await expect(catalog.load(a)).rejects.toMatchObject({
      code: 'DefinitionInvalid',
      message: expect.stringContaining('its format version is 3; 2 is known'),
    });
    await expect(catalog.load(a)).rejects.toMatchObject({ code: 'DefinitionInvalid' });
    await expect(catalog.load(a)).rejects.toMatchObject({ code: 'CatalogRefused' });
  });

  test('a table’s 404 that is no catalog’s is not “no such table”', async () => {
    const { server, catalog } = await withTable();
    server.fail('load-table', { when: 'before', answer: { status: 404, body: 'nginx' } });
    await expect(catalog.load(a)).rejects.toMatchObject({ code: 'DefinitionInvalid' });
  });
});
