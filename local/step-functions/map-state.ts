import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { mapRunArn } from './arns.ts';
import type { MapState } from './definition.ts';
import { detailsOf, failureOf, StateFailed, unlessHalted } from './failure.ts';
import { positionOf, record } from './history.ts';
import { type Entered, executionContext, historyIsFull, interpret, type Running } from './interpreter.ts';
import { fetchItems, openItems } from './item-reader.ts';
import {
  abortChildren,
  advanceMapRuns,
  arnOf,
  type Beginning,
  type Child,
  type Children,
  childNames,
  countsOf,
  itemsFile,
  type MapRun,
  newChild,
  statusOf,
} from './map-run.ts';
import { type ResultsLocation, resultsLocation, writeResults } from './result-writer.ts';
import type { Json } from './template.ts';

/** The execution in which a Map state runs. */
export type Parent = {
  readonly machine: string;
  readonly arn: string;
  readonly folder: string;
  readonly roleArn: string;
  readonly mapRuns: MapRun[];
  childrenOf(mapRun: MapRun): Children;
};

/**
 * Runs a distributed Map: begins a map run, or redrives the one that the state had started, of which only the
 * children that did not succeed run again. Returns what becomes `$states.result`.
 *
 * @param arn of the map run to redrive
 * @throws StateFailed reading items or writing results failed, or more children failed than the state tolerates
 */
export async function runMapState(
  s3: S3Client,
  parent: Parent,
  state: MapState,
  entered: Entered,
  arn: string | null,
): Promise<Json> {
  const { halt } = entered.running;
  const emit = (type: string, details?: object, extra?: { readonly [name: string]: unknown }) =>
    advanceMapRuns(parent.mapRuns, parent, entered.emit(type, details, extra), extra);
  const mapRun = parent.mapRuns.find((each) => arnOf(each) === arn) ?? begin(parent, state, emit);
  const result = (results: ResultsLocation): Json => ({
    MapRunArn: arnOf(mapRun),
    ResultWriterDetails: results,
  });
  const evaluated = (template: MapState['itemReader']) =>
    unlessHalted(template.evaluate(entered.variable()), halt);

  if (mapRun.status === 'SUCCEEDED')
    return result(resultsLocation(mapRun, await evaluated(state.resultWriter)));
  const redriven = mapRun.status !== 'RUNNING';
  if (redriven) emit('MapRunRedriven', { mapRunArn: arnOf(mapRun), redriveCount: mapRun.redriveCount + 1 });
  const children = parent.childrenOf(mapRun);
  try {
    const results = resultsLocation(mapRun, await evaluated(state.resultWriter));
    children.total ??= await fetchItems(s3, await evaluated(state.itemReader), itemsFile(mapRun), halt);
    const tolerable = await runChildren(parent, mapRun, children, state, entered.running);
    await writeResults(s3, mapRun, children, results, halt);
    if (!tolerable) {
      throw new StateFailed(
        'States.ExceedToleratedFailureThreshold',
        'The specified tolerated failure threshold was exceeded',
      );
    }
    emit('MapRunSucceeded', undefined, { counts: countsOf(mapRun) });
    entered.emit('MapStateSucceeded');
    return result(results);
  } catch (error) {
    if (halt.aborted) throw error;
    const failure = failureOf(error);
    emit('MapRunFailed', detailsOf(failure), { counts: countsOf(mapRun) });
    entered.emit('MapStateFailed');
    throw failure;
  } finally {
    children.journal.close();
  }
}

function begin(
  parent: Parent,
  state: MapState,
  emit: (type: string, details: object, extra?: { readonly [name: string]: unknown }) => void,
): MapRun {
  const { label, maxConcurrency, toleratedFailurePercentage, toleratedFailureCount } = state;
  const tolerance = { maxConcurrency, toleratedFailurePercentage, toleratedFailureCount };
  const beginning: Beginning = { id: randomUUID(), label, tolerance };
  emit('MapStateStarted', { length: 0 });
  const arn = mapRunArn(parent.machine, label, beginning.id);
  emit('MapRunStarted', { mapRunArn: arn }, { mapRun: beginning });
  return parent.mapRuns.at(-1)!;
}

/** Runs the children that are left, as many at once as the state allows. Returns false when too many failed. */
async function runChildren(
  parent: Parent,
  mapRun: MapRun,
  children: Children,
  state: MapState,
  running: Running,
): Promise<boolean> {
  const unsuccessful = children.list.filter((child) => statusOf(child) !== 'SUCCEEDED');
  const again = unsuccessful.filter((child) => !historyIsFull(child.history));
  const total = children.total ?? 0;
  const left = again.length + total - children.list.length;
  const items = openItems(itemsFile(mapRun), children.list.length);
  mapRun.pendingRedrive = again.length;
  let failures = unsuccessful.length - again.length;
  let stopped: { readonly by: 'failures' } | { readonly by: 'error'; readonly error: unknown } | null = null;
  const stop = (reason: typeof stopped) => {
    stopped ??= reason;
    abortChildren(children, {});
  };

  const next = async (): Promise<Child | null> => {
    // functions that answer at once must not keep the API from answering
    await nextTurn();
    if (stopped !== null || running.halt.aborted) return null;
    const child = again.shift();
    if (child !== undefined) {
      mapRun.pendingRedrive = again.length;
      record(child.history, 'ExecutionRedriven', { redriveCount: child.history.timeline!.redriveCount + 1 });
      return child;
    }
    const item = items.next();
    return item === null ? null : startChild(children, item, parent.roleArn);
  };
  const work = async () => {
    try {
      for (let child = await next(); child !== null; child = await next()) {
        await runChild(parent, mapRun, child, state, running);
        if (statusOf(child) !== 'SUCCEEDED') failures += 1;
        if (exceeds(failures, total, state) && !running.halt.aborted) stop({ by: 'failures' });
      }
    } catch (error) {
      // the journal cannot be written: nothing may run on without it
      stop({ by: 'error', error });
    }
  };
  try {
    const limit = state.maxConcurrency === 0 ? left : Math.min(state.maxConcurrency, left);
    await unlessHalted(Promise.all(Array.from({ length: limit }, work)), running.halt);
  } finally {
    items.close();
  }
  const reason = stopped as { by: 'failures' } | { by: 'error'; error: unknown } | null;
  if (reason?.by === 'error') throw reason.error;
  return reason === null;
}

function startChild(children: Children, item: string, roleArn: string): Child {
  const child = newChild(children.list.length, children.journal);
  record(child.history, 'ExecutionStarted', { input: item, inputDetails: { truncated: false }, roleArn });
  children.list.push(child);
  return child;
}

async function runChild(
  parent: Parent,
  mapRun: MapRun,
  child: Child,
  state: MapState,
  running: Running,
): Promise<void> {
  const halt = new AbortController();
  child.halt = halt;
  const position = positionOf(child.history, state.processor.startAt);
  const names = childNames(mapRun, child.index);
  await interpret(state.processor, position, {
    ...running,
    history: child.history,
    halt: halt.signal,
    context: executionContext({ ...names, roleArn: parent.roleArn }, child.history),
    runMap: () => Promise.reject(new StateFailed('States.Runtime', 'A Map inside a Map is not supported.')),
  });
  // a redrive may have taken the child over meanwhile
  if (child.halt === halt) child.halt = null;
}

/** AWS compares both limits, where they are given, and tolerates nothing where none is. */
function exceeds(failures: number, total: number, state: MapState): boolean {
  const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = state;
  if (count === null && percentage === null) return failures > 0;
  return (count !== null && failures > count) || (percentage !== null && failures * 100 > percentage * total);
}
