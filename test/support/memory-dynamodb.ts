/**
 * A DynamoDB in memory, put under the product's own client:
 *
 *     const memory = memoryDynamodb();
 *     const ledger = dynamodbLedger(dynamodbClient(memory.clientConfig), 'ledger');
 *
 * It speaks the JSON protocol, so that the product's expressions arrive as they are sent. Its table is a value: taking
 * and setting back a snapshot costs nothing.
 */
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import {
  type Answer,
  emptyTable,
  type Input,
  type Operation,
  perform,
  type Table,
} from './memory-dynamodb/table.ts';

export type MemoryDynamodb = {
  /** for `new DynamoDBClient(…)` or the product's `dynamodbClient(…)` */
  readonly clientConfig: DynamoDBClientConfig;
  /** The state; give it back to `restore` at any time. */
  snapshot(): Table;
  restore(table: Table): void;
};

type Sent = { readonly headers: Readonly<Record<string, string>>; readonly body?: unknown };
type Response = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

function operationOf(request: Sent): Operation {
  const target = request.headers['x-amz-target'] ?? '';
  const body = request.body;
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array);
  return { name: target.split('.')[1] ?? '', input: JSON.parse(text) as Input };
}

function received(statusCode: number, content: object): Response {
  const headers = { 'content-type': 'application/x-amz-json-1.0' };
  return { statusCode, headers, body: Buffer.from(JSON.stringify(content)) };
}

const answers = new WeakMap<object, Answer>();

/** What a response says, if `responseOf` made it, and nobody has changed it since. */
export const answerIn = (response: object): Answer | undefined => answers.get(response);

/** An answer as it goes over the wire. */
export function responseOf(answer: Answer): Response {
  const response = worded(answer);
  answers.set(response, answer);
  return response;
}

function worded(answer: Answer): Response {
  switch (answer.status) {
    case 'done':
      return received(200, answer.output);
    case 'condition-failed':
      return received(400, {
        __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException',
        message: 'The conditional request failed',
        ...(answer.item && { Item: answer.item }),
      });
    case 'refused':
      return received(400, {
        __type: 'com.amazon.coral.validate#ValidationException',
        message: answer.message,
      });
  }
}

/** The configuration of a client whose requests a function takes in, as they are. No signature is made, no other process is asked. */
export function clientConfigVia(
  take: (operation: Operation, options: unknown) => Promise<Response>,
): DynamoDBClientConfig {
  const requestHandler = {
    async handle(request: Sent, options: unknown): Promise<{ readonly response: Response }> {
      return { response: await take(operationOf(request), options) };
    },
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
    destroy: () => {},
  };
  return {
    endpoint: 'http://dynamodb.invalid',
    region: 'us-east-1',
    credentials: { accessKeyId: 'memory', secretAccessKey: 'memory' },
    requestHandler: requestHandler as unknown as NonNullable<DynamoDBClientConfig['requestHandler']>,
    signer: { sign: async (request: unknown) => request } as unknown as NonNullable<
      DynamoDBClientConfig['signer']
    >,
  };
}

/**
 * The configuration of a client whose requests are answered by a function: it may wait, and it may throw what a lost
 * connection throws.
 *
 * @param answer gets the options that the client's `send` had, too
 */
export const clientConfigOf = (
  answer: (operation: Operation, options: unknown) => Answer | Promise<Answer>,
): DynamoDBClientConfig =>
  clientConfigVia(async (operation, options) => responseOf(await answer(operation, options)));

/** @param initial by default an empty table; its name does not matter */
export function memoryDynamodb(initial: Table = emptyTable): MemoryDynamodb {
  let table = initial;
  return {
    clientConfig: clientConfigOf((operation) => {
      const step = perform(table, operation);
      table = step.table;
      return step.answer;
    }),
    snapshot: () => table,
    restore(to) {
      table = to;
    },
  };
}
