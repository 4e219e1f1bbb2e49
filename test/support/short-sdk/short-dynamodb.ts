/** A short client of DynamoDB under the product's ledger; see short-client.ts. */
import { isDeepStrictEqual } from 'node:util';
import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { dynamodbClient } from '../../../core/ledger/dynamodb.ts';
import type { Input, Item, Operation } from '../memory-dynamodb/table.ts';
import { answerIn, clientConfigVia } from '../memory-dynamodb.ts';
import { type Carry, type Language, type ShortClient, shortClient } from './short-client.ts';

/** The commands of the client for documents, as they are called on the wire. */
const operations: Readonly<Record<string, string>> = {
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
  Query: 'Query',
};

/** What holds values as they are in a program. */
const ofValues = ['Key', 'Item', 'ExpressionAttributeValues', 'ExclusiveStartKey'];

const marshalled = (value: unknown): Item => marshall(value, { removeUndefinedValues: true }) as Item;
const unmarshalled = (item: Item) => unmarshall(item as Parameters<typeof unmarshall>[0]);

function operationOf(command: string, input: object): Operation | null {
  const name = operations[command];
  if (!name) return null;
  const fields = Object.entries(input).flatMap(([field, value]): [string, unknown][] => {
    if (value === undefined) return [];
    return [[field, ofValues.includes(field) ? marshalled(value) : value]];
  });
  return { name, input: Object.fromEntries(fields) as Input };
}

const language: Language<Operation> = {
  service: 'dynamodb',

  requestOf(command, input) {
    const request = operationOf(command, input);
    return request && { request, call: { service: 'dynamodb', command: request.name, input: request.input } };
  },

  outputOf(_command, answer) {
    const found = answerIn(answer);
    if (found?.status !== 'done') return null;
    const { Item, Items, Attributes, LastEvaluatedKey, ...counts } = found.output;
    return {
      ...counts,
      ...(Item && { Item: unmarshalled(Item) }),
      ...(Items && { Items: Items.map(unmarshalled) }),
      ...(Attributes && { Attributes: unmarshalled(Attributes) }),
      ...(LastEvaluatedKey && { LastEvaluatedKey: unmarshalled(LastEvaluatedKey) }),
    };
  },

  difference: (own, ours) =>
    isDeepStrictEqual(own, ours) ? null : `${JSON.stringify(own)}, not ${JSON.stringify(ours)}`,
};

type Send = (
  this: DynamoDBDocumentClient,
  command: { readonly input: object },
  options?: object,
) => Promise<object>;

/** By the configuration, which a client for documents has from the client that it was made of. */
const short = new WeakMap<object, ShortClient<Operation>>();

/** The ledger makes its client for documents itself: all of them look here whether theirs is a short one. */
const prototype = DynamoDBDocumentClient.prototype as unknown as { send: Send };
const realSend = prototype.send;
prototype.send = function (command, options) {
  const found = short.get(this.config);
  if (!found) return realSend.call(this, command, options);
  return found.send(command, (own) => realSend.call(this, command, own));
};

/** A client for `dynamodbLedger`. */
export function shortDynamodb(carry: Carry<Operation>, config: DynamoDBClientConfig = {}): DynamoDBClient {
  const made = shortClient(language, carry);
  const client = dynamodbClient({ ...clientConfigVia(made.handle), ...config });
  short.set(client.config, made);
  return client;
}
