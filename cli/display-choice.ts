import type { Context } from './context.ts';
import type { Display } from './display.ts';
import { liveDisplay } from './live-display.ts';
import { plainDisplay } from './plain-display.ts';
import { isLive } from './terminal.ts';

/** Live on a terminal, lines elsewhere and with `--json`. */
export function displayFor({ surroundings, json }: Context): Display {
  const { stderr, environment, nowMs } = surroundings;
  return !json && isLive(stderr, environment)
    ? liveDisplay(stderr, environment, nowMs)
    : plainDisplay(stderr, nowMs);
}

/** Where the summary appears on the same terminal, the last view of the display is one table too many. */
export const closeDisplay = ({ surroundings }: Context, display: Display): void =>
  display.close(surroundings.stdout.isTTY === true);
