/**
 * A synthesized stack on the embedded cloud: its own code assets, its functions' own environment, its own state
 * machine; every call of a function goes through a proxy that notes who made it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { credentials, region } from '../../local/account.ts';
import { createBucket } from '../../local/bucket.ts';
import { ensureLedgerTable, startDynamodb } from '../../local/dynamodb.ts';
import { type RunningLambda, startLambda } from '../../local/lambda.ts';
import { startS3 } from '../../local/s3.ts';
import { startStepFunctions } from '../../local/step-functions.ts';
import type { Seen } from './aws-requests.ts';
import { type Disturb, startRecordingProxy } from './recording-proxy.ts';
import type { Synthesized } from './template.ts';

export type Ended = {
  readonly status: string;
  readonly output: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
};

export type DeployedWorld = {
  /** what has been asked so far; `who` is a function's deployed name, or `local`: the state machine */
  seen(): readonly Seen[];
  /** What becomes of requests to S3 and DynamoDB from now on. */
  disturb(how: Disturb): void;
  putObject(key: string): Promise<void>;
  deleteObjects(under: string, like: RegExp): Promise<void>;
  start(): Promise<string>;
  abort(execution: string): Promise<void>;
  redrive(execution: string): Promise<void>;
  ended(execution: string): Promise<Ended>;
  run(): Promise<Ended>;
  stop(): Promise<void>;
};

/** Secrets Manager with one secret in it. */
async function startSecrets(arn: string, text: string) {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const found = (JSON.parse(body) as { SecretId: string }).SecretId === arn;
      response.writeHead(found ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(
        JSON.stringify(found ? { ARN: arn, SecretString: text } : { __type: 'ResourceNotFoundException' }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

type Properties = {
  readonly FunctionName: string;
  readonly Timeout: number;
  readonly MemorySize: number;
  readonly Environment: { readonly Variables: Readonly<Record<string, string>> };
};

export async function deployLocally(
  stack: Synthesized,
  place: {
    readonly bucket: string;
    readonly ledger: string;
    readonly secretArn: string;
    readonly secret: string;
  },
): Promise<DeployedWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-deployed-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const use = <Server extends { stop(): Promise<unknown> }>(server: Server): Server => {
    stops.unshift(() => server.stop());
    return server;
  };
  let disturb: Disturb = () => null;

  const s3 = use(await startS3({ folder: join(folder, 's3') }));
  const dynamodb = use(await startDynamodb({ folder: join(folder, 'dynamodb') }));
  const secrets = use(await startSecrets(place.secretArn, place.secret));
  const s3Proxy = use(await startRecordingProxy(s3.endpoint, (seen) => disturb(seen)));
  let lambda: RunningLambda | null = null;
  const states = use(
    await startStepFunctions({
      folder: join(folder, 'step-functions'),
      objects: { endpoint: s3Proxy.endpoint },
      lambda: { invoke: (arn, payload, options) => lambda!.invoke(arn.split(':').at(-1)!, payload, options) },
    }),
  );
  const proxies = {
    s3: s3Proxy,
    dynamodb: use(await startRecordingProxy(dynamodb.endpoint, (seen) => disturb(seen))),
    states: use(await startRecordingProxy(states.endpoint)),
    secrets: use(await startRecordingProxy(secrets.endpoint)),
  };
  await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName: place.ledger });
  await createBucket(s3.endpoint, place.bucket);

  const functions = stack.ofType('AWS::Lambda::Function').map(([, each]) => {
    const { FunctionName, Timeout, MemorySize, Environment } = stack.resolve(each.Properties) as Properties;
    const settings = {
      folder: stack.assetOf(FunctionName),
      handler: 'index.handler',
      environment: {
        ...Environment.Variables,
        // a file of Lambda's own, which is not here
        NODE_EXTRA_CA_CERTS: '',
        AWS_ACCESS_KEY_ID: FunctionName,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: proxies.secrets.endpoint,
      },
      timeoutSeconds: Timeout,
      memoryMB: MemorySize,
    };
    return [FunctionName, settings] as const;
  });
  lambda = use(
    await startLambda({
      folder: join(folder, 'functions'),
      endpoints: {
        s3: proxies.s3.endpoint,
        dynamodb: proxies.dynamodb.endpoint,
        sfn: proxies.states.endpoint,
      },
      functions: Object.fromEntries(functions),
    }),
  );

  const client = new SFNClient({ endpoint: states.endpoint, region, credentials });
  const [, machine] = stack.ofType('AWS::StepFunctions::StateMachine')[0]!;
  const { stateMachineArn } = await client.send(
    new CreateStateMachineCommand({
      name: String(machine.Properties.StateMachineName),
      definition: String(stack.resolve(machine.Properties.DefinitionString)),
      roleArn: 'arn:aws:iam::000000000000:role/embedded',
    }),
  );
  const objects = new S3Client({ endpoint: s3.endpoint, region, credentials });

  const start = async () => (await client.send(new StartExecutionCommand({ stateMachineArn }))).executionArn!;
  const ended = async (executionArn: string): Promise<Ended> => {
    for (;;) {
      const found = await client.send(new DescribeExecutionCommand({ executionArn }));
      if (found.status !== 'RUNNING' && found.status !== 'PENDING_REDRIVE') {
        const error = found.error === undefined ? null : `${found.error}: ${found.cause}`;
        return { status: found.status!, output: found.output ? JSON.parse(found.output) : null, error };
      }
      await sleep(50);
    }
  };

  return {
    seen: () => Object.values(proxies).flatMap((proxy) => proxy.seen),
    disturb: (how) => {
      disturb = how;
    },
    putObject: async (Key) => {
      await objects.send(new PutObjectCommand({ Bucket: place.bucket, Key, Body: 'left over' }));
    },
    deleteObjects: async (Prefix, like) => {
      const { Contents = [] } = await objects.send(
        new ListObjectsV2Command({ Bucket: place.bucket, Prefix }),
      );
      for (const { Key } of Contents.filter(({ Key }) => like.test(Key!))) {
        await objects.send(new DeleteObjectCommand({ Bucket: place.bucket, Key }));
      }
    },
    start,
    abort: async (executionArn) => {
      await client.send(new StopExecutionCommand({ executionArn }));
    },
    redrive: async (executionArn) => {
      await client.send(new RedriveExecutionCommand({ executionArn }));
    },
    ended,
    run: async () => ended(await start()),
    async stop() {
      client.destroy();
      objects.destroy();
      for (const stop of stops) await stop();
    },
  };
}

/** The definition that travels with a function's code. */
export const definitionIn = (stack: Synthesized, functionName: string): Promise<Buffer> =>
  readFile(join(stack.assetOf(functionName), 'tidemark.yaml'));
