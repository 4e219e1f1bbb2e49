import type { Journal, Place } from './journal.ts';
import type { Json } from './template.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** An event as GetExecutionHistory gives it: `timestamp` in seconds since 1970, details under AWS's names. */
export type HistoryEvent = {
  readonly timestamp: number;
  readonly type: string;
  readonly id: number;
  readonly previousEventId: number;
  readonly [details: string]: unknown;
};

/** What stands beside an event in the journal, for ourselves. */
export type Extra = {
  /** of StateExited: the state that follows, null at the end */
  readonly next?: string | null;
  readonly [name: string]: unknown;
};

/** A line of a journal. The lines of one execution form a chain from its last event back to its first. */
export type Line = {
  /** of a child: its index in the map run */
  readonly child?: number;
  readonly previous: Place | null;
  readonly extra?: Extra;
  readonly event: HistoryEvent;
};

/** All that is kept in memory of an execution. The rest is its events, in the journal. */
export type Timeline = {
  status: ExecutionStatus;
  startMs: number;
  stopMs: number | null;
  redriveCount: number;
  redriveMs: number | null;
  first: Place;
  last: Place;
  lastId: number;
};

export type History = { readonly journal: Journal; readonly child: number | null; timeline: Timeline | null };

const endings: { readonly [type: string]: ExecutionStatus } = {
  ExecutionSucceeded: 'SUCCEEDED',
  ExecutionFailed: 'FAILED',
  ExecutionTimedOut: 'TIMED_OUT',
  ExecutionAborted: 'ABORTED',
};

/** The timeline after one more event: the same rule while it runs and when a journal is read again. */
export function advance(timeline: Timeline | null, event: HistoryEvent, place: Place): Timeline {
  const ms = Math.round(event.timestamp * 1000);
  if (timeline === null) {
    const unset = { stopMs: null, redriveCount: 0, redriveMs: null };
    return { status: 'RUNNING', startMs: ms, ...unset, first: place, last: place, lastId: event.id };
  }
  timeline.last = place;
  timeline.lastId = event.id;
  const ending = endings[event.type];
  if (ending !== undefined) {
    timeline.status = ending;
    timeline.stopMs = ms;
  } else if (event.type === 'ExecutionRedriven') {
    timeline.status = 'RUNNING';
    timeline.stopMs = null;
    timeline.redriveCount += 1;
    timeline.redriveMs = ms;
  }
  return timeline;
}

/** Appends an event: afterwards it survives the process. @throws TidemarkError CloudBroken */
export function record(history: History, type: string, details?: object, extra?: Extra): HistoryEvent {
  const { timeline } = history;
  const id = (timeline?.lastId ?? 0) + 1;
  const event: HistoryEvent = {
    timestamp: Date.now() / 1000,
    type,
    id,
    // AWS links the first state to 0 as well
    previousEventId: id <= 2 ? 0 : id - 1,
    ...(details === undefined ? {} : { [detailsName(type)]: details }),
  };
  const line: Line = {
    ...(history.child === null ? {} : { child: history.child }),
    previous: timeline?.last ?? null,
    ...(extra === undefined ? {} : { extra }),
    event,
  };
  history.timeline = advance(timeline, event, history.journal.append(line));
  return event;
}

function detailsName(type: string): string {
  const kind = /State(Entered|Exited)$/.exec(type)?.[0] ?? type;
  return `${kind.charAt(0).toLowerCase()}${kind.slice(1)}EventDetails`;
}

export const detailsOf = (event: HistoryEvent): { readonly [name: string]: Json } =>
  (event[detailsName(event.type)] ?? {}) as { readonly [name: string]: Json };

/** The lines of an execution, the last one first. */
export function* linesBackwards({ journal, timeline }: History): Generator<Line> {
  for (let place = timeline?.last ?? null; place !== null; ) {
    const line = journal.read(place) as Line;
    yield line;
    place = line.previous;
  }
}

/** Where a redriven execution goes on: only a state that was entered and not exited runs again. */
export type Position =
  | { readonly kind: 'enter'; readonly state: string; readonly input: Json }
  | {
      readonly kind: 'inside';
      readonly state: string;
      readonly input: Json;
      /** of a Map: the run that it had started */
      readonly mapRunArn: string | null;
    }
  /** all states were exited, and only the last word was missing */
  | { readonly kind: 'finished'; readonly output: Json };

export function positionOf(history: History, startAt: string): Position {
  let mapRunArn: string | null = null;
  for (const { event, extra } of linesBackwards(history)) {
    const details = detailsOf(event);
    if (event.type === 'MapRunStarted' || event.type === 'MapRunRedriven')
      mapRunArn ??= String(details.mapRunArn);
    if (event.type.endsWith('StateEntered')) {
      return { kind: 'inside', state: String(details.name), input: parsed(details.input), mapRunArn };
    }
    if (event.type.endsWith('StateExited')) {
      const value = parsed(details.output);
      const next = extra?.next ?? null;
      return next === null
        ? { kind: 'finished', output: value }
        : { kind: 'enter', state: next, input: value };
    }
    if (event.type === 'ExecutionStarted')
      return { kind: 'enter', state: startAt, input: parsed(details.input) };
  }
  throw new Error('a history without its first event');
}

const parsed = (text: Json | undefined): Json => JSON.parse(String(text)) as Json;

/** What an execution was given and what came of it, from its first and last event. */
export function outcomeOf({ journal, timeline }: History): {
  readonly input: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
} {
  if (timeline === null) throw new Error('a history without its first event');
  const started = detailsOf((journal.read(timeline.first) as Line).event);
  const ended = endings[(journal.read(timeline.last) as Line).event.type] !== undefined;
  const details = ended ? detailsOf((journal.read(timeline.last) as Line).event) : {};
  const given = (name: 'output' | 'error' | 'cause') =>
    typeof details[name] === 'string' ? { [name]: details[name] } : {};
  return { input: String(started.input), ...given('output'), ...given('error'), ...given('cause') };
}
