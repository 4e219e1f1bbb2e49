import type { Run } from '../core/ledger/ledger.ts';
import type { Execution } from './cloud.ts';
import { instant } from './quantities.ts';

const alive: readonly Execution['status'][] = ['RUNNING', 'PENDING_REDRIVE'];

export const isAlive = (execution: Execution | null): boolean =>
  execution !== null && alive.includes(execution.status);

/** A run as it is shown: one that is not over is `running` only while an execution works on it. */
export type RunWord = 'running' | 'unfinished' | 'published' | 'abandoned';

/** @param live whether an execution works on the run right now */
export const runWord = ({ status }: Pick<Run, 'status'>, live: boolean): RunWord =>
  status === 'running' && !live ? 'unfinished' : status;

/** Which execution it is, and since when it works. @param execution null: not known any more */
export const executionWords = (arn: string, execution: Execution | null): string =>
  `execution ${arn.split(':').at(-1)}${execution ? `, since ${instant(execution.startedAt.toISOString())}` : ''}`;
