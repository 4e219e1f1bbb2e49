/** The functions of a simulation: the core's, wired as functions/<name>/index.ts wire them, each invocation an actor. */
import { randomBytes } from 'node:crypto';
import { copyChunk } from '../../../core/copy/copy-chunk.ts';
import type { Definition } from '../../../core/definition/options.ts';
import { TidemarkError } from '../../../core/errors.ts';
import type { Format } from '../../../core/formats/format.ts';
import { type Keys, keysOf, parseTarget } from '../../../core/objects/keys.ts';
import { checkOrder, type Order } from '../../../core/plan/chunk-order.ts';
import { planRun } from '../../../core/plan/plan-run.ts';
import { prepareTable } from '../../../core/publish/projections.ts';
import { publishRun } from '../../../core/publish/publish-run.ts';
import { sweepStagingBefore } from '../../../core/publish/sweep.ts';
import type { Actor, Call, Calls } from './actors.ts';
import { type Execution, Failure, type Functions } from './executions.ts';
import { type Cloud, type Sandbox, sandboxes } from './sandboxes.ts';
import { connect, type Database } from './source.ts';

export type World = {
  readonly cloud: Cloud;
  readonly calls: Calls;
  readonly database: Database;
  readonly format: Format;
  readonly nowMs: () => number;
  /** the one that is deployed now */
  readonly definition: () => Definition;
  readonly executions: () => readonly Execution[];
  /** What its sandbox is like: limits, a clock that is off. */
  readonly character: () => Pick<Actor, 'skewMs' | 'limitMs'>;
  /** Hears of every function that fails. */
  readonly failed: (actor: Actor, error: unknown) => void;
};

export type Invocations = Functions & {
  /** everyone who has been invoked, in order */
  readonly actors: readonly Actor[];
  /** what each attempt has read */
  readonly reads: ReadonlyMap<string, ReadonlySet<string>>;
  /** Nobody is invoked any more. */
  close(): void;
};

export function invocations(world: World): Invocations {
  const { cloud, calls, database, nowMs } = world;
  const lambda = sandboxes(cloud, calls);
  const actors: Actor[] = [];
  const reads = new Map<string, Set<string>>();
  const keysNow = (): Keys => keysOf(parseTarget(world.definition().target.url), world.definition().name);

  function invoke<T>(
    name: string,
    execution: string,
    run: string | null,
    work: (actor: Actor, sandbox: Sandbox) => Promise<T>,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const actor: Actor = {
        name: `${name}#${actors.length}`,
        state: 'awake',
        execution,
        run,
        startedMs: nowMs(),
        ...world.character(),
        giveUp: (code) => reject(new Failure(code, name)),
        destroy: () => lambda.destroy(sandbox),
      };
      actors.push(actor);
      const sandbox = lambda.acquire(actor);
      work(actor, sandbox)
        .then(resolve, (error: unknown) => {
          world.failed(actor, error);
          const code = error instanceof TidemarkError ? error.code : 'Unexpected';
          reject(new Failure(code, error instanceof Error ? error.message : String(error)));
        })
        .finally(() => {
          actor.state = 'ended';
          lambda.release(sandbox);
        });
    });
  }

  const holdFor =
    (actor: Actor) =>
    <U>(call: Call, perform: () => U): Promise<U> =>
      calls.hold(actor, call, perform);

  const clockOf = (actor: Actor) => () => nowMs() + actor.skewMs;

  return {
    actors,
    reads,
    close: lambda.close,
    plan: (execution, fresh) =>
      invoke('plan', execution, null, (actor, { ledger, store }) => {
        const definition = world.definition();
        const keys = keysNow();
        const source = connect(database, holdFor(actor), new Set());
        const isOver = (id: string): Promise<boolean> =>
          calls.hold(
            actor,
            {
              service: 'executions',
              name: 'DescribeExecution',
              of: id,
              isWrite: false,
              isConditional: false,
            },
            () => world.executions().find((one) => one.id === id)?.status !== 'RUNNING',
          );
        return planRun(
          { ledger, store, keys, source },
          definition,
          { execution, fresh, isOver },
          (head) => prepareTable({ ledger, store, keys }, definition.name, head),
          (run) => sweepStagingBefore(store, keys, run),
          clockOf(actor),
        );
      }),
    copyChunk: (execution, line, retry) => {
      const order: Order = checkOrder(line);
      const name = 'problem' in order ? `problem ${order.table}` : `copy ${order.table}.${order.chunk}`;
      return invoke(name, execution, order.run, async (actor, { ledger, store }) => {
        if ('problem' in order) throw new TidemarkError(order.problem.code, order.problem.message);
        const now = clockOf(actor);
        const attempt = {
          id: randomBytes(6).toString('hex'),
          startedAt: new Date(now()).toISOString(),
          retry,
        };
        const seen = new Set<string>();
        reads.set(attempt.id, seen);
        const source = connect(database, holdFor(actor), seen);
        return copyChunk({ ledger, store, keys: keysNow(), source, format: world.format }, order, attempt, {
          nowMs: now,
          remainingMs: () => actor.startedMs + actor.limitMs - nowMs(),
        });
      });
    },
    publish: (execution, run, goAgain, reasons) =>
      invoke('publish', execution, run, (actor, { ledger, store }) =>
        publishRun(
          { ledger, store, keys: keysNow() },
          world.definition().name,
          run,
          goAgain,
          async () => reasons,
          clockOf(actor),
        ),
      ),
    lines(planKey) {
      const text = cloud.s3.objects.get(planKey)!.body.toString();
      return text
        .split('\n')
        .slice(0, -1)
        .map((line): Order => JSON.parse(line));
    },
  };
}
