/** A sync of two small tables, and its state machine acted out call by call by the core's own functions. */
import { randomBytes } from 'node:crypto';
import { type ChunkOutcome, copyChunk } from '../../../core/copy/copy-chunk.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import type { Definition } from '../../../core/definition/options.ts';
import { type Keys, keysOf } from '../../../core/objects/keys.ts';
import type { ChunkOrder, Order } from '../../../core/plan/chunk-order.ts';
import { type PlannedRun, planRun } from '../../../core/plan/plan-run.ts';
import { prepareTable } from '../../../core/publish/projections.ts';
import { type PublishedRun, publishRun } from '../../../core/publish/publish-run.ts';
import { sweepStagingBefore } from '../../../core/publish/sweep.ts';
import type { Source } from '../../../core/sources/source.ts';
import { memorySource, type Row } from '../../support/memory-source.ts';
import type { MatrixCloud, Place } from './cloud.ts';
import { type Ended, type Invocation, invoke, type Trouble } from './fault.ts';
import { type Reader, readerOf } from './reader.ts';

export const sync = 'shop';
export const tables = ['a', 'b'] as const;

/** What the tables hold, one snapshot after the other: every id stays or goes, every note changes. */
const notes = (snapshot: number, ids: readonly number[]): Row[] =>
  ids.map((id) => ({ id, note: id === 4 ? null : `${snapshot}/${id}` }));

export type Rows = Readonly<Record<(typeof tables)[number], readonly Row[]>>;

/** Of table a, two chunks: one of two parts, one of one. Table b once is empty. */
export const rowsOfSnapshot = (snapshot: number): Rows => ({
  a: notes(snapshot, snapshot === 1 ? [1, 2, 3] : [1, 2, 3, 4, 5]),
  b: notes(snapshot, snapshot % 2 === 0 ? [] : [7]),
});

export const tableName = (table: string) => ({ schema: 'public', table });

/** What a key, or a text in which it stands, is about. */
/** What lies in a table's metadata folder. */
const metadataPlaces = [
  [/version-hint\.text$/, 'hint'],
  [/\.metadata\.json$/, 'metadata'],
  [/-list\.avro$/, 'Iceberg list'],
  [/\.avro$/, 'Iceberg manifest'],
] as const;

export function placeOfKey(key: string): string {
  const text = key.replaceAll('%2F', '/');
  if (text.includes('/results/')) return 'results';
  if (text.includes('-description.json')) return 'description';
  if (text.includes('/tables/')) return 'table plan';
  if (text.includes('/_runs/')) return 'plan';
  if (text.includes('/metadata/')) return metadataPlaces.find(([of]) => of.test(text))?.[1] ?? 'metadata';
  return /staging|data|manifest/.exec(text)?.[0] ?? 'pointer';
}

export type World = {
  readonly place: Place;
  readonly keys: Keys;
  readonly reader: Reader;
  /** the snapshot that the source holds now */
  snapshot: number;
  /** executions that are not over */
  readonly alive: Set<string>;
  executions: number;
  newExecution(): string;
  plan(execution: string, trouble?: Trouble | null, fresh?: boolean): Invocation<PlannedRun>;
  /** what the functions read from; by default rows in memory */
  sourceOf: SourceOf;
  copy(order: ChunkOrder, trouble?: Trouble | null): Invocation<ChunkOutcome>;
  publish(run: string, goAgain: boolean, trouble?: Trouble | null): Invocation<PublishedRun>;
  /** What there is to copy; tables that could not be planned are left out, as their children fail at once. */
  ordersOf(planned: PlannedRun): ChunkOrder[];
  /** Another world like this one, with a reader of its own. */
  copyWorld(): Promise<World>;
};

/** Opens the database for one invocation. @param snapshot that it holds, at any moment */
export type SourceOf = (snapshot: () => number) => Source;

/** Rows in memory. As a database does, it shows to whoever wakes up late what it holds then. */
const inMemory: SourceOf = (snapshot) => {
  const source = memorySource(rowsOfSnapshot(snapshot()));
  const renew = (): void => {
    const rows = rowsOfSnapshot(snapshot());
    for (const table of tables) source.tables.get(table)!.rows = [...rows[table]];
  };
  return Object.assign(source, { beforeDescribe: renew, beforeBatch: renew });
};

// the place's own name is not in it, nor in its fingerprint: a copy goes on with the run
const definition: Definition = loadDefinition(
  `name: ${sync}
source: { type: postgres, url: postgres://h/d }
tables: [${tables.map((table) => `public.${table}`)}]
target: { url: s3://lake/lake }
chunk: { rows: 3 }
part: { rows: 2 }`,
  'tidemark.yaml',
  {},
);

export async function newWorld(cloud: MatrixCloud, sourceOf: SourceOf = inMemory): Promise<World> {
  return worldIn(cloud, await cloud.place(), { sourceOf, snapshot: 1, executions: 0, alive: [] });
}

function worldIn(
  cloud: MatrixCloud,
  place: Place,
  begun: { sourceOf: SourceOf; snapshot: number; executions: number; alive: Iterable<string> },
): World {
  const { store, ledger } = place;
  const keys = keysOf({ bucket: place.store.bucket, prefix: 'lake/' }, sync);
  const places = { ledger, store, keys };
  const reader = readerOf(place, new Map(tables.map((table) => [table, keys.pointer(tableName(table))])));
  const watch = () => reader.look();
  async function reading<T>(work: (source: Source) => Promise<T>): Promise<T> {
    const source = world.sourceOf(() => world.snapshot);
    try {
      return await work(source);
    } finally {
      await source.close();
    }
  }
  const world: World = {
    place,
    keys,
    reader,
    sourceOf: begun.sourceOf,
    snapshot: begun.snapshot,
    executions: begun.executions,
    alive: new Set(begun.alive),
    newExecution() {
      const execution = `E${++world.executions}`;
      world.alive.add(execution);
      return execution;
    },
    plan(execution, trouble = null, fresh = false) {
      const isOver = async (other: string) => !world.alive.has(other);
      return invoke(
        () =>
          reading((source) =>
            planRun(
              { ...places, source },
              definition,
              { execution, fresh, isOver },
              (head) => prepareTable({ ledger, store, keys }, sync, head),
              (run) => sweepStagingBefore(store, keys, run),
            ),
          ),
        trouble,
        watch,
      );
    },
    copy(order, trouble = null) {
      const attempt = { id: randomBytes(6).toString('hex'), startedAt: new Date().toISOString(), retry: 0 };
      return invoke(
        () =>
          reading((source) =>
            copyChunk({ ...places, format: cloud.format, source }, order, attempt, {
              nowMs: Date.now,
              remainingMs: () => 900_000,
            }),
          ),
        trouble,
        watch,
      );
    },
    publish: (run, goAgain, trouble = null) =>
      invoke(() => publishRun(places, sync, run, goAgain, async () => new Map()), trouble, watch),
    ordersOf(planned) {
      if (planned.status !== 'planned') return [];
      const lines = place.bodyOf(planned.planKey).toString('utf8').split('\n').filter(Boolean);
      return lines.flatMap((line) => {
        const order: Order = JSON.parse(line);
        return 'problem' in order ? [] : [order];
      });
    },
    copyWorld: async () => worldIn(cloud, await place.copy(), world),
  };
  return world;
}

/** The answer of an invocation that must not go wrong. */
export async function answered<T>(invocation: Invocation<T>): Promise<T> {
  const ended: Ended<T> = await invocation.ended;
  if (ended.kind === 'answered') return ended.value;
  throw ended.kind === 'failed' ? ended.error : new Error('it died');
}

/** What an execution came to. */
export type Outcome = 'published' | 'skipped' | 'over';

/** Copies a chunk as its child of the state machine does: until no more is left. */
export async function copyToEnd(world: World, order: ChunkOrder): Promise<void> {
  for (;;) {
    if ((await answered(world.copy(order))).status !== 'more') return;
  }
}

/** From the state Plan to the end of the execution. */
export async function fromPlan(world: World, execution: string, fresh = false): Promise<Outcome> {
  const planned = await answered(world.plan(execution, null, fresh));
  if (planned.status === 'skipped') return end(world, execution, 'skipped');
  for (const order of world.ordersOf(planned)) await copyToEnd(world, order);
  return fromPublish(world, execution, planned.run);
}

export async function fromPublish(world: World, execution: string, run: string): Promise<Outcome> {
  const published = await answered(world.publish(run, false));
  return end(world, execution, published.status === 'published' ? 'published' : 'over');
}

/** The execution failed in Publish (or a child did, and Publish said so), and is redriven. */
export async function redriven(world: World, execution: string, run: string): Promise<Outcome> {
  const published = await answered(world.publish(run, true));
  return published.status === 'go-again'
    ? fromPlan(world, execution)
    : end(world, execution, published.status === 'published' ? 'published' : 'over');
}

function end(world: World, execution: string, outcome: Outcome): Outcome {
  world.alive.delete(execution);
  return outcome;
}
