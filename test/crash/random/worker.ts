/** A process that runs seeds, one after the other, as main.ts sends them. */
import type { Fault } from './faults.ts';
import { runSeed, type SeedOutcome } from './run-seed.ts';

/** To run a seed; `twice`: also to see whether it gives the same trace again. */
export type SeedOrder = {
  readonly seed: number;
  readonly twice: boolean;
  readonly trace: boolean;
  /** the faults that may strike; null: as the seed has it */
  readonly only: readonly Fault[] | null;
};

export type SeedReport = Omit<SeedOutcome, 'trace' | 'violation'> & {
  readonly replayed: boolean;
  /** where it was asked for, or the seed failed */
  readonly trace: readonly string[] | null;
  readonly violation: { readonly broken: string; readonly message: string } | null;
};

async function report({ seed, twice, trace, only }: SeedOrder): Promise<SeedReport> {
  const outcome = await runSeed(seed, only);
  const again = twice ? await runSeed(seed, only) : outcome;
  const differs = again.digest !== outcome.digest;
  const at = again.trace.findIndex((line, step) => line !== outcome.trace[step]);
  const violation = differs
    ? { broken: 'replay', message: `the second time differs from step ${at} on: ${again.trace[at]}` }
    : outcome.violation && { broken: outcome.violation.broken, message: outcome.violation.message };
  return { ...outcome, replayed: twice, violation, trace: trace || violation ? outcome.trace : null };
}

process.on('message', (order: SeedOrder) => {
  void report(order).then((done) => process.send!(done));
});
process.on('disconnect', () => process.exit());
