/** Decisions that a seed fixes. */
import { randomFrom } from '../../support/random.ts';

export type Dice = {
  /** 0 … n − 1 */
  below(n: number): number;
  /** from … to, both included */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
};

export function diceOf(seed: number): Dice {
  const random = randomFrom(seed);
  // the first numbers of neighbouring seeds resemble each other
  for (let i = 0; i < 8; i++) random();
  const below = (n: number): number => Math.floor(random() * n);
  return {
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => random() < probability,
    pick: (from) => from[below(from.length)]!,
  };
}
