import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import { batchRowsMax } from '../formats/column.ts';
import { knownRun } from '../ledger/known-run.ts';
import type { AttemptStamp, ChunkId, Ledger, Part } from '../ledger/ledger.ts';
import type { ChunkOrder } from '../plan/chunk-order.ts';
import { type FrozenTable, readFrozenTable } from '../plan/frozen-table.ts';
import { asToday } from '../plan/older-description.ts';
import type { Source } from '../sources/source.ts';
import { type CommitPlaces, commitPart } from './commit.ts';
import { encodeParts } from './encode-parts.ts';
import { renamePart } from './rename.ts';

export type CopyPlaces = CommitPlaces & { readonly source: Source };

export type ChunkOutcome = {
  /** done: the chunk's log is complete. more: call again. over: the run has ended, nothing is left to do */
  readonly status: 'done' | 'more' | 'over';
  /** that this invocation committed */
  readonly rows: number;
  readonly parts: number;
};

export type Clock = {
  readonly nowMs: () => number;
  /** of this invocation */
  readonly remainingMs: () => number;
};

/** Kept free at an invocation's end, to stage, commit and rename the part at hand. */
const reserveMsMax = 30_000;

/** An attempt that began later than mine has taken over: I am the zombie. Equal times are told apart by id. */
const isLater = (other: AttemptStamp, mine: AttemptStamp): boolean =>
  other.startedAt > mine.startedAt || (other.startedAt === mine.startedAt && other.id > mine.id);

/**
 * Copies a chunk from the end of its log on, part by part, until its range is finished or the invocation's time is
 * nearly up. Whatever another attempt does at the same time, the log has one part after the other and each of their
 * files is whole; see docs/design/part-log.md.
 *
 * While a part is staged, committed and renamed, the next one is already being read; it is committed only after the
 * one before has its final name.
 *
 * @throws TidemarkError of the source (TableChanged among them), the store, the ledger
 */
export async function copyChunk(
  places: CopyPlaces,
  order: ChunkOrder,
  attempt: AttemptStamp,
  clock: Clock,
): Promise<ChunkOutcome> {
  const { ledger, store, source } = places;
  const chunk: ChunkId = { sync: order.sync, run: order.run, table: order.table, chunk: order.chunk };
  const reserveMs = Math.min(reserveMsMax, clock.remainingMs() / 4);
  const isTimeUp = () => clock.remainingMs() <= reserveMs;
  let rows = 0;
  let parts = 0;
  const outcome = (status: ChunkOutcome['status']): ChunkOutcome => ({ status, rows, parts });

  if (await isOver(ledger, chunk)) return outcome('over');

  let last = await ledger.lastPart(chunk);
  if (last && !(await renamePart(store, last))) return outcome(await whyGone(ledger, last));
  if (last?.last) return outcome('done');

  const { range, limits } = order;
  const {
    description: table,
    members,
    partition,
  }: FrozenTable = 'description' in order
    ? { description: asToday(order.description), partition: [] }
    : await readFrozenTable(store, places.keys, order.run, order.table);
  /** what is read; `table` is what it is called in the lake */
  const description = order.member === undefined ? table : members![order.member]!.description;
  if (range === null) {
    const nothing = { from: null, to: null, last: true, rows: 0, files: [] };
    await commitPart(places, chunk, table, 0, nothing, attempt, clock.nowMs);
    return outcome('done');
  }

  for (;;) {
    const step = await copyFrom(last);
    if (step.status !== 'overtaken') return outcome(step.status);
    last = step.by;
    if (!(await renamePart(store, last))) return outcome(await whyGone(ledger, last));
    if (last.last) return outcome('done');
    if (isLater(last.attempt, attempt)) return outcome('more');
  }

  /** Reads and commits from the end of part `after` on, until there is a reason to stop. */
  async function copyFrom(
    after: Part | null,
  ): Promise<{ status: ChunkOutcome['status'] } | { status: 'overtaken'; by: Part }> {
    const first = after ? after.n + 1 : 0;
    const rest = { after: after ? after.to : range!.after, upTo: range!.upTo };
    const encoded = encodeParts(
      source,
      description,
      partition,
      rest,
      { ...limits, batchRows: Math.min(batchRowsMax, limits.partRows) },
      places.format,
      (n) => ({
        'tidemark.sync': order.sync,
        'tidemark.run': order.run,
        'tidemark.table': formatTableName(table),
        'tidemark.chunk': String(order.chunk),
        'tidemark.part': String(first + n),
      }),
      isTimeUp,
      clock.nowMs,
    );
    let n = first;
    let pending: ReturnType<typeof commitPart> | null = null;
    let finished = false;
    try {
      if (isTimeUp()) return { status: 'more' };
      for await (const part of encoded) {
        const before = await settle();
        if (before) return before;
        finished = part.last;
        pending = commitPart(places, chunk, table, n++, part, attempt, clock.nowMs);
        pending.catch(() => {}); // it is awaited in settle(), after the next part has been read
      }
    } catch (error) {
      // a part that is on its way is not given up because reading the next one failed
      await settle();
      throw error;
    }
    return (await settle()) ?? { status: finished ? 'done' : 'more' };

    async function settle(): Promise<{ status: 'over' } | { status: 'overtaken'; by: Part } | null> {
      if (!pending) return null;
      const committed = await pending;
      pending = null;
      switch (committed.outcome) {
        case 'mine':
          rows += committed.part.rows;
          parts += 1;
          return null;
        case 'another':
          return { status: 'overtaken', by: committed.part };
        case 'gone':
          return { status: await whyGone(ledger, committed.part) };
      }
    }
  }
}

async function isOver(ledger: Ledger, { sync, run }: { sync: string; run: string }): Promise<boolean> {
  return (await knownRun(ledger, sync, run)).status !== 'running';
}

/** A committed part's files, or some, have vanished. That is in order only after its run has ended and was swept. */
async function whyGone(ledger: Ledger, part: Part): Promise<'over'> {
  if (await isOver(ledger, part)) return 'over';
  throw new TidemarkError(
    'ProtocolViolation',
    `part ${part.n} of chunk ${part.chunk} is committed, but neither ${part.files[0]?.staged} nor ${part.files[0]?.final} holds it${part.files.length > 1 ? ', or so with another of its files' : ''}`,
  );
}
