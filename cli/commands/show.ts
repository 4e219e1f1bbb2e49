import { fingerprint } from '../../core/definition/fingerprint.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes, problemLines } from '../errors.ts';
import { isAlive, runWord } from '../executions.ts';
import { type Problem, problemsIn, problemWords } from '../incomplete.ts';
import { type LayoutColumn, layOut } from '../layout.ts';
import { look } from '../look.ts';
import { definitionChangedWords, nextStepHere, runCommand } from '../next-steps.ts';
import { attemptsOf, byChunk, timesOf } from '../part-times.ts';
import { redacted } from '../printable.ts';
import { progressOf, type TableState } from '../progress.ts';
import { bytes, count, counted, duration, instant } from '../quantities.ts';
import { sightingOf } from '../sighting.ts';
import { findRun } from './redrive.ts';

export type ShownTable = {
  readonly table: string;
  readonly state: TableState;
  readonly chunksDone: number;
  /** null: not planned yet */
  readonly chunks: number | null;
  readonly parts: number;
  readonly rows: number;
  readonly bytes: number;
  /** invocations that committed something */
  readonly attempts: number;
  readonly retries: number;
  readonly slowestPart: {
    readonly chunk: number;
    readonly n: number;
    readonly rows: number;
    readonly seconds: number;
  } | null;
  readonly problem: Problem | null;
};

const columns: readonly LayoutColumn[] = [
  { title: 'table', align: 'left', keep: null, shrinkTo: 18 },
  { title: 'state', align: 'left', keep: 6 },
  { title: 'chunks', align: 'right', keep: 5 },
  { title: 'parts', align: 'right', keep: 4 },
  { title: 'rows', align: 'right', keep: null },
  { title: 'size', align: 'right', keep: 3 },
  { title: 'attempts', align: 'right', keep: 1 },
  { title: 'retries', align: 'right', keep: 2 },
  { title: 'slowest part', align: 'right', keep: 0 },
];

/** One run: its tables, how far each is, and what it took. */
export const show = (context: Context, id: string): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const sync = definition.name;
    const run = await findRun(cloud, sync, id);
    const arn = run.executions.at(-1)!;
    const execution = await cloud.execution(arn);
    const live = run.status === 'running' && isAlive(execution);
    const activity = live ? await cloud.activity(arn) : null;
    const sighting = await sightingOf(cloud, run, activity);
    const progress = progressOf(sighting, () => false, context.surroundings.nowMs());
    const problems =
      run.status === 'running' && !live
        ? problemsIn(redacted(execution?.message ?? ''), run.tables, (code) => nextStepHere(context, code))
        : [];

    const tables = progress.tables.map((table): ShownTable => {
      const parts = sighting.parts.filter((part) => part.table === table.index);
      const times = byChunk(parts).flatMap(timesOf);
      const slowest = times.reduce((a, b) => (b.ms > a.ms ? b : a), times[0]!);
      return {
        table: table.table,
        // of an older run: what it published then, others have replaced since
        state: run.status === 'published' ? 'published' : table.state,
        chunksDone: table.chunksDone,
        chunks: table.chunks,
        parts: table.parts,
        rows: table.rows,
        bytes: table.bytes,
        ...attemptsOf(parts),
        slowestPart:
          slowest === undefined
            ? null
            : {
                chunk: slowest.part.chunk,
                n: slowest.part.n,
                rows: slowest.part.rows,
                seconds: slowest.ms / 1000,
              },
        problem: problems.find((problem) => problem.table === table.table) ?? null,
      };
    });
    return {
      exitCode: exitCodes.done,
      document: {
        command: 'show',
        sync,
        run: run.run,
        status: runWord(run, live),
        startedAt: run.startedAt,
        endedAt: run.endedAt,
        executions: run.executions,
        rows: run.totals?.rows ?? progress.total.rows,
        bytes: run.totals?.bytes ?? progress.total.bytes,
        tables,
      },
      lines: ({ paint, width }) => {
        const ended = run.endedAt
          ? `, ended after ${duration(Date.parse(run.endedAt) - Date.parse(run.startedAt))}`
          : '';
        return [
          `run ${run.run} of ${sync}: ${runWord(run, live)}; started ${instant(run.startedAt)}${ended}, ${counted(run.executions.length, 'execution')}`,
          '',
          ...layOut(columns, tables.map(cells), width, paint.faint),
          ...tables.flatMap(({ problem }) =>
            problem
              ? [
                  '',
                  ...problemLines(
                    paint.bad('✗'),
                    { ...problem, code: null, message: problemWords(problem) },
                    width,
                  ),
                ]
              : [],
          ),
          ...(runWord(run, live) === 'unfinished'
            ? [
                '',
                run.fingerprint === fingerprint(definition)
                  ? `next: \`${runCommand(context)}\` copies the rest`
                  : `next: ${definitionChangedWords(context)}`,
              ]
            : []),
        ];
      },
    };
  });

const cells = (table: ShownTable) => [
  { text: table.table },
  { text: table.state === 'planning' ? 'not planned' : table.state },
  { text: `${count(table.chunksDone)}/${table.chunks === null ? '?' : count(table.chunks)}` },
  { text: count(table.parts) },
  { text: count(table.rows) },
  { text: bytes(table.bytes) },
  { text: count(table.attempts) },
  { text: count(table.retries) },
  {
    text: table.slowestPart
      ? `${duration(table.slowestPart.seconds * 1000)} (${table.slowestPart.chunk}-${table.slowestPart.n})`
      : '—',
  },
];
