/** Calls of the ledger's methods with few runs, tables, executions and attempts, so that they meet each other. */
import fc from 'fast-check';
import type { ChunkId, Ledger, Part } from '../../../core/ledger/ledger.ts';

const runIds = ['20260101T000000Z-aaaa', '20260101T000001Z-bbbb', '20260101T000002Z-cccc'] as const;
const run = fc.constantFrom(...runIds);
const execution = fc.constantFrom('E1', 'E2', 'E3');
const attempt = fc.constantFrom('A1', 'A2');
const small = fc.nat({ max: 2 });
const seen = fc.option(fc.record({ run, execution }), { nil: null });

export const ledgerCall = fc.oneof(
  fc.record({ method: fc.constant('head' as const) }),
  fc.record({ method: fc.constant('moveHead' as const), seen, run, execution }),
  fc.record({ method: fc.constant('run' as const), run }),
  fc.record({ method: fc.constant('runs' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ method: fc.constant('createRun' as const), run, execution }),
  fc.record({ method: fc.constant('joinRun' as const), run, execution }),
  fc.record({ method: fc.constant('endRun' as const), run, published: fc.boolean() }),
  fc.record({ method: fc.constant('tableHead' as const) }),
  fc.record({ method: fc.constant('tableHeads' as const) }),
  fc.record({ method: fc.constant('claimTable' as const), run }),
  fc.record({
    method: fc.constant('publishTable' as const),
    run,
    seen: fc.constantFrom(null, 1, 3),
  }),
  fc.record({ method: fc.constant('lastPart' as const), run, chunk: small }),
  fc.record({ method: fc.constant('partsOfRun' as const), run }),
  fc.record({ method: fc.constant('commitPart' as const), run, chunk: small, n: small, attempt }),
);
export type LedgerCall = typeof ledgerCall extends fc.Arbitrary<infer Call> ? Call : never;

/** One call of each method. */
const oneOfEach: readonly LedgerCall[] = [
  { method: 'moveHead', seen: null, run: runIds[0], execution: 'E1' },
  { method: 'moveHead', seen: { run: runIds[0], execution: 'E1' }, run: runIds[1], execution: 'E2' },
  { method: 'createRun', run: runIds[0], execution: 'E1' },
  { method: 'joinRun', run: runIds[0], execution: 'E2' },
  { method: 'claimTable', run: runIds[0] },
  { method: 'publishTable', run: runIds[0], seen: null },
  { method: 'commitPart', run: runIds[0], chunk: 0, n: 0, attempt: 'A1' },
  { method: 'endRun', run: runIds[0], published: true },
  { method: 'head' },
  { method: 'run', run: runIds[0] },
  { method: 'runs', limit: 1 },
  { method: 'tableHead' },
  { method: 'tableHeads' },
  { method: 'lastPart', run: runIds[0], chunk: 0 },
  { method: 'partsOfRun', run: runIds[0] },
];

const instant = '2026-01-01T00:00:00.000Z';
const tableName = 'public.a';

function part(chunk: ChunkId, n: number, attemptId: string): Part {
  return {
    ...chunk,
    n,
    from: n === 0 ? null : String(n),
    to: String(n + 1),
    last: n === 2,
    rows: 1,
    files: [],
    attempt: { id: attemptId, startedAt: instant, retry: 0 },
    readAt: instant,
  };
}

async function answerOf(ledger: Ledger, sync: string, call: LedgerCall): Promise<unknown> {
  switch (call.method) {
    case 'head':
      return ledger.head(sync);
    case 'moveHead':
      return ledger.moveHead(sync, call.seen, { run: call.run, execution: call.execution });
    case 'run':
      return ledger.run(sync, call.run);
    case 'runs':
      return ledger.runs(sync, call.limit);
    case 'createRun':
      return ledger.createRun({
        sync,
        run: call.run,
        status: 'running',
        startedAt: instant,
        endedAt: null,
        executions: [call.execution],
        fingerprint: 'f',
        tables: [tableName],
        totals: null,
      });
    case 'joinRun':
      return ledger.joinRun(sync, call.run, call.execution);
    case 'endRun':
      return ledger.endRun(
        sync,
        call.run,
        call.published
          ? { status: 'published', endedAt: instant, totals: { rows: 1, bytes: 2, files: 3 } }
          : { status: 'abandoned', endedAt: instant },
      );
    case 'tableHead':
      return ledger.tableHead(sync, tableName);
    case 'tableHeads':
      return ledger.tableHeads(sync);
    case 'claimTable':
      return ledger.claimTable(sync, tableName, call.run);
    case 'publishTable':
      return ledger.publishTable(
        sync,
        tableName,
        {
          run: call.run,
          publishedAt: instant,
          rows: 1,
          bytes: 2,
          files: 3,
          schema: [{ id: 1, name: 'id', type: { kind: 'int', bits: 64 }, nullable: false }],
        },
        { seen: call.seen, next: (call.seen ?? -1) + 2 },
      );
    case 'lastPart':
      return ledger.lastPart({ sync, run: call.run, table: 0, chunk: call.chunk });
    case 'partsOfRun': {
      const found: Part[] = [];
      for await (const each of ledger.partsOfRun(sync, call.run)) found.push(each);
      return found;
    }
    case 'commitPart':
      return ledger.commitPart(
        part({ sync, run: call.run, table: 0, chunk: call.chunk }, call.n, call.attempt),
      );
  }
}

/** What a call gives, or the code of its error: a run or a head that must be there may not be. */
export const play = (ledger: Ledger, sync: string, call: LedgerCall): Promise<unknown> =>
  answerOf(ledger, sync, call).catch((error: unknown) => (error as Error).name);

export async function playAll(ledger: Ledger, sync: string): Promise<void> {
  for (const call of oneOfEach) await play(ledger, sync, call);
}
