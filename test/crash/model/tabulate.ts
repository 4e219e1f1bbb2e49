/**
 * The product's own code as a table. What a function of the core does next depends on the answers that it has had and
 * on nothing else; so each sequence of answers is played to the real code once, and remembered: a `Point` is a place in
 * the code with its history, and `advance` leads from a point and an answer to the next point. An explorer that meets
 * the same point in thousands of states walks a table.
 *
 * Chance and waiting are taken out: see `withoutChance`.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { TidemarkError } from '../../../core/errors.ts';
import { dynamodbClient, dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import type { Ledger } from '../../../core/ledger/ledger.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import type { Operation } from '../../support/memory-dynamodb/table.ts';
import { clientConfigOf } from '../../support/memory-dynamodb.ts';
import { answering, rememberSdk, type SdkMemory } from './remembered-sdk.ts';
import type { Reply, Request, StoreAnswer, StoreCall, Universe } from './world.ts';

/** What code has to work with. */
export type CodePlaces = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly isOver: (execution: string) => Promise<boolean>;
};

/** One invocation of a function, in a sandbox of its own. */
export type Invocation = {
  /** what it is called with, whole */
  readonly key: string;
  /** what its random names begin with, instead of chance: 16 bits */
  readonly salt: number;
  readonly run: (places: CodePlaces) => Promise<unknown>;
};

export type Ending =
  | { readonly status: 'returned'; readonly value: unknown }
  | { readonly status: 'failed'; readonly code: string; readonly message: string };

export type Call = { readonly slot: number; readonly request: Request };

export type Point = {
  readonly id: number;
  /** requests under way, in the order in which they were made */
  readonly calls: readonly Call[];
  readonly ending: Ending | null;
};

type Waiting = { readonly request: Request; readonly settle: (reply: Reply) => void };

/** Code that is running, and waits for answers. */
type Play = {
  readonly memory: SdkMemory;
  readonly waiting: Map<number, Waiting>;
  readonly salt: number;
  issued: number;
  names: number;
  ending: Ending | null;
};

type Place = Point & {
  readonly invocation: Invocation;
  readonly history: readonly { readonly slot: number; readonly reply: Reply }[];
  readonly next: Map<string, Place>;
  /** the code standing right here, until it is led on */
  play: Play | null;
};

export type CodeTable = {
  begin(invocation: Invocation): Promise<Point>;
  /** The point after `reply` has been given to the call in `slot`. */
  advance(point: Point, slot: number, reply: Reply): Point | Promise<Point>;
  readonly points: () => number;
};

export type TableOptions = {
  readonly universe: Universe;
  /** partitions of the ledger in which nothing can ever be: a query of them is answered at once */
  readonly isNeverWritten: (pk: string) => boolean;
  /** what a sabotage makes of a request of the ledger */
  readonly rewrite?: (operation: Operation) => Operation;
  /** what a sabotage makes of the places */
  readonly wrap?: (places: CodePlaces) => CodePlaces;
};

const endingOf = (work: Promise<unknown>): Promise<Ending> =>
  work.then(
    (value) => ({ status: 'returned', value }) as const,
    (error: unknown) => {
      const { name, message } = error as Error;
      return { status: 'failed', code: name, message } as const;
    },
  );

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The play that is being led on: one at a time. */
let current: Play | null = null;

function playing(): Play {
  if (!current) throw new Error('the code made a request while nobody was leading it on');
  return current;
}

function issue(request: Request): Promise<Reply> {
  const play = playing();
  return new Promise((settle) => play.waiting.set(play.issued++, { request, settle }));
}

export function codeTable({ universe, isNeverWritten, rewrite, wrap }: TableOptions): CodeTable {
  let points = 0;
  const roots = new Map<string, Promise<Place>>();

  const memory: SdkMemory = { known: new Map(), issue };
  const ask = answering(
    memory,
    (operation) => {
      const pk = operation.input.ExpressionAttributeValues?.[':pk'];
      const isNever = operation.name === 'Query' && pk && 'S' in pk && isNeverWritten(pk.S);
      return isNever ? null : universe.ledgerRequest(rewrite ? rewrite(operation) : operation);
    },
    { status: 'done', output: { Items: [], Count: 0, ScannedCount: 0 } },
  );
  // one try: that the SDK sends a request again is a step of the model's
  const ledger = dynamodbLedger(dynamodbClient({ ...clientConfigOf(ask), maxAttempts: 1 }), 'ledger');
  /** New ones for each invocation: the core remembers things with a store. */
  function places(): CodePlaces {
    const bare: CodePlaces = {
      ledger,
      store: modelStore(async (call) => {
        const reply = await issue(universe.storeRequest(call));
        if (reply.of === 'store') return reply.answer;
        throw new TidemarkError('StoreUnavailable', `${call.method} had no answer (by the model)`);
      }),
      isOver: async () => {
        const reply = await issue(universe.executionsRequest());
        if (reply.of === 'executions') return true;
        throw new TidemarkError('LedgerUnavailable', 'DescribeExecution had no answer (by the model)');
      },
    };
    return wrap ? wrap(bare) : bare;
  }

  /** Lets the code go on until it can do nothing but wait. */
  async function lead(play: Play, act: () => void): Promise<void> {
    if (current) throw new Error('one piece of code is led on at a time');
    current = play;
    act();
    const standing = () => `${play.issued} ${play.waiting.size} ${play.ending !== null}`;
    for (let turns = 0; ; turns++) {
      const before = standing();
      await turn();
      const isStill = before === standing() && (play.waiting.size > 0 || play.ending !== null);
      if (isStill) break;
      if (turns > 10_000) throw new Error('the code neither ends nor waits for an answer');
    }
    current = null;
  }

  async function play(invocation: Invocation): Promise<Play> {
    const { salt } = invocation;
    const started: Play = { memory, waiting: new Map(), salt, issued: 0, names: 0, ending: null };
    await lead(started, () => {
      endingOf(invocation.run(places())).then((ending) => {
        started.ending = ending;
      });
    });
    return started;
  }

  function answer(to: Play, slot: number, reply: Reply): Promise<void> {
    const { settle } = to.waiting.get(slot)!;
    to.waiting.delete(slot);
    return lead(to, () => settle(reply));
  }

  const callsOf = ({ waiting }: Play): Call[] =>
    [...waiting].map(([slot, { request }]) => ({ slot, request }));

  const placeOf = (invocation: Invocation, history: Place['history'], at: Play): Place => ({
    id: points++,
    invocation,
    history,
    calls: callsOf(at),
    ending: at.ending,
    next: new Map(),
    play: at.ending ? null : at,
  });

  /** The code again at a place that it has left: everything answered as it was. */
  async function replayed({ invocation, history, calls }: Place): Promise<Play> {
    const again = await play(invocation);
    for (const { slot, reply } of history) await answer(again, slot, reply);
    const same = callsOf(again).every(({ request }, i) => request === calls[i]?.request);
    if (!same || again.waiting.size !== calls.length) {
      throw new Error(`the code did something else when it was played again: ${invocation.key}`);
    }
    return again;
  }

  async function extend(place: Place, slot: number, reply: Reply): Promise<Place> {
    const at = place.play ?? (await replayed(place));
    place.play = null;
    await answer(at, slot, reply);
    const next = placeOf(place.invocation, [...place.history, { slot, reply }], at);
    place.next.set(`${slot} ${reply.id}`, next);
    return next;
  }

  return {
    points: () => points,
    begin(invocation) {
      const found =
        roots.get(invocation.key) ?? play(invocation).then((started) => placeOf(invocation, [], started));
      roots.set(invocation.key, found);
      return found;
    },
    advance(point, slot, reply) {
      const place = point as Place;
      return place.next.get(`${slot} ${reply.id}`) ?? extend(place, slot, reply);
    },
  };
}

type AnswerTo<Method extends StoreCall['method']> = Extract<StoreAnswer, { readonly method: Method }>;

function modelStore(send: (call: StoreCall) => Promise<StoreAnswer>): ObjectStore {
  const ask = async <Method extends StoreCall['method']>(
    call: StoreCall & { readonly method: Method },
  ): Promise<AnswerTo<Method>> => (await send(call)) as AnswerTo<Method>;
  return {
    bucket: 'lake',
    async put(key, body, sha256, options) {
      const pieces = body instanceof Uint8Array ? [body] : body;
      // the store checks it
      if (sha256Of(pieces) !== sha256) throw new Error(`the checksum of ${key} is another one`);
      // a byte a character: manifests are no text
      const text = Buffer.concat(pieces).toString('latin1');
      return (await ask({ method: 'put', key, body: text, sha256, options })).result;
    },
    async get(key) {
      const { found } = await ask({ method: 'get', key });
      return found && { body: Buffer.from(found.body, 'latin1'), etag: found.etag };
    },
    head: async (key) => (await ask({ method: 'head', key })).found,
    async copyToAbsent(from, key, fromEtag) {
      return (await ask({ method: 'copyToAbsent', from, key, fromEtag })).result;
    },
    /** One after the other: S3 deletes a list of objects in no single step either. */
    async delete(all) {
      for (const key of all) await send({ method: 'delete', key });
    },
    async *list(prefix, before) {
      const { keys } = await ask({ method: 'list', key: prefix, ...(before && { before }) });
      for (const key of keys) yield { key, size: 0 };
    },
    async *listFolders(prefix) {
      yield* (await ask({ method: 'listFolders', key: prefix })).keys;
    },
  };
}

/**
 * Has the core's random names counted (an invocation's begin with its salt), its waits left out and what the SDK does
 * remembered, until the function that is given back is called.
 */
export function withoutChance(): () => void {
  const builtins = { crypto, timers } as unknown as {
    crypto: { randomBytes: (size: number) => Buffer; randomUUID: () => string };
    timers: { setTimeout: (ms: number, value?: unknown) => Promise<unknown> };
  };
  const { randomBytes, randomUUID } = builtins.crypto;
  const { setTimeout: sleep } = builtins.timers;
  builtins.crypto.randomBytes = (size) => {
    if (!current) return randomBytes(size);
    const bytes = Buffer.alloc(size, current.names++);
    bytes.writeUInt16BE(current.salt);
    return bytes;
  };
  builtins.crypto.randomUUID = () => (current ? `uuid-${current.salt}-${current.names++}` : randomUUID());
  builtins.timers.setTimeout = (ms, value) => (current ? Promise.resolve(value) : sleep(ms, value));
  syncBuiltinESMExports();
  const forget = rememberSdk(() => current?.memory ?? null);
  return () => {
    forget();
    builtins.crypto.randomBytes = randomBytes;
    builtins.crypto.randomUUID = randomUUID;
    builtins.timers.setTimeout = sleep;
    syncBuiltinESMExports();
  };
}
