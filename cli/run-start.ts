import type { Part, Run } from '../core/ledger/ledger.ts';
import { isOfLongAgo, runDaysMax } from '../core/plan/start-run.ts';
import type { Cloud, Execution } from './cloud.ts';
import { isAlive } from './executions.ts';
import { partName } from './progress.ts';
import { counted } from './quantities.ts';
import { allParts } from './sighting.ts';

/** The sync's newest run, as it was before this command did anything. */
export type Former = {
  readonly run: Run;
  /** the one that worked on it last; null: not known any more, or nobody runs it */
  readonly execution: Execution | null;
  /** of an unfinished run: what is committed */
  readonly parts: readonly Part[];
};

export async function formerRun(cloud: Cloud, sync: string): Promise<Former | null> {
  const head = await cloud.ledger.head(sync);
  const run = head && (await cloud.ledger.run(sync, head.run));
  if (!run) return null;
  return {
    run,
    execution: await cloud.execution(head.execution),
    parts: run.status === 'running' ? await allParts(cloud, sync, run.run) : [],
  };
}

export type RunBeginning = 'new' | 'adopted' | 'redriven';

/** How an execution's run came about, given what was there before. */
export const beginningOf = (former: Former | null, run: Run): Exclude<RunBeginning, 'redriven'> =>
  former?.run.run === run.run ? 'adopted' : 'new';

export const committedBefore = (former: Former | null, run: Run): ReadonlySet<string> =>
  new Set(former?.run.run === run.run ? former.parts.map(partName) : []);

export const rowsOf = (parts: readonly Part[]): number => parts.reduce((sum, { rows }) => sum + rows, 0);

export const committedWords = (parts: readonly Part[]): string =>
  parts.length === 0
    ? 'nothing is committed yet'
    : `${counted(rowsOf(parts), 'row')} in ${counted(parts.length, 'part')} are committed already`;

/** What became of the execution that left a run unfinished. */
function howItEnded(execution: Execution | null): string {
  if (isAlive(execution)) return 'is being worked on';
  switch (execution?.status) {
    case 'FAILED':
    case 'TIMED_OUT':
      return `did not come to its end (${execution.error ?? execution.status})`;
    case 'ABORTED':
      return execution.error === 'Tidemark.Stopped' ? 'was stopped' : 'was interrupted';
    default:
      return 'was interrupted';
  }
}

function whyAbandoned(left: Run, run: Run): string {
  if (left.fingerprint !== run.fingerprint) return 'the definition has changed since';
  if (isOfLongAgo(left, Date.parse(run.startedAt))) return `it began more than ${runDaysMax} days ago`;
  return 'another execution began anew';
}

/** Says that an execution has left the run that it worked on for a new one. */
export const changeLines = (left: Run, run: Run): string[] => [
  `run ${left.run} is abandoned (${whyAbandoned(left, run)}); what it has committed will not be used`,
  `new run ${run.run} of ${run.sync}: ${counted(run.tables.length, 'table')}`,
];

/** Says which run an execution works on, and what of it is there already. */
export function beginningLines(former: Former | null, run: Run, fresh: boolean): string[] {
  const tables = counted(run.tables.length, 'table');
  if (former?.run.run === run.run) {
    return [
      `run ${run.run} ${howItEnded(former.execution)}: ${committedWords(former.parts)}; copying ${former.parts.length === 0 ? 'all of it' : 'the rest'}`,
    ];
  }
  const lines = [`new run ${run.run} of ${run.sync}: ${tables}`];
  if (former?.run.status !== 'running') return lines;
  const why = fresh ? '--fresh' : whyAbandoned(former.run, run);
  const lost =
    former.parts.length === 0
      ? ''
      : `; its ${counted(rowsOf(former.parts), 'committed row')} will not be used`;
  return [`run ${former.run.run} is abandoned (${why})${lost}`, ...lines];
}
