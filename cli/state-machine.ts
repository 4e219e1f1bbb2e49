/** A sync's state machine, asked through the API of Step Functions: the same of the embedded cloud and of AWS. */
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ExecutionDoesNotExist,
  ExecutionNotRedrivable,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { TidemarkError } from '../core/errors.ts';
import { messageOf } from '../functions/failure-message.ts';
import { childWatch, type WatchLimits } from './child-watch.ts';
import type { Cloud, ExecutionStatus } from './cloud.ts';

export type StateMachine = Pick<Cloud, 'execution' | 'redrive' | 'activity'> & {
  start(stateMachineArn: string, input: { readonly fresh: boolean }): Promise<string>;
};

export function stateMachine(client: SFNClient, limits: WatchLimits): StateMachine {
  const watch = childWatch(client, limits);
  let mapRun: { readonly executionArn: string; readonly arn: string } | null = null;

  /** Its newest one. While one goes on there is no newer one, so that it need not be looked for again. */
  async function mapRunOf(executionArn: string): Promise<string | null> {
    if (mapRun?.executionArn === executionArn) return mapRun.arn;
    const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn, maxResults: 1 }));
    const arn = mapRuns?.[0]?.mapRunArn;
    if (arn) mapRun = { executionArn, arn };
    return arn ?? null;
  }

  return {
    async start(stateMachineArn, { fresh }) {
      const input = JSON.stringify({ fresh });
      const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn, input }));
      return executionArn!;
    },

    async execution(executionArn) {
      try {
        const found = await client.send(new DescribeExecutionCommand({ executionArn }));
        return {
          arn: executionArn,
          status: found.status as ExecutionStatus,
          startedAt: found.startDate!,
          stoppedAt: found.stopDate ?? null,
          redriveCount: found.redriveCount ?? 0,
          output: found.output === undefined ? null : JSON.parse(found.output),
          error: found.error ?? null,
          message: messageOf(found.cause),
        };
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return null;
        throw error;
      }
    },

    async redrive(executionArn) {
      try {
        await client.send(new RedriveExecutionCommand({ executionArn }));
      } catch (error) {
        if (!(error instanceof ExecutionNotRedrivable)) throw error;
        const message = `execution ${executionArn.split(':').at(-1)} cannot be redriven: ${error.message}`;
        throw new TidemarkError('NotRedrivable', message, { cause: error });
      }
    },

    async activity(executionArn) {
      const mapRunArn = await mapRunOf(executionArn);
      if (mapRunArn === null) return null;
      const { itemCounts, status } = await client.send(new DescribeMapRunCommand({ mapRunArn }));
      if (status !== 'RUNNING') mapRun = null;
      const running = Number(itemCounts?.running ?? 0);
      const failed =
        Number(itemCounts?.failed ?? 0) +
        Number(itemCounts?.timedOut ?? 0) +
        Number(itemCounts?.aborted ?? 0);
      const { watched, ...children } = await watch.look(mapRunArn, failed);
      return {
        total: Number(itemCounts?.total ?? 0),
        running,
        waiting: Number(itemCounts?.pending ?? 0),
        succeeded: Number(itemCounts?.succeeded ?? 0),
        failed,
        isSample: watched < running,
        ...children,
      };
    },
  };
}
