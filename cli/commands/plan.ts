import { sourceNamed } from '../../core/definition/source-named.ts';
import { fieldText } from '../../core/formats/partition/partition.ts';
import { previewRun } from '../../core/plan/preview.ts';
import type { TablePlan } from '../../core/plan/table-plan.ts';
import { openSources } from '../../core/sources/named-sources.ts';
import type { SourceColumn } from '../../core/sources/source.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes, problemLines, type ShownError } from '../errors.ts';
import { plannedKeyWords } from '../key-words.ts';
import { type LayoutColumn, layOut } from '../layout.ts';
import { shownErrorHere } from '../next-steps.ts';
import { printable, wrapped } from '../printable.ts';
import { bytes, count, counted } from '../quantities.ts';
import { readDefinition } from '../read-definition.ts';
import type { Style } from '../terminal.ts';
import { typeWords } from '../type-words.ts';

type Planned = { readonly table: string } & (
  | { readonly plan: TablePlan; readonly error: null }
  | { readonly plan: null; readonly error: ShownError }
);

const tableColumns: readonly LayoutColumn[] = [
  { title: 'table', align: 'left', keep: null, shrinkTo: 18 },
  { title: 'rows (about)', align: 'right', keep: null },
  { title: 'size there', align: 'right', keep: 1 },
  { title: 'chunks', align: 'right', keep: 3 },
  { title: 'key', align: 'left', keep: 2 },
];

const columnColumns: readonly LayoutColumn[] = [
  { title: '  column', align: 'left', keep: null, shrinkTo: 12 },
  { title: 'type there', align: 'left', keep: null, shrinkTo: 12 },
  { title: 'type in the files', align: 'left', keep: null, shrinkTo: 8 },
  { title: '', align: 'left', keep: 0 },
];

const chunkColumns: readonly LayoutColumn[] = [
  { title: '  chunk', align: 'right', keep: null },
  { title: 'rows (about)', align: 'right', keep: 0 },
  { title: 'after', align: 'left', keep: null, shrinkTo: 8 },
  { title: 'up to', align: 'left', keep: null, shrinkTo: 8 },
];

/** How each table would be copied. Reads the catalog and a sample; writes nothing. */
export async function plan(context: Context, options: { readonly chunks: boolean }): Promise<Answer> {
  const definition = readDefinition(context);
  const sources = await openSources((name) => context.surroundings.openSource(sourceNamed(definition, name)));
  const planned: Planned[] = [];
  let database: string;
  let notes: readonly string[];
  try {
    database = (await sources.source.identify()).description;
    const preview = await previewRun(sources, definition);
    notes = preview.notes;
    for (const table of preview.tables) {
      try {
        planned.push({ table, plan: await preview.plan(table), error: null });
      } catch (error) {
        planned.push({ table, plan: null, error: shownErrorHere(context, error) });
      }
    }
  } finally {
    await sources.close();
  }
  return {
    exitCode: planned.some(({ error }) => error) ? exitCodes.incomplete : exitCodes.done,
    document: {
      command: 'plan',
      sync: definition.name,
      database,
      target: definition.target.url,
      concurrency: definition.concurrency,
      notes,
      tables: planned.map((entry) => toDocument(entry, options.chunks)),
    },
    lines: (style) => [
      `from  ${printable(database)}`,
      `to    ${definition.target.url}, up to ${counted(definition.concurrency, 'chunk')} at once`,
      '',
      ...layOut(
        tableColumns,
        planned.map(({ table, plan }) => [
          { text: table },
          { text: plan ? count(plan.rows) : '—' },
          { text: plan ? bytes(plan.bytes) : '—' },
          { text: plan ? count(Math.max(1, plan.chunks.length)) : '—' },
          plan
            ? { text: plannedKeyWords(plan) }
            : { text: 'cannot be copied: see below', paint: style.paint.bad },
        ]),
        style.width,
        style.paint.faint,
      ),
      ...notes.flatMap((text) => ['', ...noteLines(text, style)]),
      ...planned.flatMap((entry) => ['', ...tableLines(entry, options.chunks, style)]),
    ],
  };
}

function toDocument({ table, plan, error }: Planned, chunks: boolean): unknown {
  if (!plan) return { table, error };
  const { description, rows, bytes: size, min, max } = plan;
  return {
    table,
    rows,
    bytes: size,
    key: description.key,
    min,
    max,
    columns: description.columns.map(({ name, sourceType, type, nullable, mask }) => ({
      ...{ name, sourceType, type, nullable, mask: mask ?? null },
    })),
    mode: plan.mode ?? 'overwrite',
    where: description.where ?? null,
    partition: plan.partition.map(fieldText),
    notes: description.notes,
    chunkCount: Math.max(1, plan.chunks.length),
    ...(chunks && { chunks: plan.chunks }),
  };
}

const maskWords = ({ mask }: SourceColumn): string[] =>
  mask === undefined
    ? []
    : [{ hash: 'masked: hash', redact: 'masked: redacted', null: 'masked: NULL' }[mask]];

const noteLines = (text: string, { paint, width }: Style): string[] =>
  wrapped(printable(text), width - 4).map((line, i) =>
    i === 0 ? `  ${paint.warning('!')} ${line}` : `    ${line}`,
  );

function tableLines({ table, plan, error }: Planned, chunks: boolean, style: Style): string[] {
  const { paint, width } = style;
  const name = paint.strong(printable(table));
  if (!plan) {
    return [name, ...problemLines(paint.bad('✗'), error, width, '  ')];
  }
  const { columns, notes } = plan.description;
  const ways = [
    ...(plan.mode === 'append' ? ['each run is added to what is there'] : []),
    ...(plan.description.where === undefined ? [] : [`rows where ${plan.description.where}`]),
    ...(plan.partition.length > 0 ? [`divided by ${plan.partition.map(fieldText).join(', ')}`] : []),
  ];
  return [
    ways.length > 0 ? `${name}: ${printable(ways.join('; '))}` : name,
    ...layOut(
      columnColumns,
      columns.map((column) => [
        { text: `  ${column.name}` },
        { text: column.sourceType },
        { text: typeWords(column.type) },
        { text: [...(column.nullable ? [] : ['not null']), ...maskWords(column)].join(', ') },
      ]),
      width,
      paint.faint,
    ),
    ...notes.flatMap((text) => noteLines(text, style)),
    ...(chunks
      ? layOut(
          chunkColumns,
          plan.chunks.map((chunk, index) => [
            { text: String(index) },
            { text: count(chunk.rows) },
            { text: chunk.after ?? '—' },
            { text: chunk.upTo },
          ]),
          width,
          paint.faint,
        )
      : []),
  ];
}
