import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { messageOf } from '../functions/failure-message.ts';
import type { ChunkActivity } from './cloud.ts';

/** How much may be asked: the number of children says nothing about the number of requests. */
export type WatchLimits = {
  /** running children looked into each time, at two requests each */
  readonly childrenMax: number;
  /** between two looks; sooner, the last one's answer is given */
  readonly everyMs: number;
};

/** Ended children whose last events are still to be read. */
type Seen = { table: number | null; lastEvent: number };

type Children = Pick<ChunkActivity, 'retries' | 'lastFailure' | 'runningByTable' | 'retriesByTable'> & {
  /** running ones that were looked into */
  readonly watched: number;
};

const failureOf = (event: HistoryEvent): string | null => {
  const details = event.taskFailedEventDetails ?? event.taskTimedOutEventDetails;
  return details ? `${details.error}: ${messageOf(details.cause) ?? ''}` : null;
};

/** Watches the children of a Map: which tables they work on, and what fails. */
export function childWatch(
  client: SFNClient,
  { childrenMax, everyMs }: WatchLimits,
): { look(mapRunArn: string, failed: number): Promise<Children> } {
  const seen = new Map<string, Seen>();
  const retriesByTable = new Map<number, number>();
  let retries = 0;
  let lastFailure: string | null = null;
  let failedBefore = 0;
  let newest: { readonly mapRunArn: string; readonly atMs: number; readonly children: Children } | null =
    null;

  async function lookInto(executionArn: string): Promise<Seen> {
    const child = seen.get(executionArn) ?? { table: null, lastEvent: 0 };
    seen.set(executionArn, child);
    if (child.table === null) {
      const { events } = await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1 }));
      const input = events?.[0]?.executionStartedEventDetails?.input;
      child.table = input ? (JSON.parse(input).table ?? null) : null;
    }
    const { events = [] } = await client.send(
      new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 20 }),
    );
    for (const event of events.reverse()) {
      if (event.id! <= child.lastEvent) continue;
      child.lastEvent = event.id!;
      const failure = failureOf(event);
      if (failure === null) continue;
      retries++;
      lastFailure = failure;
      if (child.table !== null) retriesByTable.set(child.table, (retriesByTable.get(child.table) ?? 0) + 1);
    }
    return child;
  }

  /** Why the newest of the failed children has failed: it may never have been looked into while it ran. */
  async function lookAtFailed(mapRunArn: string): Promise<void> {
    const { executions = [] } = await client.send(
      new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED', maxResults: 1 }),
    );
    const executionArn = executions[0]?.executionArn;
    if (!executionArn) return;
    const { error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (error) lastFailure = `${error}: ${messageOf(cause) ?? ''}`;
  }

  return {
    async look(mapRunArn, failed) {
      if (newest?.mapRunArn === mapRunArn && Date.now() - newest.atMs < everyMs) return newest.children;
      if (newest?.mapRunArn !== mapRunArn) failedBefore = 0;
      const { executions = [] } = await client.send(
        new ListExecutionsCommand({ mapRunArn, statusFilter: 'RUNNING', maxResults: childrenMax }),
      );
      const running = await Promise.all(executions.map(({ executionArn }) => lookInto(executionArn!)));
      if (failed > failedBefore) await lookAtFailed(mapRunArn);
      failedBefore = failed;
      const runningByTable = new Map<number, number>();
      for (const { table } of running) {
        if (table !== null) runningByTable.set(table, (runningByTable.get(table) ?? 0) + 1);
      }
      const children = {
        watched: running.length,
        retries,
        lastFailure,
        runningByTable,
        retriesByTable: new Map(retriesByTable),
      };
      newest = { mapRunArn, atMs: Date.now(), children };
      return children;
    },
  };
}
