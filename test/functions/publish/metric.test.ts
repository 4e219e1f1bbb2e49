import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { handler } from '../../../functions/publish/index.ts';
import { lake } from '../../core/publish/lake-fixture.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';

const places = vi.hoisted(() => ({ here: null as unknown }));
vi.mock('../../../functions/places.ts', () => ({ places: () => places.here }));

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded?.close());
afterEach(() => vi.restoreAllMocks());

const event = { results: null, redriveCount: 0, currentRedriveCount: 0 };

async function planned() {
  const made = lake(embedded, { orders: [{ id: 1 }, { id: 2 }, { id: 3 }] as never });
  const target = { keep: { snapshots: 2, days: 0 }, manifests: [], catalog: { type: 'ledger' } };
  const definition = { name: made.sync, target, publish: 'each', tables: [{ name: 'orders' }], exclude: [] };
  places.here = { ...made.places, definition };
  const { run, orders } = await made.plan();
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const metrics = () => lines.map((line) => JSON.parse(line)).filter((line) => '_aws' in line);
  return { made, run, orders, metrics };
}

test('a published run is counted once it is published, as CloudWatch’s embedded metric, at the time of its end', async () => {
  const { made, run, orders, metrics } = await planned();
  await expect(handler({ ...event, run })).rejects.toMatchObject({ code: 'RunIncomplete' });
  expect(metrics()).toEqual([]);
  await made.copy(orders);
  expect(await handler({ ...event, run, currentRedriveCount: 1 })).toMatchObject({ status: 'go-again' });
  expect(metrics()).toEqual([]);
  const before = Date.now();
  expect(await handler({ ...event, run })).toMatchObject({ status: 'published', rows: 3 });
  expect(metrics()).toEqual([
    {
      _aws: {
        Timestamp: expect.any(Number),
        CloudWatchMetrics: [
          {
            Namespace: 'Tidemark',
            Dimensions: [['Sync']],
            Metrics: [
              { Name: 'PublishedRuns', Unit: 'Count' },
              { Name: 'PublishedRows', Unit: 'Count' },
            ],
          },
        ],
      },
      Sync: made.sync,
      PublishedRuns: 1,
      PublishedRows: 3,
      run,
    },
  ]);
  expect(metrics()[0]._aws.Timestamp).toBeGreaterThanOrEqual(before);
});

test('an invocation that died after publishing: the next one counts the run, at the time of its end', async () => {
  const { made, run, orders, metrics } = await planned();
  await made.copy(orders);
  await made.publish(run);
  const { endedAt } = (await made.places.ledger.run(made.sync, run))!;
  expect(await handler({ ...event, run })).toMatchObject({ status: 'over' });
  expect(metrics()).toMatchObject([{ PublishedRuns: 1, _aws: { Timestamp: Date.parse(endedAt!) } }]);
});

test('an abandoned run is not counted', async () => {
  const { made, run, metrics } = await planned();
  await made.plan({ fresh: true });
  expect(await handler({ ...event, run })).toMatchObject({ status: 'over' });
  expect(metrics()).toEqual([]);
});
