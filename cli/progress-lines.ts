import { type Cell, type LayoutColumn, layOut } from './layout.ts';
import { fitted, oneLine } from './printable.ts';
import type { Failure, Progress, TableProgress, TableState } from './progress.ts';
import { bytes, count, counted, percent, wholeDuration } from './quantities.ts';
import type { Style } from './terminal.ts';

export type Phase = 'starting' | 'planning' | 'copying' | 'publishing' | 'stopping';

/** What a display shows: see follow.ts, which makes it. */
export type View = {
  readonly sync: string;
  readonly phase: Phase;
  /** since this command began to watch */
  readonly elapsedMs: number;
  /** null: the execution has not found its run yet */
  readonly progress: Progress | null;
  readonly failure: Failure | null;
};

/** Not known, or nothing to say. */
const none = '—';

/** @param rowsMin cells for numbers of rows: they grow up to what is expected */
const columnsFor = (rowsMin: number): readonly LayoutColumn[] => [
  { title: 'table', align: 'left', keep: null, shrinkTo: 18 },
  { title: 'progress', align: 'left', keep: 0 },
  { title: '', align: 'right', keep: 8, min: 5 },
  { title: 'rows', align: 'right', keep: null, min: rowsMin },
  { title: 'of about', align: 'right', keep: 3, min: rowsMin },
  { title: 'size', align: 'right', keep: 6, min: 7 },
  { title: 'rows/s', align: 'right', keep: 7, min: 7 },
  { title: 'parts', align: 'right', keep: 4 },
  { title: 'chunks', align: 'right', keep: 5 },
  { title: 'running', align: 'right', keep: 2 },
  { title: 'retries', align: 'right', keep: 1 },
  { title: 'left', align: 'right', keep: 9, min: 9 },
];

const barCells = 8;

function bar(share: number | null): string {
  const full = share === null ? 0 : Math.floor(Math.min(1, share) * barCells);
  return '━'.repeat(full) + '─'.repeat(barCells - full);
}

const shareOf = ({ rows, rowsExpected }: Pick<TableProgress, 'rows' | 'rowsExpected'>): number | null =>
  rowsExpected === null ? null : rowsExpected === 0 ? 1 : rows / rowsExpected;

/** Never `0 s`: something is left. */
const timeLeft = (seconds: number | null): string =>
  seconds === null ? none : wholeDuration(Math.max(1, seconds) * 1000);

function leftOf(state: TableState, secondsLeft: number | null): string {
  if (state === 'published' || state === 'copied') return state;
  return timeLeft(secondsLeft);
}

function row(
  name: string,
  progress: Progress['total'],
  left: string,
  paintName?: (text: string) => string,
): readonly Cell[] {
  const share = shareOf(progress);
  // 100 % is for what is committed to its end, never for an estimate that was reached
  const all = progress.chunks !== null && progress.chunksDone === progress.chunks;
  const shown = share === null ? null : all || share < 1 ? share : 0.99;
  return [
    { text: name, ...(paintName && { paint: paintName }) },
    { text: bar(shown) },
    { text: shown === null ? none : percent(shown) },
    { text: count(progress.rows) },
    { text: progress.rowsExpected === null ? none : count(progress.rowsExpected) },
    { text: bytes(progress.bytes) },
    { text: progress.rowsPerSecond === null ? none : count(progress.rowsPerSecond) },
    { text: count(progress.parts) },
    { text: `${count(progress.chunksDone)}/${progress.chunks === null ? '?' : count(progress.chunks)}` },
    { text: progress.chunksRunning === null ? none : count(progress.chunksRunning) },
    { text: count(progress.retries) },
    { text: left },
  ];
}

const ranks: Readonly<Record<TableState, number>> = {
  copying: 0,
  waiting: 1,
  planning: 1,
  copied: 2,
  published: 3,
};

const stateWords: Readonly<Record<TableState, string>> = {
  copying: 'copying',
  waiting: 'waiting',
  planning: 'not planned yet',
  copied: 'copied',
  published: 'published',
};

/** The tables for which there is room, the active ones first, in the run's order; and a line about the others. */
function chosenTables(
  tables: readonly TableProgress[],
  room: number,
): { shown: readonly TableProgress[]; rest: string | null } {
  if (tables.length <= room) return { shown: tables, rest: null };
  const byRank = [...tables].sort((a, b) => ranks[a.state] - ranks[b.state] || a.index - b.index);
  const shown = byRank.slice(0, Math.max(0, room - 1)).sort((a, b) => a.index - b.index);
  const hidden = byRank.slice(Math.max(0, room - 1));
  const states = new Map<string, number>();
  for (const { state } of hidden) states.set(stateWords[state], (states.get(stateWords[state]) ?? 0) + 1);
  const words = [...states].map(([state, n]) => `${n} ${state}`).join(', ');
  return { shown, rest: `… and ${counted(hidden.length, 'more table')}: ${words}` };
}

export function failureLine(failure: Failure): string {
  const what = failure.retried ? 'retrying' : 'failed';
  return `${what}${failure.table ? ` ${failure.table}` : ''}: ${oneLine(failure.message)}`;
}

const phaseWords: Readonly<Record<Phase, string>> = {
  starting: 'starting',
  planning: 'planning',
  copying: 'copying',
  publishing: 'publishing',
  stopping: 'stopping at the next part boundary (Ctrl-C again: stop now)',
};

/**
 * The live display: never a line longer than the width, never more lines than the height less one (on the terminal's
 * last line stands the cursor).
 */
export function liveLines(view: View, style: Style, height: number): string[] {
  const { paint, width } = style;
  const { progress } = view;
  const cut = (text: string) => fitted(text, width);
  const elapsed = wholeDuration(view.elapsedMs);
  const title = cut(
    [view.sync, phaseWords[view.phase], elapsed, progress && `run ${progress.run}`]
      .filter(Boolean)
      .join('  '),
  );
  const lines = [paint.strong(title)];
  const failure = view.failure ? [paint.warning(cut(`! ${failureLine(view.failure)}`))] : [];
  if (progress) {
    const several = progress.tables.length > 1;
    const room = Math.max(1, height - 1 - lines.length - failure.length - 1 - (several ? 1 : 0));
    const { shown, rest } = chosenTables(progress.tables, room);
    const rows = shown.map((table) =>
      row(
        table.table,
        table,
        leftOf(table.state, table.secondsLeft),
        table.state === 'published' ? paint.good : table.state === 'copying' ? paint.strong : undefined,
      ),
    );
    const total = several ? [row('all', progress.total, timeLeft(progress.total.secondsLeft))] : [];
    const rowsMin = count(progress.total.rowsExpected ?? progress.total.rows).length;
    const table = layOut(columnsFor(rowsMin), [...rows, ...total], width, paint.faint);
    const body = several ? table.slice(0, -1) : table;
    lines.push(...body, ...(rest ? [cut(rest)] : []), ...(several ? table.slice(-1) : []));
  }
  return [...lines, ...failure].slice(0, Math.max(1, height - 1));
}

/** The state of a run in one line, for a pipe. */
export function overallLine(view: View): string {
  const { progress, phase } = view;
  const head = `${wholeDuration(view.elapsedMs)}  ${phase === 'stopping' ? 'stopping' : phaseWords[phase]}`;
  if (!progress) return head;
  const { total } = progress;
  const share = shareOf(total);
  const expected =
    total.rowsExpected === null ? '' : ` of about ${count(total.rowsExpected)} (${percent(share ?? 0)})`;
  return [
    `${head}: ${counted(total.rows, 'row')}${expected}`,
    bytes(total.bytes),
    counted(total.parts, 'part'),
    total.chunksRunning === null ? '' : `${counted(total.chunksRunning, 'chunk')} running`,
    total.rowsPerSecond === null ? '' : `${count(total.rowsPerSecond)} rows/s`,
    total.retries > 0 ? counted(total.retries, 'retry', 'retries') : '',
    total.secondsLeft === null ? '' : `${timeLeft(total.secondsLeft)} left`,
  ]
    .filter(Boolean)
    .join(', ');
}

export const tableDoneLine = (table: TableProgress): string =>
  `${table.table}: ${table.state}, ${count(table.rows)} rows, ${bytes(table.bytes)}, ${counted(table.parts, 'part')}`;
