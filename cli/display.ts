import type { View } from './progress-lines.ts';

/** Shows a run while it goes on; on stderr. Live on a terminal, line by line elsewhere. */
export type Display = {
  show(view: View): void;
  /** A line that stays. */
  note(line: string): void;
  /** Ends it: the last view stays, unless `erase`. May be called twice. */
  close(erase: boolean): void;
};
