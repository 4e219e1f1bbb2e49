/** Calls to Glue that go wrong in every way, one by one; and many at once, by seeds. */
import type { GlueClient } from '@aws-sdk/client-glue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../../core/errors.ts';
import type { ObjectStore } from '../../../../core/objects/store.ts';
import type { TableCatalog } from '../../../../core/publish/catalogs/catalog.ts';
import { glueCatalog, glueClient } from '../../../../core/publish/catalogs/glue-catalog.ts';
import { oldMetadataFiles } from '../../../../core/publish/catalogs/metadata-files.ts';
import { gated } from '../../../support/faults.ts';
import { type GlueFault, type GlueServer, startGlue } from '../../../support/glue-server.ts';
import { type MapStore, mapStore } from '../../../support/map-store.ts';
import { type GlueCall, glueError, type MemoryGlue, memoryGlue } from '../../../support/memory-glue.ts';
import { randomFrom } from '../../../support/random.ts';
import { database, idsIn, keys, orders, sdkSettings, withNext } from './glue-fixture.ts';

const triesMax = 100;

/** As a publisher does it: until its snapshot is in the table, or it is told that it is. */
async function publish(catalog: TableCatalog, id: number): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    try {
      const seen = await catalog.load(orders);
      if (seen && idsIn(seen.metadata).includes(id)) return;
      if ((await catalog.commit(orders, seen, withNext(seen, id))) === 'committed') return;
    } catch (error) {
      // the state machine tries again
      if (!(error instanceof TidemarkError) || error.code !== 'CatalogUnavailable') throw error;
    }
  }
  throw new Error(`snapshot ${id} was not published in ${triesMax} tries`);
}

const faults = ['throttled', 'unavailable', 'untold', 'cut', 'lost'] satisfies GlueFault[];

describe('a fault at a call, after which the table is as without it', () => {
  let server: GlueServer;
  beforeAll(async () => {
    server = await startGlue();
  });
  afterAll(() => server.stop());

  let databases = 0;

  /** Publishes two snapshots of a table in a new database, with this fault at this one call. */
  async function withFault(fault: GlueFault | null, at: number, client: GlueClient): Promise<number> {
    const store = mapStore('lake');
    const catalog = glueCatalog(client, store, keys, `${database}_${databases++}`, ({ table }) => table);
    const before = server.calls.length;
    server.disturb((_, number) => (number === before + at ? fault : null));
    await publish(catalog, 1);
    await publish(catalog, 2);
    const calls = server.calls.length - before;
    server.disturb(null);
    expect(idsIn((await catalog.load(orders))!.metadata)).toEqual([1, 2]);
    return calls;
  }

  // the SDK repeats the call; or the publisher hears of it
  test.each([6, 1])('the SDK sends a call %i times at most', async (maxAttempts) => {
    const { region, credentials } = sdkSettings;
    const settings = maxAttempts === 6 ? sdkSettings : { region, credentials, maxAttempts };
    const client = glueClient({ ...settings, endpoint: server.endpoint });
    const calls = await withFault(null, 0, client);
    expect(calls).toBe(7);
    for (const fault of faults) {
      for (let at = 0; at < calls; at++) {
        expect(await withFault(fault, at, client), `${fault} at ${at}`).toBeGreaterThan(calls - 1);
      }
    }
    client.destroy();
  });
});

const seeds = 1_000;

/**
 * Requests of several writers to Glue and the store, one at a time: when each of them waits for one, the seed says whose
 * goes on, and what becomes of it.
 */
function schedule(random: () => number, writers: number) {
  const waiting: (() => void)[] = [];
  const late: (() => void)[] = [];
  let awake = writers;
  function next(): void {
    if (awake > 0 || waiting.length === 0) return;
    if (late.length > 0 && random() < 0.3) late.splice(Math.floor(random() * late.length), 1)[0]!();
    awake++;
    waiting.splice(Math.floor(random() * waiting.length), 1)[0]!();
  }
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      awake--;
      next();
    });
  return {
    turn,
    /** This takes effect some time later. */
    later: (work: () => void) => void late.push(work),
    /** A writer is done. */
    leave() {
      awake--;
      next();
    },
  };
}

type World = {
  readonly glue: MemoryGlue;
  readonly store: ObjectStore;
  readonly schedule: ReturnType<typeof schedule>;
  readonly random: () => number;
};

let world: World;

/** One in eight goes wrong. */
async function receive(call: GlueCall) {
  const { glue, random } = world;
  await world.schedule.turn();
  const failed = glueError('InternalServiceException', 'by the test', 500);
  switch (Math.floor(random() * 32)) {
    case 0:
      return glueError('ThrottlingException', 'Rate exceeded');
    case 1:
      return failed;
    case 2:
      // it takes effect, and the SDK repeats it
      glue.answer(call);
      return failed;
    case 3:
      world.schedule.later(() => glue.answer(call));
      return failed;
    default:
      return glue.answer(call);
  }
}

const requestHandler = {
  async handle({ headers, body: sent }: { headers: Record<string, string>; body: string | Uint8Array }) {
    const operation = headers['x-amz-target']!.split('.')[1]!;
    const input = JSON.parse(typeof sent === 'string' ? sent : new TextDecoder().decode(sent));
    const { status, body } = await receive({ operation, input });
    const answered = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'test' };
    return {
      response: { statusCode: status, headers: answered, body: Buffer.from(JSON.stringify(body)) },
    };
  },
};

/** Steps of the SDK that say who asks, and decide nothing: without them a request takes less time. */
const needless = [
  'getUserAgentMiddleware',
  'hostHeaderMiddleware',
  'loggerMiddleware',
  'recursionDetectionMiddleware',
];

/** Sweeps what it may, also while others write. @param objects behind the store, in the order in which they came */
async function sweep(catalog: TableCatalog, store: ObjectStore, objects: MapStore): Promise<void> {
  const loaded = (await catalog.load(orders))!;
  await world.schedule.turn();
  await store.delete(oldMetadataFiles(loaded, [...objects.objects.keys()]));
}

async function simulate(seed: number, client: GlueClient): Promise<{ store: MapStore; swept: number }> {
  const random = randomFrom(seed);
  const objects = mapStore('lake');
  // the second is another attempt at the first one's runs
  const runs = [[1, 2], ...(random() < 0.3 ? [[1, 2]] : []), [11, 12, 13]];
  const calls = schedule(random, runs.length);
  const store = gated<ObjectStore>('store', objects, async (_, proceed) => {
    await calls.turn();
    return proceed();
  });
  world = { glue: memoryGlue(), store, schedule: calls, random };
  const catalog = glueCatalog(client, store, keys, database, ({ table }) => table);
  let swept = 0;
  await Promise.all(
    runs.map(async (ids) => {
      for (const id of ids) {
        await publish(catalog, id);
        if (random() < 0.7) continue;
        const files = objects.objects.size;
        await sweep(catalog, store, objects).catch((error: unknown) => {
          if (!(error instanceof TidemarkError) || error.code !== 'CatalogUnavailable') throw error;
        });
        swept += Math.max(0, files - objects.objects.size);
      }
      calls.leave();
    }),
  );
  world = { ...world, schedule: { ...calls, turn: async () => {} }, random: () => 0.5 };
  const { metadata } = (await glueCatalog(client, objects, keys, database, ({ table }) => table).load(
    orders,
  ))!;
  expect([...idsIn(metadata)].sort()).toEqual([1, 11, 12, 13, 2]);
  return { store: objects, swept };
}

test(`two writers, and attempts of one of them, on one table: ${seeds} seeds, no snapshot lost or doubled`, async () => {
  const client = glueClient({ ...sdkSettings, requestHandler } as Parameters<typeof glueClient>[0]);
  for (const name of needless) client.middlewareStack.remove(name);
  let lost = 0;
  let swept = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const ended = await simulate(seed, client).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
    swept += ended.swept;
    lost += ended.store.objects.size - 5;
  }
  // they did get in each other's way
  expect(lost + swept).toBeGreaterThan(seeds);
  expect(swept).toBeGreaterThan(50);
}, 60_000);
