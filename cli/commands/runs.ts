import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { isAlive, type RunWord, runWord } from '../executions.ts';
import { type LayoutColumn, layOut } from '../layout.ts';
import { look } from '../look.ts';
import { again } from '../next-steps.ts';
import { bytesOf } from '../progress.ts';
import { bytes, count, duration, instant } from '../quantities.ts';
import { allParts } from '../sighting.ts';

export type ListedRun = {
  readonly run: string;
  readonly status: RunWord;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly executions: number;
  readonly tables: number;
  /** published; of an unfinished run: committed so far; null: of an abandoned one */
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly files: number | null;
};

const columns: readonly LayoutColumn[] = [
  { title: 'run', align: 'left', keep: null },
  { title: 'status', align: 'left', keep: null },
  { title: 'started', align: 'left', keep: 2 },
  { title: 'took', align: 'right', keep: 3 },
  { title: 'executions', align: 'right', keep: 0 },
  { title: 'rows', align: 'right', keep: 4 },
  { title: 'size', align: 'right', keep: 1 },
];

/** The sync's runs, newest first. */
export const runs = (context: Context, options: { readonly limit: number }): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const sync = definition.name;
    const found = await cloud.ledger.runs(sync, options.limit);
    const listed: ListedRun[] = [];
    for (const run of found) {
      let sums = run.totals && { ...run.totals };
      let live = false;
      if (run.status === 'running') {
        live = isAlive(await cloud.execution(run.executions.at(-1)!));
        const parts = await allParts(cloud, sync, run.run);
        sums = {
          rows: parts.reduce((sum, part) => sum + part.rows, 0),
          bytes: bytesOf(parts),
          files: parts.reduce((sum, { files }) => sum + files.length, 0),
        };
      }
      listed.push({
        run: run.run,
        status: runWord(run, live),
        startedAt: run.startedAt,
        endedAt: run.endedAt,
        executions: run.executions.length,
        tables: run.tables.length,
        rows: sums?.rows ?? null,
        bytes: sums?.bytes ?? null,
        files: sums?.files ?? null,
      });
    }
    return {
      exitCode: exitCodes.done,
      document: { command: 'runs', sync, runs: listed },
      lines: ({ paint, width }) => {
        if (listed.length === 0)
          return [`sync ${sync} has no run yet; \`${again(context, 'run')}\` starts one`];
        const rows = listed.map((run) => [
          { text: run.run },
          {
            text: run.status,
            ...(run.status === 'published' && { paint: paint.good }),
            ...(run.status === 'running' || run.status === 'unfinished' ? { paint: paint.warning } : {}),
          },
          { text: instant(run.startedAt) },
          { text: run.endedAt ? duration(Date.parse(run.endedAt) - Date.parse(run.startedAt)) : '—' },
          { text: count(run.executions) },
          { text: run.rows === null ? '—' : count(run.rows) },
          { text: run.bytes === null ? '—' : bytes(run.bytes) },
        ]);
        return layOut(columns, rows, width, paint.faint);
      },
    };
  });
