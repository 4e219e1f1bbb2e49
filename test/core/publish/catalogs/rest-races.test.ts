/** Writers of one table at once, a thousand seeded interleavings: no acknowledged snapshot is lost or there twice. */
import { expect, test } from 'vitest';
import type { TableMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import { randomFrom } from '../../../support/random.ts';
import { errorAnswer, restCatalogInMemory } from '../../../support/rest-catalog-server.ts';
import { a, catalogAt, empty, plus } from './rest-fixture.ts';

const writers = 2;
const snapshotsEach = 2;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

async function race(seed: number): Promise<{ acknowledged: number[]; metadata: TableMetadata }> {
  const random = randomFrom(seed);
  const server = restCatalogInMemory({
    staging: random() < 0.7,
    write: () => turns(Math.floor(random() * 30)),
  });
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input));
    await turns(Math.floor(random() * 30));
    const post = init?.method === 'POST';
    if (post && random() < 0.1) return new Response('', { status: 502 });
    const answer = await server.respond({
      ...{ method: init!.method!, target: `${pathname}${search}`, headers: {} },
      body: String(init?.body ?? ''),
    });
    await turns(Math.floor(random() * 30));
    // it took effect, or it did not: nobody knows
    const { status, body } =
      post && random() < 0.1 ? errorAnswer(500, 'CommitStateUnknownException', '') : (answer as never);
    return new Response(body, { status });
  };
  const acknowledged: number[] = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const catalog = catalogAt({ uri: 'http://catalog' }, fetch);
      for (let at = 0; at < snapshotsEach; at++) {
        const id = 1 + writer * 10 + at;
        for (;;) {
          try {
            const seen = await catalog.load(a);
            const isIn = seen?.metadata.snapshots?.some((snapshot) => snapshot['snapshot-id'] === id);
            const next = plus(seen?.metadata ?? empty(), id);
            if (isIn || (await catalog.commit(a, seen, next)) === 'committed') break;
          } catch (error) {
            expect(error, `seed ${seed}`).toMatchObject({ code: 'CatalogUnavailable' });
          }
        }
        acknowledged.push(id);
      }
    }),
  );
  return { acknowledged, metadata: server.table('shop.a')!.metadata as unknown as TableMetadata };
}

test('a thousand races of two writers', async () => {
  for (let seed = 1; seed <= 1000; seed++) {
    const { acknowledged, metadata } = await race(seed);
    const history: unknown[] = [];
    let id = metadata['current-snapshot-id'];
    while (id) {
      history.unshift(id);
      id = metadata.snapshots!.find((snapshot) => snapshot['snapshot-id'] === id)!['parent-snapshot-id'];
    }
    const sorted = (ids: readonly unknown[]) => ids.map(Number).sort((one, other) => one - other);
    expect(sorted(history), `seed ${seed}`).toEqual(sorted(acknowledged));
    expect(
      metadata.snapshots!.map((one) => one['snapshot-id']),
      `seed ${seed}`,
    ).toEqual(history);
    expect(metadata.snapshots!.map((one) => one['sequence-number'])).toEqual([1, 2, 3, 4]);
  }
}, 60_000);
