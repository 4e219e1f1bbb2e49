/**
 * What the product takes from the machine, taken from a seed instead: random bytes (ids of plans), jitter, and its one
 * wait. Put into Node's own modules from outside, so that the product needs no hook; for a process that does nothing else.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { randomFrom } from '../../support/random.ts';

export type Surroundings = {
  readonly seed: number;
  /** what a wait becomes */
  readonly sleep: () => Promise<void>;
};

const real = { randomBytes: crypto.randomBytes, random: Math.random, sleep: timers.setTimeout };

/** Until it is called again, everything in this process draws from the seed. */
export function takeFrom({ seed, sleep }: Surroundings): void {
  const random = randomFrom(seed ^ 0x5eed);
  const seeded = {
    randomBytes: (size: number): Buffer =>
      Buffer.from(Uint8Array.from({ length: size }, () => Math.floor(random() * 256))),
    random,
    setTimeout: sleep,
  };
  Object.assign(crypto, { randomBytes: seeded.randomBytes });
  Object.assign(timers, { setTimeout: seeded.setTimeout });
  Math.random = seeded.random;
  syncBuiltinESMExports();
}

export function giveBack(): void {
  Object.assign(crypto, { randomBytes: real.randomBytes });
  Object.assign(timers, { setTimeout: real.sleep });
  Math.random = real.random;
  syncBuiltinESMExports();
}
