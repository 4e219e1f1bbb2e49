/** What statements bring → batches: the queue on one side, the decoder on the other. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Batch, batchBytesMax, batchRowsMax } from '../../formats/column.ts';
import type { RowDecoder } from './row-decoder.ts';
import type { RowConnection, StatementQueue } from './statement-queue.ts';

/** A batch that has rows is not held back for longer than this: a slow source still shows progress. */
const batchMsMax = 1_000;

/**
 * Decodes until the statements have ended. Whoever stops before leaves the queue to be stopped, in any case.
 * @param rowsMax of a batch
 */
export async function* readBatches(
  statements: StatementQueue<RowConnection>,
  decoder: RowDecoder,
  rowsMax: number,
): AsyncGenerator<Batch, void, undefined> {
  const batchRows = Math.max(1, Math.min(batchRowsMax, rowsMax));
  // where in the first segment the next row begins; -1: a new segment
  let at = -1;
  for (;;) {
    const begun = performance.now();
    while (decoder.rows < batchRows) {
      const segment = statements.first();
      if (segment === null) {
        const waitMs = decoder.rows === 0 ? batchMsMax : batchMsMax - (performance.now() - begun);
        if (statements.state !== 'running' || waitMs <= 0) break;
        await statements.change(waitMs);
        continue;
      }
      if (at < 0) at = segment.start;
      if (decoder.rows > 0 && decoder.bytes + segment.end - at > batchBytesMax) break;
      at = decoder.decode(segment, at, batchRows - decoder.rows);
      if (at < segment.end) break;
      at = -1;
      statements.shift();
    }
    if (decoder.rows > 0) {
      // promises alone never let the socket be read: it is drained before a batch is encoded and afterwards
      await turn();
      yield {
        rows: decoder.rows,
        columns: decoder.columns,
        firstKey: decoder.firstKey,
        lastKey: decoder.lastKey(),
      };
      decoder.clear();
      await turn();
    } else if (statements.state === 'ended') return;
    else if (statements.state !== 'running') throw statements.state.failed;
  }
}
