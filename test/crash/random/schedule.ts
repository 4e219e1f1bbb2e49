/** Who goes next, and what goes wrong: one step of a simulation after the other. */
import { type Actor, type Call, type Held, rest } from './actors.ts';
import type { Execution } from './executions.ts';
import {
  type CallFault,
  callFaults,
  canBefall,
  type Fault,
  type Hands,
  strike,
  type WorldFault,
  worldFaults,
} from './faults.ts';
import type { Simulation } from './simulation.ts';

/** How likely at each step: somebody wakes up, a late request lands. */
const wakeRate = 1 / 50;
const lateRate = 1 / 30;
/** How many of the faults are such of the whole. */
const worldShare = 0.25;

export const isRunning = ({ status }: Execution): boolean => status === 'RUNNING';

/** Lets everyone go on as far as they can without the schedule, and looks at everything. @throws Violation */
export async function look(simulation: Simulation): Promise<void> {
  await rest();
  if (simulation.violation) throw simulation.violation;
  const { cloud, ledger, lake } = simulation;
  await lake.follow(ledger.follow(cloud.table));
}

const describe = (held: Held): string => {
  const { actor, call } = held;
  return `${actor.name} ${call.service}.${call.name} ${call.of}`;
};

function note(simulation: Simulation, what: string): void {
  simulation.trace.push(`${String(simulation.trace.length).padStart(5)} ${what}`);
}

/** What an answer was, in a word. */
function wordOf(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null) return String(answer);
  if ('statusCode' in answer) return String(answer.statusCode);
  if ('status' in answer) return String(answer.status);
  return '';
}

function letThrough(simulation: Simulation, held: Held): void {
  simulation.calls.take(held);
  try {
    const answer = held.perform();
    note(simulation, `${describe(held)} → ${wordOf(answer)}`);
    held.answer(answer);
  } catch (error) {
    held.fail(error as Error);
  }
}

function bury(simulation: Simulation, actor: Actor): void {
  // what it had sent besides may be on its way
  for (const held of simulation.calls.held) {
    if (held.actor === actor && held.call.isWrite && simulation.dice.chance(0.3)) simulation.late.push(held);
  }
  simulation.calls.bury(actor);
}

function handsOf(simulation: Simulation): Hands {
  const { calls, dice, late } = simulation;
  return {
    later: (held) => late.push(held),
    kill({ actor }) {
      bury(simulation, actor);
      actor.giveUp('Runtime.ExitError');
    },
    sleep(held) {
      const { actor } = held;
      actor.state = 'asleep';
      // before the call takes effect, or before it hears of it
      const answer = dice.chance(0.5) ? held.perform() : undefined;
      calls.putBack(
        answer === undefined
          ? held
          : { ...held, perform: () => answer, call: { ...held.call, isWrite: false } },
      );
      if (dice.chance(0.6)) actor.giveUp('States.Timeout');
    },
    overtime(held) {
      calls.putBack(held);
      held.actor.giveUp('Sandbox.Timedout');
    },
  };
}

function count(simulation: Simulation, fault: Fault): void {
  simulation.counts.set(fault, (simulation.counts.get(fault) ?? 0) + 1);
  simulation.budget--;
}

function strikeCall(simulation: Simulation, fault: CallFault, held: Held): void {
  count(simulation, fault);
  simulation.armed = null;
  note(simulation, `${describe(held)} ✗ ${fault}`);
  simulation.calls.take(held);
  strike(fault, held, simulation.dice, handsOf(simulation));
}

/** @returns false where there is nothing that it could befall */
function strikeWorld(simulation: Simulation, fault: WorldFault): boolean {
  const { dice, machine, functions, database, definitions } = simulation;
  const running = machine.executions.filter(isRunning);
  const alive = functions.actors.filter(({ state }) => state === 'awake' || state === 'asleep');
  const redrivable = machine.executions.filter(({ status }) => status === 'FAILED' || status === 'ABORTED');
  switch (fault) {
    case 'process dies':
      for (const actor of alive) bury(simulation, actor);
      running.forEach(machine.abort);
      break;
    case 'execution aborted':
      if (running.length === 0) return false;
      abort(dice.pick(running));
      break;
    case 'second start':
      machine.start(false);
      break;
    case 'fresh start':
      if (dice.chance(0.7)) running.forEach(abort);
      machine.start(true);
      break;
    case 'old one redriven':
      if (redrivable.length === 0) return false;
      machine.redrive(dice.pick(redrivable));
      break;
    case 'definition changes':
      simulation.definition = definitions.find((one) => one !== simulation.definition)!;
      break;
    case 'source written':
      database.write(dice.chance(0.3));
      break;
  }
  count(simulation, fault);
  note(simulation, `✗ ${fault}`);
  return true;

  /** Its sandboxes are told nothing: they die, sleep, or work on. */
  function abort(execution: Execution): void {
    machine.abort(execution);
    for (const actor of alive.filter((one) => one.execution === execution.id)) {
      const fate = dice.below(3);
      if (fate === 0) bury(simulation, actor);
      if (fate === 1) actor.state = 'asleep';
    }
  }
}

/** Whose turn it is: mostly anybody's, sometimes again that of whoever acted last. */
function next(simulation: Simulation): Held | null {
  const { dice, calls, last, stickiness } = simulation;
  const ready = calls.held.filter(({ actor }) => actor.state === 'awake');
  if (ready.length === 0) return null;
  const same = ready.filter(({ actor }) => actor === last);
  if (same.length > 0 && dice.chance(stickiness)) return dice.pick(same);
  const actor = dice.pick([...new Set(ready.map((held) => held.actor))]);
  return dice.pick(ready.filter((held) => held.actor === actor));
}

export function wake(simulation: Simulation): boolean {
  const asleep = simulation.functions.actors.filter(({ state }) => state === 'asleep');
  if (asleep.length === 0) return false;
  const actor = simulation.dice.pick(asleep);
  actor.state = 'awake';
  note(simulation, `${actor.name} wakes up`);
  return true;
}

export function land(simulation: Simulation): boolean {
  const { late, dice } = simulation;
  if (late.length === 0) return false;
  const [held] = late.splice(dice.below(late.length), 1);
  note(simulation, `${describe(held!)} lands late → ${wordOf(held!.perform())}`);
  return true;
}

/** Most calls are reads, and most faults of writes are worth more. */
const strikeRate = ({ isWrite }: Call): number => (isWrite ? 0.8 : 0.3);

/** @returns false where nobody can do anything */
export function act(simulation: Simulation): boolean {
  const { dice, enabled, faultRate } = simulation;
  simulation.nowMs += dice.between(1, 40);
  const strikes = simulation.budget > 0 && simulation.armed === null && dice.chance(faultRate);
  if (strikes && dice.chance(worldShare)) {
    const faults = worldFaults.filter((fault) => enabled.has(fault));
    if (faults.length > 0 && strikeWorld(simulation, dice.pick(faults))) return true;
  } else if (strikes) {
    const faults = callFaults.filter((fault) => enabled.has(fault));
    simulation.armed = faults.length > 0 ? dice.pick(faults) : null;
  }
  if (dice.chance(wakeRate) && wake(simulation)) return true;
  if (dice.chance(lateRate) && land(simulation)) return true;
  const held = next(simulation);
  if (!held) return false;
  simulation.last = held.actor;
  const { armed } = simulation;
  if (armed && canBefall(armed, held.call) && dice.chance(strikeRate(held.call))) {
    strikeCall(simulation, armed, held);
  } else {
    letThrough(simulation, held);
  }
  return true;
}
