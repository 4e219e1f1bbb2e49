import { agree, type TableCount } from './counts.ts';
import type { Problem } from './incomplete.ts';
import { type Cell, type LayoutColumn, layOut } from './layout.ts';
import type { NextStep } from './next-steps.ts';
import { fitted, printable, wrapped } from './printable.ts';
import { bytes, count, counted, duration } from './quantities.ts';
import type { RunBeginning } from './run-start.ts';
import type { Style } from './terminal.ts';

export type Amount = { readonly rows: number; readonly parts: number; readonly bytes: number };

export type SummaryTable = {
  readonly table: string;
  /** copied: all its rows are committed, but not published yet */
  readonly state: 'published' | 'copied' | 'incomplete';
  readonly rows: number;
  readonly bytes: number;
  /** published ones; null while the table is incomplete */
  readonly files: number | null;
  readonly parts: number;
  readonly version: number;
  readonly problem: Problem | null;
};

export type Outcome = 'published' | 'incomplete' | 'stopped' | 'failed';

/** What a run came to: the document of `run` and `redrive`. */
export type Summary = {
  readonly command: 'run' | 'redrive';
  readonly outcome: Outcome;
  readonly sync: string;
  readonly run: string;
  readonly began: RunBeginning;
  readonly abandoned: string | null;
  readonly execution: string;
  /** its page in the cloud's console; null: it has none */
  readonly console: string | null;
  /** of this command's watch */
  readonly seconds: number;
  readonly tables: readonly SummaryTable[];
  readonly rows: number;
  readonly bytes: number;
  /** by this execution (or redrive) itself */
  readonly copied: Amount;
  readonly committedBefore: Amount;
  /** the target's folder */
  readonly place: string;
  readonly counts: readonly TableCount[] | null;
  readonly countsAgree: boolean | null;
};

const tableColumns: readonly LayoutColumn[] = [
  { title: '', align: 'left', keep: null },
  { title: 'table', align: 'left', keep: null, shrinkTo: 18 },
  { title: 'rows', align: 'right', keep: null },
  { title: 'files', align: 'right', keep: 1 },
  { title: 'size', align: 'right', keep: 2 },
  { title: 'version', align: 'right', keep: 0 },
  { title: '', align: 'left', keep: 3 },
];

function tableRow(table: SummaryTable, { paint }: Style): readonly Cell[] {
  const marks = {
    published: { text: '✓', paint: paint.good },
    copied: { text: '·' },
    incomplete: { text: '✗', paint: paint.bad },
  };
  const words = {
    published: { text: '' },
    copied: { text: 'copied, not published yet' },
    incomplete: { text: 'not complete', paint: paint.bad },
  };
  return [
    marks[table.state],
    { text: table.table },
    { text: count(table.rows) },
    { text: table.files === null ? '—' : count(table.files) },
    { text: bytes(table.bytes) },
    { text: table.version === 0 ? '—' : String(table.version) },
    words[table.state],
  ];
}

const labelWidth = 10;

/** A label, and its text wrapped beside it. */
export function labelled(label: string, text: string, { width, paint }: Style): string[] {
  return wrapped(printable(text), width - labelWidth).map(
    (line, index) => `${index === 0 ? paint.faint(label.padEnd(labelWidth)) : ' '.repeat(labelWidth)}${line}`,
  );
}

const amountWords = ({ rows, parts }: Amount): string =>
  `${counted(rows, 'row')} in ${counted(parts, 'part')}`;

function copiedWords({ copied, committedBefore, seconds }: Summary): string {
  const rate = copied.rows > 0 && seconds > 0 ? `, ${count(copied.rows / seconds)} rows/s` : '';
  const now = `${amountWords(copied)} in ${duration(seconds * 1000)}${rate}`;
  if (committedBefore.parts === 0) return now;
  return `${now}; ${amountWords(committedBefore)} were committed before and not copied again`;
}

export function countLines(counts: readonly TableCount[], style: Style): string[] {
  const { paint } = style;
  if (agree(counts)) {
    return labelled(
      'counts',
      `agree, table by table: ${count(counts.reduce((sum, { files }) => sum + files, 0))} rows by the database's own count(*), and as DuckDB finds them in the files`,
      style,
    );
  }
  return counts.flatMap(({ table, source, files }) => {
    const same = source === files;
    return [
      `${paint.faint('counts'.padEnd(labelWidth))}${same ? paint.good('✓') : paint.bad('✗')} ${printable(table)}: ${count(source)} in the database, ${count(files)} in the files`,
    ];
  });
}

export function nextLines(steps: readonly NextStep[], { paint, width }: Style): string[] {
  if (steps.length === 0) return [];
  const whatWidth = Math.max(...steps.map(({ what }) => what.length));
  const room = width - whatWidth - 4;
  const column = Math.max(
    0,
    ...steps.map(({ command }) => command.length).filter((n) => n <= room && n <= 56),
  );
  return [
    paint.strong('try next'),
    ...steps.flatMap(({ command, what }) =>
      command.length <= column
        ? [`  ${command.padEnd(column)}  ${paint.faint(what)}`]
        : [`  ${command}`, `  ${' '.repeat(column)}  ${paint.faint(what)}`],
    ),
  ];
}

const titles: Readonly<Record<Outcome, string>> = {
  published: 'published',
  incomplete: 'not complete',
  stopped: 'stopped',
  failed: 'failed',
};

/** The end of a run, for people. */
export function summaryLines(summary: Summary, steps: readonly NextStep[], style: Style): string[] {
  const { paint, width } = style;
  const good = summary.outcome === 'published';
  const title = `${titles[summary.outcome]}: run ${summary.run} of ${summary.sync}`;
  const rows = summary.tables.map((table) => tableRow(table, style));
  if (summary.tables.length > 1) {
    const files = summary.tables.reduce((sum, table) => sum + (table.files ?? 0), 0);
    rows.push([
      { text: '' },
      { text: 'all' },
      { text: count(summary.rows) },
      { text: count(files) },
      { text: bytes(summary.bytes) },
      { text: '' },
      { text: '' },
    ]);
  }
  return [
    '',
    `${good ? paint.good('✓') : paint.bad('✗')} ${paint.strong(fitted(printable(title), width - 2))}`,
    '',
    ...layOut(tableColumns, rows, width, paint.faint),
    '',
    ...labelled('copied', copiedWords(summary), style),
    ...(good
      ? labelled('files', `${summary.place} — each table's current.json names what readers see`, style)
      : []),
    ...(good || summary.tables.every(({ state }) => state === 'published')
      ? []
      : labelled('readers', 'see what they saw before, of the tables that are not published', style)),
    ...(summary.counts ? countLines(summary.counts, style) : []),
    ...(steps.length > 0 ? ['', ...nextLines(steps, style)] : []),
  ];
}
