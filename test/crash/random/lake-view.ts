/**
 * Follows the bucket from outside, step by step: every file under a final name is read by a reader that is not ours, and
 * somebody looks at every table's pointer all the time.
 */
import { createHash } from 'node:crypto';
import { parquetReadObjects } from 'hyparquet';
import type { MemoryObject, MemoryS3 } from '../../support/memory-s3.ts';
import type { LedgerView, SeenPart } from './ledger-view.ts';
import { type Database, readOf } from './source.ts';
import { Violation } from './violation.ts';

type Row = { readonly id: number; readonly note: string };

export type Pointer = {
  readonly version: number;
  readonly runs: readonly string[];
  readonly rows: number;
  readonly files: readonly {
    readonly key: string;
    readonly rows: number;
    readonly bytes: number;
    readonly checksum: string;
  }[];
};

export type LakeView = {
  /** Looks at what has changed since the last time. @param parts that were committed since @throws Violation */
  follow(parts: readonly SeenPart[]): Promise<void>;
  /** The pointers, by table. */
  readonly pointers: ReadonlyMap<string, Pointer>;
  /** rows of snapshots that were held against the source */
  readonly rowsCompared: () => number;
};

type World = {
  readonly s3: MemoryS3;
  readonly ledger: LedgerView;
  readonly database: Database;
  /** what each attempt has read */
  readonly reads: ReadonlyMap<string, ReadonlySet<string>>;
};

const sha256Of = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

/** A copy has the very buffer of its source: each file is read once. */
const files = new WeakMap<Buffer, Promise<Row[]>>();

function rowsOf(body: Buffer): Promise<Row[]> {
  const known = files.get(body);
  if (known) return known;
  const file = new Uint8Array(body).buffer;
  const rows = parquetReadObjects({ file }).then((read) =>
    read.map(({ id, note }) => ({ id: Number(id), note: String(note) })),
  );
  files.set(body, rows);
  return rows;
}

const tableOf = (key: string): string => /public\.([^/]+)\//.exec(key)![1]!;

export function lakeView({ s3, ledger, database, reads }: World): LakeView {
  const seen = new Map<string, MemoryObject>();
  const pointers = new Map<string, Pointer>();
  /** the files that readers may have open: of this snapshot and the one before */
  const open = new Map<string, readonly Pointer[]>();
  let changes = 0;
  let rowsCompared = 0;
  /** the database's generation when a run was first seen */
  const generations = new Map<string, number>();

  async function checkFinal(key: string, object: MemoryObject): Promise<void> {
    const part = ledger.partsByFinal.get(key);
    if (!part?.file) throw new Violation('final name', `the ledger does not know ${key}`);
    const { attempt, file } = part;
    const isCommitted =
      object.body.length === file.size &&
      sha256Of(object.body) === file.sha256 &&
      object.metadata['x-amz-meta-tidemark-attempt'] === attempt.id;
    if (!isCommitted) throw new Violation('final name', `${key} is not what was committed`);
    const rows = await rowsOf(object.body);
    if (rows.length !== part.rows) {
      throw new Violation('rows of a part', `${key} has ${rows.length} rows instead of ${part.rows}`);
    }
    const mine = reads.get(attempt.id);
    for (const { id, note } of rows) {
      const within = (part.from === null || id > Number(part.from)) && id <= Number(part.to);
      if (!within || !mine?.has(readOf(tableOf(key), id, note))) {
        throw new Violation('rows of a part', `${key} holds ${id} (${note}), which its attempt has not read`);
      }
    }
  }

  /** A committed part's file is under one of its names until its run is over. */
  function checkWhereabouts({ run, file }: SeenPart): void {
    if (!file || ledger.runs.get(run) !== 'running') return;
    if (s3.objects.has(file.final) || s3.objects.has(file.staged)) return;
    throw new Violation('file', `${file.final} is committed, but neither it nor ${file.staged} is there`);
  }

  async function checkPointer(key: string, object: MemoryObject): Promise<void> {
    const table = tableOf(key);
    const pointer: Pointer = JSON.parse(object.body.toString());
    const before = pointers.get(table);
    const head = ledger.heads.get(`public.${table}`);
    const run = pointer.runs[0]!;
    if (before && (pointer.version <= before.version || run <= before.runs[0]!)) {
      throw new Violation('pointer', `${key} goes from version ${before.version} back to ${pointer.version}`);
    }
    if (!head || pointer.version > head.version || (pointer.version === head.version && run !== head.run)) {
      throw new Violation('pointer', `${key} shows ${run}, version ${pointer.version}; the head does not`);
    }
    pointers.set(table, pointer);
    open.set(table, before ? [before, pointer] : [pointer]);
    const rows: Row[] = [];
    for (const file of pointer.files) {
      const found = s3.objects.get(file.key);
      if (!found) throw new Violation('snapshot', `${key} shows ${file.key}, which is not there`);
      const inFile = await rowsOf(found.body);
      if (`sha256:${sha256Of(found.body)}` !== file.checksum || inFile.length !== file.rows) {
        throw new Violation('snapshot', `${file.key} is not as ${key} says`);
      }
      rows.push(...inFile);
    }
    if (rows.length !== pointer.rows) throw new Violation('snapshot', `${key} does not count its rows right`);
    compare(`${key}, version ${pointer.version}`, table, run, rows);
  }

  /**
   * Each key that the table had all the time since the run began: once. Others: none or once. Each row as it was at some
   * time since.
   */
  function compare(place: string, table: string, run: string, rows: readonly Row[]): void {
    const since = database.generations.slice(generations.get(run)).map((tables) => tables.get(table)!);
    const found = new Set<number>();
    for (const { id, note } of rows) {
      if (found.has(id)) throw new Violation('row doubled', `${place}: row ${id}`);
      found.add(id);
      if (!since.some((generation) => generation.get(id) === note)) {
        throw new Violation('row changed', `${place}: row ${id} is ${note}, which the source did not have`);
      }
    }
    for (const id of since[0]!.keys()) {
      if (found.has(id) || !since.every((generation) => generation.has(id))) continue;
      throw new Violation('row lost', `${place}: row ${id}`);
    }
    rowsCompared += rows.length;
  }

  function checkDeleted(key: string): void {
    const part = ledger.partsByStaged.get(key);
    if (part) checkWhereabouts(part);
    for (const snapshots of open.values()) {
      for (const { version, files: shown } of snapshots) {
        if (!shown.some((file) => file.key === key)) continue;
        throw new Violation('snapshot', `${key} was deleted, although version ${version} shows it`);
      }
    }
  }

  return {
    pointers,
    rowsCompared: () => rowsCompared,
    async follow(parts) {
      const run = ledger.run();
      if (run !== null && !generations.has(run)) generations.set(run, database.generations.length - 1);
      for (const part of parts) checkWhereabouts(part);
      if (s3.changes() === changes) return;
      changes = s3.changes();
      for (const key of seen.keys()) {
        if (s3.objects.has(key)) continue;
        seen.delete(key);
        checkDeleted(key);
      }
      for (const [key, object] of s3.objects) {
        if (seen.get(key) === object) continue;
        if (seen.has(key) && key.includes('/data/'))
          throw new Violation('final name', `${key} was overwritten`);
        seen.set(key, object);
        if (key.includes('/data/')) await checkFinal(key, object);
        if (key.endsWith('/current.json')) await checkPointer(key, object);
      }
    },
  };
}
