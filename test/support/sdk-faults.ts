/**
 * Faults on the wire of AWS SDK clients: a middleware beneath the SDK's own retries, right above the network. What runs
 * inside `throughWire` has each of its requests pass the wire that was given there; everything else passes untouched.
 * The product knows nothing of it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';

/** One call of a client's command; the SDK may send it several times. */
export type WireCall = {
  readonly service: string;
  /** `PutObject` */
  readonly command: string;
  readonly input: Readonly<Record<string, unknown>>;
};

export type WireAnswer = {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
};

export type Send = () => Promise<WireAnswer>;

/** @param tries how often the SDK has sent this very call, this time included */
export type Wire = (call: WireCall, tries: number, send: Send) => Promise<WireAnswer>;

const current = new AsyncLocalStorage<Wire>();

/** Has the requests of everything that `work` does, however it branches, pass the wire. */
export const throughWire = <T>(wire: Wire, work: () => Promise<T>): Promise<T> => current.run(wire, work);

/** What the test itself asks, also where an attempt's request makes it ask: it passes no wire. */
export const pastWire = <T>(work: () => Promise<T>): Promise<T> => current.exit(work);

/** What a service in memory answers to one try of a call, by the wire if there is one. */
export async function throughTheWire(
  call: WireCall,
  tries: number,
  answer: () => WireAnswer['response'],
): Promise<WireAnswer['response']> {
  const wire = current.getStore();
  if (!wire) return answer();
  return (await wire(call, tries, async () => ({ response: answer() }))).response;
}

type Deserializing = { readonly input: object };
type Stack = {
  add(
    middleware: (
      next: (args: Deserializing) => Promise<WireAnswer>,
      context: { readonly commandName?: string },
    ) => (args: Deserializing) => Promise<WireAnswer>,
    options: { step: 'deserialize'; priority: 'low'; name: string },
  ): void;
};

/** Puts the wire under a client. */
export function wireUp(client: { readonly middlewareStack: object }, service: string): void {
  (client.middlewareStack as Stack).add(
    (next, context) => {
      let call: WireCall | null = null;
      let tries = 0;
      return (args) => {
        const wire = current.getStore();
        if (!wire) return next(args);
        const command = (context.commandName ?? '').replace(/Command$/, '');
        call ??= { service, command, input: args.input as Record<string, unknown> };
        return wire(call, ++tries, async () => received(await next(args)));
      };
    },
    { step: 'deserialize', priority: 'low', name: 'wire' },
  );
}

/** An answer that nobody reads would keep its connection, until none is left: it is read here, and handed on whole. */
async function received({ response }: WireAnswer): Promise<WireAnswer> {
  if (response.body === undefined || response.body instanceof Uint8Array) return { response };
  const body = Readable.from([await wholeBody(response.body)], { objectMode: false });
  // a response of the SDK is known by its class
  return { response: Object.assign(Object.create(Object.getPrototypeOf(response)), response, { body }) };
}

type RetryToken = { getRetryCount(): number; getRetryDelay(): number };

/**
 * Tries as often as the SDK's standard strategy, and again after the same kinds of errors, but at once: without its
 * delays, and without the quota that many faults in one process would use up.
 */
export function promptRetries(triesMax: number) {
  const token = (count: number): RetryToken => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  return {
    mode: 'standard',
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async (before: RetryToken, { errorType }: { errorType: string }) => {
      const count = before.getRetryCount() + 1;
      if (count >= triesMax || !['THROTTLING', 'TRANSIENT'].includes(errorType)) {
        throw new Error('not tried again');
      }
      return token(count);
    },
    recordSuccess: () => {},
  };
}

/** The connection is lost: nobody knows what became of the request. The SDK sends it again. */
export const connectionLost = (): never => {
  throw Object.assign(new Error('the connection was lost (by the test)'), {
    name: 'TimeoutError',
    code: 'ECONNRESET',
  });
};

const answer = (status: number, type: string, body: string): WireAnswer => ({
  response: {
    statusCode: status,
    headers: {
      'content-type': type,
      'content-length': String(Buffer.byteLength(body)),
      'x-amz-request-id': 'test',
      'x-amzn-requestid': 'test',
    },
    body: Readable.from([Buffer.from(body)]),
  },
});

const s3Error = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>by the test</Message><RequestId>test</RequestId></Error>`;

/** An error as the service words it. An answer to HEAD has no body. */
export function errorAnswer({ service, command }: WireCall, status: number, code: string): WireAnswer {
  if (service !== 's3') {
    const body = JSON.stringify({
      __type: `com.amazonaws.dynamodb.v20120810#${code}`,
      message: 'by the test',
    });
    return answer(status, 'application/x-amz-json-1.0', body);
  }
  return answer(status, 'application/xml', command.startsWith('Head') ? '' : s3Error(code));
}

/** S3 begins to answer 200 before a long copy has ended; what goes wrong then stands in the body. */
export const errorInside200 = (code: string): WireAnswer => answer(200, 'application/xml', s3Error(code));

/** DeleteObjects answers 200 and says of each key what became of it. */
export function deletionsFailed({ input }: WireCall, code: string): WireAnswer {
  const { Objects } = input.Delete as { Objects: readonly { Key: string }[] };
  const errors = Objects.map(
    ({ Key }) => `<Error><Key>${Key}</Key><Code>${code}</Code><Message>by the test</Message></Error>`,
  );
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${errors.join('')}</DeleteResult>`;
  return answer(200, 'application/xml', body);
}

/** The connection breaks after half of the answer's body. */
export async function brokenOff({ response }: WireAnswer): Promise<WireAnswer> {
  const whole = await wholeBody(response.body);
  async function* half(): AsyncGenerator<Uint8Array> {
    yield whole.subarray(0, whole.length >> 1);
    connectionLost();
  }
  return { response: { ...response, body: Readable.from(half()) } };
}

async function wholeBody(body: unknown): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces);
}
