import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '../../core/errors.ts';
import { executionArn } from './arns.ts';
import { advance, type Extra, type History, type Line, record } from './history.ts';
import { end } from './interpreter.ts';
import { openJournal, scanJournal } from './journal.ts';
import {
  abortChildren,
  advanceMapRuns,
  type Children,
  countsOf,
  loadChildren,
  type MapRun,
} from './map-run.ts';

/** An execution of a state machine, running or over. */
export type Execution = {
  readonly machine: string;
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  /** holds execution.ndjson and map-runs/ */
  readonly folder: string;
  readonly history: History;
  readonly mapRuns: MapRun[];
  /** of RedriveExecution: client token → when that redrive was */
  readonly redriveTokens: Map<string, number>;
  /** ends the code that works on it; null when none does */
  halt: AbortController | null;
};

/** What stands beside ExecutionStarted in the journal. */
type Started = { readonly format: 1; readonly definition: string; readonly roleArn: string };

const journalName = 'execution.ndjson';

/** The definition that the execution was started with: a redrive uses it, whatever the machine's is now. */
export function definitionOf({ history }: Execution): string {
  const { extra } = history.journal.read(history.timeline!.first) as Line;
  return (extra as unknown as Started).definition;
}

/** All executions in a folder. */
export type Executions = {
  of(machine: string): readonly Execution[];
  find(machine: string, name: string): Execution | undefined;
  /** the children of a map run, from memory or from its journal */
  childrenOf(mapRun: MapRun): Children;
  create(machine: string, name: string, started: Omit<Started, 'format'>, input: string): Execution;
  /** Ends a running execution and its children, without waiting for what they called. */
  abort(execution: Execution, error?: string, cause?: string): void;
  remove(machine: string): void;
};

/** Map runs that are over whose children are kept in memory, for whoever asks again. */
const idleMapRunsMax = 4;

/**
 * Reads the executions of a folder. What runs there by its journal was left by an engine that is dead: it becomes
 * ABORTED, as if somebody had stopped it, and can be redriven.
 *
 * @throws TidemarkError FormatTooNew, or CloudBroken for a damaged journal
 */
export function openExecutions(folder: string): Executions {
  const machines = new Map<string, Map<string, Execution>>();
  const idle: MapRun[] = [];
  const byName = (machine: string): Map<string, Execution> => {
    const known = machines.get(machine) ?? new Map<string, Execution>();
    machines.set(machine, known);
    return known;
  };

  const executions: Executions = {
    of: (machine) => [...(machines.get(machine)?.values() ?? [])],
    find: (machine, name) => machines.get(machine)?.get(name),
    childrenOf(mapRun) {
      mapRun.children ??= loadChildren(mapRun);
      if (idle.includes(mapRun)) idle.splice(idle.indexOf(mapRun), 1);
      idle.push(mapRun);
      const evicted =
        idle.length > idleMapRunsMax ? idle.findIndex(({ status }) => status !== 'RUNNING') : -1;
      if (evicted >= 0 && idle[evicted] !== mapRun) release(idle.splice(evicted, 1)[0]!);
      return mapRun.children;
    },
    create(machine, name, started, input) {
      const { roleArn } = started;
      const execution = newExecution(join(folder, machine, name), machine, name, roleArn);
      const details = { input, inputDetails: { truncated: false }, roleArn };
      record(execution.history, 'ExecutionStarted', details, { format: 1, ...started });
      byName(machine).set(name, execution);
      return execution;
    },
    abort(execution, error, cause) {
      execution.halt?.abort();
      execution.halt = null;
      const details = {
        ...(error === undefined ? {} : { error }),
        ...(cause === undefined ? {} : { cause }),
      };
      const mapRun = execution.mapRuns.at(-1);
      if (mapRun?.status === 'RUNNING') {
        const children = executions.childrenOf(mapRun);
        abortChildren(children, details);
        const extra = { counts: { ...countsOf(mapRun), pendingRedrive: 0 } };
        const event = end(execution.history, 'MapRunAborted', undefined, extra);
        if (event === null) mapRun.status = 'ABORTED';
        else advanceMapRuns(execution.mapRuns, execution, event, extra);
        children.journal.close();
      }
      end(execution.history, 'ExecutionAborted', details);
      execution.history.journal.close();
    },
    remove(machine) {
      machines.delete(machine);
      rmSync(join(folder, machine), { recursive: true, force: true });
    },
  };

  mkdirSync(folder, { recursive: true });
  for (const machine of readdirSync(folder)) {
    // what else a desktop's file manager may have left here is not ours
    if (!statSync(join(folder, machine)).isDirectory()) continue;
    for (const name of readdirSync(join(folder, machine))) {
      const execution = loadExecution(join(folder, machine, name), machine, name);
      if (execution !== null) byName(machine).set(name, execution);
    }
  }
  for (const execution of [...machines.values()].flatMap((each) => [...each.values()])) {
    if (execution.history.timeline?.status !== 'RUNNING') continue;
    executions.abort(
      execution,
      'Local.EngineStopped',
      'The embedded cloud was stopped while this execution ran.',
    );
  }
  return executions;
}

function newExecution(folder: string, machine: string, name: string, roleArn: string): Execution {
  const journal = openJournal(join(folder, journalName));
  const history: History = { journal, child: null, timeline: null };
  const own = { machine, name, arn: executionArn(machine, name), roleArn, folder };
  return { ...own, history, mapRuns: [], redriveTokens: new Map(), halt: null };
}

/** null: its first event was not written to the end, so nobody was told of it; what there is of it is removed */
function loadExecution(folder: string, machine: string, name: string): Execution | null {
  let execution: Execution | null = null;
  scanJournal(join(folder, journalName), (line, place) => {
    const { event, extra } = line as Line;
    execution ??= newExecution(folder, machine, name, startedOf(extra, folder).roleArn);
    execution.history.timeline = advance(execution.history.timeline, event, place);
    advanceMapRuns(execution.mapRuns, execution, event, extra);
    if (typeof extra?.token === 'string') execution.redriveTokens.set(extra.token, event.timestamp * 1000);
  });
  if (execution === null) rmSync(folder, { recursive: true, force: true });
  return execution;
}

function startedOf(extra: Extra | undefined, folder: string): Started {
  const started = extra as unknown as Started;
  if (started.format === 1) return started;
  throw new TidemarkError(
    'FormatTooNew',
    `${folder} has format ${started.format}; this version reads format 1.`,
  );
}

function release(mapRun: MapRun): void {
  mapRun.children?.journal.close();
  mapRun.children = null;
}
