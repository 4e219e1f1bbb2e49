/** An invocation that meets a fault at one of its calls, or falls asleep there. */
import { setImmediate as turn } from 'node:timers/promises';
import type { TidemarkError } from '../../../core/errors.ts';
import {
  type Send,
  throughWire,
  type Wire,
  type WireAnswer,
  type WireCall,
} from '../../support/sdk-faults.ts';
import type { Way } from './ways.ts';

export type Ended<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'died' };

export type Invocation<T> = {
  /** the calls that it made, in order */
  readonly calls: readonly WireCall[];
  /** Settled when it has answered, failed or died, and none of its requests is under way. */
  readonly ended: Promise<Ended<T>>;
  /** settled when all that it does waits (where it was told to sleep), or when it has ended */
  readonly asleep: Promise<void>;
  wake(): void;
  /** Lets the request that was held take effect; nobody hears of it. False: none was held, or it has landed. */
  land(): Promise<boolean>;
};

export type Trouble =
  | { readonly at: number; readonly way: Way }
  | { readonly at: number; readonly sleeps: 'before' | 'after' };

const never = (): Promise<never> => new Promise(() => {});

/**
 * Starts `work` with its calls numbered from 0. What a dead process had sent takes effect; it hears no answer and
 * sends nothing more, nor does any of its code run.
 *
 * @param watch called before and after every request
 */
export function invoke<T>(
  work: () => Promise<T>,
  trouble: Trouble | null,
  watch: (call: WireCall) => void,
): Invocation<T> {
  const calls: WireCall[] = [];
  const numbers = new Map<WireCall, number>();
  let dead = false;
  let held: Send | null = null;
  let underWay = 0;
  let standing = 0;
  let sayDied = (): void => {};
  const died = new Promise<{ kind: 'died' }>((resolve) => {
    sayDied = () => resolve({ kind: 'died' });
  });
  let wake = (): void => {};
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let sayAsleep = (): void => {};
  const sleeping = new Promise<void>((resolve) => {
    sayAsleep = resolve;
  });

  // answers reach the work's code a few turns later; then it may make another call
  const look = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await turn();
    if (standing > 0 && underWay === 0) sayAsleep();
  };
  const stand = async (): Promise<void> => {
    standing++;
    void look();
    await awake;
    standing--;
  };

  const wire: Wire = async (call, tries, send) => {
    if (dead) return never();
    const known = numbers.get(call);
    const number = known ?? calls.push(call) - 1;
    if (known === undefined) numbers.set(call, number);
    const isHere = trouble !== null && number === trouble.at;
    if (trouble && 'sleeps' in trouble && (number > trouble.at || (isHere && trouble.sleeps === 'before'))) {
      await stand();
    }
    const through: Send = async () => {
      underWay++;
      watch(call);
      try {
        return await send();
      } finally {
        underWay--;
        watch(call);
        void look();
      }
    };
    const answer: WireAnswer = await (isHere && 'way' in trouble
      ? trouble.way.act(call, tries, through, {
          die() {
            dead = true;
            sayDied();
            return never();
          },
          hold: (kept) => {
            held = kept;
          },
        })
      : through());
    if (dead) return never();
    if (isHere && 'sleeps' in trouble && trouble.sleeps === 'after') await stand();
    return answer;
  };

  const worked: Promise<Ended<T>> = throughWire(wire, work).then(
    (value) => ({ kind: 'answered', value }),
    (error: unknown) => ({ kind: 'failed', error }),
  );
  const ended = Promise.race([worked, died]).then(async (how) => {
    while (underWay > 0) await turn();
    return how;
  });
  return {
    calls,
    ended,
    asleep: Promise.race([sleeping, ended.then(() => {})]),
    wake: () => wake(),
    async land() {
      if (!held) return false;
      const send = held;
      held = null;
      await send().catch(() => {});
      return true;
    },
  };
}

export const isTransient = (error: unknown): boolean =>
  (error as Partial<TidemarkError>).kind === 'transient';
