/** The explorer by itself, on a space that can be counted by hand. */
import { expect, test } from 'vitest';
import { explore, type Space } from './explore.ts';

/** Two counters, each up to `max`, one step at a time. */
const counters = (max: number, forbidden: string | null, statesMax = 1_000): Space<number[], string> => ({
  initial: [0, 0],
  keyOf: (state) => state.join(),
  stepsFrom: (state) =>
    ['a', 'b'].flatMap((label, i) =>
      state[i]! < max ? [{ label, next: state.with(i, state[i]! + 1) }] : [],
    ),
  judge: (_, { next }) => (next.join() === forbidden ? `${forbidden} is forbidden` : null),
  statesMax,
});

test('every state is seen once, whatever ways lead to it', async () => {
  expect(await explore(counters(3, null))).toEqual({ states: 16, steps: 24, depth: 6, violation: null });
});

test('a violation comes with a shortest way to it', async () => {
  const { violation } = await explore(counters(9, '2,1'));
  expect(violation?.fault).toBe('2,1 is forbidden');
  expect([...violation!.trace].sort()).toEqual(['a', 'a', 'b']);
});

test('a space that is larger than expected is refused', async () => {
  await expect(explore(counters(9, null, 50))).rejects.toThrow('more than 50 states');
});
