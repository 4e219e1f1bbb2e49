/** What servers of the protocol do differently: how they make tables, and what they say of themselves. */
import { describe, expect, test } from 'vitest';
import { currentSchema } from '../../../../core/publish/iceberg/metadata.ts';
import { withFields, withSort } from '../../../../core/publish/iceberg/table.ts';
import { a, by, catalogAt, empty, gapped, plus, restServers } from './rest-fixture.ts';

const { start } = restServers();

describe('columns whose ids have a gap', () => {
  test.each([
    ['numbers columns by itself', { numbering: true }],
    ['takes the numbers of a commit', {}],
  ])('at a server that %s: no snapshot is ever beside ids that are not the files’', async (_, settings) => {
    const server = await start(settings);
    const catalog = catalogAt(server);
    expect(await catalog.commit(a, null, plus(gapped(), 1))).toBe('changed');
    const made = (await catalog.load(a))!;
    expect(made.metadata.snapshots).toEqual([]);
    const fields = withFields(made.metadata, gapped().schemas[0]!.fields);
    expect(await catalog.commit(a, made, plus(withSort(fields, by(1)), 1))).toBe('committed');
    const { metadata } = (await catalog.load(a))!;
    expect(currentSchema(metadata)!.fields.map(({ id }) => id)).toEqual([1, 3]);
    expect(metadata['current-snapshot-id']).toBe(1);
  });

  test('without a gap the table comes with its snapshot', async () => {
    const server = await start({ numbering: true });
    expect(await catalogAt(server).commit(a, null, plus(empty(), 1))).toBe('committed');
  });
});

describe('a server without staged tables', () => {
  test('makes an empty one, and the snapshot goes on top, whatever ids it has given the columns', async () => {
    const server = await start({ staging: false });
    const catalog = catalogAt(server);
    expect(await catalog.commit(a, null, plus(gapped(), 1))).toBe('changed');
    const made = (await catalog.load(a))!;
    expect(made.metadata.schemas[0]!.fields.map(({ id }) => id)).toEqual([1, 2]);
    const next = withSort(withFields(made.metadata, gapped().schemas[0]!.fields), by(1));
    expect(await catalog.commit(a, made, plus(next, 1))).toBe('committed');
    const { metadata } = (await catalog.load(a))!;
    expect(metadata).toMatchObject({ 'current-schema-id': 1, 'current-snapshot-id': 1 });
    expect(metadata.schemas[1]!.fields.map(({ id }) => id)).toEqual([1, 3]);
    // the server has made just the order that it was asked for
    const seen = (await catalog.load(a))!;
    expect(seen.metadata['sort-orders']).toMatchObject([{ 'order-id': 1 }]);
    expect(await catalog.commit(a, seen, plus(withSort(seen.metadata, null), 2))).toBe('committed');
  });

  test('that another makes meanwhile is the other’s', async () => {
    const server = await start({ staging: false });
    const both = [catalogAt(server), catalogAt(server)];
    const said = await Promise.all(both.map((one, at) => one.commit(a, null, plus(empty(), at + 1))));
    expect(said).toEqual(['changed', 'changed']);
  });
});

describe('the configuration', () => {
  test('is asked for once, with the warehouse; its prefix is taken as it is', async () => {
    const server = await start({ prefix: 'catalogs/arn%3Aaws%2Fx' });
    const catalog = catalogAt({ uri: `${server.uri}/`, warehouse: 'arn:aws:s3tables:x/y z' });
    await catalog.commit(a, null, plus(empty(), 1));
    expect(await catalog.load(a)).not.toBeNull();
    expect(server.calls.filter((call) => call === 'config')).toHaveLength(1);
  });

  test('that could not be had is asked for again', async () => {
    const server = await start();
    server.fail('config', { when: 'before', answer: { status: 500, body: '' } });
    const catalog = catalogAt(server);
    await expect(catalog.load(a)).rejects.toMatchObject({ code: 'CatalogUnavailable' });
    expect(await catalog.load(a)).toBeNull();
  });

  test('may name another address, but none without encryption', async () => {
    const server = await start();
    const first = await start({ overrides: { uri: server.uri } });
    expect(await catalogAt(first).load(a)).toBeNull();
    expect([first.calls, server.calls]).toEqual([['config'], ['load-table']]);
    const fetch = async () =>
      new Response(JSON.stringify({ overrides: { uri: 'http://other' }, defaults: {} }));
    await expect(catalogAt({ uri: 'https://catalog' }, fetch).load(a)).rejects.toMatchObject({
      code: 'CatalogRefused',
      message: expect.stringContaining('names http://other as its address'),
    });
  });
});
