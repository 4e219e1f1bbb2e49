/**
 * The protocol as a space of states: a world, what each actor is about to do, and what is still on its way. At each
 * step one request takes effect, or goes wrong in one of these ways, as long as there are faults left:
 *
 * - *repeats*: its answer is lost and the SDK sends it again; the first one is still on its way and may take effect at any
 *   time from now on, or never
 * - *gives up*: the client is told that nobody answers; the request is on its way all the same
 *
 * That an actor dies or sleeps needs no step of its own: it is the state in which only others go on. A dead one whose
 * last request takes effect later is one that repeats, and never comes to it.
 */
import type { Space } from './explore.ts';
import { goOnFault } from './go-on.ts';
import { changeFault, type Expected, worldFault } from './invariants.ts';
import { checkReach, isOutOfReach } from './reach.ts';
import {
  type CodePlaces,
  type CodeTable,
  codeTable,
  type Invocation,
  type Point,
  type TableOptions,
} from './tabulate.ts';
import { type Lake, sync, type Task, tableNameOf, tasksOf } from './tasks.ts';
import { viewOf } from './view.ts';
import { type Reply, type Request, type Universe, universe, type World } from './world.ts';

export type Scenario = {
  readonly lake: Lake;
  /** what has happened before: each to its end, one after the other; may look at what there is by then */
  readonly before?: readonly (Task | ((world: World) => Task))[];
  /** who is there at the same time; may look at what there is already */
  readonly actors: (before: World) => readonly Task[];
  readonly faultsMax: number;
  /** from every world that is reached it is tried to go on: see go-on.ts */
  readonly goesOn: boolean;
  /** by default an ETag is a function of the bytes */
  readonly freshEtags?: true;
};

/** A change of the code, made around it: of what it sends, of what it works with, or of an invocation as a whole. */
export type Sabotage = Pick<TableOptions, 'rewrite' | 'wrap'> & {
  readonly around?: (task: Task, places: CodePlaces, invoke: () => Promise<unknown>) => Promise<unknown>;
};

/** An actor that stands at a point of its task; null: its work is over, however that came. */
type Actor = { readonly id: number; readonly task: Task; readonly point: Point };

export type State = {
  readonly world: World;
  readonly actors: readonly (Actor | null)[];
  /** requests under way that nobody waits for any more, in the order of their numbers */
  readonly late: readonly Request[];
  readonly faults: number;
};

export type Label = {
  readonly who: string;
  readonly does: 'does' | 'repeats' | 'gives up' | 'late';
  readonly request: Request;
  readonly reply: Reply;
  /** the invocation's end, if this was it */
  readonly ended: string | null;
};

export type Model = {
  readonly universe: Universe;
  readonly code: CodeTable;
  readonly expected: Expected;
  readonly space: (statesMax: number) => Promise<Space<State, Label>>;
  /** Lets one actor go on alone to its end. */
  readonly alone: (world: World, task: Task) => Promise<{ world: World; ended: string }>;
};

/** @param isReduced false: every order is explored, also those that come to the same */
export function model(scenario: Scenario, sabotage: Sabotage = {}, isReduced = true): Model {
  const { lake, before = [], faultsMax } = scenario;
  const tasks = tasksOf(lake);
  const isSabotaged = Object.keys(sabotage).length > 0;
  function invocationOf(task: Task): Invocation {
    const invocation = tasks.invocationOf(task);
    const { around } = sabotage;
    if (!around) return invocation;
    return { ...invocation, run: (places) => around(task, places, () => invocation.run(places)) };
  }
  const all = universe(scenario.freshEtags === true);
  // chunk c of table t is in shard (t + c) mod 16
  const shards = lake.tables + Math.ceil(lake.rows / lake.chunkRows) - 1;
  const code = codeTable({
    universe: all,
    isNeverWritten: (pk) => pk.startsWith(`RUN#${sync}#`) && Number(pk.split('#')[3]) >= shards,
    ...sabotage,
  });
  const expected: Expected = {
    rows: lake.rows,
    tables: Array.from({ length: lake.tables }, (_, i) => tableNameOf(i)),
  };
  const actors = new Map<string, Actor>();

  /** The actor at a point, or at the beginning of what follows where the point is an end. */
  async function actorAt(task: Task, point: Point): Promise<Actor | null> {
    if (!point.ending) {
      const key = `${point.id}`;
      const found = actors.get(key) ?? { id: point.id, task, point };
      actors.set(key, found);
      return found;
    }
    const next = tasks.after(task, point.ending);
    return next && actorAt(next, await code.begin(invocationOf(next)));
  }
  const begin = async (task: Task): Promise<Actor | null> =>
    actorAt(task, await code.begin(invocationOf(task)));

  const endOf = ({ ending }: Point): string | null =>
    ending && (ending.status === 'returned' ? 'returns' : `fails: ${ending.code}: ${ending.message}`);

  /**
   * What code must not end with: that something is not as the protocol left it. An actor of a run that is over may
   * find its files swept.
   */
  function endingFault(task: Task, point: Point, world: World): string | null {
    const { ending } = point;
    if (ending?.status !== 'failed') return null;
    const run = task.kind === 'publish' ? task.run : task.kind === 'copy' ? task.order.run : null;
    const isOver = run !== null && viewOf(world).runs.get(run)?.status !== 'running';
    const isIncomplete = ending.code === 'RunIncomplete' && !ending.message.includes('ProtocolViolation');
    const isTransient = ending.code === 'StoreUnavailable' || ending.code === 'LedgerUnavailable';
    if (isTransient || isIncomplete || isOver) return null;
    return `${task.by} (${task.kind}) ended with ${ending.code}: ${ending.message}`;
  }

  const faultsOfWorlds = new Map<number, string | null>();
  function faultOf(world: World): string | null {
    const known = faultsOfWorlds.get(world.id);
    if (known !== undefined) return known;
    const found = worldFault(viewOf(world), expected);
    faultsOfWorlds.set(world.id, found);
    return found;
  }
  const faultsOfChanges = new Map<number, string | null>();
  function faultOfChange(from: World, to: World): string | null {
    if (from === to) return null;
    const number = from.id * 2 ** 26 + to.id;
    const known = faultsOfChanges.get(number);
    if (known !== undefined) return known;
    const found = changeFault(viewOf(from), viewOf(to), expected) ?? faultOf(to);
    faultsOfChanges.set(number, found);
    return found;
  }

  async function alone(world: World, task: Task): Promise<{ world: World; ended: string }> {
    let actor = await begin(task);
    let now = world;
    let ended = 'returns';
    while (actor) {
      const { slot, request } = actor.point.calls[0]!;
      const { world: after, reply } = all.effect(now, request);
      const fault = faultOfChange(now, after);
      if (fault) return { world: after, ended: fault };
      now = after;
      const point: Point = await code.advance(actor.point, slot, reply);
      ended = endOf(point) ?? ended;
      const strange = endingFault(actor.task, point, now);
      if (strange) return { world: now, ended: strange };
      actor = await actorAt(actor.task, point);
    }
    return { world: now, ended };
  }

  const triedToGoOn = new Map<string, Promise<string | null>>();
  const land = (from: World, request: Request): { world: World; fault: string | null } => {
    const { world } = all.effect(from, request);
    return { world, fault: faultOfChange(from, world) };
  };
  function faultOfGoingOn({ world, late }: State): Promise<string | null> | null {
    if (!scenario.goesOn) return null;
    const key = `${world.id} ${late.map(({ id }) => id).join()}`;
    const known = triedToGoOn.get(key);
    if (known) return known;
    const found = goOnFault(alone, land, expected, world, late);
    triedToGoOn.set(key, found);
    return found;
  }

  const withLate = (late: readonly Request[], request: Request): readonly Request[] =>
    late.includes(request) ? late : [...late, request].sort((a, b) => a.id - b.id);

  type Found = { label: Label; next: State; fault: string | null };

  /** Who has to be looked at: one actor alone where what it does next is out of the others' reach. */
  function movesOf({ world, actors, late }: State): {
    actors: readonly number[];
    late: readonly Request[];
  } {
    const alive = [...actors.keys()].filter((index) => actors[index] !== null);
    if (!isReduced) return { actors: alive, late };
    const first = alive.find((index) => {
      const others = alive.filter((other) => other !== index).map((other) => actors[other]!.task);
      return actors[index]!.point.calls.every(({ request }) =>
        isOutOfReach(request, all.effect(world, request).world !== world, world, others, late),
      );
    });
    return first === undefined ? { actors: alive, late } : { actors: [first], late: [] };
  }

  async function stepsFrom(state: State): Promise<Found[]> {
    const found: Found[] = [];
    const { world, late, faults } = state;
    const moves = movesOf(state);
    for (const request of moves.late) {
      const { world: after, reply } = all.effect(world, request);
      found.push({
        label: { who: 'nobody', does: 'late', request, reply, ended: null },
        next: { ...state, world: after, late: late.filter((other) => other !== request) },
        fault: null,
      });
    }
    for (const index of moves.actors) {
      const { task, point } = state.actors[index]!;
      const who = `${task.by} ${task.kind}`;
      for (const { slot, request } of point.calls) {
        const step = async (does: Label['does'], after: World, reply: Reply, rest: Partial<State>) => {
          const advanced = code.advance(point, slot, reply);
          const reached = advanced instanceof Promise ? await advanced : advanced;
          const actors = state.actors.with(index, await actorAt(task, reached));
          found.push({
            label: { who, does, request, reply, ended: endOf(reached) },
            next: { world: after, actors, late, faults, ...rest },
            fault: endingFault(task, reached, after),
          });
        };
        const { world: after, reply } = all.effect(world, request);
        if (after !== world && !isSabotaged) checkReach(request, task, world);
        await step('does', after, reply, {});
        if (faults === faultsMax) continue;
        const more = { late: request.isRead ? late : withLate(late, request), faults: faults + 1 };
        await step('gives up', world, all.nobody, more);
        if (request.isRead) continue;
        const label: Label = { who, does: 'repeats', request, reply, ended: null };
        found.push({ label, next: { ...state, ...more }, fault: null });
      }
    }
    return found;
  }

  return {
    universe: all,
    code,
    expected,
    alone,
    async space(statesMax) {
      let world = all.empty;
      for (const task of before) {
        const done = await alone(world, typeof task === 'function' ? task(world) : task);
        // it has published what was complete by then
        const isInOrder = done.ended === 'returns' || done.ended.startsWith('fails: RunIncomplete');
        if (!isInOrder) throw new Error(`what came before failed: ${done.ended}`);
        world = done.world;
      }
      const begun: (Actor | null)[] = [];
      for (const task of scenario.actors(world)) begun.push(await begin(task));
      return {
        initial: { world, actors: begun, late: [], faults: 0 },
        keyOf: (state) =>
          `${state.world.id} ${state.actors.map((actor) => actor?.id ?? '').join()} ${state.late.map(({ id }) => id).join()} ${state.faults}`,
        stepsFrom,
        judge: (from, step) =>
          (step as Found).fault ??
          faultOfChange(from.world, step.next.world) ??
          (from.world === step.next.world && from.late === step.next.late ? null : faultOfGoingOn(step.next)),
        statesMax,
      };
    },
  };
}
