import {
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { messageOf } from '../functions/failure-message.ts';
import type { ChunkActivity } from './cloud.ts';

/** Children looked into each time: beyond that, numbers are a lower bound. Each costs a request. */
const childrenMax = 16;

/** Ended children whose last events are still to be read. */
type Seen = { table: number | null; lastEvent: number };

type Children = Pick<ChunkActivity, 'retries' | 'lastFailure' | 'runningByTable' | 'retriesByTable'>;

const failureOf = (event: HistoryEvent): string | null => {
  const details = event.taskFailedEventDetails ?? event.taskTimedOutEventDetails;
  return details ? `${details.error}: ${messageOf(details.cause) ?? ''}` : null;
};

/** Watches the running children of a Map: which tables they work on, and the failures that are tried again. */
export function childWatch(client: SFNClient): { look(mapRunArn: string): Promise<Children> } {
  const seen = new Map<string, Seen>();
  const retriesByTable = new Map<number, number>();
  let retries = 0;
  let lastFailure: string | null = null;

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

  return {
    async look(mapRunArn) {
      const { executions = [] } = await client.send(
        new ListExecutionsCommand({ mapRunArn, statusFilter: 'RUNNING', maxResults: childrenMax }),
      );
      const children = await Promise.all(executions.map(({ executionArn }) => lookInto(executionArn!)));
      const runningByTable = new Map<number, number>();
      for (const { table } of children) {
        if (table !== null) runningByTable.set(table, (runningByTable.get(table) ?? 0) + 1);
      }
      return { retries, lastFailure, runningByTable, retriesByTable: new Map(retriesByTable) };
    },
  };
}
