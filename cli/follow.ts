import { TidemarkError } from '../core/errors.ts';
import type { Part, Run } from '../core/ledger/ledger.ts';
import type { ChunkActivity, Cloud, Execution } from './cloud.ts';
import type { Display } from './display.ts';
import { isAlive } from './executions.ts';
import { type Failure, newFailure, type Progress, partName, progressOf, type Sighting } from './progress.ts';
import type { Phase } from './progress-lines.ts';
import { sightingReader } from './sighting.ts';
import type { Surroundings } from './surroundings.ts';

/** Between two drawings. */
const drawMs = 250;
/** How long to look on while the ledger, the store or Step Functions do not answer. */
const patienceMs = 60_000;

export type Beginning = {
  readonly arn: string;
  /** of the execution before this redrive: until it has grown, the old ending is what one sees; null: a new execution */
  readonly redriveCount: number | null;
};

export type Watch = {
  readonly cloud: Cloud;
  readonly sync: string;
  readonly display: Display;
  readonly surroundings: Surroundings;
  /** Starts the execution, or its redrive. */
  readonly begin: () => Promise<Beginning>;
  /** names of the parts that were committed before; may be changed in `onRun` */
  readonly before: ReadonlySet<string>;
  /**
   * Called when the execution has found its run, and again where it goes on with another one: `left` is the one that
   * it has abandoned.
   */
  readonly onRun: (run: Run, left: Run | null) => void;
};

export type Followed = {
  readonly execution: Execution;
  /** as it is at the end; null: the execution ended before it had one */
  readonly run: Run | null;
  /** the state at the end */
  readonly sighting: Sighting | null;
  readonly progress: Progress | null;
  readonly elapsedMs: number;
  /** what the user wanted before its end: stopped, to stop it; detached, to look on no longer (it goes on by itself) */
  readonly interrupted: 'stopped' | 'detached' | null;
};

/** The run that an execution works on, once it does. */
async function runOf(cloud: Cloud, sync: string, arn: string): Promise<Run | null> {
  const head = await cloud.ledger.head(sync);
  if (head?.execution !== arn) return null;
  return cloud.ledger.run(sync, head.run);
}

/**
 * The run that a succeeded execution says it published: by now the sync's head may name a newer one.
 * @returns null where it says none
 */
async function publishedBy(cloud: Cloud, sync: string, { output }: Execution): Promise<Run | null> {
  const { status, run } = (output ?? {}) as { status?: unknown; run?: unknown };
  return status === 'published' && typeof run === 'string' ? cloud.ledger.run(sync, run) : null;
}

const justBegun = ({ arn, redriveCount }: Beginning, nowMs: number): Execution => ({
  arn,
  status: 'RUNNING',
  startedAt: new Date(nowMs),
  stoppedAt: null,
  redriveCount: redriveCount === null ? 0 : redriveCount + 1,
  output: null,
  error: null,
  message: null,
});

const asItIsNow = async (cloud: Cloud, run: Run | null): Promise<Run | null> =>
  run && (await cloud.ledger.run(run.sync, run.run));

const onlyLookingLine = 'Ctrl-C ends only this command, never the execution';
const detachedLine = 'leaving the execution to itself: it goes on (again: end this command at once)';

function phaseOf(progress: Progress | null, activity: ChunkActivity | null, stopping: boolean): Phase {
  if (stopping) return 'stopping';
  if (!progress) return 'starting';
  if (!activity) return 'planning';
  return activity.total > 0 && activity.running + activity.waiting === 0 ? 'publishing' : 'copying';
}

/**
 * Begins an execution and watches it to its end.
 *
 * Ctrl-C (or SIGTERM) once: where the execution would end with this machine's servers, it is stopped at the next part
 * boundary, and this still waits for its end; where it goes on without anybody, this ends, and leaves it running.
 * Twice: the process ends at once; nothing that is committed is lost, by the protocol.
 *
 * @throws TidemarkError of the cloud; what passes by itself only after it has lasted for a minute
 */
export async function follow(watch: Watch): Promise<Followed> {
  const { cloud, sync, display, surroundings, before } = watch;
  const { keeper, pace } = cloud;
  const { nowMs } = surroundings;
  const beganMs = nowMs();
  const isBefore = (part: Part) => before.has(partName(part));

  let signals = 0;
  let arn: string | null = null;
  // while functions are at work on their last part, the execution may be over already
  let stopping = false;
  let stopFailed: unknown = null;
  const stop = (target: string) => {
    if (keeper.kind === 'cloud') return;
    stopping = true;
    keeper
      .stopAtPartBoundary(target)
      .catch((error: unknown) => {
        stopFailed = error;
      })
      .finally(() => {
        stopping = false;
      });
  };
  const forget = surroundings.onStopSignal(() => {
    signals++;
    if (signals > 1) {
      if (keeper.kind === 'machine')
        display.note('stopped at once; what is committed stays. Run again: it copies only the rest');
      display.close(false);
      surroundings.exitNow(1);
      return;
    }
    if (keeper.kind === 'cloud') {
      display.note(detachedLine);
      return;
    }
    display.note('stopping at the next part boundary … (again: stop now; nothing that is committed is lost)');
    if (arn !== null) stop(arn);
  });

  let activity: ChunkActivity | null = null;
  let read: ((activity: ChunkActivity | null) => Promise<Sighting>) | null = null;
  let run: Run | null = null;
  let sighting: Sighting | null = null;
  let failure: Failure | null = null;

  async function look(target: string, execution: Execution): Promise<void> {
    const found = (await publishedBy(cloud, sync, execution)) ?? (await runOf(cloud, sync, target));
    if (found && found.run !== run?.run) {
      const left = run;
      run = found;
      read = sightingReader(cloud, found);
      failure = null;
      watch.onRun(found, left);
    }
    const now = await cloud.activity(target);
    const seen = read && (await read(now));
    failure = newFailure(run?.tables ?? [], activity, now) ?? failure;
    // together: a phase and its numbers are of the same moment
    activity = now;
    sighting = seen;
  }

  /** Draws the newest state, however long a reading takes. */
  async function draw(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      show();
      await surroundings.sleep(drawMs);
    }
  }

  function show(): void {
    const progress = sighting && progressOf(sighting, isBefore, nowMs());
    const elapsedMs = nowMs() - beganMs;
    const stopped = signals > 0 && keeper.kind === 'machine';
    display.show({ sync, phase: phaseOf(progress, activity, stopped), elapsedMs, progress, failure });
  }

  const isDetached = () => signals > 0 && keeper.kind === 'cloud';

  /** Until the next look, or until nobody wants one any more. */
  async function pause(): Promise<void> {
    for (let leftMs = pace.lookMs; leftMs > 0 && !isDetached(); leftMs -= drawMs) {
      await surroundings.sleep(Math.min(leftMs, drawMs));
    }
  }

  /** @returns null: detached before the execution was seen at all */
  async function untilOver({ arn: target, redriveCount }: Beginning): Promise<Execution | null> {
    let nextReadingMs = Number.NEGATIVE_INFINITY;
    let troubleSinceMs: number | null = null;
    let last: Execution | null = null;
    for (;;) {
      if (isDetached()) return last;
      const failedToStop = stopFailed;
      try {
        const execution = await cloud.execution(target);
        if (!execution) {
          // Step Functions may answer so for a moment after the start: it is eventually consistent
          throw new TidemarkError(
            'LedgerUnavailable',
            `Step Functions does not know the execution ${target}`,
          );
        }
        last = execution;
        const over =
          !stopping &&
          !isAlive(execution) &&
          (redriveCount === null || execution.redriveCount > redriveCount);
        if (over || nowMs() >= nextReadingMs) {
          const startMs = nowMs();
          await look(target, execution);
          // until chunks are copied, a reading is small and people wait for its first words
          const atLeastMs = activity === null ? pace.lookMs : pace.readingMs;
          nextReadingMs = startMs + Math.max(atLeastMs, (nowMs() - startMs) / pace.readingShare);
        }
        if (over) return execution;
        troubleSinceMs = null;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.kind !== 'transient') throw error;
        troubleSinceMs ??= nowMs();
        if (nowMs() - troubleSinceMs > patienceMs) throw error;
      }
      if (failedToStop !== null) throw failedToStop;
      await pause();
    }
  }

  let over = false;
  const drawing = draw(() => over);
  // it is awaited at the end only; until then its failure is nobody's
  drawing.catch(() => {});
  try {
    const beginning = await watch.begin();
    arn = beginning.arn;
    if (keeper.kind === 'cloud') {
      const page = keeper.console(arn);
      if (page) display.note(`console: ${page}`);
      if (signals === 0) display.note(onlyLookingLine);
    }
    if (signals > 0) stop(arn);
    const execution = (await untilOver(beginning)) ?? justBegun(beginning, beganMs);
    const progress = sighting && progressOf(sighting, isBefore, nowMs());
    show();
    return {
      execution,
      run: await asItIsNow(cloud, run),
      sighting,
      progress,
      elapsedMs: nowMs() - beganMs,
      interrupted: signals === 0 ? null : keeper.kind === 'cloud' ? 'detached' : 'stopped',
    };
  } finally {
    over = true;
    forget();
    await drawing;
  }
}
