/**
 * Lambda's sandboxes: each has the product's own clients, ledger and store for all its invocations, as
 * functions/places.ts makes them. Their requests become calls of the actor that is being invoked.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import type { Ledger } from '../../../core/ledger/ledger.ts';
import { s3Store } from '../../../core/objects/s3.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import {
  emptyTable,
  isRead,
  type Operation,
  perform,
  type Table,
} from '../../support/memory-dynamodb/table.ts';
import { responseOf } from '../../support/memory-dynamodb.ts';
import { type MemoryS3, memoryS3, type SdkRequest } from '../../support/memory-s3.ts';
import { shortDynamodb } from '../../support/short-sdk/short-dynamodb.ts';
import { shortS3 } from '../../support/short-sdk/short-s3.ts';
import type { Actor, Call, Calls } from './actors.ts';

export type Cloud = {
  readonly s3: MemoryS3;
  /** all of DynamoDB */
  table: Table;
};

/** How an error says that the SDK shall not try again. */
const givenUp = 'simulationGivesUp';

/** As after the last of many tries. */
export const unanswered = (): Error =>
  Object.assign(new Error('no answer'), { name: 'TimeoutError', [givenUp]: true });

/** The SDK's own judgement of what may be tried again, as often as the product has it, but without its waits. */
function retryStrategy(triesMax: number) {
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  return {
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(
      before: { getRetryCount(): number },
      { errorType, error }: { errorType: string; error?: unknown },
    ) {
      const isGivenUp = typeof error === 'object' && error !== null && givenUp in error;
      const count = before.getRetryCount() + 1;
      if (isGivenUp || !['THROTTLING', 'TRANSIENT'].includes(errorType) || count >= triesMax) {
        throw new Error('no more tries');
      }
      return token(count);
    },
    recordSuccess() {},
  };
}

/** What S3 is asked, in one word and a place. */
function s3Call({ method, path, query, headers, body }: SdkRequest, bucket: string): Call {
  const key = decodeURIComponent(path).slice(bucket.length + 2);
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  const isConditional = headers['if-none-match'] !== undefined || headers['if-match'] !== undefined;
  const call = (name: string, of: string, isWrite: boolean): Call => ({
    service: 's3',
    name,
    of,
    isWrite,
    isConditional: isWrite && isConditional,
  });
  if (method === 'PUT') return call(isCopy ? 'CopyObject' : 'PutObject', key, true);
  if (method === 'POST') {
    const keys = [...String(body).matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1]);
    return call('DeleteObjects', keys.join(' '), true);
  }
  if (method === 'HEAD') return call('HeadObject', key, false);
  return key === '' ? call('ListObjects', String(query?.prefix), false) : call('GetObject', key, false);
}

function dynamodbCall({ name, input }: Operation): Call {
  const place = input.Key ?? input.Item ?? input.ExpressionAttributeValues ?? {};
  const texts = Object.entries(place).flatMap(([field, value]) =>
    ['pk', 'sk', ':pk', ':from'].includes(field) && 'S' in value ? [value.S] : [],
  );
  return { service: 'dynamodb', name, of: texts.join(' '), isWrite: !isRead(name), isConditional: false };
}

/** Where a client's requests go. */
type Socket = {
  cloud: Cloud;
  receive: <T>(call: Call, perform: () => T) => Promise<T>;
};
type Clients = {
  readonly socket: Socket;
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
};

const bucket = 'lake';

/** Clients are dear to make: they serve one simulation after the other. */
const idle: Clients[] = [];

/** As many sandboxes may be alive at once in a simulation. */
const clientsMax = 48;

/**
 * The first request that a client sends itself reads files and settings, which takes as long as it takes: not in a
 * simulation. Each client sends one, and gets no answer to it.
 */
async function warm({ socket, dynamodb, s3 }: Clients): Promise<void> {
  const { ledger, store } = placesOf(dynamodb, s3);
  socket.receive = async () => {
    throw unanswered();
  };
  const ended = await Promise.allSettled([ledger.head('none'), store.get('none')]);
  if (ended.some(({ status }) => status === 'fulfilled')) throw new Error('a client sent no request itself');
}

/** To be awaited before the first simulation of a process. */
export async function prepareSandboxes(): Promise<void> {
  while (idle.length < clientsMax) {
    const made = makeClients();
    await warm(made);
    idle.push(made);
  }
}

const placesOf = (dynamodb: Clients['dynamodb'], s3: Clients['s3']) => ({
  ledger: dynamodbLedger(dynamodb, 'ledger'),
  store: s3Store(s3, bucket),
});

/** Steps of the SDK that say who asks, and decide nothing: without them a request takes less time. */
const needless = [
  'getUserAgentMiddleware',
  'hostHeaderMiddleware',
  'loggerMiddleware',
  'recursionDetectionMiddleware',
];

function makeClients(): Clients {
  const socket: Socket = {
    cloud: { s3: memoryS3({ bucket }), table: emptyTable },
    receive: async (_, perform) => perform(),
  };
  const made: Clients = {
    socket,
    dynamodb: shortDynamodb(
      async (operation) => {
        const { cloud } = socket;
        const answer = await socket.receive(dynamodbCall(operation), () => {
          const step = perform(cloud.table, operation);
          cloud.table = step.table;
          return step.answer;
        });
        return responseOf(answer);
      },
      { retryStrategy: retryStrategy(6) },
    ),
    s3: shortS3(
      (request) => {
        const { s3 } = socket.cloud;
        return socket.receive(s3Call(request, bucket), () => s3.answer(request));
      },
      { retryStrategy: retryStrategy(5) },
    ),
  };
  for (const name of needless) {
    made.dynamodb.middlewareStack.remove(name);
    made.s3.middlewareStack.remove(name);
  }
  return made;
}

export type Sandbox = {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
};

export type Sandboxes = {
  /** One that is free, or a new one: as warm as Lambda would have it. */
  acquire(actor: Actor): Sandbox;
  /** The invocation has ended: the next one finds the sandbox as this one left it. */
  release(sandbox: Sandbox): void;
  /** It is gone, with all that it knew. */
  destroy(sandbox: Sandbox): void;
  /** At the end of a simulation: whoever is still asleep will not wake up. */
  close(): void;
};

export function sandboxes(cloud: Cloud, calls: Calls): Sandboxes {
  const free: Sandbox[] = [];
  const clientsOf = new Map<Sandbox, Clients>();
  return {
    acquire(actor) {
      const sandbox = free.pop() ?? make();
      clientsOf.get(sandbox)!.socket.receive = (call, perform) => calls.hold(actor, call, perform);
      return sandbox;
    },
    release(sandbox) {
      free.push(sandbox);
    },
    destroy(sandbox) {
      // everything that it had begun is held, and will be forgotten: its clients are as good as new
      idle.push(clientsOf.get(sandbox)!);
      clientsOf.delete(sandbox);
    },
    close() {
      idle.push(...clientsOf.values());
      clientsOf.clear();
    },
  };

  function make(): Sandbox {
    const clients = idle.pop();
    if (!clients) throw new Error(`more than ${clientsMax} sandboxes are alive in one simulation`);
    clients.socket.cloud = cloud;
    const sandbox = placesOf(clients.dynamodb, clients.s3);
    clientsOf.set(sandbox, clients);
    return sandbox;
  }
}
