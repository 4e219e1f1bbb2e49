import { randomBytes } from 'node:crypto';
import { type ChunkOutcome, copyChunk } from '../../core/copy/copy-chunk.ts';
import { TidemarkError } from '../../core/errors.ts';
import { checkOrder, type Order, tableNameOf } from '../../core/plan/chunk-order.ts';
import { log } from '../log.ts';
import { formatOf, openSource, places } from '../places.ts';

/** What the state CopyChunk sends. */
export type CopyChunkEvent = {
  /** a line of the plan */
  readonly item: Order;
  /** how often the state machine has tried before */
  readonly retry: number;
};

type Context = { getRemainingTimeInMillis(): number };

export async function handler({ item, retry }: CopyChunkEvent, context: Context): Promise<ChunkOutcome> {
  const attempt = { id: randomBytes(6).toString('hex'), startedAt: new Date().toISOString(), retry };
  const { definition, ledger, store, keys } = places();
  const order = checkOrder(item);
  if ('problem' in order) throw new TidemarkError(order.problem.code, order.problem.message);
  const source = await openSource(definition, order.source ?? null);
  try {
    const format = await formatOf(order.compression);
    const outcome = await copyChunk({ ledger, store, keys, source, format }, order, attempt, {
      nowMs: Date.now,
      remainingMs: () => context.getRemainingTimeInMillis(),
    });
    const { run, chunk } = order;
    const ms = Date.now() - Date.parse(attempt.startedAt);
    log({ run, table: tableNameOf(order), chunk, attempt: attempt.id, retry, ms, ...outcome });
    return outcome;
  } finally {
    await source.close();
  }
}
