import type { Part, TableHead } from '../core/ledger/ledger.ts';
import type { TablePlan } from '../core/plan/table-plan.ts';
import type { ChunkActivity } from './cloud.ts';

/** Rows per second are taken over the newest this many milliseconds. */
const windowMs = 30_000;

/** Of all the files of parts. */
export const bytesOf = (parts: readonly Part[]): number =>
  parts.flatMap(({ files }) => files).reduce((sum, { size }) => sum + size, 0);

/** What is known of a run at one moment. */
export type Sighting = {
  readonly run: string;
  /** the tables' names, in the order of the run */
  readonly tables: readonly string[];
  /** by the table's place in the run; null: not planned yet */
  readonly plans: readonly (TablePlan | null)[];
  readonly heads: readonly TableHead[];
  /** all that are committed */
  readonly parts: readonly Part[];
  readonly activity: ChunkActivity | null;
};

export type TableState =
  /** not planned yet */
  | 'planning'
  /** planned; none of its chunks is running */
  | 'waiting'
  | 'copying'
  /** all its rows are committed */
  | 'copied'
  | 'published';

export type TableProgress = {
  readonly index: number;
  readonly table: string;
  readonly state: TableState;
  /** committed */
  readonly rows: number;
  /** the plan's estimate, or what was committed where that is more, or is all; null: not planned yet */
  readonly rowsExpected: number | null;
  /** of committed files */
  readonly bytes: number;
  readonly parts: number;
  readonly chunksDone: number;
  /** null: not planned yet */
  readonly chunks: number | null;
  /** null: not known, there are too many to look into each */
  readonly chunksRunning: number | null;
  readonly retries: number;
  /** what this execution commits; null: nothing yet, or not any more */
  readonly rowsPerSecond: number | null;
  /** null: not known */
  readonly secondsLeft: number | null;
};

export type Progress = {
  readonly run: string;
  readonly tables: readonly TableProgress[];
  readonly total: Omit<TableProgress, 'index' | 'table' | 'state'>;
};

export const partName = ({ table, chunk, n }: Pick<Part, 'table' | 'chunk' | 'n'>): string =>
  `${table}.${chunk}.${n}`;

/**
 * Rows per second of the parts committed lately. The time counts from the window's beginning, or from where the first
 * of these parts began to be read, if that is later: a slow start does not count, a standstill does.
 */
function rateOf(parts: readonly Part[], nowMs: number): number | null {
  let firstMs = Number.POSITIVE_INFINITY;
  let rows = 0;
  for (const part of parts) {
    firstMs = Math.min(firstMs, Date.parse(part.attempt.startedAt));
    if (Date.parse(part.readAt) >= nowMs - windowMs) rows += part.rows;
  }
  const ms = nowMs - Math.max(firstMs, nowMs - windowMs);
  return Number.isFinite(firstMs) && ms >= 500 ? (rows * 1000) / ms : null;
}

/** Rows of the plan's estimate that no part has yet; what chunks hold beyond their estimate counts for nothing. */
function rowsLeftOf(plan: TablePlan, byChunk: ReadonlyMap<number, { rows: number; done: boolean }>): number {
  return plan.chunks.reduce((sum, chunk, index) => {
    const found = byChunk.get(index);
    if (found?.done) return sum;
    return sum + Math.max(0, chunk.rows - (found?.rows ?? 0));
  }, 0);
}

const secondsFor = (rowsLeft: number, rate: number | null): number | null =>
  rowsLeft > 0 && rate !== null && rate > 0 ? rowsLeft / rate : null;

function tableProgress(
  sighting: Sighting,
  index: number,
  parts: readonly Part[],
  fresh: readonly Part[],
  nowMs: number,
): { progress: TableProgress; rowsLeft: number | null } {
  const table = sighting.tables[index]!;
  const plan = sighting.plans[index] ?? null;
  const head = sighting.heads.find((candidate) => candidate.table === table);
  const published = head?.snapshot?.run === sighting.run ? head.snapshot : null;
  const { activity } = sighting;
  const watched = activity?.runningByTable.get(index) ?? 0;
  const chunksRunning = activity?.isSample ? null : watched;

  const byChunk = new Map<number, { rows: number; done: boolean }>();
  for (const part of parts) {
    const found = byChunk.get(part.chunk);
    byChunk.set(part.chunk, {
      rows: (found?.rows ?? 0) + part.rows,
      done: (found?.done ?? false) || part.last,
    });
  }
  const rows = published?.rows ?? parts.reduce((sum, part) => sum + part.rows, 0);
  const chunks = plan && Math.max(1, plan.chunks.length);
  const chunksDone = [...byChunk.values()].filter(({ done }) => done).length;
  const copied = chunks !== null && chunksDone === chunks;
  const rowsLeft = published || copied ? 0 : plan && rowsLeftOf(plan, byChunk);
  const rate = published || copied ? null : rateOf(fresh, nowMs);

  let state: TableState = 'waiting';
  if (published) state = 'published';
  else if (copied) state = 'copied';
  else if (!plan) state = 'planning';
  // of children that are not looked into, only what they commit shows which tables they work on
  else if (watched > 0 || (chunksRunning === null && fresh.length > 0)) state = 'copying';

  return {
    rowsLeft,
    progress: {
      index,
      table,
      state,
      rows,
      rowsExpected: rowsLeft === null ? null : rows + rowsLeft,
      bytes: published?.bytes ?? bytesOf(parts),
      parts: parts.length,
      chunksDone,
      chunks,
      chunksRunning,
      retries: sighting.activity?.retriesByTable.get(index) ?? 0,
      rowsPerSecond: rate,
      secondsLeft: rowsLeft === null ? null : secondsFor(rowsLeft, rate),
    },
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const sumOrNull = (values: readonly (number | null)[]): number | null =>
  values.some((value) => value === null) ? null : sumOf(values as readonly number[]);

/**
 * How far a run has come. Pure.
 *
 * @param isBefore whether a part was committed before this execution (or this watch) began: it counts, but not for
 *   the speed
 * @param nowMs by a clock that agrees with the functions' clocks to about a second
 */
export function progressOf(sighting: Sighting, isBefore: (part: Part) => boolean, nowMs: number): Progress {
  const byTable = new Map<number, Part[]>();
  for (const part of sighting.parts) {
    const found = byTable.get(part.table);
    if (found) found.push(part);
    else byTable.set(part.table, [part]);
  }
  const fresh = sighting.parts.filter((part) => !isBefore(part));
  const all = sighting.tables.map((_, index) => {
    const parts = byTable.get(index) ?? [];
    return tableProgress(
      sighting,
      index,
      parts,
      parts.filter((part) => !isBefore(part)),
      nowMs,
    );
  });
  const tables = all.map(({ progress }) => progress);
  const rowsLeft = sumOrNull(all.map((entry) => entry.rowsLeft));
  const rows = sumOf(tables.map((table) => table.rows));
  const rate = rowsLeft === 0 ? null : rateOf(fresh, nowMs);
  return {
    run: sighting.run,
    tables,
    total: {
      rows,
      rowsExpected: rowsLeft === null ? null : rows + rowsLeft,
      bytes: sumOf(tables.map((table) => table.bytes)),
      parts: sighting.parts.length,
      chunksDone: sumOf(tables.map((table) => table.chunksDone)),
      chunks: sumOrNull(tables.map((table) => table.chunks)),
      chunksRunning: sighting.activity?.running ?? 0,
      retries: sighting.activity?.retries ?? 0,
      rowsPerSecond: rate,
      secondsLeft: rowsLeft === null ? null : secondsFor(rowsLeft, rate),
    },
  };
}

export type Failure = {
  /** the chunk's function is tried again; otherwise its chunk has failed for this execution */
  readonly retried: boolean;
  /** null: not known which */
  readonly table: string | null;
  /** `SourceUnavailable: …` */
  readonly message: string;
};

/** What has newly gone wrong between two looks at what the chunks are doing; null: nothing. */
export function newFailure(
  tables: readonly string[],
  before: ChunkActivity | null,
  now: ChunkActivity | null,
): Failure | null {
  if (!now?.lastFailure) return null;
  const failed = now.failed > (before?.failed ?? 0);
  const retried = now.retries > (before?.retries ?? 0);
  if (!failed && !retried && now.lastFailure === (before?.lastFailure ?? null)) return null;
  const grown = [...now.retriesByTable].filter(
    ([index, retries]) => retries > (before?.retriesByTable.get(index) ?? 0),
  );
  const only = !failed && grown.length === 1 ? grown[0]![0] : null;
  return {
    retried: !failed,
    table: only === null ? null : (tables[only] ?? null),
    message: now.lastFailure,
  };
}
