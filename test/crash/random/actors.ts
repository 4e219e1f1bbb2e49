/**
 * Who acts in a simulation: each invocation of a function is an actor. Everything that it asks of the world outside
 * (a request, a read, a wait) is a call that is held here until the schedule lets it through, or has it go wrong.
 */

export type Actor = {
  readonly name: string;
  /** asleep: it holds still until it is woken. dead: it never hears anything again */
  state: 'awake' | 'asleep' | 'dead' | 'ended';
  /** the execution's id that had it invoked */
  readonly execution: string;
  /** that it works on; Plan finds out itself */
  readonly run: string | null;
  readonly startedMs: number;
  /** how far its clock is off */
  readonly skewMs: number;
  readonly limitMs: number;
  /** Whoever waits for its answer is told that there will be none. */
  giveUp(code: string): void;
  /** Its sandbox is torn down. */
  destroy(): void;
};

export type Service = 's3' | 'dynamodb' | 'source' | 'executions' | 'timer';

export type Call = {
  readonly service: Service;
  /** PutObject … */
  readonly name: string;
  /** what on */
  readonly of: string;
  readonly isWrite: boolean;
  /** a write of S3 that has a condition */
  readonly isConditional: boolean;
};

/** A call that waits. Whoever takes it from the list settles it, or never does. */
export type Held = {
  readonly actor: Actor;
  readonly call: Call;
  /** Has it take effect; gives what its caller is to hear. */
  readonly perform: () => unknown;
  readonly answer: (with_: unknown) => void;
  readonly fail: (error: Error) => void;
};

export type Calls = {
  readonly held: readonly Held[];
  /** Holds a call of an actor; one of a dead actor is forgotten. */
  hold<T>(actor: Actor, call: Call, perform: () => T): Promise<T>;
  take(held: Held): void;
  putBack(held: Held): void;
  /** The actor dies: nothing that it waits for will ever come. */
  bury(actor: Actor): void;
};

export function heldCalls(): Calls {
  let held: Held[] = [];
  return {
    get held() {
      return held;
    },
    hold<T>(actor: Actor, call: Call, perform: () => T): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        if (actor.state === 'dead') return;
        held.push({ actor, call, perform, answer: (value) => resolve(value as T), fail: reject });
      });
    },
    take(one) {
      held = held.filter((other) => other !== one);
    },
    putBack(one) {
      held = [...held, one];
    },
    bury(actor) {
      actor.state = 'dead';
      actor.destroy();
      held = held.filter((one) => one.actor !== actor);
    },
  };
}

/**
 * Waits until nobody can go on without the schedule. What is simulated knows no timers, sockets or files, so it comes to
 * rest before the event loop's next turn.
 */
export const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
