/** A world as a reader of the ledger and the lake sees it: items and objects, in the core's words. */
import { toHead, toRun, toTableHead } from '../../../core/ledger/items.ts';
import type { Part, Run, SyncHead, TableHead } from '../../../core/ledger/ledger.ts';
import { toPart } from '../../../core/ledger/part-item.ts';
import type { ChunkOrder } from '../../../core/plan/chunk-order.ts';
import type { Pointer } from '../../../core/publish/pointer.ts';
import type { AttributeValue, Item } from '../../support/memory-dynamodb/evaluate.ts';
import { keys } from './tasks.ts';
import type { ModelObject, World } from './world.ts';

export type View = {
  readonly head: SyncHead | null;
  readonly runs: ReadonlyMap<string, Run>;
  readonly tableHeads: ReadonlyMap<string, TableHead>;
  /** by the ledger's key; in order within each chunk */
  readonly parts: ReadonlyMap<string, Part>;
  readonly pointers: ReadonlyMap<string, Pointer>;
  readonly objects: ReadonlyMap<string, ModelObject>;
  /** what lies under final names, and in staging */
  readonly finals: readonly string[];
  readonly staged: readonly string[];
  /** the plans of the tables, which never change once written */
  readonly plans: readonly string[];
};

function plainValue(value: AttributeValue): unknown {
  if ('S' in value) return value.S;
  if ('N' in value) return Number(value.N);
  if ('BOOL' in value) return value.BOOL;
  if ('NULL' in value) return null;
  if ('L' in value) return value.L.map(plainValue);
  return plainItem(value.M);
}

const plainItem = (item: Item): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainValue(value)]));

/** What an item or an object says is worked out once: unchanged ones keep their identity from world to world. */
function once<From extends object, To>(read: (from: From) => To): (from: From) => To {
  const known = new WeakMap<From, { readonly value: To }>();
  return (from) => {
    const found = known.get(from) ?? { value: read(from) };
    known.set(from, found);
    return found.value;
  };
}

const headIn = once((item: Item) => toHead(plainItem(item)));
const runIn = once((item: Item) => toRun(plainItem(item)));
const tableHeadIn = once((item: Item) => toTableHead(plainItem(item)));
const partIn = once((item: Item) => toPart(plainItem(item)));
const pointerIn = once((object: ModelObject): Pointer => JSON.parse(object.body));

const views = new WeakMap<World, View>();

export function viewOf(world: World): View {
  const known = views.get(world);
  if (known) return known;
  let head: SyncHead | null = null;
  const runs = new Map<string, Run>();
  const tableHeads = new Map<string, TableHead>();
  const parts = new Map<string, Part>();
  for (const [pk, items] of world.table) {
    for (const [sk, item] of [...items].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (sk === 'HEAD') head = headIn(item);
      else if (sk.startsWith('RUN#')) runs.set(sk.slice(4), runIn(item));
      else if (sk.startsWith('TABLE#')) tableHeads.set(sk.slice(6), tableHeadIn(item));
      else if (sk.startsWith('CHUNK#')) parts.set(`${pk} ${sk}`, partIn(item));
      else throw new Error(`the model knows no item ${pk} ${sk}`);
    }
  }
  const names = [...world.objects.keys()];
  const pointers = new Map<string, Pointer>();
  for (const name of names) {
    if (!name.endsWith('/current.json')) continue;
    const pointer = pointerIn(world.objects.get(name)!);
    pointers.set(pointer.table, pointer);
  }
  const view: View = {
    head,
    runs,
    tableHeads,
    parts,
    pointers,
    objects: world.objects,
    finals: names.filter((name) => name.includes('/data/')),
    staged: names.filter((name) => name.startsWith(keys.stagingOfSync)),
    plans: names.filter((name) => /\/tables\/\d+\.jsonl$/.test(name)),
  };
  views.set(world, view);
  return view;
}

/** The chunks of the newest plan that an execution wrote for its Map. */
export function ordersOf({ objects }: World): ChunkOrder[] {
  const newest = [...objects.keys()]
    .filter((name) => name.includes('/plan-'))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error('nobody has planned');
  return objects
    .get(newest)!
    .body.split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
