/** The DynamoDB in memory answers as dynalite does: random expressions, random queries, random lives of the ledger. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
  type AttributeValue as SdkValue,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dynamodbClient, dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import type { Ledger } from '../../../core/ledger/ledger.ts';
import { ensureLedgerTable, type RunningDynamodb, startDynamodb } from '../../../local/dynamodb.ts';
import { clientConfigOf, memoryDynamodb, responseOf } from '../memory-dynamodb.ts';
import { seedOfThisRun } from '../random.ts';
import { connectionLost, promptRetries } from '../sdk-faults.ts';
import { shortDynamodb } from '../short-sdk/short-dynamodb.ts';
import type { AttributeValue, Item, Values } from './evaluate.ts';
import { conditionHolds, updated } from './evaluate.ts';
import { ExpressionRefused, parseCondition, parseUpdate } from './expression.ts';
import { type LedgerCall, ledgerCall, play, playAll } from './ledger-calls.ts';
import { emptyTable, isRead, itemAt, type Operation, perform, withItem } from './table.ts';

const TableName = 'ledger';
const seed = seedOfThisRun();
const runs = (numRuns: number) => ({ seed, numRuns });

let folder: string;
let server: RunningDynamodb;
let dynalite: DynamoDBClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-evaluator-'));
  server = await startDynamodb({ folder });
  await ensureLedgerTable({ endpoint: server.endpoint, tableName: TableName });
  dynalite = dynamodbClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});
afterAll(async () => {
  dynalite.destroy();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

let keys = 0;
const freshKey = () => ({ pk: { S: `P#${++keys}` }, sk: { S: 'S' } });

/** What dynalite makes of a request: what it gives, or what kind of refusal. */
async function asked<T>(send: Promise<T>): Promise<T | 'condition-failed' | 'refused'> {
  try {
    return await send;
  } catch (error) {
    const { name } = error as Error;
    if (name === 'ConditionalCheckFailedException') return 'condition-failed';
    if (name === 'ValidationException') return 'refused';
    throw error;
  }
}

/** A read of ours, with a refusal as a value. */
function evaluated<T>(evaluate: () => T): T | 'refused' {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof ExpressionRefused) return 'refused';
    throw error;
  }
}

// ---- random items and expressions

const attributeNames = ['alpha', 'beta', 'gamma', 'delta'] as const;
const attributeName = fc.constantFrom(...attributeNames);
// not empty: dynalite takes '' for absent here and there, which DynamoDB does not
const text = fc.constantFrom('a', 'b', 'ab', 'abc', 'B', 'run-1', 'run-2', '~', '0', '10', '9');
const number = fc.oneof(
  fc.integer({ min: -12, max: 12 }).map(String),
  fc.constantFrom('0.5', '-0.25', '1.5', '100', '12345678901234567890'),
);
const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  text.map((S) => ({ S })),
  number.map((N) => ({ N })),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant({ NULL: true as const }),
);
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }).map((L) => ({ L })) },
  { weight: 1, arbitrary: fc.dictionary(text, scalar, { maxKeys: 2 }).map((M) => ({ M })) },
);
const attributes: fc.Arbitrary<Item> = fc.dictionary(attributeName, value, { maxKeys: 4 });
const ordered = fc.oneof(
  text.map((S) => ({ S })),
  number.map((N) => ({ N })),
);

/** A text with the values that stand in it, by their places. */
type Expression = {
  readonly text: string;
  readonly values: readonly AttributeValue[];
  readonly depth: number;
};

const atom = (
  write: (path: string, values: string[]) => string,
  ...operands: fc.Arbitrary<AttributeValue>[]
) =>
  fc.tuple(attributeName, fc.boolean(), ...operands).map(([name, isPlaceholder, ...values]): Expression => {
    const path = isPlaceholder ? `#${name}` : name;
    return {
      text: write(
        path,
        values.map(() => ':'),
      ),
      values: values as AttributeValue[],
      depth: 0,
    };
  });
const comparison = fc.constantFrom('<', '<=', '>', '>=');
const condition: fc.Arbitrary<Expression> = fc.letrec<{ whole: Expression; atom: Expression }>((tie) => ({
  atom: fc.oneof(
    atom((path) => `attribute_exists(${path})`),
    atom((path) => `attribute_not_exists(${path})`),
    atom((path) => `${path} = :`, scalar),
    atom((path) => `${path} <> :`, scalar),
    atom((path) => `contains(${path}, :)`, ordered),
    atom((path) => `begins_with(${path}, :)`, ordered),
    atom((path) => `${path} BETWEEN : AND :`, ordered, ordered),
    atom((path) => `size(${path}) = :`, ordered),
    comparison.chain((by) => atom((path) => `${path} ${by} :`, ordered)),
    comparison.chain((by) => atom((path) => `size(${path}) ${by} :`, ordered)),
  ),
  whole: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('atom'),
    tie('whole').map(({ text, values, depth }) => ({
      text: `NOT ${depth > 0 ? `(${text})` : text}`,
      values,
      depth: 1,
    })),
    fc
      .tuple(tie('whole'), fc.constantFrom('AND', 'OR'), tie('whole'), fc.boolean())
      .map(([a, by, b, wrap]) => ({
        // with brackets and without: precedence is part of what is held against dynalite
        text: [a, b].map((side) => (side.depth > 0 && wrap ? `(${side.text})` : side.text)).join(` ${by} `),
        values: [...a.values, ...b.values],
        depth: 1,
      })),
  ),
})).whole;

/** Numbers the values, and defines exactly the placeholders that are used. */
function complete({ text, values }: Expression): {
  text: string;
  names: Record<string, string>;
  values: Values;
} {
  let at = 0;
  const numbered = text.replaceAll(':', () => `:v${at++}`);
  const used = [...new Set(numbered.match(/#[a-z]+/g) ?? [])];
  return {
    text: numbered,
    names: Object.fromEntries(used.map((name) => [name, name.slice(1)])),
    values: Object.fromEntries(values.map((found, i) => [`:v${i}`, found])),
  };
}

const expressionFields = (names: Record<string, string>, values: Values) => ({
  ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
  ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values as Record<string, SdkValue> }),
});

describe('the evaluator', () => {
  test('finds a condition true, false or refused as dynalite does', async () => {
    let [held, failed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        attributes,
        fc.array(condition, { minLength: 4, maxLength: 8 }),
        async (some, conditions) => {
          const item = { ...freshKey(), ...some };
          await dynalite.send(new PutItemCommand({ TableName, Item: item as Record<string, SdkValue> }));
          for (const expression of conditions) {
            const { text, names, values } = complete(expression);
            const theirs = await asked(
              dynalite.send(
                new PutItemCommand({
                  TableName,
                  Item: item as Record<string, SdkValue>,
                  ConditionExpression: text,
                  ...expressionFields(names, values),
                }),
              ),
            );
            const ours = evaluated(() => conditionHolds(item, text, names, values));
            if (ours === true) held++;
            if (ours === false) failed++;
            const expected = typeof theirs === 'string' ? theirs : true;
            expect(ours === false ? 'condition-failed' : ours, `${text} ${JSON.stringify(values)}`).toBe(
              expected,
            );
          }
        },
      ),
      runs(100),
    );
    // a generator that hardly ever makes a condition true would prove little
    expect(Math.min(held, failed)).toBeGreaterThan(100);
  });

  test('updates as dynalite does', async () => {
    const operand: fc.Arbitrary<Expression> = fc.oneof(
      atom((path) => path),
      value.map((found): Expression => ({ text: ':', values: [found], depth: 0 })),
      atom((path) => `if_not_exists(${path}, :)`, value),
      fc
        .tuple(attributeName, attributeName)
        .map(([a, b]): Expression => ({ text: `if_not_exists(${a}, ${b})`, values: [], depth: 0 })),
    );
    const sum: fc.Arbitrary<Expression> = fc.oneof(
      operand,
      fc.tuple(operand, operand).map(
        ([a, b]): Expression => ({
          text: `${a.text} + ${b.text}`,
          values: [...a.values, ...b.values],
          depth: 0,
        }),
      ),
      fc.tuple(attributeName, number, number).map(
        ([name, a, b]): Expression => ({
          text: `if_not_exists(#${name}, :) + :`,
          values: [{ N: a }, { N: b }],
          depth: 0,
        }),
      ),
    );
    const update = fc
      .uniqueArray(fc.tuple(attributeName, sum), { minLength: 1, maxLength: 3, selector: ([name]) => name })
      .map(
        (changes): Expression => ({
          text: `SET ${changes.map(([name, { text: right }]) => `${name} = ${right}`).join(', ')}`,
          values: changes.flatMap(([, { values }]) => values),
          depth: 0,
        }),
      );
    let done = 0;
    await fc.assert(
      fc.asyncProperty(attributes, update, async (some, expression) => {
        const key = freshKey();
        const item = { ...key, ...some };
        await dynalite.send(new PutItemCommand({ TableName, Item: item as Record<string, SdkValue> }));
        const { text, names, values } = complete(expression);
        const theirs = await asked(
          dynalite.send(
            new UpdateItemCommand({
              TableName,
              Key: key as Record<string, SdkValue>,
              UpdateExpression: text,
              ReturnValues: 'ALL_NEW',
              ...expressionFields(names, values),
            }),
          ),
        );
        const ours = evaluated(() => updated(item, text, names, values));
        if (ours !== 'refused') done++;
        expect(ours, `${text} ${JSON.stringify(values)}`).toEqual(
          typeof theirs === 'string' ? theirs : theirs.Attributes,
        );
      }),
      runs(300),
    );
    expect(done).toBeGreaterThan(50);
  });

  test.each([
    'a.b = :v',
    'a[0] = :v',
    'a = b',
    'a IN (:v)',
    'attribute_type(a, :v)',
    'a = :v AND',
    '(a = :v',
    'a = :v)',
    'size(a)',
    'a == :v',
    'begins_with(a)',
    'AND = :v',
    '',
  ])('refuses the condition %s', (text) => {
    expect(() => parseCondition(text)).toThrow(ExpressionRefused);
  });

  test.each([
    'REMOVE a',
    'ADD a :v',
    'SET a = :v REMOVE b',
    'SET a.b = :v',
    'SET a = list_append(a, :v)',
    'SET a',
  ])('refuses the update %s', (text) => {
    expect(() => parseUpdate(text)).toThrow(ExpressionRefused);
  });

  test('refuses what is not defined, and what is defined and not used', () => {
    const put = (input: Partial<PutItemCommandInput>): Operation => ({
      name: 'PutItem',
      input: { Item: freshKey(), ...(input as object) },
    });
    const statusOf = (operation: Operation) => perform(emptyTable, operation).answer.status;
    expect(statusOf(put({}))).toBe('done');
    expect(statusOf(put({ ConditionExpression: 'a = :v' }))).toBe('refused');
    expect(
      statusOf(put({ ConditionExpression: '#a = :v', ExpressionAttributeValues: { ':v': { N: '1' } } })),
    ).toBe('refused');
    const unused = { ExpressionAttributeValues: { ':v': { N: '1' }, ':vv': { N: '1' } } };
    expect(statusOf(put({ ConditionExpression: 'a = :vv', ...unused }))).toBe('refused');
    expect(statusOf({ name: 'DeleteItem', input: { Key: freshKey() } })).toBe('refused');
    expect(statusOf({ name: 'Query', input: { IndexName: 'x' } as object })).toBe('refused');
  });
});

describe('queries', () => {
  test('give the same pages as dynalite’s', async () => {
    const sk = fc.constantFrom('A', 'A#1', 'A#2', 'A#10', 'B', 'B#~', 'C');
    const range = fc.oneof(
      fc.constant({ text: '', values: [] as string[] }),
      fc.tuple(sk, sk).map(([a, b]) => ({ text: ' AND sk BETWEEN :a AND :b', values: [a, b].sort() })),
      sk.map((a) => ({ text: ' AND begins_with(sk, :a)', values: [a] })),
      fc.tuple(comparison, sk).map(([by, a]) => ({ text: ` AND sk ${by} :a`, values: [a] })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(sk),
        range,
        fc.boolean(),
        fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        async (sks, { text, values }, isForward, limit) => {
          const pk = freshKey().pk!;
          let table = emptyTable;
          for (const at of sks) {
            const item = { pk, sk: { S: at }, alpha: { N: '1' } };
            await dynalite.send(
              new PutItemCommand({ TableName, Item: item as unknown as Record<string, SdkValue> }),
            );
            table = perform(table, { name: 'PutItem', input: { Item: item } }).table;
          }
          let start: Item | undefined;
          for (let page = 0; page < 10; page++) {
            const input: QueryCommandInput = {
              TableName,
              KeyConditionExpression: `pk = :pk${text}`,
              ExpressionAttributeValues: {
                ':pk': pk as SdkValue,
                ...(values[0] !== undefined && { ':a': { S: values[0] } }),
                ...(values[1] !== undefined && { ':b': { S: values[1] } }),
              },
              ConsistentRead: true,
              ScanIndexForward: isForward,
              ...(limit && { Limit: limit }),
              ...(start && { ExclusiveStartKey: start as Record<string, SdkValue> }),
            };
            const theirs = await dynalite.send(new QueryCommand(input));
            const { answer } = perform(table, { name: 'Query', input: input as Operation['input'] });
            if (answer.status !== 'done') throw new Error(answer.status);
            expect(answer.output.Items).toEqual(theirs.Items);
            start = answer.output.LastEvaluatedKey;
            expect(start).toEqual(theirs.LastEvaluatedKey);
            if (!start) return;
          }
        },
      ),
      runs(100),
    );
  });
});

describe('the ledger', () => {
  test('lives the same life on all: through a short client, and through the real one after a lost try', async () => {
    let lives = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(ledgerCall, { minLength: 5, maxLength: 25 }), async (calls: LedgerCall[]) => {
        const sync = `life-${++lives}`;
        const ledgers = {
          memory: dynamodbLedger(dynamodbClient(memoryDynamodb().clientConfig), TableName),
          short: shortLedger(false),
          lossy: shortLedger(true),
        };
        const theirs = dynamodbLedger(dynalite, TableName);
        for (const call of calls) {
          const expected = await play(theirs, sync, call);
          for (const [name, ledger] of Object.entries(ledgers)) {
            expect(await play(ledger, sync, call), `${name}: ${JSON.stringify(calls)}`).toEqual(expected);
          }
        }
      }),
      runs(60),
    );
  });

  test('has each of its writes judged alike, whatever stands there', async () => {
    const writes = await writesOf(playAll);
    expect(new Set(writes.map(({ input }) => input.ConditionExpression)).size).toBeGreaterThanOrEqual(6);
    const before = fc.option(
      fc.record(
        {
          run: fc.constantFrom<AttributeValue>(...runTexts, { NULL: true }),
          execution: fc.constantFrom<AttributeValue>({ S: 'E1' }, { S: 'E2' }, { N: '1' }),
          status: fc.constantFrom<AttributeValue>({ S: 'running' }, { S: 'published' }, { BOOL: true }),
          executions: fc
            .array(fc.constantFrom({ S: 'E1' }, { S: 'E2' }), { maxLength: 3 })
            .map((L) => ({ L })),
          claimedBy: fc.constantFrom<AttributeValue>(...runTexts, { NULL: true }),
          snapshotRun: fc.constantFrom<AttributeValue>(...runTexts, { NULL: true }),
          version: fc.constantFrom<AttributeValue>({ N: '0' }, { N: '41' }),
        },
        { requiredKeys: [] },
      ),
    );
    let [held, failed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...writes), before, async ({ name, input }, some) => {
        const key = freshKey();
        const item = some && { ...key, ...some };
        if (item) {
          await dynalite.send(new PutItemCommand({ TableName, Item: item as Record<string, SdkValue> }));
        }
        const request = { ...input, ...(input.Key ? { Key: key } : { Item: { ...input.Item, ...key } }) };
        const ours = perform(item ? withItem(emptyTable, key.pk!.S, key.sk!.S, item) : emptyTable, {
          name,
          input: request,
        });
        const command =
          name === 'PutItem'
            ? new PutItemCommand(request as PutItemCommandInput)
            : new UpdateItemCommand(request as UpdateItemCommandInput);
        const theirs = await asked(dynalite.send(command as UpdateItemCommand));
        const expected = typeof theirs === 'string' ? theirs : (theirs.Attributes ?? {});
        if (ours.answer.status === 'done') held++;
        else failed++;
        expect(
          ours.answer.status === 'done' ? (ours.answer.output.Attributes ?? {}) : ours.answer.status,
        ).toEqual(expected);
        const { Item: after } = await dynalite.send(
          new GetItemCommand({ TableName, Key: key as Record<string, SdkValue>, ConsistentRead: true }),
        );
        expect(itemAt(ours.table, key.pk!.S, key.sk!.S)).toEqual(after);
      }),
      runs(400),
    );
    expect(Math.min(held, failed)).toBeGreaterThan(50);
  });
});

/** @param losesTheFirst each call's first try gets lost before it takes effect */
function shortLedger(losesTheFirst: boolean): Ledger {
  let table = emptyTable;
  const client = shortDynamodb(
    async (operation, _call, tries) => {
      if (losesTheFirst && tries === 1) connectionLost();
      const step = perform(table, operation);
      table = step.table;
      return responseOf(step.answer);
    },
    { retryStrategy: promptRetries(6) },
  );
  return dynamodbLedger(client, TableName);
}

const runTexts = ['20260101T000000Z-aaaa', '20260101T000001Z-bbbb', '20260101T000002Z-cccc'].map((S) => ({
  S,
}));

/** The conditional writes that a ledger sends while it is played with. */
async function writesOf(playing: (ledger: Ledger, sync: string) => Promise<void>): Promise<Operation[]> {
  const sent: Operation[] = [];
  let table = emptyTable;
  const config = clientConfigOf((operation) => {
    if (!isRead(operation.name)) sent.push(operation);
    const step = perform(table, operation);
    table = step.table;
    return step.answer;
  });
  await playing(dynamodbLedger(dynamodbClient(config), TableName), 'sync');
  return sent;
}
