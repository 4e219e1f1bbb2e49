import { join, relative } from 'node:path';
import {
  ListExecutionsCommand,
  SFNClient,
  SFNServiceException,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { TidemarkError } from '../core/errors.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { keysOf, parseTarget } from '../core/objects/keys.ts';
import { s3Client, s3Store } from '../core/objects/s3.ts';
import { credentials, region } from '../local/account.ts';
import { type LocalCloud, ledgerTable, openStorage, startCloud } from '../local/cloud.ts';
import type { Cloud } from './cloud.ts';
import { stateMachine } from './state-machine.ts';
import type { CloudRequest } from './surroundings.ts';

/** Nobody pays for requests here. */
const pace = { lookMs: 500, readingMs: 1_000, readingShare: 1 / 2 };
const watchLimits = { childrenMax: 16, everyMs: 0 };

/** @throws TidemarkError CloudBusy, CloudBroken, DefinitionMissing */
export async function openLocalCloud(options: CloudRequest): Promise<Cloud> {
  const { home, definition } = options;
  const full: LocalCloud | null = options.mode === 'run' ? await startCloud(options) : null;
  const storage = full ?? (await openStorage(home));
  const { endpoints } = storage;
  const common = { region, credentials };
  const target = parseTarget(definition.target.url);
  const dynamodb = dynamodbClient({ ...common, endpoint: endpoints.dynamodb });
  const s3 = s3Client({ ...common, endpoint: endpoints.s3 });
  const sfn = new SFNClient({ ...common, endpoint: endpoints.sfn });
  const machine = stateMachine(sfn, watchLimits);
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
    ...machine,
    ledger: dynamodbLedger(dynamodb, ledgerTable),
    store: s3Store(s3, target.bucket),
    keys: keysOf(target, definition.name),
    catalog: undefined,
    pace,
    place: (key) => relative(process.cwd(), join(home, 's3', target.bucket, key)),
    logs: (name) => relative(process.cwd(), join(home, 'functions', 'logs', `${name}.log`)),
    start: (input) => machine.start(full!.stateMachineArn, input),

    keeper: {
      kind: 'machine',

      async stopAtPartBoundary(executionArn) {
        await sfn.send(
          new StopExecutionCommand({ executionArn, error: 'Tidemark.Stopped', cause: 'stopped by the user' }),
        );
        stopped = true;
        await full?.windDown();
      },

      async othersAtWork() {
        if (!full?.isHost || stopped) return false;
        const { executions } = await sfn.send(
          new ListExecutionsCommand({ stateMachineArn: full.stateMachineArn, statusFilter: 'RUNNING' }),
        );
        return (executions ?? []).length > 0;
      },
    },

    async close() {
      dynamodb.destroy();
      s3.destroy();
      sfn.destroy();
      await storage.stop();
    },
  };
}
