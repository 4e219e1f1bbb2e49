/**
 * Notices a server that says nothing any more. A host that failed over, or a NAT that dropped the connection, sends
 * no RST: to the kernel such a connection is idle, and waiting for it would never end.
 */
import { TidemarkError } from '../../errors.ts';

export type SilenceWatch = { heard(): void; stop(): void };

const ticks = 10;

/**
 * Calls `silent` once when nothing was heard for `msMax`, give or take a tenth. Time in which this process stands
 * still (encodes, is frozen between two invocations) counts as one tenth at most: what came meanwhile is
 * heard before the next tick.
 */
export function silenceWatch(msMax: number, silent: () => void): SilenceWatch {
  let quiet = 0;
  const timer = setInterval(() => {
    if (++quiet < ticks) return;
    clearInterval(timer);
    silent();
  }, msMax / ticks);
  return {
    heard() {
      quiet = 0;
    },
    stop: () => clearInterval(timer),
  };
}

/** @param where `public.orders` or `the database at db.example:5432`; begins the message */
export const nothingCame = (where: string, msMax: number): TidemarkError =>
  new TidemarkError(
    'SourceUnavailable',
    `${where}: nothing came for ${msMax / 1000} s; the connection is taken for dead`,
  );
