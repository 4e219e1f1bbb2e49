import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { ApiError } from './failure.ts';
import type { Operations } from './operations.ts';
import type { Parameters } from './parameters.ts';

const target = 'AWSStepFunctions.';
const bodyBytesMax = 4 * 1024 * 1024;

/** Answers AWS JSON 1.0, the protocol of Step Functions: the operation in `X-Amz-Target`, JSON in and out. */
export function serve(operations: () => Operations): Server {
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(operations(), request);
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-requestid': randomUUID(),
    });
    response.end(JSON.stringify(body));
  });
  // the SDK keeps connections open; closing idle ones early would meet its next request half-way
  server.keepAliveTimeout = 10 * 60 * 1000;
  server.headersTimeout = server.keepAliveTimeout + 1000;
  return server;
}

async function answer(
  operations: Operations,
  request: IncomingMessage,
): Promise<{ status: number; body: object }> {
  try {
    const parameters = await parametersOf(request);
    const name = String(request.headers['x-amz-target'] ?? '');
    const operation = name.startsWith(target) ? name.slice(target.length) : '';
    if (!Object.hasOwn(operations, operation)) {
      throw new ApiError(
        'UnknownOperationException',
        `The embedded Step Functions does not know the operation '${operation || name}'; it knows ${Object.keys(operations).join(', ')}.`,
      );
    }
    return { status: 200, body: operations[operation]!(parameters) };
  } catch (error) {
    if (error instanceof ApiError)
      return { status: 400, body: { __type: error.code, message: error.message } };
    const message = error instanceof Error ? error.message : String(error);
    return { status: 500, body: { __type: 'InternalFailure', message } };
  }
}

async function parametersOf(request: IncomingMessage): Promise<Parameters> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new ApiError('ValidationException', 'The request is too large');
    pieces.push(piece);
  }
  try {
    const parameters: unknown = JSON.parse(Buffer.concat(pieces).toString() || '{}');
    if (typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)) {
      return parameters as Parameters;
    }
  } catch {
    // answered below, like all that is no object
  }
  throw new ApiError('SerializationException', 'The request is not a JSON object');
}
