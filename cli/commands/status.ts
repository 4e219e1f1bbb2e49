import { fingerprint } from '../../core/definition/fingerprint.ts';
import { parseTableName } from '../../core/definition/table-name.ts';
import { isDefined } from '../../core/definition/table-options.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { isAlive } from '../executions.ts';
import { type LayoutColumn, layOut } from '../layout.ts';
import { look } from '../look.ts';
import { again, definitionChangedWords, runCommand } from '../next-steps.ts';
import { redacted } from '../printable.ts';
import { type Progress, progressOf } from '../progress.ts';
import { liveLines } from '../progress-lines.ts';
import { ago, bytes, count, counted } from '../quantities.ts';
import { sightingOf } from '../sighting.ts';

type RunState =
  | { readonly state: 'none' }
  | {
      readonly state: 'published' | 'abandoned';
      readonly run: string;
      /** another than the run had */
      readonly definitionChanged: boolean;
      readonly endedAt: string | null;
    }
  /** running: an execution works on it right now */
  | {
      readonly state: 'running' | 'unfinished';
      readonly run: string;
      /** another than the run began with */
      readonly definitionChanged: boolean;
      readonly startedAt: string;
      readonly execution: string;
      /** its page in the cloud's console; null: it has none */
      readonly console: string | null;
      /** why its last execution ended, where it is known */
      readonly error: string | null;
      readonly progress: Progress;
    };

const columns: readonly LayoutColumn[] = [
  { title: 'table', align: 'left', keep: null, shrinkTo: 18 },
  { title: 'version', align: 'right', keep: 2 },
  { title: 'rows', align: 'right', keep: null },
  { title: 'files', align: 'right', keep: 0 },
  { title: 'size', align: 'right', keep: 1 },
  { title: 'published', align: 'left', keep: 4 },
  { title: 'by run', align: 'left', keep: 3 },
];

/** The sync now: what readers see of each table, and the run that is unfinished. */
export const status = (context: Context): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const sync = definition.name;
    const { nowMs } = context.surroundings;
    const heads = await cloud.ledger.tableHeads(sync);
    const head = await cloud.ledger.head(sync);
    const run = head && (await cloud.ledger.run(sync, head.run));
    let current: RunState = { state: 'none' };
    const definitionChanged = run !== null && run.fingerprint !== fingerprint(definition);
    if (run && run.status !== 'running')
      current = { state: run.status, run: run.run, definitionChanged, endedAt: run.endedAt };
    else if (run) {
      const execution = await cloud.execution(head.execution);
      const live = isAlive(execution);
      const activity = live ? await cloud.activity(head.execution) : null;
      const said = execution?.error ? `${execution.error}: ${execution.message ?? ''}` : null;
      current = {
        state: live ? 'running' : 'unfinished',
        run: run.run,
        definitionChanged,
        startedAt: run.startedAt,
        execution: head.execution,
        console: cloud.keeper.kind === 'cloud' ? cloud.keeper.console(head.execution) : null,
        error: said && redacted(said),
        progress: progressOf(await sightingOf(cloud, run, activity), () => !live, nowMs()),
      };
    }
    const tables = heads.map(({ table, version, snapshot, publishedRun }) => {
      // all that readers see: an append's own rows are a part of it
      const totals = snapshot?.appended?.total ?? snapshot;
      return {
        table,
        /** false: of a definition before; readers still see what was published of it */
        inDefinition: isDefined(definition, parseTableName(table)!),
        version,
        rows: totals?.rows ?? null,
        bytes: totals?.bytes ?? null,
        files: totals?.files ?? null,
        publishedAt: snapshot?.publishedAt ?? null,
        run: snapshot?.run ?? null,
        /** whether a rollback shows an older run's snapshot */
        rolledBack: snapshot !== null && publishedRun !== null && publishedRun !== snapshot.run,
      };
    });
    return {
      exitCode: exitCodes.done,
      document: { command: 'status', sync, target: definition.target.url, current, tables },
      lines: (style) => {
        const { paint, width } = style;
        const rows = tables.map((table) => [
          { text: table.table },
          { text: table.version === 0 ? '—' : String(table.version) },
          { text: table.rows === null ? '—' : count(table.rows) },
          { text: table.files === null ? '—' : count(table.files) },
          { text: table.bytes === null ? '—' : bytes(table.bytes) },
          { text: publishedWords(table, nowMs()) },
          { text: table.rolledBack ? `${table.run} (rolled back)` : (table.run ?? '—') },
        ]);
        const table = rows.length === 0 ? [] : ['', ...layOut(columns, rows, width, paint.faint)];
        return [...stateLines(context, sync, current, nowMs()), ...table, ...progressLines(current)];

        function progressLines(state: RunState): string[] {
          if (!('progress' in state)) return [];
          const view = {
            sync,
            phase: 'copying',
            elapsedMs: nowMs() - Date.parse(state.startedAt),
            progress: state.progress,
            failure: null,
          } as const;
          return ['', ...liveLines(view, style, Number.POSITIVE_INFINITY).slice(1)];
        }
      },
    };
  });

function publishedWords(
  { publishedAt, inDefinition }: { publishedAt: string | null; inDefinition: boolean },
  nowMs: number,
): string {
  if (publishedAt === null) return inDefinition ? 'not yet' : 'not in the definition';
  return `${ago(publishedAt, nowMs)}${inDefinition ? '' : '; not in the definition'}`;
}

function unfinishedNext(
  context: Context,
  { definitionChanged, error }: { definitionChanged: boolean; error: string | null },
): string {
  if (definitionChanged) return definitionChangedWords(context);
  const redriven = error ? `, after the cause is mended (or \`${again(context, 'redrive')}\`)` : '';
  return `\`${runCommand(context)}\` copies the rest${redriven}`;
}

function stateLines(context: Context, sync: string, current: RunState, nowMs: number): string[] {
  switch (current.state) {
    case 'none':
      return [`${sync}: no run yet; \`${runCommand(context)}\` starts one`];
    case 'published':
    case 'abandoned': {
      const when = current.endedAt ? ` ${ago(current.endedAt, nowMs)}` : '';
      return [
        `${sync}: nothing is running; the last run, ${current.run}, was ${current.state}${when}`,
        ...(current.definitionChanged && context.cloud === 'aws'
          ? [
              `  it had another definition than ${context.definitionFile}: this one is not deployed, or has not run since`,
            ]
          : []),
      ];
    }
    case 'running':
    case 'unfinished': {
      const { rows, parts } = current.progress.total;
      const committed = `${counted(rows, 'row')} in ${counted(parts, 'part')} committed`;
      const page = current.console ? [`  console: ${current.console}`] : [];
      if (current.state === 'running')
        return [`${sync}: run ${current.run} is being copied: ${committed}`, ...page];
      return [
        `${sync}: run ${current.run} is unfinished: ${committed}`,
        ...page,
        ...(current.error ? [`  its last execution ended with ${current.error}`] : []),
        `  next: ${unfinishedNext(context, current)}`,
      ];
    }
  }
}
