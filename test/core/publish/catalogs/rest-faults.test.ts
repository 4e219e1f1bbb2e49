/** A fault at every call to a REST catalog, before it and after it took effect. */
import { describe, expect, test } from 'vitest';
import type { TableCatalog } from '../../../../core/publish/catalogs/catalog.ts';
import { ours } from '../../../../core/publish/iceberg/table.ts';
import {
  errorAnswer,
  type RestAnswer,
  type RestCallFault,
  type RestOperation,
  startRestCatalog,
} from '../../../support/rest-catalog-server.ts';
import { a, b, catalogAt, empty, plus, restServers } from './rest-fixture.ts';

const { start } = restServers();

const answers: Readonly<Record<string, RestAnswer | 'lost'>> = {
  'a lost answer': 'lost',
  503: errorAnswer(503, 'ServiceUnavailableException', 'busy'),
  429: { status: 429, body: '' },
  500: errorAnswer(500, 'CommitStateUnknownException', 'who knows'),
  502: { status: 502, body: '<html>' },
  504: errorAnswer(504, 'CommitStateUnknownException', 'late'),
};

/** What Publish does: looks, adds its run's snapshot if it is not in there, commits; again after changes. */
async function publish(catalog: TableCatalog, id: number): Promise<void> {
  for (let tries = 1; tries <= 5; tries++) {
    const seen = await catalog.load(a);
    if (seen?.metadata.snapshots?.some(({ summary }) => summary[ours.run] === `r${id}`)) return;
    const next = plus(seen?.metadata ?? empty(), id, `r${id}`);
    if ((await catalog.commit(a, seen, next)) === 'committed') return;
  }
  throw new Error('changed all the time');
}

const operations: readonly RestOperation[] = [
  ...([
    'config',
    'load-namespace',
    'create-namespace',
    'load-table',
    'create-table',
    'commit-table',
  ] as const),
];

/** A table that two runs publish through a catalog whose server fails once. */
async function throughFault(operation: RestOperation, fault: RestCallFault, staging: boolean) {
  const server = await startRestCatalog({ staging });
  try {
    server.fail(operation, fault);
    for (const id of [1, 2]) {
      try {
        await publish(catalogAt(server), id);
      } catch (error) {
        expect(error).toMatchObject({ code: 'CatalogUnavailable' });
        await publish(catalogAt(server), id);
      }
    }
    return server.table('shop.a')!.metadata.snapshots;
  } finally {
    await server.close();
  }
}

const cases = Object.entries(answers).flatMap(([name, answer]) =>
  operations.flatMap((operation) =>
    (['before', 'after'] as const).map((when) => ({ name, operation, fault: { when, answer } })),
  ),
);

describe.concurrent('one fault', () => {
  test.each(cases)(
    '$name, $fault.when $operation: the snapshot is there once, at the latest after another try',
    async ({ operation, fault }) => {
      for (const staging of [true, false])
        expect(await throughFault(operation, fault, staging)).toMatchObject([
          { 'snapshot-id': 1, 'sequence-number': 1 },
          { 'snapshot-id': 2, 'sequence-number': 2, 'parent-snapshot-id': 1 },
        ]);
    },
  );
});

describe('a server that is busy', () => {
  const busy = (headers = {}): RestCallFault => ({
    when: 'before',
    answer: { status: 503, body: '', headers },
  });

  test('is asked again, after what it says', async () => {
    const server = await start();
    server.fail('load-table', busy(), busy({ 'retry-after': '1' }));
    const began = performance.now();
    expect(await catalogAt(server).load(a)).toBeNull();
    expect(performance.now() - began).toBeGreaterThan(1000);
    expect(server.calls).toEqual(['config', 'load-table', 'load-table', 'load-table']);
  });

  test('and says so for long is left alone', async () => {
    const server = await start();
    server.fail('load-table', busy({ 'retry-after': '3600' }));
    await expect(catalogAt(server).load(a)).rejects.toMatchObject({ code: 'CatalogUnavailable' });
    expect(server.calls).toEqual(['config', 'load-table']);
  });

  test('and stays so is a failure that passes', async () => {
    const server = await start();
    server.fail('load-table', ...Array.from({ length: 5 }, () => busy()));
    await expect(catalogAt(server).load(a)).rejects.toMatchObject({
      code: 'CatalogUnavailable',
      message: `GET ${server.uri}/v1/namespaces/shop/tables/a answered 503`,
    });
    expect(server.calls.filter((call) => call === 'load-table')).toHaveLength(5);
  });

  test('in the words of an AWS gateway is busy, too', async () => {
    const server = await start();
    const body = JSON.stringify({ __type: 'com.amazonaws#ThrottlingException', message: 'Rate exceeded' });
    server.fail('load-table', { when: 'before', answer: { status: 400, body } });
    expect(await catalogAt(server).load(a)).toBeNull();
    expect(server.calls).toEqual(['config', 'load-table', 'load-table']);
  });

  test('a commit that took effect before 503 was said is not made twice', async () => {
    const server = await start();
    const catalog = catalogAt(server);
    await publish(catalog, 1);
    const seen = (await catalog.load(a))!;
    server.fail('commit-table', { when: 'after', answer: { status: 503, body: '' } });
    expect(await catalog.commit(a, seen, plus(seen.metadata, 2))).toBe('changed');
    expect(server.table('shop.a')!.metadata.snapshots).toHaveLength(2);
  });
});

describe('a server that says no', () => {
  test.each([
    [400, 'BadRequestException', 'CatalogRefused'],
    [401, 'NotAuthorizedException', 'CatalogDenied'],
    [403, 'ForbiddenException', 'CatalogDenied'],
    [404, 'NoSuchTableException', 'CatalogRefused'],
    [406, 'UnsupportedOperationException', 'CatalogRefused'],
    [419, 'AuthenticationTimeoutException', 'CatalogDenied'],
    [422, 'UnprocessableEntityException', 'CatalogRefused'],
  ])('%i %s to a commit: %s, in its words, and is not asked again', async (status, type, code) => {
    const server = await start({ endpoints: ['POST /v1/{prefix}/transactions/commit'] });
    const catalog = catalogAt(server);
    await publish(catalog, 1);
    const seen = (await catalog.load(a))!;
    const fault: RestCallFault = { when: 'before', answer: errorAnswer(status, type, 'not so') };
    server.fail('commit-table', fault);
    server.fail('commit-transaction', fault);
    const next = plus(seen.metadata, 2);
    const expected = { code, message: expect.stringContaining(`${status} ${type}: not so`) };
    server.calls.length = 0;
    await expect(catalog.commit(a, seen, next)).rejects.toMatchObject(expected);
    await expect(catalog.commitTogether!([{ table: a, seen, next }])).rejects.toMatchObject(expected);
    expect(server.calls.filter((call) => call.startsWith('commit'))).toHaveLength(2);
  });

  test.each([
    ['config', 404, 'NoSuchWarehouseException'],
    ['load-namespace', 400, 'BadRequestException'],
    ['create-namespace', 406, 'UnsupportedOperationException'],
    ['create-table', 422, 'UnprocessableEntityException'],
  ] as const)('at %s', async (operation, status, type) => {
    const server = await start();
    server.fail(operation, { when: 'before', answer: errorAnswer(status, type, 'not so') });
    await expect(catalogAt(server).commit(b, null, plus(empty(b), 1))).rejects.toMatchObject({
      code: 'CatalogRefused',
      message: expect.stringContaining(`${status} ${type}: not so`),
    });
  });

  test('repeats no token in its message', async () => {
    const server = await start({ token: 'right' });
    const error = await catalogAt({ uri: server.uri, token: 'my-secret' })
      .load(a)
      .catch((one: unknown) => one as Error & { code: string });
    expect(error).toMatchObject({ code: 'CatalogDenied' });
    expect((error as Error).message).toBe(
      `GET ${server.uri}/v1/config answered 401 NotAuthorizedException: Not a valid token: Bearer …`,
    );
    expect(await catalogAt({ uri: server.uri, token: 'right' }).load(a)).toBeNull();
  });
});

test('a server that is not there', async () => {
  const server = await startRestCatalog();
  await server.close();
  await expect(catalogAt(server).load(a)).rejects.toMatchObject({
    code: 'CatalogUnavailable',
    message: `GET ${server.uri}/v1/config: no answer (ECONNREFUSED)`,
  });
});

test('a server that stays silent', async () => {
  const fetch = async () => {
    throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  };
  await expect(catalogAt({ uri: 'http://127.0.0.1:1' }, fetch).load(a)).rejects.toMatchObject({
    code: 'CatalogUnavailable',
    message: 'GET http://127.0.0.1:1/v1/config: no answer within 30 seconds',
  });
});
