/** Who meets whom: small enough to be explored whole, together with every way of the design. */
import type { Scenario } from './protocol.ts';
import type { Lake, Task } from './tasks.ts';
import { ordersOf } from './view.ts';
import type { World } from './world.ts';

export const onePart: Lake = { tables: 1, rows: 1, chunkRows: 1 };
const twoParts: Lake = { tables: 1, rows: 2, chunkRows: 2 };
const twoChunks: Lake = { tables: 1, rows: 2, chunkRows: 1 };
const twoTables: Lake = { tables: 2, rows: 1, chunkRows: 1 };

export const execution = (by: string, fresh = false): Task => ({ kind: 'plan', by, fresh, tries: 0 });
/** An execution that ends after its plan: its chunks are the others' business. */
export const onlyPlanning = (by: string, fresh = false): Task => ({
  kind: 'plan',
  by,
  fresh,
  tries: 0,
  only: true,
});
export const planned: readonly Task[] = [onlyPlanning('E1')];

/** Attempts on the newest run's first chunk. */
export const attempts = (world: World, ...names: string[]): Task[] =>
  names.map((by) => ({ kind: 'copy', by, order: ordersOf(world)[0]!, rest: null, tries: 0 }));
/** An attempt on the first chunk of a table. */
export const attemptOn =
  (table: number, by: string) =>
  (world: World): Task => ({ kind: 'copy', by, order: ordersOf(world)[table]!, rest: null, tries: 0 });
/** Of two tables the first one is copied. */
const oneCopied: Scenario['before'] = [...planned, attemptOn(0, 'A1')];
/** … and published. */
const onePublished: Scenario['before'] = [...oneCopied, (world) => publisher(world, 'P9')];

export const publisher = (world: World, by: string): Task => ({
  kind: 'publish',
  by,
  run: ordersOf(world)[0]!.run,
  tries: 0,
});

export const scenarios: Readonly<Record<string, Scenario>> = {
  'three attempts on a chunk of two parts': {
    lake: twoParts,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2', 'A3'),
    faultsMax: 0,
    goesOn: true,
  },
  'three attempts on a chunk of one part, a fault': {
    lake: onePart,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2', 'A3'),
    faultsMax: 1,
    goesOn: true,
  },
  'two attempts on a chunk of two parts, a fault': {
    lake: twoParts,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2'),
    faultsMax: 1,
    goesOn: true,
  },
  'an attempt on a chunk of two parts, three faults, fresh ETags': {
    lake: twoParts,
    before: planned,
    actors: (world) => attempts(world, 'A1'),
    faultsMax: 3,
    goesOn: true,
    freshEtags: true,
  },
  'two attempts on a chunk of one part, two faults': {
    lake: onePart,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2'),
    faultsMax: 2,
    goesOn: true,
  },
  'two attempts on a chunk of two parts, and a publisher': {
    lake: twoParts,
    before: planned,
    actors: (world) => [...attempts(world, 'A1', 'A2'), publisher(world, 'P1')],
    faultsMax: 0,
    goesOn: true,
  },
  'two attempts on a chunk of one part, and a publisher, a fault': {
    lake: onePart,
    before: planned,
    actors: (world) => [...attempts(world, 'A1', 'A2'), publisher(world, 'P1')],
    faultsMax: 1,
    goesOn: true,
  },
  'two publishers of a run that is copied': {
    lake: twoParts,
    before: planned,
    actors: (world) => [...attempts(world, 'A1'), publisher(world, 'P1'), publisher(world, 'P2')],
    faultsMax: 0,
    goesOn: true,
  },
  'an execution, two faults': {
    lake: onePart,
    actors: () => [execution('E1')],
    faultsMax: 2,
    goesOn: true,
  },
  'two executions, the second adopts': {
    lake: onePart,
    actors: () => [execution('E1'), execution('E2')],
    faultsMax: 0,
    goesOn: true,
  },
  'two executions, the second starts afresh': {
    lake: onePart,
    actors: () => [execution('E1'), execution('E2', true)],
    faultsMax: 0,
    goesOn: true,
  },
  'a published table, two executions, the second starts afresh': {
    lake: onePart,
    before: [execution('E1')],
    actors: () => [execution('E2'), execution('E3', true)],
    faultsMax: 0,
    goesOn: true,
  },
  'an attempt of a run that another execution abandons': {
    lake: onePart,
    before: planned,
    actors: (world) => [...attempts(world, 'A1'), publisher(world, 'P1'), execution('E2', true)],
    faultsMax: 0,
    goesOn: true,
  },
  'two tables, one published: an execution and the publisher of an older one': {
    lake: twoTables,
    before: onePublished,
    actors: (world) => [publisher(world, 'P1'), execution('E2')],
    faultsMax: 0,
    goesOn: true,
  },
  'two tables, one published, both copied: a publisher, and an execution that starts afresh': {
    lake: twoTables,
    before: [...onePublished, attemptOn(1, 'A2')],
    actors: (world) => [publisher(world, 'P1'), execution('E2', true)],
    faultsMax: 0,
    goesOn: true,
  },
  'two tables, one copied: an attempt, a publisher, and a plan that starts afresh': {
    lake: twoTables,
    before: oneCopied,
    actors: (world) => [attemptOn(1, 'A2')(world), publisher(world, 'P1'), onlyPlanning('E2', true)],
    faultsMax: 0,
    goesOn: true,
  },
};

/** More of the same: too slow for every day. */
export const largeScenarios: Readonly<Record<string, Scenario>> = {
  'two executions, two parts, the second adopts': {
    ...scenarios['two executions, the second adopts']!,
    lake: twoParts,
  },
  'two executions, two parts, the second starts afresh': {
    ...scenarios['two executions, the second starts afresh']!,
    lake: twoParts,
  },
  'two tables, an execution and the publisher of an older one': {
    lake: twoTables,
    before: planned,
    actors: (world) => [publisher(world, 'P1'), execution('E2')],
    faultsMax: 0,
    goesOn: true,
  },
  'two chunks and a publisher': {
    lake: twoChunks,
    before: planned,
    actors: (world) => [
      ...ordersOf(world).map(
        (order, i): Task => ({ kind: 'copy', by: `A${i + 1}`, order, rest: null, tries: 0 }),
      ),
      publisher(world, 'P1'),
    ],
    faultsMax: 0,
    goesOn: true,
  },
};
