import { join, relative } from 'node:path';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ExecutionDoesNotExist,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  SFNClient,
  SFNServiceException,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Definition } from '../core/definition/options.ts';
import { TidemarkError } from '../core/errors.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { keysOf, parseTarget } from '../core/objects/keys.ts';
import { s3Client, s3Store } from '../core/objects/s3.ts';
import { messageOf } from '../functions/failure-message.ts';
import { credentials, region } from '../local/account.ts';
import { type LocalCloud, ledgerTable, openStorage, startCloud } from '../local/cloud.ts';
import { childWatch } from './child-watch.ts';
import type { Cloud, Execution, ExecutionStatus } from './cloud.ts';

export type LocalCloudOptions = {
  readonly home: string;
  readonly definition: Definition;
  readonly definitionFile: string;
  /** run: the whole cloud; look: what is stored, or the cloud of the process that runs it */
  readonly mode: 'run' | 'look';
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export async function openLocalCloud(options: LocalCloudOptions): Promise<Cloud> {
  const { home, definition } = options;
  const full: LocalCloud | null = options.mode === 'run' ? await startCloud(options) : null;
  const storage = full ?? (await openStorage(home));
  const { endpoints } = storage;
  const common = { region, credentials };
  const target = parseTarget(definition.target.url);
  const dynamodb = dynamodbClient({ ...common, endpoint: endpoints.dynamodb });
  const s3 = s3Client({ ...common, endpoint: endpoints.s3 });
  const sfn = new SFNClient({ ...common, endpoint: endpoints.sfn });
  const watch = childWatch(sfn);
  // functions that were wound down do nothing for anybody any more
  let stopped = false;

  // the servers may be another process's, which may end
  sfn.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (error instanceof SFNServiceException) throw error;
        const message = `the embedded cloud of ${home} does not answer any more: the process that ran it has ended`;
        throw new TidemarkError('CloudBroken', message, { cause: error });
      }
    },
    { step: 'initialize', name: 'serversGone' },
  );

  return {
    ledger: dynamodbLedger(dynamodb, ledgerTable),
    store: s3Store(s3, target.bucket),
    keys: keysOf(target, definition.name),
    place: (key) => relative(process.cwd(), join(home, 's3', target.bucket, key)),
    logs: (name) => relative(process.cwd(), join(home, 'functions', 'logs', `${name}.log`)),

    async start({ fresh }) {
      const started = await sfn.send(
        new StartExecutionCommand({
          stateMachineArn: full!.stateMachineArn,
          input: JSON.stringify({ fresh }),
        }),
      );
      return started.executionArn!;
    },

    async execution(executionArn): Promise<Execution | null> {
      try {
        const found = await sfn.send(new DescribeExecutionCommand({ executionArn }));
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
      await sfn.send(new RedriveExecutionCommand({ executionArn }));
    },

    async stopAtPartBoundary(executionArn) {
      await sfn.send(
        new StopExecutionCommand({ executionArn, error: 'Tidemark.Stopped', cause: 'stopped by the user' }),
      );
      stopped = true;
      await full?.windDown();
    },

    async activity(executionArn) {
      const { mapRuns } = await sfn.send(new ListMapRunsCommand({ executionArn, maxResults: 1 }));
      const mapRunArn = mapRuns?.[0]?.mapRunArn;
      if (!mapRunArn) return null;
      const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
      const children = await watch.look(mapRunArn);
      return {
        total: Number(itemCounts?.total ?? 0),
        running: Number(itemCounts?.running ?? 0),
        waiting: Number(itemCounts?.pending ?? 0),
        succeeded: Number(itemCounts?.succeeded ?? 0),
        failed:
          Number(itemCounts?.failed ?? 0) +
          Number(itemCounts?.timedOut ?? 0) +
          Number(itemCounts?.aborted ?? 0),
        ...children,
      };
    },

    async othersAtWork() {
      if (!full?.isHost || stopped) return false;
      const { executions } = await sfn.send(
        new ListExecutionsCommand({ stateMachineArn: full.stateMachineArn, statusFilter: 'RUNNING' }),
      );
      return (executions ?? []).length > 0;
    },

    async close() {
      dynamodb.destroy();
      s3.destroy();
      sfn.destroy();
      await storage.stop();
    },
  };
}
