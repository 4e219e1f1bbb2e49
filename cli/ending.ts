import type { Definition } from '../core/definition/options.ts';
import { parseTableName } from '../core/definition/table-name.ts';
import type { Part, Run } from '../core/ledger/ledger.ts';
import { parseTarget } from '../core/objects/keys.ts';
import type { Cloud } from './cloud.ts';
import type { Answer, Context } from './context.ts';
import { agree, type TableCount } from './counts.ts';
import { exitCodes, type ShownError, shown } from './errors.ts';
import { executionWords, isAlive } from './executions.ts';
import type { Followed } from './follow.ts';
import { problemsIn, problemWords } from './incomplete.ts';
import {
  afterPublishing,
  again,
  commandsHere,
  type NextStep,
  nextStepHere,
  runCommand,
} from './next-steps.ts';
import { bytesOf, partName } from './progress.ts';
import { counted } from './quantities.ts';
import type { RunBeginning } from './run-start.ts';
import {
  type Amount,
  nextLines,
  type Outcome,
  type Summary,
  type SummaryTable,
  summaryLines,
} from './summary.ts';

export type Ended = {
  readonly command: 'run' | 'redrive';
  readonly context: Context;
  readonly definition: Definition;
  readonly cloud: Cloud;
  readonly followed: Followed;
  readonly began: RunBeginning;
  readonly abandoned: string | null;
  /** names of the parts that were committed before */
  readonly before: ReadonlySet<string>;
  readonly counts: readonly TableCount[] | null;
};

/** What the state machine answers at its end: of Plan where it skipped, of Publish otherwise. */
export const statusOf = (output: unknown): string | null => {
  const status = (output as { status?: unknown } | null)?.status;
  return typeof status === 'string' ? status : null;
};

const amountOf = (parts: readonly Part[]): Amount => ({
  rows: parts.reduce((sum, { rows }) => sum + rows, 0),
  parts: parts.length,
  bytes: bytesOf(parts),
});

function tablesOf({ followed, context }: Ended, run: Run): SummaryTable[] {
  const { sighting, progress, execution } = followed;
  const problems = problemsIn(execution.message ?? '', run.tables, (code) => nextStepHere(context, code));
  return run.tables.map((table, index) => {
    const head = sighting?.heads.find((candidate) => candidate.table === table);
    const snapshot = head?.snapshot?.run === run.run ? head.snapshot : null;
    const found = progress?.tables[index];
    return {
      table,
      state: snapshot ? 'published' : found?.state === 'copied' ? 'copied' : 'incomplete',
      rows: snapshot?.rows ?? found?.rows ?? 0,
      bytes: snapshot?.bytes ?? found?.bytes ?? 0,
      files: snapshot?.files ?? null,
      parts: found?.parts ?? 0,
      version: head?.version ?? 0,
      problem: snapshot ? null : (problems.find((problem) => problem.table === table) ?? null),
    };
  });
}

function summaryOf(ended: Ended, run: Run, outcome: Outcome): Summary {
  const { followed, cloud, before, counts } = ended;
  const parts = followed.sighting?.parts ?? [];
  const tables = tablesOf(ended, run);
  return {
    command: ended.command,
    outcome,
    sync: run.sync,
    run: run.run,
    began: ended.began,
    abandoned: ended.abandoned,
    execution: followed.execution.arn,
    console: consoleOf(cloud, followed.execution.arn),
    seconds: Math.round(followed.elapsedMs) / 1000,
    tables,
    rows: tables.reduce((sum, table) => sum + table.rows, 0),
    bytes: tables.reduce((sum, table) => sum + table.bytes, 0),
    copied: amountOf(parts.filter((part) => !before.has(partName(part)))),
    committedBefore: amountOf(parts.filter((part) => before.has(partName(part)))),
    place: cloud.place(parseTarget(ended.definition.target.url).prefix),
    counts,
    countsAgree: counts && agree(counts),
  };
}

/** Where the files of the run's largest table lie. */
function largestData({ cloud, followed }: Ended, { tables, run }: Summary): string | null {
  // an append's own files are not the table
  const isWhole = (table: string): boolean =>
    !followed.sighting?.heads.find((head) => head.table === table)?.snapshot?.appended;
  const largest = [...tables]
    .filter(({ table, files }) => files && isWhole(table))
    .sort((a, b) => b.rows - a.rows)[0];
  return largest ? cloud.place(cloud.keys.dataOfRun(parseTableName(largest.table)!, run)) : null;
}

const answer = (
  summary: Summary,
  exitCode: number,
  steps: readonly NextStep[],
  error?: ShownError,
): Answer => ({
  exitCode,
  document: summary,
  lines: (style) => summaryLines(summary, steps, style),
  ...(error && { error }),
});

function published(ended: Ended, run: Run): Answer {
  const { context, counts } = ended;
  const summary = summaryOf(ended, run, 'published');
  const steps = afterPublishing(context, run.run, largestData(ended, summary));
  if (!counts || agree(counts)) return answer(summary, exitCodes.done, steps);
  const differing = counts.filter(({ source, files }) => source !== files).map(({ table }) => table);
  return answer(
    summary,
    exitCodes.incomplete,
    [],
    shown('CountsDiffer', `the counts of ${differing.join(', ')} differ between the database and the files`),
  );
}

function stopped(ended: Ended, run: Run): Answer {
  const summary = summaryOf(ended, run, 'stopped');
  const { copied, committedBefore } = summary;
  const rows = copied.rows + committedBefore.rows;
  const parts = copied.parts + committedBefore.parts;
  return answer(
    summary,
    exitCodes.incomplete,
    [],
    shown(
      'Stopped',
      `run ${run.run} is not complete; ${counted(rows, 'row')} in ${counted(parts, 'part')} are committed and stay`,
      nextStepHere(ended.context, 'Stopped'),
    ),
  );
}

/** The execution goes on, on a cloud that needs nobody to look on. */
function detached({ command, context, cloud, followed, definition }: Ended): Answer {
  const { arn } = followed.execution;
  const stop = cloud.keeper.kind === 'cloud' ? cloud.keeper.stopCommand(arn) : null;
  const steps = [
    { command: again(context, 'status'), what: 'how far it is' },
    ...(stop === null ? [] : [{ command: stop, what: 'stop it; what is committed stays' }]),
  ];
  return {
    exitCode: exitCodes.incomplete,
    document: {
      command,
      sync: definition.name,
      run: followed.run?.run ?? null,
      outcome: 'detached',
      execution: arn,
      console: consoleOf(cloud, arn),
      stop,
    },
    lines: (style) => nextLines(steps, style),
    error: shown(
      'Detached',
      `execution ${arn.split(':').at(-1)} goes on; this command looks on no longer`,
      nextStepHere(context, 'Detached'),
    ),
  };
}

const consoleOf = ({ keeper }: Cloud, arn: string): string | null =>
  keeper.kind === 'cloud' ? keeper.console(arn) : null;

function incompleteError(ended: Ended, run: Run, summary: Summary): ShownError {
  const open = summary.tables.filter(({ state }) => state !== 'published');
  const lines = open.map(({ table, problem }) => {
    if (!problem) return `${table}: not all of its chunks are done`;
    const what = problemWords(problem);
    return problem.next ? `${what}\n  → ${problem.next}` : what;
  });
  const done = summary.tables.length - open.length;
  const error = shown(
    'RunIncomplete',
    `run ${run.run}: ${done} of ${counted(summary.tables.length, 'table')} published, ${open.length} not complete\n${lines.join('\n')}`,
    nextStepHere(ended.context, 'RunIncomplete'),
  );
  return { ...error, logs: [ended.cloud.logs('copy-chunk')] };
}

function failed(ended: Ended, run: Run): Answer {
  const { execution } = ended.followed;
  if (execution.error === 'RunIncomplete') {
    const summary = summaryOf(ended, run, 'incomplete');
    return answer(summary, exitCodes.incomplete, [], incompleteError(ended, run, summary));
  }
  return answer(summaryOf(ended, run, 'failed'), exitCodes.incomplete, [], executionError(ended));
}

function executionError({ context, cloud, followed }: Ended): ShownError {
  const { execution, run } = followed;
  const code = execution.error ?? execution.status;
  const tail = `Then \`${again(context, 'redrive')}\` goes on where it ended.`;
  if (execution.status === 'ABORTED') {
    return shown('Aborted', 'the execution was stopped from elsewhere', nextStepHere(context, 'Aborted'));
  }
  const plain = shown(code, execution.message ?? 'the execution failed');
  const known = { ...plain, next: commandsHere(context, plain.next) };
  const next =
    known.next.includes('redrive') || known.next.includes('--fresh') ? known.next : `${known.next} ${tail}`;
  // chunks do not end an execution: it was Plan or, where there is a run, perhaps Publish
  return { ...known, next, logs: [cloud.logs('plan'), ...(run ? [cloud.logs('publish')] : [])] };
}

/** Plan found another execution at work on the sync. */
async function skipped({ command, context, definition, cloud, followed }: Ended): Promise<Answer> {
  const { run, execution: arn } = followed.execution.output as { run: string; execution: string };
  // only for its words
  const other = await cloud.execution(arn).catch(() => null);
  return {
    exitCode: exitCodes.busy,
    document: {
      command,
      sync: definition.name,
      run,
      outcome: 'skipped',
      execution: arn,
      since: other?.startedAt.toISOString() ?? null,
    },
    lines: () => [],
    error: shown(
      'Skipped',
      `another execution works on sync ${definition.name} (run ${run}): ${executionWords(arn, other)}`,
      nextStepHere(context, 'Skipped'),
    ),
  };
}

/** How `run` and `redrive` end: what they say, and the exit code. */
export async function answerOf(ended: Ended): Promise<Answer> {
  const { followed, context, definition } = ended;
  const { execution, run } = followed;
  const document = { command: ended.command, sync: definition.name, run: run?.run ?? null };
  if (isAlive(execution)) return detached(ended);
  if (execution.status === 'SUCCEEDED') {
    const status = statusOf(execution.output);
    if (run?.status === 'published') return published(ended, run);
    if (status === 'skipped') return skipped(ended);
    return {
      exitCode: exitCodes.done,
      document: { ...document, outcome: 'over' },
      lines: () => [
        `${run ? `run ${run.run}` : 'the run'} is over: it was published or abandoned before, or a newer one has taken over its tables`,
      ],
    };
  }
  if (!run) {
    return {
      exitCode: exitCodes.incomplete,
      document: { ...document, outcome: followed.interrupted ? 'stopped' : 'failed' },
      lines: () => [],
      error: followed.interrupted
        ? shown('Stopped', 'stopped before a run began', `${runCommand(context)} — starts one.`)
        : executionError(ended),
    };
  }
  // stopped or failed after the last of its work was done
  if (run.status === 'published') return published(ended, run);
  return followed.interrupted ? stopped(ended, run) : failed(ended, run);
}
