import type { Display } from './display.ts';
import { printable } from './printable.ts';
import { failureLine, overallLine, tableDoneLine, type View } from './progress-lines.ts';
import type { Stream } from './terminal.ts';

/** A line about the whole every so often. */
const everyMs = 5_000;

/** Lines one after the other, without a single escape code: for pipes, logs, and `--json`. */
export function plainDisplay(stream: Stream, nowMs: () => number): Display {
  let saidMs = nowMs();
  let phase: View['phase'] | null = null;
  let failure: string | null = null;
  const done = new Map<string, string>();
  const say = (line: string) => {
    stream.write(`${printable(line)}\n`);
  };
  return {
    show(view) {
      for (const table of view.progress?.tables ?? []) {
        if (table.state !== 'copied' && table.state !== 'published') continue;
        const before = done.get(table.table);
        if (before === undefined) say(tableDoneLine(table));
        else if (before !== table.state) say(`${table.table}: ${table.state}`);
        done.set(table.table, table.state);
      }
      const failed = view.failure && failureLine(view.failure);
      if (failed && failed !== failure) {
        failure = failed;
        say(failed);
      }
      const moved = view.phase !== phase && view.phase !== 'stopping';
      if (moved || nowMs() - saidMs >= everyMs) {
        phase = view.phase;
        saidMs = nowMs();
        say(overallLine(view));
      }
    },
    note: say,
    close() {},
  };
}
