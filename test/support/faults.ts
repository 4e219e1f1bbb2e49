/**
 * Faults at every call. The interfaces that an attempt works with (ledger, store, source) are wrapped so that each
 * call passes a gate; gates let the attempt die, lose an answer or fall asleep at any one of them.
 */
import { TidemarkError } from '../../core/errors.ts';

export type Call = {
  /** `ledger.commitPart`, `source.read.next` … */
  readonly name: string;
  /** a step of an iterator: it cannot be sent again, as a request can */
  readonly isStep: boolean;
};

export type Gate = <T>(call: Call, proceed: () => Promise<T>) => Promise<T>;

const iterated = new Set(['read', 'list', 'listFolders', 'partsOfRun']);

/** `target` with every call of its methods sent through the gate. */
export function gated<T extends object>(name: string, target: T, gate: Gate): T {
  return new Proxy(target, {
    get(object, property, receiver) {
      const member: unknown = Reflect.get(object, property, receiver);
      if (typeof member !== 'function' || typeof property !== 'string' || property === 'placeOf')
        return member;
      if (iterated.has(property)) {
        return (...operands: unknown[]) =>
          steps(`${name}.${property}.next`, member.apply(object, operands) as AsyncIterable<unknown>, gate);
      }
      return (...operands: unknown[]) =>
        gate({ name: `${name}.${property}`, isStep: false }, async () => member.apply(object, operands));
    },
  });
}

async function* steps(name: string, iterable: AsyncIterable<unknown>, gate: Gate): AsyncGenerator<unknown> {
  const iterator = iterable[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await gate({ name, isStep: true }, () => iterator.next());
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Wraps whatever of a set of places is there to be wrapped. */
export function gatedPlaces<T extends object>(places: T, gate: Gate): T {
  const wrapped = { ...places } as Record<string, unknown>;
  for (const name of ['ledger', 'store', 'source', 'catalog']) {
    if (wrapped[name]) wrapped[name] = gated(name, wrapped[name] as object, gate);
  }
  return wrapped as T;
}

/** What an attempt that has died gives instead of an answer. */
export class Died extends Error {}

/**
 * - `before`: the attempt dies, and the call never happens
 * - `after`: it happens, and the attempt dies before it hears of it
 * - `lost`: it happens, the answer gets lost, and the client sends it again (as the AWS SDK does)
 * - `unknown`: it happens, and the attempt is told that the service is not available
 * - `late`: the attempt is told that the service is not available; the call takes effect when `land()` says so
 */
export type Way = 'before' | 'after' | 'lost' | 'unknown' | 'late';

export const ways: readonly Way[] = ['before', 'after', 'lost', 'unknown', 'late'];

export type Fault = {
  readonly gate: Gate;
  /** the calls that were made, in order */
  readonly calls: string[];
  /** Lets a late call take effect; nobody hears of it. */
  land(): Promise<void>;
};

/** Has call number `at` (from 0) go wrong in the given way. With `at` null it only counts. */
export function faultAt(at: number | null, way: Way): Fault {
  const calls: string[] = [];
  let dead = false;
  let late: (() => Promise<unknown>) | null = null;
  const unavailable = (name: string) =>
    new TidemarkError(
      name.startsWith('source')
        ? 'SourceUnavailable'
        : name.startsWith('store')
          ? 'StoreUnavailable'
          : name.startsWith('catalog')
            ? 'CatalogUnavailable'
            : 'LedgerUnavailable',
      `${name} did not answer (by the test)`,
    );
  return {
    calls,
    async gate(call, proceed) {
      if (dead) throw new Died(call.name);
      const number = calls.push(call.name) - 1;
      if (number !== at) {
        const answer = await proceed();
        // a process that died meanwhile hears nothing any more
        if (dead) throw new Died(call.name);
        return answer;
      }
      switch (way) {
        case 'before':
          dead = true;
          throw new Died(call.name);
        case 'after':
          dead = true;
          await proceed();
          throw new Died(call.name);
        case 'lost':
          if (call.isStep) return proceed();
          await proceed();
          return proceed();
        case 'unknown':
          await proceed();
          throw unavailable(call.name);
        case 'late':
          late = proceed;
          throw unavailable(call.name);
      }
    },
    async land() {
      await late?.().catch(() => {});
      late = null;
    },
  };
}

export type Pause = {
  readonly gate: Gate;
  readonly calls: string[];
  /** settled when everything that the attempt does waits */
  readonly asleep: Promise<void>;
  wake(): void;
};

/**
 * Puts an attempt to sleep at call number `at`: it and all that come after it wait for `wake()`. `asleep` is settled
 * once the calls that were under way have been answered, so that the attempt stands still.
 */
export function pauseAt(at: number, moment: 'before' | 'after'): Pause {
  const calls: string[] = [];
  let underWay = 0;
  let waiting = 0;
  let fallAsleep = () => {};
  let wake = () => {};
  const asleep = new Promise<void>((resolve) => {
    fallAsleep = resolve;
  });
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const stand = async (): Promise<void> => {
    waiting++;
    look();
    await awake;
  };
  // answers reach the attempt's code a few turns later; then it may make another call
  const look = () =>
    setImmediate(() => {
      if (waiting > 0 && underWay === 0) fallAsleep();
    });
  return {
    calls,
    asleep,
    wake,
    async gate(call, proceed) {
      const number = calls.push(call.name) - 1;
      if (number > at || (number === at && moment === 'before')) await stand();
      underWay++;
      const result = await proceed().finally(() => {
        underWay--;
        look();
      });
      if (number === at && moment === 'after') await stand();
      return result;
    },
  };
}

type Sending = {
  readonly config: { readonly requestHandler: { handle(request: never, options?: never): Promise<unknown> } };
};

/** The next `count` requests of an AWS client take effect, but nobody hears their answers; then the SDK repeats them. */
export function loseAnswers(client: Sending, count = 1): { readonly lost: () => number } {
  const { requestHandler } = client.config;
  const { handle } = requestHandler;
  let lost = 0;
  requestHandler.handle = async (request, options) => {
    const answer = await handle.call(requestHandler, request, options);
    if (++lost === count) requestHandler.handle = handle;
    throw Object.assign(new Error('the connection was cut (by the test)', { cause: answer }), {
      name: 'TimeoutError',
      code: 'ECONNRESET',
    });
  };
  return { lost: () => lost };
}
