/**
 * What the attempts share: the ledger's table and the store's objects, as a value. Worlds, requests and answers are
 * kept once each and known by number, so that what a request does to a world is worked out once.
 */
import { createHash } from 'node:crypto';
import type { CopyResult, PutOptions, PutResult, StoredObject } from '../../../core/objects/store.ts';
import {
  type Answer,
  emptyTable,
  type Item,
  isRead,
  type Operation,
  perform,
  type Table,
} from '../../support/memory-dynamodb/table.ts';

export type ModelObject = StoredObject & { readonly body: string };
export type Objects = ReadonlyMap<string, ModelObject>;

export type World = { readonly id: number; readonly table: Table; readonly objects: Objects };

export type StoreCall =
  | {
      readonly method: 'put';
      readonly key: string;
      readonly body: string;
      readonly sha256: string;
      readonly options: PutOptions;
    }
  | { readonly method: 'get' | 'head' | 'listFolders' | 'delete'; readonly key: string }
  | { readonly method: 'list'; readonly key: string; readonly before?: string }
  | {
      readonly method: 'copyToAbsent';
      readonly from: string;
      readonly key: string;
      readonly fromEtag: string | null;
    };

export type Request = {
  readonly id: number;
  /** nothing changes by it: it may be forgotten */
  readonly isRead: boolean;
} & (
  | { readonly to: 'ledger'; readonly operation: Operation }
  | { readonly to: 'store'; readonly call: StoreCall }
  /** whether an execution is over, which it always is: executions end at any time, by their time-out or a person */
  | { readonly to: 'executions' }
);

export type StoreAnswer =
  | { readonly method: 'put'; readonly result: PutResult }
  | { readonly method: 'get'; readonly found: { readonly body: string; readonly etag: string } | null }
  | { readonly method: 'head'; readonly found: StoredObject | null }
  | { readonly method: 'copyToAbsent'; readonly result: CopyResult }
  | { readonly method: 'delete' }
  | { readonly method: 'list'; readonly keys: readonly string[] }
  | { readonly method: 'listFolders'; readonly keys: readonly string[] };

export type Reply = { readonly id: number } & (
  | { readonly of: 'ledger'; readonly answer: Answer }
  | { readonly of: 'store'; readonly answer: StoreAnswer }
  | { readonly of: 'executions' }
  /** nobody answers: a time-out, or a connection that was cut, at the last of the SDK's tries */
  | { readonly of: 'nobody' }
);

type Effect = { readonly world: World; readonly reply: Reply };

/** Gives equal things one number. */
function numbered<T extends object>(): (text: string, make: (id: number) => T) => T {
  const known = new Map<string, T>();
  return (text, make) => {
    const found = known.get(text) ?? make(known.size);
    known.set(text, found);
    return found;
  };
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/** JSON with the fields of objects in alphabetical order: an item is the same however it came about. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

export type Universe = ReturnType<typeof universe>;

/** @param freshEtags each write of a key gives another ETag, as S3 does where it encrypts with a key of KMS */
export function universe(freshEtags: boolean) {
  const worlds = numbered<World>();
  const requests = numbered<Request>();
  const replies = numbered<Reply>();
  const worldsById: World[] = [];
  const effects = new Map<number, Effect>();
  const entries = new Map<string, number>();
  const entryOf = new WeakMap<object, number>();

  /** The number of an item or object under its key; unchanged ones keep their identity from world to world. */
  function entry(place: string, content: Item | ModelObject): number {
    let found = entryOf.get(content);
    if (found === undefined) {
      const text = `${place} ${canonical(content)}`;
      found = entries.get(text) ?? entries.size;
      entries.set(text, found);
      entryOf.set(content, found);
    }
    return found;
  }

  function worldOf(table: Table, objects: Objects): World {
    const numbers: number[] = [];
    for (const [pk, items] of table) for (const [sk, item] of items) numbers.push(entry(`${pk}|${sk}`, item));
    for (const [key, object] of objects) numbers.push(entry(key, object));
    return worlds(numbers.sort((a, b) => a - b).join(), (id) => {
      const world = { id, table, objects };
      worldsById.push(world);
      return world;
    });
  }

  /** Items of the table are numbered already. */
  const reply = (content: Unnumbered<Reply>): Reply => {
    const text = JSON.stringify(content, (_, inner: unknown) =>
      typeof inner === 'object' && inner !== null ? (entryOf.get(inner) ?? inner) : inner,
    );
    return replies(text, (id) => ({ id, ...content }) as Reply);
  };
  const nobody = reply({ of: 'nobody' });

  function work(world: World, request: Request): Effect {
    switch (request.to) {
      case 'ledger': {
        const { table, answer } = perform(world.table, request.operation);
        const after = table === world.table ? world : worldOf(table, world.objects);
        return { world: after, reply: reply({ of: 'ledger', answer }) };
      }
      case 'store': {
        const { objects, answer } = callStore(world.objects, request.call, freshEtags);
        const after = objects === world.objects ? world : worldOf(world.table, objects);
        return { world: after, reply: reply({ of: 'store', answer }) };
      }
      case 'executions':
        return { world, reply: reply({ of: 'executions' }) };
    }
  }

  return {
    nobody,
    empty: worldOf(emptyTable, new Map()),
    world: (id: number): World => worldsById[id]!,
    worlds: (): readonly World[] => worldsById,

    ledgerRequest: (operation: Operation): Request =>
      requests(`ledger ${canonical(operation)}`, (id) => ({
        id,
        isRead: isRead(operation.name),
        to: 'ledger',
        operation,
      })),
    storeRequest: (call: StoreCall): Request =>
      requests(`store ${canonical(call)}`, (id) => ({
        id,
        isRead: !['put', 'copyToAbsent', 'delete'].includes(call.method),
        to: 'store',
        call,
      })),
    executionsRequest: (): Request =>
      requests('executions', (id) => ({ id, isRead: true, to: 'executions' })),

    /** What a request does to a world, and what is answered. */
    effect(world: World, request: Request): Effect {
      const number = world.id * 2 ** 20 + request.id;
      const found = effects.get(number) ?? work(world, request);
      effects.set(number, found);
      return found;
    },
  };
}

/** The store as S3 behaves: every call is atomic, its condition is looked at when it takes effect. */
function callStore(
  objects: Objects,
  call: StoreCall,
  freshEtags: boolean,
): { objects: Objects; answer: StoreAnswer } {
  const etagAfter = (before: ModelObject | null, body: string): string => {
    const ordinal = freshEtags && before ? Number(before.etag.split('.')[1]) + 1 : 1;
    return `${createHash('sha256').update(body).digest('hex').slice(0, 6)}.${ordinal}`;
  };
  const found = objects.get(call.key) ?? null;
  switch (call.method) {
    case 'put': {
      const { condition } = call.options;
      const isMet =
        !condition ||
        ('absent' in condition ? found === null : found !== null && found.etag === condition.etag);
      if (!isMet) return { objects, answer: { method: 'put', result: { outcome: 'conflict' } } };
      const etag = etagAfter(found, call.body);
      const { body, sha256, options } = call;
      const object = { body, size: body.length, sha256, metadata: options.metadata ?? {}, etag };
      return {
        objects: new Map(objects).set(call.key, object),
        answer: { method: 'put', result: { outcome: 'written', etag } },
      };
    }
    case 'get':
      return {
        objects,
        answer: { method: 'get', found: found && { body: found.body, etag: found.etag } },
      };
    case 'head': {
      if (found === null) return { objects, answer: { method: 'head', found } };
      const { body: _body, ...rest } = found;
      return { objects, answer: { method: 'head', found: rest } };
    }
    case 'copyToAbsent': {
      const source = objects.get(call.from);
      const answer = (result: CopyResult): StoreAnswer => ({ method: 'copyToAbsent', result });
      if (!source) return { objects, answer: answer({ outcome: 'source-gone' }) };
      if (found !== null || (call.fromEtag !== null && source.etag !== call.fromEtag)) {
        return { objects, answer: answer({ outcome: 'conflict' }) };
      }
      const copy = { ...source, etag: etagAfter(found, source.body) };
      return {
        objects: new Map(objects).set(call.key, copy),
        answer: answer({ outcome: 'copied', sha256: source.sha256 }),
      };
    }
    case 'delete': {
      if (found === null) return { objects, answer: { method: 'delete' } };
      const rest = new Map(objects);
      rest.delete(call.key);
      return { objects: rest, answer: { method: 'delete' } };
    }
    case 'list': {
      const { key: prefix, before } = call;
      const keys = [...objects.keys()]
        .filter((key) => key.startsWith(prefix) && (before === undefined || key < before))
        .sort();
      return { objects, answer: { method: 'list', keys } };
    }
    case 'listFolders': {
      const folders = [...objects.keys()]
        .filter((key) => key.startsWith(call.key) && key.slice(call.key.length).includes('/'))
        .map((key) => `${call.key}${key.slice(call.key.length).split('/')[0]}/`);
      return { objects, answer: { method: 'listFolders', keys: [...new Set(folders)].sort() } };
    }
  }
}
