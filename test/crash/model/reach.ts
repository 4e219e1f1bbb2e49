/**
 * What an actor may still read and write. Two requests that touch different kinds of things come to the same in either
 * order; so where what an actor asks next is out of everybody else's reach, the explorer lets it go first and leaves the
 * other orders out (a partial-order reduction). `checkReach` holds each write against what is claimed here.
 */
import { itemAt } from '../../support/memory-dynamodb/table.ts';
import type { Task } from './tasks.ts';
import { viewOf } from './view.ts';
import type { Request, World } from './world.ts';

type Kind =
  | 'head'
  | 'run'
  | 'table'
  | 'part'
  | 'plan'
  | 'map'
  | 'staged'
  | 'final'
  | 'manifest'
  | 'pointer'
  | 'metadata'
  /** manifests and their lists, each of a name that only its attempt knows until the head moves */
  | 'avro'
  | 'hint'
  | 'execution';

function kindOfItem(pk: string, sk: string): Kind {
  if (pk.startsWith('RUN#')) return 'part';
  if (sk === 'HEAD') return 'head';
  if (sk.startsWith('RUN#')) return 'run';
  if (sk.startsWith('TABLE#')) return 'table';
  throw new Error(`the model knows no item ${pk} ${sk}`);
}

function kindOfKey(key: string): Kind {
  if (key.includes('/_staging/')) return 'staged';
  if (key.includes('/_runs/')) return key.includes('/plan-') ? 'map' : 'plan';
  if (key.includes('/data/')) return 'final';
  if (key.includes('/manifests/')) return 'manifest';
  if (key.endsWith('/current.json')) return 'pointer';
  if (key.endsWith('/version-hint.text')) return 'hint';
  if (key.endsWith('.metadata.json')) return 'metadata';
  // whoever lists the folder looks for those
  if (key.endsWith('.avro') || key.endsWith('/metadata/')) return 'avro';
  throw new Error(`the model knows no object ${key}`);
}

const kinds = new WeakMap<Request, Kind>();

function kindOf(request: Request): Kind {
  const known = kinds.get(request);
  if (known) return known;
  let kind: Kind;
  if (request.to === 'executions') kind = 'execution';
  else if (request.to === 'store') kind = kindOfKey(request.call.key);
  else {
    const { input } = request.operation;
    const key = input.Key ?? input.Item;
    const text = (name: string): string => {
      const value = key?.[name] ?? input.ExpressionAttributeValues?.[name === 'pk' ? ':pk' : ':from'];
      return value && 'S' in value ? value.S : '';
    };
    kind = kindOfItem(text('pk'), text('sk'));
  }
  kinds.set(request, kind);
  return kind;
}

const copying: ReadonlySet<Kind> = new Set(['part', 'final', 'staged']);
const publishing: ReadonlySet<Kind> = new Set([
  ...(['run', 'table', 'pointer', 'manifest', 'metadata', 'avro', 'hint', 'final', 'staged'] as const),
]);
const planning: ReadonlySet<Kind> = new Set([
  ...(['head', 'run', 'table', 'pointer', 'hint', 'staged', 'plan', 'map'] as const),
]);
const everything: ReadonlySet<Kind> = new Set([...copying, ...publishing, ...planning]);
const copyingAndPublishing: ReadonlySet<Kind> = new Set([...copying, ...publishing]);

/** What an actor at this task may write, now and later. */
function writesOf(task: Task): ReadonlySet<Kind> {
  switch (task.kind) {
    case 'plan':
      return task.only ? planning : everything;
    case 'copy':
      return task.rest ? copyingAndPublishing : copying;
    case 'publish':
      return publishing;
  }
}

/** An attempt looks into staging only for what the log names; planners and publishers list it to sweep it. */
const listsStaging = (task: Task): boolean => task.kind !== 'copy' || task.rest !== null;

/** Publishers delete the data of older runs; nobody else deletes a file under its final name. */
const sweepsData = (task: Task): boolean => (task.kind === 'plan' ? !task.only : listsStaging(task));

/** What is read once and for all: items of the log and plans never change, files under final names go by a sweep only. */
function isSettled(
  request: Request,
  world: World,
  others: readonly Task[],
  late: readonly Request[],
): boolean {
  if (request.to === 'ledger') {
    const { Key } = request.operation.input;
    if (kindOf(request) !== 'part' || !Key || !('S' in Key.pk!) || !('S' in Key.sk!)) return false;
    return itemAt(world.table, Key.pk.S, Key.sk.S) !== undefined;
  }
  if (request.to !== 'store' || !world.objects.has(request.call.key)) return false;
  const kind = kindOf(request);
  if (kind === 'plan' || kind === 'metadata') return true;
  // what a live snapshot names is deleted by publishers of later runs only
  if (kind === 'avro' && 'before' in request.call === false)
    return !others.some((task) => mayBeAfter(task, request));
  const isGoing = late.some(
    (other) => other.to === 'store' && other.call.method === 'delete' && kindOf(other) === kind,
  );
  return kind === 'final' && !isGoing && !others.some(sweepsData);
}

/** Whether a staged file is its attempt's own business: no part names it, and none that is on its way. */
function isPrivate(key: string, world: World, late: readonly Request[]): boolean {
  const isNamed = [...viewOf(world).parts.values()].some(({ files }) =>
    files.some(({ staged }) => staged === key),
  );
  return !isNamed && !late.some((request) => JSON.stringify(request).includes(key));
}

/** `…/metadata/<run>-…avro`, or `…/metadata/<run>` where a list ends. */
const runOfAvro = (key: string): string => /\/metadata\/([^-/]+-[^-/]+)/.exec(key)?.[1] ?? '';

/** Whether this actor may publish a run after the one whose manifests a request is about. */
function mayBeAfter(task: Task, request: Request): boolean {
  if (request.to !== 'store') return true;
  const { call } = request;
  const run = runOfAvro(call.method === 'list' ? (call.before ?? '') : call.key);
  switch (task.kind) {
    case 'plan':
      return !task.only;
    case 'copy':
      return task.rest !== null && task.order.run > run;
    case 'publish':
      return task.run > run;
  }
}

/** Whether there is no manifest before the run at which a list of them ends: it finds none, whoever goes first. */
function findsNone(request: Request, world: World): boolean {
  if (request.to !== 'store' || request.call.method !== 'list') return false;
  const { key: prefix, before = '' } = request.call;
  return ![...world.objects.keys()].some((key) => key.startsWith(prefix) && key < before);
}

/** Whether nothing that others do, now or later, can make a difference to this request, or it to them. */
export function isOutOfReach(
  request: Request,
  world: World,
  others: readonly Task[],
  late: readonly Request[],
): boolean {
  const kind = kindOf(request);
  // a plan for the Map has a name of its own, which only its planner knows
  if (kind === 'execution' || kind === 'map') return true;
  if (request.isRead) {
    if (isSettled(request, world, others, late)) return true;
    if (kind === 'avro' && findsNone(request, world)) return !late.some((other) => kindOf(other) === kind);
    return !others.some((task) => writesOf(task).has(kind)) && !late.some((other) => kindOf(other) === kind);
  }
  if (kind === 'avro' && request.to === 'store' && request.call.method === 'put')
    return !others.some((task) => mayBeAfter(task, request));
  if (kind !== 'staged' || request.to !== 'store' || request.call.method === 'copyToAbsent') return false;
  return !others.some(listsStaging) && isPrivate(request.call.key, world, late);
}

/** @throws Error where a write goes beyond what is claimed of its task */
export function checkReach(request: Request, task: Task): void {
  if (request.isRead || writesOf(task).has(kindOf(request))) return;
  throw new Error(`${task.kind} writes a ${kindOf(request)}, which the reduction does not know`);
}
