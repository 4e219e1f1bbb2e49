/** What must hold in every world, and of every change of it. Each gives what is wrong, or null. */
import type { Part, PartFile, TableHead } from '../../../core/ledger/ledger.ts';
import type { View } from './view.ts';
import type { ModelObject } from './world.ts';

export type Expected = {
  /** of each table */
  readonly rows: number;
  readonly tables: readonly string[];
};

const holds = (object: ModelObject | undefined, part: Part, file: PartFile): boolean =>
  object !== undefined &&
  object.sha256 === file.sha256 &&
  object.size === file.size &&
  object.metadata['tidemark-attempt'] === part.attempt.id;

const chunkOf = ({ run, table, chunk }: Part): string => `run ${run}, table ${table}, chunk ${chunk}`;

function partsOf(view: View, run: string, table: number): Part[] {
  return [...view.parts.values()].filter((part) => part.run === run && part.table === table);
}

/** The log has no gap and no fork: part n begins where part n-1 ends, nothing follows the last one. */
function logFault({ parts }: View): string | null {
  const ends = new Map<string, Part>();
  for (const part of parts.values()) {
    const before = ends.get(chunkOf(part));
    if (part.n !== (before ? before.n + 1 : 0))
      return `the log of ${chunkOf(part)} has a gap before part ${part.n}`;
    if (before?.last) return `the log of ${chunkOf(part)} goes on after its last part`;
    if (before && part.from !== before.to) return `the log of ${chunkOf(part)} forks at part ${part.n}`;
    ends.set(chunkOf(part), part);
  }
  return null;
}

/** A final name only ever holds the bytes that the ledger committed under it. */
function finalFault({ finals, objects, parts }: View): string | null {
  for (const name of finals) {
    const part = [...parts.values()].find(({ files }) => files[0]?.final === name);
    if (!part) return `${name} holds a file that the ledger never committed`;
    if (!holds(objects.get(name), part, part.files[0]!))
      return `${name} holds other bytes than were committed`;
  }
  return null;
}

/** A committed part can always be had, from its final name or from staging, until its run is over. */
function recoveryFault({ parts, runs, objects }: View): string | null {
  for (const part of parts.values()) {
    const [file] = part.files;
    if (!file || runs.get(part.run)?.status !== 'running') continue;
    const isThere = [file.final, file.staged].some((name) => holds(objects.get(name), part, file));
    if (!isThere) return `part ${part.n} of ${chunkOf(part)} is committed, and its file is nowhere`;
  }
  return null;
}

/** Every row of the table stands in the run's log exactly once, and its files are under their final names. */
function snapshotFault(view: View, table: number, run: string, rows: number): string | null {
  const parts = partsOf(view, run, table);
  const total = parts.reduce((sum, part) => sum + part.rows, 0);
  if (total !== rows) return `the snapshot of run ${run} has ${total} of ${rows} rows`;
  const lost = parts.find((part) =>
    part.files.some((file) => !holds(view.objects.get(file.final), part, file)),
  );
  return lost ? `the snapshot of run ${run} names ${lost.files[0]!.final}, which does not hold it` : null;
}

/** What readers open shows a snapshot that the head has, or has had; each of its files is there and whole. */
function readerFault(view: View, { rows, tables }: Expected): string | null {
  for (const [index, table] of tables.entries()) {
    const head = view.tableHeads.get(table);
    const pointer = view.pointers.get(table);
    if (head?.snapshot) {
      const runs = [head.snapshot.run, ...(head.previousRun ? [head.previousRun] : [])];
      for (const run of runs) {
        const fault = snapshotFault(view, index, run, rows);
        if (fault) return `${table}: ${fault}`;
      }
    }
    if (!pointer) continue;
    if (!head?.snapshot || pointer.version > head.version) {
      return `${table}: the pointer shows version ${pointer.version}, the head ${head?.version ?? 'nothing'}`;
    }
    const shown = pointer.runs[0]!;
    const had = pointer.version === head.version ? head.snapshot.run : head.previousRun;
    if (pointer.version >= head.version - 1 && shown !== had) {
      return `${table}: the pointer's version ${pointer.version} shows run ${shown}, the head had run ${had}`;
    }
    const total = pointer.files.reduce((sum, file) => sum + file.rows, 0);
    if (total !== rows) return `${table}: readers see ${total} of ${rows} rows`;
    if (pointer.version < head.version - 1) continue;
    const lost = pointer.files.find(
      ({ key, checksum }) => `sha256:${view.objects.get(key)?.sha256}` !== checksum,
    );
    if (lost) return `${table}: readers see ${lost.key}, which is not there as the pointer says`;
  }
  return null;
}

export const worldFault = (view: View, expected: Expected): string | null =>
  logFault(view) ?? finalFault(view) ?? recoveryFault(view) ?? readerFault(view, expected);

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** A head moves from version to version, by the run that has claimed the table, when that run's log is complete. */
function headFault(
  before: TableHead | undefined,
  after: TableHead,
  view: View,
  table: number,
  rows: number,
): string | null {
  const name = after.table;
  const version = before?.version ?? 0;
  if ((before?.claimedBy ?? '') > (after.claimedBy ?? ''))
    return `${name}: an older run has claimed the table again`;
  const run = after.snapshot?.run;
  if (run === before?.snapshot?.run) {
    const isSame = after.version === version && same(before?.snapshot ?? null, after.snapshot);
    return isSame ? null : `${name}: the head moved to the run ${run} that it showed already`;
  }
  if (!run) return `${name}: the head lost its snapshot`;
  if (after.version !== version + 1) return `${name}: version ${after.version} follows version ${version}`;
  if (before?.claimedBy !== run)
    return `${name}: run ${run} moved the head, which ${before?.claimedBy} has claimed`;
  const parts = partsOf(view, run, table);
  const total = parts.reduce((sum, part) => sum + part.rows, 0);
  return parts.at(-1)?.last && total === rows
    ? null
    : `${name}: the head moved to run ${run}, whose log is incomplete`;
}

/** What may change from one world to the next. */
export function changeFault(before: View, after: View, { tables, rows }: Expected): string | null {
  for (const [key, part] of before.parts) {
    if (!same(part, after.parts.get(key))) return `part ${part.n} of ${chunkOf(part)} was overwritten`;
  }
  for (const name of before.plans) {
    if (before.objects.get(name)?.sha256 !== after.objects.get(name)?.sha256)
      return `the plan ${name} was overwritten`;
  }
  if (before.head && (after.head?.run ?? '') < before.head.run)
    return 'the sync’s head went back to an older run';
  for (const [index, table] of tables.entries()) {
    const head = after.tableHeads.get(table);
    const fault = head && headFault(before.tableHeads.get(table), head, before, index, rows);
    if (fault) return fault;
    const [shown, shows] = [before.pointers.get(table), after.pointers.get(table)];
    if (shown && (shows?.version ?? 0) < shown.version) return `${table}: the pointer went back`;
  }
  for (const [id, run] of before.runs) {
    const status = after.runs.get(id)?.status;
    if (status === run.status) continue;
    if (run.status !== 'running' || status === undefined)
      return `run ${id} was ${run.status} and is ${status} now`;
    const unpublished =
      status === 'published' && tables.find((table) => before.tableHeads.get(table)?.snapshot?.run !== id);
    if (unpublished) return `run ${id} ended as published, and ${unpublished} does not show it`;
  }
  return null;
}
