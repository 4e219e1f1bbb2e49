import { join } from 'node:path';
import { childMachineName, childName, executionArn, machineArn, mapRunArn } from './arns.ts';
import type { MapState } from './definition.ts';
import {
  advance,
  type ExecutionStatus,
  type Extra,
  type History,
  type HistoryEvent,
  type Line,
} from './history.ts';
import { end } from './interpreter.ts';
import { countItems } from './item-reader.ts';
import { type Journal, openJournal, scanJournal } from './journal.ts';

/** A child workflow execution. What it was given and what it did stands in the journal of its map run. */
export type Child = { readonly index: number; readonly history: History; halt: AbortController | null };

export type Children = {
  readonly journal: Journal;
  /** the ones that were started, by their index */
  readonly list: Child[];
  /** null: the dataset was not read yet */
  total: number | null;
};

/** As the API counts children: by status, and in all. */
export type Counts = {
  readonly pending: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly aborted: number;
  readonly total: number;
  readonly resultsWritten: number;
  readonly failuresNotRedrivable: number;
  readonly pendingRedrive: number;
};

export type Tolerance = Pick<
  MapState,
  'maxConcurrency' | 'toleratedFailurePercentage' | 'toleratedFailureCount'
>;

export type MapRun = {
  readonly id: string;
  readonly machine: string;
  readonly label: string;
  readonly executionArn: string;
  /** holds items.ndjson and children.ndjson */
  readonly folder: string;
  readonly tolerance: Tolerance;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  startMs: number;
  stopMs: number | null;
  redriveCount: number;
  redriveMs: number | null;
  resultsWritten: number;
  /** unsuccessful children that a redrive has not come to yet */
  pendingRedrive: number;
  /** what it counted when it ended; while it runs its children are counted */
  finalCounts: Counts | null;
  children: Children | null;
};

export const arnOf = (mapRun: MapRun): string => mapRunArn(mapRun.machine, mapRun.label, mapRun.id);

/** The names of a child, as AWS builds them. */
export function childNames({ machine, label, id }: MapRun, index: number) {
  const machineName = childMachineName(machine, label);
  const name = childName(id, index);
  return { name, arn: executionArn(machineName, name), machineName, machineArn: machineArn(machineName) };
}

export const itemsFile = (mapRun: MapRun): string => join(mapRun.folder, 'items.ndjson');

/** What stands beside MapRunStarted in the journal of the parent. */
export type Beginning = { readonly id: string; readonly label: string; readonly tolerance: Tolerance };

const statuses: { readonly [type: string]: MapRun['status'] } = {
  MapRunSucceeded: 'SUCCEEDED',
  MapRunFailed: 'FAILED',
  MapRunAborted: 'ABORTED',
};

/** The map runs of an execution after one more of its events: the same rule live and when a journal is read again. */
export function advanceMapRuns(
  mapRuns: MapRun[],
  parent: { readonly machine: string; readonly arn: string; readonly folder: string },
  event: HistoryEvent,
  extra?: Extra,
): void {
  const ms = Math.round(event.timestamp * 1000);
  if (event.type === 'MapRunStarted') {
    const beginning = extra?.mapRun as Beginning;
    mapRuns.push({
      ...beginning,
      machine: parent.machine,
      executionArn: parent.arn,
      folder: join(parent.folder, 'map-runs', beginning.id),
      status: 'RUNNING',
      startMs: ms,
      stopMs: null,
      redriveCount: 0,
      redriveMs: null,
      resultsWritten: 0,
      pendingRedrive: 0,
      finalCounts: null,
      children: null,
    });
    return;
  }
  const ended = statuses[event.type];
  // one map state runs at a time, and a redrive takes up the last one
  const mapRun = mapRuns.at(-1);
  if (mapRun === undefined) return;
  if (event.type === 'MapRunRedriven') {
    mapRun.status = 'RUNNING';
    mapRun.stopMs = null;
    mapRun.redriveCount += 1;
    mapRun.redriveMs = ms;
    mapRun.finalCounts = null;
  } else if (ended !== undefined) {
    mapRun.status = ended;
    mapRun.stopMs = ms;
    mapRun.finalCounts = (extra?.counts as Counts | undefined) ?? null;
    mapRun.resultsWritten = mapRun.finalCounts?.resultsWritten ?? 0;
    mapRun.pendingRedrive = 0;
  }
}

/** Reads what the journal holds of the children: a few hundred bytes of memory each. */
export function loadChildren(mapRun: MapRun): Children {
  const file = join(mapRun.folder, 'children.ndjson');
  const journal = openJournal(file);
  const list: Child[] = [];
  scanJournal(file, (record, place) => {
    const { child: index, event } = record as Line;
    if (index === undefined) return;
    const child = list[index] ?? newChild(index, journal);
    list[index] = child;
    child.history.timeline = advance(child.history.timeline, event, place);
  });
  // the end of a child may be what the journal had no room for; it ended with its map run
  for (const { history } of mapRun.status === 'RUNNING' ? [] : list) {
    if (history.timeline?.status !== 'RUNNING') continue;
    history.timeline.status = 'ABORTED';
    history.timeline.stopMs = mapRun.stopMs;
  }
  return { journal, list, total: countItems(itemsFile(mapRun)) };
}

export const newChild = (index: number, journal: Journal): Child => ({
  index,
  history: { journal, child: index, timeline: null },
  halt: null,
});

export const statusOf = (child: Child): ExecutionStatus => child.history.timeline?.status ?? 'RUNNING';

/** Ends the children that run, without waiting for what they called. */
export function abortChildren(children: Children, details: object): void {
  for (const child of children.list) {
    if (statusOf(child) !== 'RUNNING') continue;
    child.halt?.abort();
    child.halt = null;
    end(child.history, 'ExecutionAborted', details);
  }
}

export function countsOf(mapRun: MapRun): Counts {
  const { children, finalCounts } = mapRun;
  if (finalCounts !== null) return finalCounts;
  const by: Record<ExecutionStatus, number> = {
    RUNNING: 0,
    SUCCEEDED: 0,
    FAILED: 0,
    TIMED_OUT: 0,
    ABORTED: 0,
  };
  const list = children?.list ?? [];
  for (const child of list) by[statusOf(child)] += 1;
  const total = children?.total ?? list.length;
  return {
    pending: total - list.length,
    running: by.RUNNING,
    succeeded: by.SUCCEEDED,
    failed: by.FAILED,
    timedOut: by.TIMED_OUT,
    aborted: by.ABORTED,
    total,
    resultsWritten: mapRun.resultsWritten,
    failuresNotRedrivable: 0,
    pendingRedrive: mapRun.pendingRedrive,
  };
}
