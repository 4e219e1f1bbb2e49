/** The answers of DynamoDB that no emulator gives: lost ones, throttling, refusals. */
import { ConditionalCheckFailedException, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { dynamodbClient, dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import { runItem, tableKey } from '../../../core/ledger/items.ts';
import type { Part, Run } from '../../../core/ledger/ledger.ts';
import { partItem } from '../../../core/ledger/part-item.ts';
import { limitsOf } from '../../support/handler-limits.ts';

const client = new DynamoDBClient({ region: 'us-east-1' });
const dynamodb = mockClient(DynamoDBDocumentClient);
const ledger = dynamodbLedger(client, 'ledger');

beforeEach(() => dynamodb.reset());
afterAll(() => dynamodb.restore());

const part: Part = {
  sync: 's',
  run: 'r',
  table: 0,
  chunk: 0,
  n: 3,
  from: '1',
  to: '2',
  last: false,
  rows: 1,
  files: [],
  attempt: { id: 'mine', startedAt: 't', retry: 0 },
  readAt: 't',
};
const theirs: Part = { ...part, rows: 7, attempt: { ...part.attempt, id: 'theirs' } };
const run: Run = {
  sync: 's',
  run: 'r',
  status: 'running',
  startedAt: 't',
  endedAt: null,
  executions: ['E'],
  fingerprint: 'f',
  tables: [],
  totals: null,
};

const named = (name: string, message = 'as it said') => Object.assign(new Error(message), { name });
const refused = (item?: object) =>
  new ConditionalCheckFailedException({
    $metadata: {},
    message: 'The conditional request failed',
    ...(item && { Item: marshall(item, { removeUndefinedValues: true }) }),
  });

describe('a condition that does not hold', () => {
  test.for([
    ['with the item', theirs],
    ['without it', undefined],
  ] as const)('%s: a consistent read says who was first', async ([, item]) => {
    dynamodb.on(PutCommand).rejects(refused(item && partItem(item)));
    dynamodb.on(GetCommand).resolves({ Item: partItem(theirs) });
    expect(await ledger.commitPart(part)).toEqual(theirs);
    for (const { args } of dynamodb.commandCalls(GetCommand)) {
      expect(args[0].input).toMatchObject({ ConsistentRead: true });
    }
  });

  test('by my own item: the answer to the first try was lost', async () => {
    dynamodb.on(PutCommand).rejects(refused());
    dynamodb.on(GetCommand).resolves({ Item: partItem(part) });
    expect(await ledger.commitPart(part)).toEqual(part);
  });

  test('by an item that has gone since: nothing deletes items, so this is no ledger of ours', async () => {
    dynamodb.on(PutCommand).rejects(refused());
    dynamodb.on(GetCommand).resolves({});
    await expect(ledger.commitPart(part)).rejects.toMatchObject({ code: 'ProtocolViolation' });
  });

  test('on an update: the head as it stands there', async () => {
    dynamodb.on(UpdateCommand).rejects(refused());
    dynamodb.on(GetCommand).resolves({
      Item: { ...tableKey('s', 'public.a'), format: 1, table: 'public.a', claimedBy: 'z' },
    });
    expect((await ledger.claimTable('s', 'public.a', 'r')).claimedBy).toBe('z');
  });
});

test('a part is committed under a condition, and nothing else', async () => {
  dynamodb.on(PutCommand).resolves({});
  await ledger.commitPart(part);
  expect(dynamodb.calls()).toHaveLength(1);
  expect(dynamodb.commandCalls(PutCommand)[0]!.args[0].input).toMatchObject({
    TableName: 'ledger',
    ConditionExpression: 'attribute_not_exists(pk)',
  });
});

test('no answer at all is no success: it is reported, not guessed', async () => {
  dynamodb.on(PutCommand).rejects(named('TimeoutError'));
  await expect(ledger.commitPart(part)).rejects.toMatchObject({
    code: 'LedgerUnavailable',
    kind: 'transient',
    message: 'dynamodb:PutItem on table ledger failed (TimeoutError): as it said',
    cause: expect.objectContaining({ name: 'TimeoutError' }),
  });
});

test('a look after a refused condition that fails is reported as such', async () => {
  dynamodb.on(PutCommand).rejects(refused());
  dynamodb.on(GetCommand).rejects(named('InternalServerError'));
  await expect(ledger.commitPart(part)).rejects.toMatchObject({ code: 'LedgerUnavailable' });
});

describe('errors have our codes', () => {
  const calls: [string, () => Promise<unknown>][] = [
    ['GetItem', () => ledger.head('s')],
    ['PutItem', () => ledger.commitPart(part)],
    ['UpdateItem', () => ledger.claimTable('s', 't', 'r')],
    ['Query', () => ledger.lastPart(part)],
    ['Query', () => ledger.runs('s', 5)],
  ];
  test.for([
    ['ProvisionedThroughputExceededException', 'LedgerUnavailable'],
    ['ThrottlingException', 'LedgerUnavailable'],
    ['RequestLimitExceeded', 'LedgerUnavailable'],
    ['InternalServerError', 'LedgerUnavailable'],
    ['ECONNREFUSED', 'LedgerUnavailable'],
    ['AccessDeniedException', 'LedgerDenied'],
    ['UnrecognizedClientException', 'LedgerDenied'],
    ['CredentialsProviderError', 'LedgerDenied'],
    ['ResourceNotFoundException', 'LedgerDenied'],
    ['ValidationException', 'ProtocolViolation'],
  ] as const)('%s → %s', async ([name, code]) => {
    dynamodb.onAnyCommand().rejects(named(name));
    for (const [action, call] of calls) {
      const message = expect.stringMatching(new RegExp(`^dynamodb:${action} on table ledger`));
      await expect(call()).rejects.toMatchObject({ code, message });
    }
  });
});

test('a query goes on over its pages, and reads consistently', async () => {
  const [one, two] = [{ ...run, run: 'r2' }, run];
  dynamodb
    .on(QueryCommand)
    .resolvesOnce({ Items: [runItem(one)], LastEvaluatedKey: { pk: 'a', sk: 'b' } })
    .resolvesOnce({ Items: [], LastEvaluatedKey: { pk: 'a', sk: 'c' } })
    .resolves({ Items: [runItem(two)] });
  expect((await ledger.runs('s', 10)).map((found) => found.run)).toEqual(['r2', 'r']);
  for (const { args } of dynamodb.commandCalls(QueryCommand)) {
    expect(args[0].input).toMatchObject({ ConsistentRead: true, ScanIndexForward: false });
  }
});

test('a network that swallows everything is an error within minutes', async () => {
  expect(await dynamodbClient({ region: 'us-east-1' }).config.maxAttempts()).toBe(6);
  const nowhere = dynamodbClient({
    ...{ region: 'us-east-1', endpoint: 'http://127.0.0.1:1', maxAttempts: 1 },
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  // what the handler was told can be asked of it after its first request
  await expect(nowhere.send(new ListTablesCommand({}))).rejects.toThrow();
  expect(limitsOf(nowhere.config.requestHandler)).toMatchObject({
    connectionTimeout: 10_000,
    requestTimeout: 20_000,
    throwOnRequestTimeout: true,
  });
});
