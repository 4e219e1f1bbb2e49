import { createLogUpdate } from 'log-update';
import type { Display } from './display.ts';
import { printable, wrapped } from './printable.ts';
import { liveLines, type View } from './progress-lines.ts';
import { type Environment, type Stream, styleFor } from './terminal.ts';

/** At most five times a second. */
const redrawMs = 200;

/** Draws over itself, on a terminal. The width and height are asked for at every drawing: windows change. */
export function liveDisplay(stream: Stream, environment: Environment, nowMs: () => number): Display {
  const update = createLogUpdate(stream as NodeJS.WritableStream);
  let drawnMs = Number.NEGATIVE_INFINITY;
  let last: View | null = null;
  let open = true;

  const draw = (view: View) => {
    update(liveLines(view, styleFor(stream, environment), stream.rows ?? 24).join('\n'));
    drawnMs = nowMs();
  };
  const write = (line: string) => {
    for (const part of wrapped(printable(line), styleFor(stream, environment).width))
      stream.write(`${part}\n`);
  };
  return {
    show(view) {
      last = view;
      if (open && nowMs() - drawnMs >= redrawMs) draw(view);
    },
    note(line) {
      if (!open) {
        write(line);
        return;
      }
      update.clear();
      write(line);
      if (last) draw(last);
    },
    close(erase) {
      if (!open) return;
      open = false;
      if (erase) update.clear();
      else if (last) draw(last);
      update.done();
    },
  };
}
