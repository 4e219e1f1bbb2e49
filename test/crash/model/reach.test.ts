/**
 * The explorer leaves out orders that come to the same. Whether they do is looked at here: small scenarios are explored
 * with every order and with those that are left, and end in the same states, by way of the same worlds.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explore } from './explore.ts';
import { model, type Scenario, type State } from './protocol.ts';
import { attemptOn, attempts, execution, onePart, onlyPlanning, planned, publisher } from './scenarios.ts';
import { withoutChance } from './tabulate.ts';
import { viewOf } from './view.ts';
import type { World } from './world.ts';

let withChance: () => void;
beforeAll(() => {
  withChance = withoutChance();
});
afterAll(() => withChance());

const texts = new WeakMap<object, string>();
function textOf(content: object): string {
  const text = texts.get(content) ?? JSON.stringify(content);
  texts.set(content, text);
  return text;
}

/** A world without what nobody but its writer knows of: manifests that are not named yet, staged files of no part. */
function seenByOthers(world: World): string {
  const parts = [...viewOf(world).parts.values()];
  const named = new Set(parts.flatMap(({ files }) => files.map(({ staged }) => staged)));
  const objects = [...world.objects].filter(
    ([key]) => !key.endsWith('.avro') && (!key.includes('/_staging/') || named.has(key)),
  );
  const items = [...world.table].flatMap(([pk, all]) =>
    [...all].map(([sk, item]) => `${pk} ${sk} ${textOf(item)}`),
  );
  return [...items, ...objects.map(([key, object]) => `${key} ${textOf(object)}`)].sort().join('\n');
}

async function found(scenario: Scenario, isReduced: boolean) {
  const made = model({ ...scenario, goesOn: false }, {}, isReduced);
  const space = await made.space(1_500_000);
  const worlds = new Map<number, string>();
  const ends = new Set<string>();
  const looked = {
    ...space,
    stepsFrom: async (state: State) => {
      const { world, late, actors } = state;
      if (!worlds.has(world.id)) worlds.set(world.id, seenByOthers(world));
      if (late.length === 0 && actors.every((actor) => actor === null)) {
        const left = [...world.objects.keys()].filter((key) => !worlds.get(world.id)!.includes(key));
        ends.add(`${worlds.get(world.id)}\n${left.sort().join('\n')}`);
      }
      return space.stepsFrom(state);
    },
  };
  const { states, violation } = await explore(looked);
  expect(violation).toBeNull();
  return { states, worlds: [...new Set(worlds.values())].sort(), ends: [...ends].sort() };
}

const cases: Readonly<Record<string, Omit<Scenario, 'goesOn'>>> = {
  'three attempts': {
    lake: onePart,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2', 'A3'),
    faultsMax: 0,
  },
  'two attempts, a fault': {
    lake: onePart,
    before: planned,
    actors: (world) => attempts(world, 'A1', 'A2'),
    faultsMax: 1,
  },
  'an attempt and a publisher, a fault': {
    lake: onePart,
    before: planned,
    actors: (world) => [...attempts(world, 'A1'), publisher(world, 'P1')],
    faultsMax: 1,
  },
  'two attempts and a publisher': {
    lake: onePart,
    before: planned,
    actors: (world) => [...attempts(world, 'A1', 'A2'), publisher(world, 'P1')],
    faultsMax: 0,
  },
  'two publishers': {
    lake: onePart,
    before: [...planned, attemptOn(0, 'A1')],
    actors: (world) => [publisher(world, 'P1'), publisher(world, 'P2')],
    faultsMax: 0,
  },
  'a publisher and an execution': {
    lake: onePart,
    before: planned,
    actors: (world) => [publisher(world, 'P1'), execution('E2')],
    faultsMax: 0,
  },
  'a published table: a publisher, and an execution that starts afresh': {
    lake: onePart,
    before: [execution('E1'), onlyPlanning('E2'), attemptOn(0, 'A1')],
    actors: (world) => [publisher(world, 'P1'), execution('E3', true)],
    faultsMax: 0,
  },
};

test.each(Object.entries(cases))(
  '%s',
  async (name, scenario) => {
    const reduced = await found({ ...scenario, goesOn: false }, true);
    const whole = await found({ ...scenario, goesOn: false }, false);
    console.log(
      `${name}: ${reduced.states} of ${whole.states} states, ${whole.worlds.length} worlds, ${whole.ends.length} ends`,
    );
    expect(reduced.ends).toEqual(whole.ends);
    expect(reduced.worlds.filter((world) => !whole.worlds.includes(world))).toEqual([]);
    expect(whole.worlds.filter((world) => !reduced.worlds.includes(world))).toEqual([]);
  },
  300_000,
);
