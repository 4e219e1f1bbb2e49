/**
 * What an actor may still read and write. Two requests that touch different things come to the same in either order; so
 * where what an actor asks next is out of everybody else's reach, the explorer lets it go first and leaves the other
 * orders out (a partial-order reduction). Out of reach is:
 *
 * - what changes nothing, and looks only at what stays as it is, whatever the others do from here on
 * - the first writing of a file under a name that nobody else knows, as long as nobody lists its folder
 *
 * `checkReach` holds each write against what is claimed here; reach.test.ts explores scenarios both ways.
 */

import type { TableMetadata } from '../../../core/publish/iceberg/metadata.ts';
import { objectAt, type Place, placeOf } from './place.ts';
import type { Task } from './tasks.ts';
import { viewOf } from './view.ts';
import type { Request, StoreCall, World } from './world.ts';

/** The run that an actor works on; null: it has not found out yet. */
const runOf = (task: Task): string | null =>
  task.kind === 'plan' ? null : task.kind === 'copy' ? task.order.run : task.run;

const plans = (task: Task): boolean => task.kind === 'plan';
/** Whether an actor, now or later, copies, or publishes. */
const copies = (task: Task): boolean => (task.kind === 'plan' ? !task.only : task.kind === 'copy');
const publishes = (task: Task): boolean =>
  task.kind === 'plan' ? !task.only : task.kind === 'publish' || task.rest !== null;

const isOver = (world: World, run: string): boolean =>
  (viewOf(world).runs.get(run)?.status ?? 'running') !== 'running';

/** Who works on this run, or may: nobody begins to work on a run that is over. */
const worksOn = (task: Task, run: string, world: World): boolean =>
  runOf(task) === run || (plans(task) && !isOver(world, run));
/** Who works on a run after this one, or may. */
const worksAfter = (task: Task, run: string): boolean => plans(task) || runOf(task)! > run;

/** How many times a table's head may still move to another run, or be claimed: once for each who works on one. */
function movesLeft(table: string, world: World, tasks: readonly Task[], late: readonly Request[]): number {
  const head = viewOf(world).tableHeads.get(table);
  const isToCome = head?.publishedRun !== head?.claimedBy;
  const moving = tasks.filter(
    (task) => plans(task) || (publishes(task) && isToCome && runOf(task) === head?.claimedBy),
  );
  return moving.length + late.filter((request) => placeOf(request).kind === 'table').length;
}

/** The table whose pointer, hint, metadata or head a key names. */
function tableOf({ kind, key }: Place): string {
  if (kind === 'table') return key.slice(key.indexOf('TABLE#') + 'TABLE#'.length);
  const parts = key.split('/');
  return parts[kind === 'pointer' ? parts.length - 2 : parts.length - 3]!;
}

/** Whether the table's head names this metadata file, or did. */
function isCommitted(place: Place, world: World): boolean {
  const number = viewOf(world).tableHeads.get(tableOf(place))?.metadata;
  if (!number) return false;
  const folder = place.key.slice(0, place.key.lastIndexOf('/') + 1);
  const current = `${folder}v${number}.metadata.json`;
  return place.key === current || world.objects.get(current)!.body.includes(`/${place.key}"`);
}

/**
 * Whether the table's metadata names this manifest or list for as long as anybody is there: the snapshot that is the
 * current one now is still kept when one more has come. A manifest has the name of its list but for the end.
 */
function isNamedForGood(
  place: Place,
  world: World,
  tasks: readonly Task[],
  late: readonly Request[],
): boolean {
  const table = tableOf(place);
  const number = viewOf(world).tableHeads.get(table)?.metadata;
  const left = movesLeft(table, world, tasks, late);
  if (!number || left > 1) return false;
  const [folder] = /^.*\//.exec(place.key)!;
  const { body } = world.objects.get(`${folder}v${number}.metadata.json`)!;
  const { 'current-snapshot-id': current, snapshots = [] } = JSON.parse(body) as TableMetadata;
  const list = place.key.replace(/-(?:m\d+|list)\.avro$/, '-list.avro');
  return snapshots.some(
    (snapshot) =>
      snapshot['manifest-list'].endsWith(`/${list}`) && (left === 0 || snapshot['snapshot-id'] === current),
  );
}

/**
 * Whether one of these actors may change what is at a place, now or later. What it says of a world must hold of all that
 * come after it.
 */
function mayChange(place: Place, world: World, tasks: readonly Task[], late: readonly Request[]): boolean {
  const { kind, key } = place;
  const run = place.run ?? '';
  const { objects, parts, runs, tableHeads, pointers } = viewOf(world);
  const isThere = objects.has(key);
  const some = (can: (task: Task) => boolean, where: (task: Task) => boolean): boolean =>
    tasks.some((task) => can(task) && where(task));
  const onIt = (task: Task): boolean => worksOn(task, run, world);
  const afterIt = (task: Task): boolean => worksAfter(task, run);
  switch (kind) {
    case 'execution':
    // a plan for the Map has a name of its own, which only its planner knows
    case 'map':
      return false;
    case 'part':
      // items of the log never change
      return !parts.has(key) && some(copies, onIt);
    case 'plan':
      return !isThere && tasks.some(plans);
    case 'manifest':
      return !isThere && some(publishes, onIt);
    case 'staged':
      // its name is its attempt's own; it goes when it is renamed or swept
      return isThere && (some(copies, onIt) || some(publishes, onIt) || tasks.some(plans));
    case 'final':
      return some(publishes, afterIt) || (!isThere && (some(copies, onIt) || some(publishes, onIt)));
    case 'avro':
      return isThere && some(publishes, afterIt) && !isNamedForGood(place, world, tasks, late);
    case 'metadata':
      // what a head has named stays; the rest are files of those who did not get to the head, or have not yet
      return !isCommitted(place, world) && tasks.some(publishes);
    case 'head':
      return tasks.some(plans);
    case 'run':
      return !(runs.has(run) && isOver(world, run)) && (tasks.some(plans) || some(publishes, onIt));
    case 'table':
      return movesLeft(tableOf(place), world, tasks, late) > 0;
    case 'pointer':
    case 'hint': {
      if (!tasks.some(plans) && !tasks.some(publishes)) return false;
      const table = tableOf(place);
      const head = tableHeads.get(table);
      const isUpToDate =
        kind === 'pointer'
          ? pointers.get(table)?.version === head?.version
          : objects.get(key)?.body === String(head?.metadata);
      return !isUpToDate || movesLeft(table, world, tasks, late) > 0;
    }
  }
}

/** Whether what a list gives may be another one when these actors have gone on. */
function mayChangeList(
  call: StoreCall,
  world: World,
  tasks: readonly Task[],
  late: readonly Request[],
): boolean {
  const { kind, run, key: prefix } = objectAt(call.key);
  const before = call.method === 'list' ? call.before : undefined;
  const found = [...world.objects.keys()].filter(
    (key) => key.startsWith(prefix) && (before === undefined || key < before),
  );
  const stays = (key: string): boolean => !mayChange(objectAt(key), world, tasks, late);
  if (!found.every(stays)) return true;
  switch (kind) {
    case 'staged':
      return tasks.some((task) => copies(task) && (run === null || worksOn(task, run, world)));
    case 'final': {
      const isKnown = (task: Task): boolean =>
        call.method === 'listFolders' &&
        !plans(task) &&
        found.some((key) => key.startsWith(`${prefix}${runOf(task)}/`));
      return tasks.some(
        (task) =>
          (copies(task) || publishes(task)) && (run === null || worksOn(task, run, world)) && !isKnown(task),
      );
    }
    case 'avro': {
      const end = before?.slice(prefix.length);
      return tasks.some((task) => publishes(task) && (plans(task) || !end || runOf(task)! < end));
    }
    default:
      return true;
  }
}

const isList = (call: StoreCall): boolean => call.method === 'list' || call.method === 'listFolders';

/** Whether a request that is on its way may change what another one looks at. */
function mayLandOn(late: Request, { kind, key }: Place, isPrefix: boolean): boolean {
  const other = placeOf(late);
  if (other.kind !== kind) return false;
  if (kind === 'part' || isPrefix) return other.key.startsWith(key);
  return other.key === key;
}

/** Whether nothing that others do, now or later, can make a difference to what a request finds. */
function looksAtWhatStays(
  request: Request,
  world: World,
  others: readonly Task[],
  late: readonly Request[],
): boolean {
  const isStill = (place: Place, isPrefix: boolean): boolean =>
    !late.some((other) => mayLandOn(other, place, isPrefix));
  const stays = (place: Place): boolean => isStill(place, false) && !mayChange(place, world, others, late);
  const place = placeOf(request);
  if (request.to === 'store') {
    const { call } = request;
    if (isList(call)) return isStill(place, true) && !mayChangeList(call, world, others, late);
    if (call.method !== 'copyToAbsent') return stays(place);
    // without its source a copy says so, whatever is under the other name
    return stays(objectAt(call.from)) && (!world.objects.has(call.from) || stays(place));
  }
  if (request.to === 'ledger' && request.operation.name === 'Query')
    return isStill(place, true) && !others.some((task) => copies(task) && worksOn(task, place.run!, world));
  return stays(place);
}

/** Whether a staged file is its attempt's own business: no part names it, and none that is on its way. */
function isPrivate(key: string, world: World, late: readonly Request[]): boolean {
  const isNamed = [...viewOf(world).parts.values()].some(({ files }) =>
    files.some(({ staged }) => staged === key),
  );
  return !isNamed && !late.some((request) => JSON.stringify(request).includes(key));
}

/** Whether a request touches only what nobody else knows of, or looks for. */
function isOwn(request: Request, world: World, others: readonly Task[], late: readonly Request[]): boolean {
  if (request.to !== 'store') return false;
  const { kind, run, key } = placeOf(request);
  const { method } = request.call;
  if (kind === 'map') return true;
  if (kind === 'avro')
    return method === 'put' && !others.some((task) => publishes(task) && worksAfter(task, run!));
  if (kind !== 'staged' || method === 'copyToAbsent') return false;
  // planners and publishers list staging, to sweep it
  const lists = (task: Task): boolean => plans(task) || (publishes(task) && runOf(task) === run);
  return !others.some(lists) && isPrivate(key, world, late);
}

/**
 * Whether nothing that others do, now or later, can make a difference to this request, or it to them.
 * @param changes whether it would change the world if it took effect now
 */
export const isOutOfReach = (
  request: Request,
  changes: boolean,
  world: World,
  others: readonly Task[],
  late: readonly Request[],
): boolean =>
  changes
    ? isOwn(request, world, others, late)
    : isOwn(request, world, others, late) || looksAtWhatStays(request, world, others, late);

/** @throws Error where a write goes beyond what is claimed of its task */
export function checkReach(request: Request, task: Task, world: World): void {
  const place = placeOf(request);
  const isNew = place.kind === 'staged' || place.kind === 'avro' || place.kind === 'map';
  if ((isNew && !world.objects.has(place.key)) || mayChange(place, world, [task], [])) return;
  throw new Error(`${task.kind} changes ${place.key}, which the reduction does not know`);
}
