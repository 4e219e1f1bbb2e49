/** Numbers from 0 to below 1 that a seed fixes (mulberry32, public domain by Tommy Ettinger). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run of a test: another one each time, or the one that TIDEMARK_SEED names, to try again. */
export const seedOfThisRun = (): number => Number(process.env.TIDEMARK_SEED ?? Date.now() % 1_000_000);
