/**
 * A clock that stands still while this process is busy with something else. A consumer that encodes for two
 * seconds must not look like a server that takes two seconds: statements would shrink to nothing.
 */
const tickMs = 25;
/** Longer steps than this are not the server's doing. */
const stepMsMax = 100;

export type ActiveClock = { ms(): number; stop(): void };

export function activeClock(): ActiveClock {
  let active = 0;
  let last = performance.now();
  const advance = (): number => {
    const now = performance.now();
    active += Math.min(now - last, stepMsMax);
    last = now;
    return active;
  };
  const timer = setInterval(advance, tickMs).unref();
  return { ms: advance, stop: () => clearInterval(timer) };
}
