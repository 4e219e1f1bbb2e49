/**
 * A sync that is deployed on AWS, or on whatever the environment's endpoints (`AWS_ENDPOINT_URL_*`) lead to, with
 * ordinary credentials. docs/design/clouds.md says which rights each command needs, and what it asks how often.
 */
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { DescribeStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { nameOfError } from '../core/aws-denials.ts';
import { TidemarkError } from '../core/errors.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { keysOf, parseTarget } from '../core/objects/keys.ts';
import { s3Client, s3Store } from '../core/objects/s3.ts';
import type { ObjectStore } from '../core/objects/store.ts';
import { lakeCatalog } from '../functions/lake-catalog.ts';
import { functionName, ledgerName, stateMachineName } from '../infra/names.ts';
import {
  type AwsService,
  checkEndpoints,
  credentialsOf,
  refusePages,
  regionOf,
  said,
  strangerWords,
  unreachableStep,
} from './aws-access.ts';
import type { Cloud } from './cloud.ts';
import { stateMachine } from './state-machine.ts';
import type { CloudRequest } from './surroundings.ts';

/**
 * Step Functions gives an account about 1 DescribeMapRun or ListMapRuns a second, 5 ListExecutions, 15
 * DescribeExecutions and 20 GetExecutionHistorys; the console asks, too. This asks for 1/5, 1/2, 1/7, 1/2 and 2/3 at
 * most, whatever the number of chunks. A reading of the ledger reads all items of the run: 10,000 parts of 1 KB cost
 * 2,500 read units, hence not more than a tenth of the time.
 */
const pace = { lookMs: 2_000, readingMs: 5_000, readingShare: 1 / 10 };
const watchLimits = { childrenMax: 5, everyMs: 15_000 };

/** Standard retries, growing to 20 s: what is still throttled or unreachable then, the display waits for. */
const stepFunctionsTries = 6;

const consoles: Readonly<Record<string, string>> = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

/** The Step Functions console's page of an execution. @returns null for partitions whose console is not known here */
export function consoleOf(executionArn: string): string | null {
  const [, partition = '', , region = ''] = executionArn.split(':');
  const host = consoles[partition];
  return host
    ? `https://${region}.${host}/states/home?region=${region}#/v2/executions/details/${executionArn}`
    : null;
}

type Place = { readonly partition: string; readonly account: string; readonly region: string };

const denying = new Set([
  'AccessDeniedException',
  'KmsAccessDeniedException',
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
]);

/** Errors of Step Functions that say something about the request, and pass to whoever asked. */
const answers = new Set(['ExecutionDoesNotExist', 'ExecutionNotRedrivable', 'StateMachineDoesNotExist']);

/** What a request is about, by its fields of Step Functions and DynamoDB. */
function resourceOf(input: object): string | undefined {
  const { executionArn, mapRunArn, stateMachineArn, TableName } = input as Partial<Record<string, string>>;
  return executionArn ?? mapRunArn ?? stateMachineArn ?? TableName;
}

/**
 * @throws TidemarkError EnvironmentMissing without a region, CloudDenied without credentials, UsageWrong where a region
 *   or an endpoint cannot be one. Nothing is asked of AWS until something is needed.
 */
export async function openAwsCloud({ definition, environment }: CloudRequest): Promise<Cloud> {
  const sync = definition.name;
  const machineName = stateMachineName(sync);
  const ledgerTable = environment.TIDEMARK_LEDGER || ledgerName(sync);
  const target = parseTarget(definition.target.url);

  checkEndpoints();
  const given = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  const sfn = new SFNClient({ maxAttempts: stepFunctionsTries, ...(given && { region: given }) });
  const region = await regionOf(sfn, environment);
  const { accountId } = await credentialsOf(sfn);
  const common = { region, credentials: sfn.config.credentials };
  const dynamodb = dynamodbClient(common);
  const s3 = s3Client(common);
  for (const client of [sfn, dynamodb, s3]) refusePages(client);
  const machine = stateMachine(sfn, watchLimits);
  const where = `${accountId ? `account ${accountId}, ` : ''}region ${region}`;

  const notDeployed = (what: string, at: string, cause: unknown): TidemarkError =>
    new TidemarkError('NotDeployed', `sync ${sync} has no ${what} in ${at}`, { cause });

  /** What is said in place of an SDK's error: the action, the resource, the account and the region. */
  function explained(error: unknown, service: AwsService, command = '', input: object): unknown {
    if (error instanceof TidemarkError || answers.has(nameOfError(error))) return error;
    const place = `${service}:${command.replace(/Command$/, '')} on ${resourceOf(input) ?? machineName} (${where})`;
    const stranger = strangerWords(error, service);
    if (stranger !== null) {
      const message = `${place} failed: ${stranger.what}`;
      return new TidemarkError('LedgerUnavailable', message, { cause: error, next: stranger.next });
    }
    if (denying.has(nameOfError(error))) {
      const message = `${place} was denied: ${nameOfError(error)}${said(error)}`;
      return new TidemarkError('CloudDenied', message, { cause: error });
    }
    if (nameOfError(error) === 'ResourceNotFoundException') {
      return notDeployed(`ledger table ${ledgerTable}`, where, error);
    }
    const message = `${place} failed: ${nameOfError(error)}${said(error)}`;
    const next = unreachableStep(error, region);
    if (next !== null) return new TidemarkError('LedgerUnavailable', message, { cause: error, next });
    // of its own requests the ledger reads errors itself, and some of them are answers
    if (service === 'dynamodb' && command !== 'DescribeTableCommand') return error;
    return new TidemarkError('LedgerUnavailable', message, { cause: error });
  }

  const outermost = { step: 'initialize', name: 'explained' } as const;
  sfn.middlewareStack.add(
    (next, { commandName }) =>
      (args) =>
        next(args).catch((error: unknown) => {
          throw explained(error, 'states', commandName, args.input);
        }),
    outermost,
  );
  dynamodb.middlewareStack.add(
    (next, { commandName }) =>
      (args) =>
        next(args).catch((error: unknown) => {
          throw explained(error, 'dynamodb', commandName, args.input);
        }),
    outermost,
  );

  /** The ledger's table names the account: the least that must be asked for, and only of this one table. */
  async function findPlace(): Promise<Place> {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: ledgerTable }));
    const [, partition, , tableRegion, account] = Table!.TableArn!.split(':');
    return { partition: partition!, region: tableRegion!, account: account! };
  }

  const arnOf = ({ partition, region: at, account }: Place): string =>
    `arn:${partition}:states:${at}:${account}:stateMachine:${machineName}`;

  async function ofMachine<T>(work: (stateMachineArn: string) => Promise<T>): Promise<T> {
    const place = await findPlace();
    try {
      return await work(arnOf(place));
    } catch (error) {
      if (nameOfError(error) !== 'StateMachineDoesNotExist') throw error;
      const at = `account ${place.account}, region ${place.region}`;
      throw notDeployed(`state machine ${machineName}`, at, error);
    }
  }

  const store = asTheCaller(s3Store(s3, target.bucket), target.bucket, region);
  const keys = keysOf(target, sync);
  return {
    ...machine,
    ledger: dynamodbLedger(dynamodb, ledgerTable),
    store,
    keys,
    catalog: lakeCatalog(definition, store, keys, common),
    pace,
    place: (key) => `s3://${target.bucket}/${key}`,
    logs: (name) => `CloudWatch log group /aws/lambda/${functionName(sync, name)}`,
    start: (input) => ofMachine((arn) => machine.start(arn, input)),
    keeper: {
      kind: 'cloud',
      console: consoleOf,
      stopCommand: (arn) =>
        `aws stepfunctions stop-execution --region ${arn.split(':')[3]} --execution-arn ${arn}`,
      deployed: () =>
        ofMachine(async (arn) => {
          await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: arn }));
          const [, , , at, account] = arn.split(':');
          return `AWS account ${account}, region ${at}: state machine ${machineName}, ledger ${ledgerTable}`;
        }),
    },
    async close() {
      dynamodb.destroy();
      s3.destroy();
      sfn.destroy();
    },
  };
}

/** What is denied here, is denied to the user of this command, not to a function's role; so is the way there. */
function asTheCaller(store: ObjectStore, bucket: string, region: string): ObjectStore {
  return {
    ...store,
    async get(key) {
      try {
        return await store.get(key);
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        const stranger = strangerWords(error.cause, 's3');
        if (stranger !== null) {
          const message = `s3:GetObject on s3://${bucket}/${key} failed: ${stranger.what}`;
          throw new TidemarkError('StoreUnavailable', message, { cause: error, next: stranger.next });
        }
        const next = unreachableStep(error, region);
        if (next !== null) throw new TidemarkError(error.code, error.message, { cause: error, next });
        if (error.code !== 'StoreDenied') throw error;
        const message = `${error.message}; without s3:ListBucket also what is not there is denied`;
        throw new TidemarkError('CloudDenied', message, { cause: error });
      }
    },
  };
}
