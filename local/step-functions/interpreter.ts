import type { ChoiceState, MapState, State, Workflow } from './definition.ts';
import { detailsOf, failureOf, Halted, StateFailed, unlessHalted, withinDataLimit } from './failure.ts';
import { type Extra, type History, type HistoryEvent, outcomeOf, type Position, record } from './history.ts';
import { runTask } from './task.ts';
import type { Json, StatesVariable, Template } from './template.ts';

/** What Step Functions knows of the functions: a call, and its result or its error. */
export type Invoke = (
  functionName: string,
  payload: unknown,
  options: { readonly signal: AbortSignal },
) => Promise<{ ok: true; payload: unknown } | { ok: false; error: string; cause: string }>;

/** An execution that runs, a parent or a child of a map run. */
export type Running = {
  readonly history: History;
  /** aborted when somebody ends the execution; who does so has recorded it */
  readonly halt: AbortSignal;
  /** `$states.context`, without its State */
  readonly context: { readonly [name: string]: Json };
  readonly invoke: Invoke;
  /** aborted when the engine stops; handed to the functions' calls, which a stopped execution leaves alone */
  readonly engine: AbortSignal;
  /** @param mapRunArn the run to redrive, or null: begin one. Returns what becomes `$states.result` */
  runMap(state: MapState, entered: Entered, mapRunArn: string | null): Promise<Json>;
};

/** A state while it is being worked on. */
export type Entered = {
  readonly name: string;
  readonly input: Json;
  readonly running: Running;
  /** Records an event. @throws Halted, or StateFailed when the history is full */
  emit(type: string, details?: object, extra?: Extra): HistoryEvent;
  /** `$states` of this state */
  variable(retryCount?: number): StatesVariable;
};

/** `$states.context` of an execution, without its State. */
export function executionContext(
  names: {
    readonly name: string;
    readonly arn: string;
    readonly roleArn: string;
    readonly machineName: string;
    readonly machineArn: string;
  },
  history: History,
): { readonly [name: string]: Json } {
  const { startMs, redriveCount, redriveMs } = history.timeline!;
  return {
    Execution: {
      Id: names.arn,
      Input: JSON.parse(outcomeOf(history).input) as Json,
      Name: names.name,
      RoleArn: names.roleArn,
      StartTime: new Date(startMs).toISOString(),
      RedriveCount: redriveCount,
      ...(redriveMs === null ? {} : { RedriveTime: new Date(redriveMs).toISOString() }),
    },
    StateMachine: { Id: names.machineArn, Name: names.machineName },
  };
}

const historyEventsMax = 25_000;

/** Whether an execution has no room left for further events, as AWS limits it. */
export const historyIsFull = (history: History): boolean =>
  (history.timeline?.lastId ?? 0) >= historyEventsMax - 1;

/** Runs an execution from `position` to its end, and records it. Returns without a word when it was halted. */
export async function interpret(workflow: Workflow, position: Position, running: Running): Promise<void> {
  let current = '';
  try {
    let at: Position = position;
    while (at.kind !== 'finished') {
      current = at.state;
      at = await passThrough(workflow.states.get(at.state)!, at, running);
    }
    if (!running.halt.aborted)
      end(running.history, 'ExecutionSucceeded', { output: JSON.stringify(at.output), ...whole });
  } catch (error) {
    if (error instanceof Halted || running.halt.aborted) return;
    const details = detailsOf(failureOf(error));
    if (details.error === 'States.QueryEvaluationError') {
      end(running.history, 'EvaluationFailed', { ...details, state: current });
    }
    end(running.history, 'ExecutionFailed', details);
  }
}

const whole = { outputDetails: { truncated: false } };

/**
 * Records one of the last words of an execution. Where it cannot be written, whoever waits for the execution still
 * learns that it is over; the next engine finds it running, and aborts it as well.
 */
export function end(history: History, type: string, details?: object, extra?: Extra): HistoryEvent | null {
  try {
    return record(history, type, details, extra);
  } catch {
    if (history.timeline !== null) {
      history.timeline.status = 'ABORTED';
      history.timeline.stopMs = Date.now();
    }
    return null;
  }
}

/** One state, from before it is entered, or from inside of it, to where the next one is entered. */
async function passThrough(
  state: State,
  at: Exclude<Position, { kind: 'finished' }>,
  running: Running,
): Promise<Position> {
  const enteredMs = Date.now();
  const entered: Entered = {
    name: at.state,
    input: at.input,
    running,
    emit(type, details, extra) {
      if (running.halt.aborted) throw new Halted();
      if (historyIsFull(running.history)) {
        throw new StateFailed(
          'States.Runtime',
          `The execution reached the maximum of ${historyEventsMax} events.`,
        );
      }
      return record(running.history, type, details, extra);
    },
    variable: (retryCount = 0) => ({
      input: at.input,
      context: {
        ...running.context,
        State: { Name: at.state, EnteredTime: new Date(enteredMs).toISOString(), RetryCount: retryCount },
      },
    }),
  };
  if (at.kind === 'enter') {
    const input = JSON.stringify(at.input);
    entered.emit(`${state.type}StateEntered`, { name: at.state, input, inputDetails: { truncated: false } });
  }
  const { output, next } = await run(state, entered, at.kind === 'inside' ? at.mapRunArn : null);
  const json = withinDataLimit(JSON.stringify(output), `The state '${at.state}' returned a result that`);
  entered.emit(`${state.type}StateExited`, { name: at.state, output: json, ...whole }, { next });
  return next === null ? { kind: 'finished', output } : { kind: 'enter', state: next, input: output };
}

type Exit = { readonly output: Json; readonly next: string | null };

async function run(state: State, entered: Entered, mapRunArn: string | null): Promise<Exit> {
  const { input, running } = entered;
  const evaluated = (output: Template | null, otherwise: Json, variable: StatesVariable): Promise<Json> =>
    output === null ? Promise.resolve(otherwise) : unlessHalted(output.evaluate(variable), running.halt);
  switch (state.type) {
    case 'Succeed':
      return { output: await evaluated(state.output, input, entered.variable()), next: null };
    case 'Choice':
      return choose(state, entered, evaluated);
    case 'Task':
      return { output: await runTask(state, entered), next: state.next };
    case 'Map': {
      const result = await running.runMap(state, entered, mapRunArn);
      const output = await evaluated(state.output, result, { ...entered.variable(), result });
      return { output, next: state.next };
    }
  }
}

async function choose(
  state: ChoiceState,
  entered: Entered,
  evaluated: (output: Template | null, otherwise: Json, variable: StatesVariable) => Promise<Json>,
): Promise<Exit> {
  const variable = entered.variable();
  for (const rule of state.rules) {
    const holds = await evaluated(rule.condition, null, variable);
    if (typeof holds !== 'boolean') {
      throw new StateFailed(
        'States.QueryEvaluationError',
        'The Condition of a choice must return true or false.',
      );
    }
    if (holds) return { output: await evaluated(rule.output, entered.input, variable), next: rule.next };
  }
  if (state.otherwise === null) {
    throw new StateFailed(
      'States.NoChoiceMatched',
      `No choice of '${entered.name}' matches, and it has no Default.`,
    );
  }
  return { output: await evaluated(state.output, entered.input, variable), next: state.otherwise };
}
