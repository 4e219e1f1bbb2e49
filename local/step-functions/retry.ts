import { setTimeout as sleep } from 'node:timers/promises';
import { Halted } from './failure.ts';

/** One element of a state's `Retry`. */
export type Retrier = {
  readonly errorEquals: readonly string[];
  readonly intervalSeconds: number;
  readonly maxAttempts: number;
  readonly backoffRate: number;
  readonly maxDelaySeconds: number | null;
  readonly fullJitter: boolean;
};

// these two end an execution unless a retrier names them
const notAmongAll = new Set(['States.DataLimitExceeded', 'States.Runtime']);

function matches(retrier: Retrier, error: string): boolean {
  return retrier.errorEquals.some(
    (name) =>
      name === error ||
      (name === 'States.ALL' && !notAmongAll.has(error)) ||
      (name === 'States.TaskFailed' && error !== 'States.Timeout' && !notAmongAll.has(error)),
  );
}

/**
 * How long to wait before the next try, in milliseconds; null: do not try again. The first retrier that matches
 * decides, each by its own count, which is kept in `attempts` and starts anew whenever the state is entered.
 */
export function nextDelayMs(
  retriers: readonly Retrier[],
  attempts: Map<Retrier, number>,
  error: string,
  random: () => number = Math.random,
): number | null {
  const retrier = retriers.find((candidate) => matches(candidate, error));
  if (retrier === undefined) return null;
  const before = attempts.get(retrier) ?? 0;
  if (before >= retrier.maxAttempts) return null;
  attempts.set(retrier, before + 1);
  const grown = retrier.intervalSeconds * retrier.backoffRate ** before;
  const seconds = Math.min(grown, retrier.maxDelaySeconds ?? Number.POSITIVE_INFINITY);
  return seconds * 1000 * (retrier.fullJitter ? random() : 1);
}

const timerMsMax = 2 ** 31 - 1;

/** @throws Halted as soon as `halt` is aborted */
export async function waitMs(ms: number, halt: AbortSignal): Promise<void> {
  try {
    await sleep(Math.min(ms, timerMsMax), undefined, { signal: halt });
  } catch {
    throw new Halted();
  }
}
