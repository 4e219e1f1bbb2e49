/**
 * Step Functions, as far as infra/sync.asl.json uses it: Plan, the Map over the plan's lines, Publish, "go again", with
 * retries, redrives by the rule entered-but-not-exited, and executions that are stopped from outside. The service itself
 * does not fail; what it invokes does.
 */

import type { ChunkOutcome } from '../../../core/copy/copy-chunk.ts';
import { inParallel } from '../../../core/parallel.ts';
import type { Order } from '../../../core/plan/chunk-order.ts';
import type { PlannedRun } from '../../../core/plan/plan-run.ts';
import type { PublishedRun } from '../../../core/publish/publish-run.ts';

/** How a function's invocation ended without an answer; `code` is what Step Functions matches on. */
export class Failure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** What the state machine invokes. A promise of an invocation that nobody hears of any more may never settle. */
export type Functions = {
  plan(execution: string, fresh: boolean): Promise<PlannedRun>;
  copyChunk(execution: string, order: Order, retry: number): Promise<ChunkOutcome>;
  publish(
    execution: string,
    run: string,
    goAgain: boolean,
    reasons: ReadonlyMap<number, string>,
  ): Promise<PublishedRun>;
  /** The lines of a plan, as the Map's ItemReader gets them. */
  lines(planKey: string): Order[];
};

type Child = { readonly order: Order; done: boolean; failure: string | null };

type Place =
  | { readonly state: 'Plan' }
  | { readonly state: 'CopyChunks'; readonly run: string; readonly children: readonly Child[] }
  | {
      readonly state: 'Publish';
      readonly run: string;
      readonly redriveCount: number;
      readonly reasons: ReadonlyMap<number, string>;
    };

export type Execution = {
  readonly id: string;
  readonly fresh: boolean;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  /** how it ended: of Plan or Publish, or the error */
  outcome: string;
  redriveCount: number;
  /** the state that was entered and not exited */
  place: Place;
  /** grows when it is stopped or redriven: what was under way before is not heard any more */
  epoch: number;
};

export type Settings = {
  readonly retriesMax: number;
  readonly concurrency: number;
  /** the errors that the state machine's Retry names */
  readonly retried: ReadonlySet<string>;
};

export type StepFunctions = {
  readonly executions: readonly Execution[];
  start(fresh: boolean): Execution;
  redrive(execution: Execution): void;
  abort(execution: Execution): void;
};

const never = (): Promise<never> => new Promise(() => {});

export function stepFunctions(functions: Functions, settings: Settings): StepFunctions {
  const executions: Execution[] = [];

  /** A task: tried again as the state machine does. */
  async function task<T>(execution: Execution, attempt: (retry: number) => Promise<T>): Promise<T> {
    const { epoch } = execution;
    for (let retry = 0; ; retry++) {
      try {
        const answer = await attempt(retry);
        return execution.epoch === epoch ? answer : await never();
      } catch (error) {
        if (execution.epoch !== epoch) return never();
        const again = error instanceof Failure && settings.retried.has(error.code);
        if (!again || retry === settings.retriesMax) throw error;
      }
    }
  }

  async function walkChild(execution: Execution, child: Child): Promise<void> {
    child.failure = null;
    try {
      for (;;) {
        const { status } = await task(execution, (retry) =>
          functions.copyChunk(execution.id, child.order, retry),
        );
        if (status !== 'more') break;
      }
      child.done = true;
    } catch (error) {
      child.failure = String(error);
    }
  }

  /** @returns what follows, or null at the end */
  async function enter(execution: Execution, place: Place): Promise<Place | null> {
    const { id, redriveCount } = execution;
    switch (place.state) {
      case 'Plan': {
        const planned = await task(execution, () => functions.plan(id, execution.fresh));
        execution.outcome = planned.status;
        if (planned.status === 'skipped') return null;
        const { run, planKey, chunks } = planned;
        if (chunks === 0) return { state: 'Publish', run, redriveCount, reasons: new Map() };
        const children = functions
          .lines(planKey)
          .map((order): Child => ({ order, done: false, failure: null }));
        return { state: 'CopyChunks', run, children };
      }
      case 'CopyChunks': {
        const { run, children } = place;
        const left = children.filter(({ done }) => !done);
        await inParallel(left, settings.concurrency, (child) => walkChild(execution, child));
        const reasons = new Map(
          children.flatMap(({ order, failure }) => (failure ? [[order.table, failure] as const] : [])),
        );
        return { state: 'Publish', run, redriveCount, reasons };
      }
      case 'Publish': {
        const goAgain = redriveCount > place.redriveCount;
        const published = await task(execution, () =>
          functions.publish(id, place.run, goAgain, place.reasons),
        );
        execution.outcome = published.status;
        return published.status === 'go-again' ? { state: 'Plan' } : null;
      }
    }
  }

  async function walk(execution: Execution): Promise<void> {
    const { epoch } = execution;
    execution.status = 'RUNNING';
    try {
      for (;;) {
        const next = await enter(execution, execution.place);
        if (execution.epoch !== epoch) return;
        if (!next) break;
        execution.place = next;
      }
      execution.status = 'SUCCEEDED';
    } catch (error) {
      if (execution.epoch !== epoch) return;
      if (!(error instanceof Failure)) throw error;
      execution.status = 'FAILED';
      execution.outcome = String(error);
    }
  }

  return {
    executions,
    start(fresh) {
      const execution: Execution = {
        id: `E${executions.length + 1}`,
        fresh,
        status: 'RUNNING',
        outcome: '',
        redriveCount: 0,
        place: { state: 'Plan' },
        epoch: 0,
      };
      executions.push(execution);
      void walk(execution);
      return execution;
    },
    redrive(execution) {
      execution.epoch++;
      execution.redriveCount++;
      void walk(execution);
    },
    abort(execution) {
      execution.epoch++;
      execution.status = 'ABORTED';
    },
  };
}
