/** The AWS cloud against a server that answers as AWS does when something is wrong: denied, missing, throttled. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { consoleOf, openAwsCloud } from '../../cli/aws-cloud.ts';
import type { Cloud } from '../../cli/cloud.ts';
import { loadDefinition } from '../../core/definition/load.ts';
import { nextStepOf } from '../../core/errors.ts';
import { shopDefinition } from '../support/fake-surroundings.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

type Answer = { readonly status?: number; readonly body: object };
/** operation → what is answered, by how often it was asked before; an error by its AWS name */
type Answers = Record<string, (input: Record<string, unknown>, before: number) => Answer>;

const failing =
  (type: string, message = 'no', status = 400) =>
  (): Answer => ({ status, body: { __type: type, message } });
const giving = (body: object) => (): Answer => ({ body });

const account = '123456789012';
const table = giving({
  Table: { TableArn: `arn:aws:dynamodb:eu-central-1:${account}:table/tidemark-shop` },
});
const machine = `arn:aws:states:eu-central-1:${account}:stateMachine:tidemark-shop`;
const executionArn = `arn:aws:states:eu-central-1:${account}:execution:tidemark-shop:e1`;

let server: Server;
let answers: Answers;
/** operations that were asked for, in order */
let asked: string[];
const inputs: Record<string, unknown>[] = [];

beforeEach(async () => {
  answers = {};
  asked = [];
  inputs.length = 0;
  server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
    const before = asked.filter((name) => name === operation).length;
    asked.push(operation);
    const input = JSON.parse(text);
    inputs.push(input);
    const { status = 200, body } = (answers[operation] ?? failing('UnknownOperationException', operation))(
      input,
      before,
    );
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nowhere/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
  })) {
    vi.stubEnv(name, value);
  }
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const opened = (environment: Record<string, string> = { AWS_REGION: 'eu-central-1' }): Promise<Cloud> =>
  openAwsCloud({
    where: 'aws',
    home: '.tidemark',
    definition: loadDefinition(shopDefinition, 'shop.yaml', null),
    definitionFile: 'shop.yaml',
    mode: 'run',
    environment,
  });

describe('where the sync is deployed', () => {
  it('is found by the ledger’s table: its ARN names partition, account and region', async () => {
    answers = { DescribeTable: table, StartExecution: giving({ executionArn, startDate: 1 }) };
    const cloud = await opened();
    expect(await cloud.start({ fresh: true })).toBe(executionArn);
    expect(asked).toEqual(['DescribeTable', 'StartExecution']);
    expect(inputs[0]).toEqual({ TableName: 'tidemark-shop' });
    expect(inputs[1]).toMatchObject({ stateMachineArn: machine, input: '{"fresh":true}' });
    expect(cloud.logs('copy-chunk')).toBe('CloudWatch log group /aws/lambda/tidemark-shop-copy-chunk');
    expect(cloud.place('shop/x')).toBe('s3://lake/shop/x');
  });

  it('may have a ledger of another name', async () => {
    answers = { DescribeTable: table, StartExecution: giving({ executionArn }) };
    await (await opened({ AWS_REGION: 'eu-central-1', TIDEMARK_LEDGER: 'ours' })).start({ fresh: false });
    expect(inputs[0]).toEqual({ TableName: 'ours' });
  });

  it('is said where the ledger is not there', async () => {
    answers = {
      DescribeTable: failing('ResourceNotFoundException'),
      GetItem: failing('ResourceNotFoundException'),
    };
    const cloud = await opened();
    const error = {
      code: 'NotDeployed',
      message: 'sync shop has no ledger table tidemark-shop in region eu-central-1',
      next: expect.stringContaining('npx cdk deploy'),
    };
    await expect(cloud.start({ fresh: false })).rejects.toMatchObject(error);
    await expect(cloud.ledger.head('shop')).rejects.toMatchObject(error);
  });

  it('is said, with the account, where the state machine is not there', async () => {
    answers = { DescribeTable: table, StartExecution: failing('StateMachineDoesNotExist') };
    await expect((await opened()).start({ fresh: false })).rejects.toMatchObject({
      code: 'NotDeployed',
      message: `sync shop has no state machine tidemark-shop in account ${account}, region eu-central-1`,
    });
  });
});

describe('region and credentials', () => {
  it('of $AWS_DEFAULT_REGION count, too', async () => {
    answers = { DescribeTable: table, StartExecution: giving({ executionArn }) };
    const cloud = await opened({ AWS_DEFAULT_REGION: 'eu-central-1' });
    expect(await cloud.start({ fresh: false })).toBe(executionArn);
  });

  it('that are missing: every place that was searched', async () => {
    await expect(opened({})).rejects.toMatchObject({
      code: 'EnvironmentMissing',
      message: expect.stringMatching(/\$AWS_REGION, .*\$AWS_DEFAULT_REGION, .*profile default of/),
      next: expect.stringMatching(/^Set \$AWS_REGION to the region(?!.*definition)/),
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_PROFILE', 'nightly');
    await expect(opened()).rejects.toMatchObject({
      code: 'CloudDenied',
      message: expect.stringMatching(/no AWS credentials: .*profile nightly/),
    });
    expect(asked).toEqual([]);
  });
});

describe('what is set wrongly', () => {
  it('is a region: which variable, and what was found there', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) {
      await expect(opened({ [name]: 'Frankfurt am' })).rejects.toMatchObject({
        code: 'UsageWrong',
        message: `no AWS region: $${name} is “Frankfurt am”; allowed: a region’s name, as eu-central-1`,
        next: expect.stringMatching(/^Set \$AWS_REGION/),
      });
    }
    const config = join(scratchFolder(), 'config');
    writeFileSync(config, '[default]\nregion = Frankfurt am\n');
    vi.stubEnv('AWS_CONFIG_FILE', config);
    await expect(opened({})).rejects.toMatchObject({
      code: 'UsageWrong',
      message: expect.stringMatching(/profile default of ~\/.aws\/config: .*"Frankfurt am"/),
    });
  });

  it.each([
    ['AWS_ENDPOINT_URL', 'localhost:4566'],
    ['AWS_ENDPOINT_URL_S3', 'ftp://localhost'],
    ['AWS_ENDPOINT_URL_DYNAMODB', 'localhost'],
    ['AWS_ENDPOINT_URL_SFN', 'http://'],
  ])('is an endpoint that is no URL: %s=%s', async (name, value) => {
    vi.stubEnv(name, value);
    await expect(opened()).rejects.toMatchObject({
      code: 'UsageWrong',
      message: expect.stringContaining(`$${name} is “${value}”; allowed: a URL with http:// or https://`),
      next: expect.stringContaining(`$${name}`),
    });
    expect(asked).toEqual([]);
  });

  it('is no endpoint that the service’s own one stands before', async () => {
    const url = process.env.AWS_ENDPOINT_URL;
    vi.stubEnv('AWS_ENDPOINT_URL', 'localhost:4566');
    for (const service of ['S3', 'DYNAMODB', 'SFN']) vi.stubEnv(`AWS_ENDPOINT_URL_${service}`, url);
    await (await opened()).close();
  });
});

describe('an endpoint where something else answers', () => {
  const page = '<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>';

  /** a proxy that does not say what kind of page it gives makes the SDK stumble over it */
  it.each(
    [200, 403, 404, 500].flatMap((status) => [
      [status, 'text/html'],
      [status, ''],
    ]) as [number, string][],
  )('is said to: a page of status %i and type “%s”', async (status, type) => {
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    const { keeper, ...cloud } = await opened();
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      request.resume();
      response.writeHead(status, type ? { 'content-type': type } : {});
      response.end(page);
    });
    for (const [act, place, service] of [
      [
        async () => keeper.kind === 'cloud' && keeper.deployed(),
        'dynamodb:DescribeTable on tidemark-shop',
        'DynamoDB',
      ],
      [() => cloud.ledger.head('shop'), 'dynamodb:GetItem on tidemark-shop', 'DynamoDB'],
      [() => cloud.execution(executionArn), 'states:DescribeExecution on', 'Step Functions'],
      ...(type ? [[() => cloud.store.get('shop/x'), 's3:GetObject on s3://lake/shop/x', 'S3'] as const] : []),
    ] as const) {
      await expect(act()).rejects.toMatchObject({
        kind: 'transient',
        message: expect.stringMatching(
          new RegExp(
            `^${place}.* failed: what answered is not ${service} \\(HTTP status ${status}${type && `, ${type}`}\\)$`,
          ),
        ),
        next: expect.stringMatching(
          new RegExp(`^Does \\$AWS_ENDPOINT_URL \\(http://127.0.0.1:\\d+\\) lead to ${service}\\? .*proxy`),
        ),
      });
    }
  });
});

it('an answer of AWS that is broken is no other service’s', async () => {
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const cloud = await opened();
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'r' });
    response.end('{"Item":');
  });
  await expect(cloud.ledger.head('shop')).rejects.toMatchObject({
    message: expect.not.stringContaining('what answered is not'),
  });
});

describe('a profile', () => {
  it('that does not exist is said to be missing, of the region and of the credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_PROFILE', 'nightly');
    const missing = {
      message: expect.stringMatching(
        /profile nightly of \S+, which \$AWS_PROFILE names and which does not exist/,
      ),
      next: expect.stringMatching(/^Mend \$AWS_PROFILE/),
    };
    await expect(opened({})).rejects.toMatchObject({ code: 'EnvironmentMissing', ...missing });
    await expect(opened()).rejects.toMatchObject({ code: 'CloudDenied', ...missing });
  });

  it('that exists is not', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_PROFILE', 'nightly');
    const config = join(scratchFolder(), 'config');
    writeFileSync(config, '[default]\n[profile nightly]\noutput = json\n');
    vi.stubEnv('AWS_CONFIG_FILE', config);
    for (const environment of [{}, { AWS_REGION: 'eu-central-1' }] as Record<string, string>[]) {
      await expect(opened(environment)).rejects.toMatchObject({
        message: expect.stringMatching(/profile nightly of ~/),
        next: expect.not.stringContaining('Mend $AWS_PROFILE'),
      });
    }
  });
});

describe('an endpoint where nobody answers', () => {
  it('is no bug: the next step asks for region and endpoint first', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    const cloud = await opened();
    const { keeper } = cloud;
    for (const [code, act, place] of [
      [
        'LedgerUnavailable',
        async () => keeper.kind === 'cloud' && keeper.deployed(),
        'dynamodb:DescribeTable on tidemark-shop',
      ],
      ['LedgerUnavailable', () => cloud.ledger.head('shop'), 'dynamodb:GetItem on tidemark-shop'],
      ['LedgerUnavailable', () => cloud.execution(executionArn), 'states:DescribeExecution on'],
      ['StoreUnavailable', () => cloud.store.get('shop/x'), 's3:GetObject on s3://lake/shop/x'],
    ] as const) {
      await expect(act()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(new RegExp(`^${place}.* failed.*ECONNREFUSED`)),
        next: expect.stringMatching(/^Is the region right \(eu-central-1: .*\$AWS_ENDPOINT_URL/),
      });
    }
  });

  it('is told from a service that fails', async () => {
    answers = { DescribeTable: failing('InternalServerError', 'down', 500) };
    const { keeper } = await opened();
    await expect(keeper.kind === 'cloud' && keeper.deployed()).rejects.toMatchObject({
      code: 'LedgerUnavailable',
      message:
        'dynamodb:DescribeTable on tidemark-shop (region eu-central-1) failed: InternalServerError: down',
      next: nextStepOf('LedgerUnavailable'),
    });
  });
});

describe('a refusal', () => {
  const words = 'User: arn:aws:iam::123456789012:user/me is not authorized to perform: this';

  it('names the action, the resource, and AWS’s own reason', async () => {
    const denied = failing('AccessDeniedException', words);
    answers = {
      DescribeTable: table,
      StartExecution: denied,
      DescribeExecution: denied,
      RedriveExecution: denied,
      ListMapRuns: denied,
      GetItem: denied,
    };
    const cloud = await opened();
    for (const [act, action, resource] of [
      [() => cloud.start({ fresh: false }), 'states:StartExecution', machine],
      [() => cloud.execution(executionArn), 'states:DescribeExecution', executionArn],
      [() => cloud.redrive(executionArn), 'states:RedriveExecution', executionArn],
      [() => cloud.activity(executionArn), 'states:ListMapRuns', executionArn],
      [() => cloud.ledger.head('shop'), 'dynamodb:GetItem', 'tidemark-shop'],
    ] as const) {
      await expect(act()).rejects.toMatchObject({
        code: 'CloudDenied',
        message: `${action} on ${resource} (region eu-central-1) was denied: AccessDeniedException: ${words}`,
        next: expect.not.stringContaining('function’s role'),
      });
    }
  });

  it('of S3 is the caller’s, too', async () => {
    const cloud = await opened();
    server.removeAllListeners('request');
    server.on('request', (_request, response) => {
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
    });
    await expect(cloud.store.get('shop/x')).rejects.toMatchObject({
      code: 'CloudDenied',
      message: expect.stringMatching(/s3:GetObject on s3:\/\/lake\/shop\/x was denied .*s3:ListBucket/),
    });
  });

  it('for a while is no error; for long it is one that passes by itself', async () => {
    answers = {
      DescribeExecution: (input, before) =>
        before < 2
          ? failing('ThrottlingException', 'Rate exceeded')()
          : { body: { executionArn: input.executionArn, status: 'RUNNING', startDate: 1 } },
      ListMapRuns: failing('ServiceUnavailable', 'down', 503),
    };
    const cloud = await opened();
    expect(await cloud.execution(executionArn)).toMatchObject({ status: 'RUNNING' });
    expect(asked).toHaveLength(3);
    await expect(cloud.activity(executionArn)).rejects.toMatchObject({
      code: 'LedgerUnavailable',
      kind: 'transient',
      message: expect.stringMatching(/^states:ListMapRuns on .* failed: /),
    });
  });

  it('to redrive says why', async () => {
    answers = {
      RedriveExecution: failing('ExecutionNotRedrivable', 'The execution is older than 14 days'),
    };
    await expect((await opened()).redrive(executionArn)).rejects.toMatchObject({
      code: 'NotRedrivable',
      message: 'execution e1 cannot be redriven: The execution is older than 14 days',
    });
  });

  it('to know an execution is no error', async () => {
    answers = { DescribeExecution: failing('ExecutionDoesNotExist') };
    expect(await (await opened()).execution(executionArn)).toBeNull();
  });
});

describe('what ten thousand chunks are doing', () => {
  const mapRunArn = `arn:aws:states:eu-central-1:${account}:mapRun:tidemark-shop/CopyChunks:m1`;
  let failed = 0;
  let status = 'RUNNING';

  beforeEach(() => {
    failed = 0;
    status = 'RUNNING';
    answers = {
      ListMapRuns: giving({ mapRuns: [{ mapRunArn, executionArn }] }),
      DescribeMapRun: () => ({
        body: {
          mapRunArn,
          status,
          itemCounts: { total: 10_000, running: 1_000, pending: 8_000, succeeded: 1_000 - failed, failed },
        },
      }),
      ListExecutions: ({ statusFilter, maxResults }) => ({
        body: {
          executions: Array.from({ length: Number(maxResults) }, (_, i) => ({
            executionArn: `${executionArn}-${statusFilter}-${i}`,
          })),
        },
      }),
      GetExecutionHistory: ({ reverseOrder }) => ({
        body: {
          events: reverseOrder
            ? [
                {
                  id: 5,
                  type: 'TaskFailed',
                  taskFailedEventDetails: { error: 'SourceUnavailable', cause: 'gone' },
                },
              ]
            : [{ id: 1, type: 'ExecutionStarted', executionStartedEventDetails: { input: '{"table":1}' } }],
        },
      }),
      DescribeExecution: giving({ status: 'FAILED', error: 'TableDenied', cause: 'no right', startDate: 1 }),
    };
  });

  it('is asked in a number of requests that does not grow with them', async () => {
    const cloud = await opened();
    expect(await cloud.activity(executionArn)).toMatchObject({
      total: 10_000,
      running: 1_000,
      waiting: 8_000,
      isSample: true,
      lastFailure: 'SourceUnavailable: gone',
      runningByTable: new Map([[1, 5]]),
    });
    // one for the map run, one for its counts, one for the list, two for each of the five that are looked into
    expect(asked).toHaveLength(13);
    asked = [];
    for (let look = 0; look < 3; look++) await cloud.activity(executionArn);
    expect(asked).toEqual(['DescribeMapRun', 'DescribeMapRun', 'DescribeMapRun']);
  });

  it('tells why a chunk has failed that nobody had looked into', async () => {
    failed = 1;
    expect(await (await opened()).activity(executionArn)).toMatchObject({
      failed: 1,
      lastFailure: 'TableDenied: no right',
    });
  });

  it('looks for a newer map run once this one is over', async () => {
    const cloud = await opened();
    status = 'SUCCEEDED';
    await cloud.activity(executionArn);
    await cloud.activity(executionArn);
    expect(asked.filter((name) => name === 'ListMapRuns')).toHaveLength(2);
  });
});

describe('the console', () => {
  it.each([
    ['aws', 'eu-central-1', 'eu-central-1.console.aws.amazon.com'],
    ['aws-cn', 'cn-north-1', 'cn-north-1.console.amazonaws.cn'],
    ['aws-us-gov', 'us-gov-west-1', 'us-gov-west-1.console.amazonaws-us-gov.com'],
  ])('of partition %s', (partition, region, host) => {
    const arn = `arn:${partition}:states:${region}:1:execution:tidemark-shop:e1`;
    expect(consoleOf(arn)).toBe(`https://${host}/states/home?region=${region}#/v2/executions/details/${arn}`);
  });

  it('of a partition without one that is known', () => {
    expect(consoleOf('arn:aws-iso:states:us-iso-east-1:1:execution:m:e')).toBeNull();
  });
});
