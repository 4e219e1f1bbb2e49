import type { Ledger, Run, SyncHead } from '../ledger/ledger.ts';
import { newRunId } from './run-id.ts';

export type RunRequest = {
  readonly sync: string;
  /** ARN of the execution that asks */
  readonly execution: string;
  /** abandon an unfinished run instead of going on with it */
  readonly fresh: boolean;
  readonly fingerprint: string;
  /** the names of a new run's tables; asked for where one begins */
  readonly tables: () => Promise<readonly string[]>;
};

export type RunStart =
  | { readonly status: 'working'; readonly run: Run; readonly abandoned: string | null }
  /** another execution works on the sync, or the run that this one worked on has been published */
  | { readonly status: 'skipped'; readonly run: string; readonly execution: string };

/**
 * A run that began longer ago is not gone on with: its staging may lose files to the bucket's lifecycle (90 days, see
 * infra/lake-bucket.ts), and among them ones that are committed and not renamed yet.
 */
export const runDaysMax = 60;

export const isOfLongAgo = (run: Pick<Run, 'startedAt'>, nowMs: number): boolean =>
  nowMs - Date.parse(run.startedAt) > runDaysMax * 86_400_000;

/**
 * Decides which run the execution works on, and makes it so.
 *
 * The sync's head names the newest run and the execution that works on it. No clock and no lease: whether that
 * execution is over is asked of Step Functions (`isOver`). Whoever moves the head by its condition has the run;
 * who loses looks again.
 *
 *   no head, or its run is over             → a new run
 *   I worked on the run, it is published    → skipped: nothing to do (an old execution was redriven)
 *   the head's execution is me              → go on (a repeated or redriven Plan)
 *   the head's execution is alive           → skipped
 *   it is over                              → adopt its run: what is committed counts
 *   I would go on or adopt, but under another definition, or a run of long ago, or adopt although fresh is asked for
 *                                           → abandon its run, then a new one
 *
 * A run never goes on under another definition, and keeps the tables that it began with: they are known by their places in
 * it. Where patterns stand in the definition, whoever wrote the run's item has said which tables these are.
 */
export async function startRun(
  ledger: Ledger,
  request: RunRequest,
  isOver: (execution: string) => Promise<boolean>,
  nowMs: () => number,
): Promise<RunStart> {
  const { sync, execution } = request;

  const runItem = (run: string, tables: readonly string[]): Run => ({
    sync,
    run,
    status: 'running',
    startedAt: new Date(nowMs()).toISOString(),
    endedAt: null,
    executions: [execution],
    fingerprint: request.fingerprint,
    tables,
    totals: null,
  });

  /** A redriven execution has asked for fresh in its beginning; what it has begun since is its own. */
  const mayGoOn = (found: Run, isMine: boolean): boolean =>
    found.fingerprint === request.fingerprint && (isMine || !request.fresh) && !isOfLongAgo(found, nowMs());

  async function begin(seen: SyncHead | null, abandoned: string | null): Promise<RunStart | null> {
    // first of all: a source that does not answer leaves nothing behind
    const tables = await request.tables();
    const run = newRunId(seen?.run ?? null, nowMs());
    if (!(await ledger.moveHead(sync, seen, { run, execution }))) return null;
    const item = await ledger.createRun(runItem(run, tables));
    // quicker than this sleepy write, an adopter, or this execution's own next Plan after a deployment, may have begun
    // the run under another definition
    const isMine = item.executions[0] === execution && item.fingerprint === request.fingerprint;
    return isMine ? { status: 'working', run: item, abandoned } : null;
  }

  async function decide(): Promise<RunStart | null> {
    const head = await ledger.head(sync);
    if (!head) return begin(null, null);
    const found = await ledger.run(sync, head.run);
    const skipped: RunStart = { status: 'skipped', run: head.run, execution: head.execution };
    const isMine = head.execution === execution;

    if (found?.status === 'published') {
      return isMine || found.executions.includes(execution) ? skipped : begin(head, null);
    }
    // whoever abandoned it (I, perhaps) died before the next run began
    if (found?.status === 'abandoned') return begin(head, isMine ? found.run : null);
    if (!isMine && !(await isOver(head.execution))) return skipped;
    if (found && !mayGoOn(found, isMine)) {
      // a source that does not answer must not cost the run that there is
      await request.tables();
      const ended = await ledger.endRun(sync, found.run, {
        status: 'abandoned',
        endedAt: new Date(nowMs()).toISOString(),
      });
      return begin(head, ended.status === 'abandoned' ? found.run : null);
    }
    if (!isMine && !(await ledger.moveHead(sync, head, { run: head.run, execution }))) return null;
    // who moved the head to this run may have died before it wrote the run's item, or may write it only now
    const item = found ?? (await ledger.createRun(runItem(head.run, await request.tables())));
    const run = item.executions.includes(execution) ? item : await ledger.joinRun(sync, head.run, execution);
    const goesOn = run.status === 'running' && run.fingerprint === request.fingerprint;
    return goesOn ? { status: 'working', run, abandoned: null } : null;
  }

  for (;;) {
    const start = await decide();
    if (start) return start;
  }
}
