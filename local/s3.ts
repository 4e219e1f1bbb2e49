import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TidemarkError } from '../core/errors.ts';
import type { Answer, Call } from './s3/answer.ts';
import { createBucket, deleteObjects, headBucket, listBuckets, listObjects } from './s3/buckets.ts';
import { completeMultipartUpload } from './s3/complete.ts';
import { copyObject } from './s3/copy.ts';
import { errnoOf, faultOf, type S3Fault } from './s3/fault.ts';
import {
  abortMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
} from './s3/multipart.ts';
import { deleteObject, getObject, headObject, putObject } from './s3/objects.ts';
import { type Operation, operationOf, targetOf } from './s3/route.ts';
import { openStore, type Store } from './s3/store.ts';
import { leaf, xmlDocument } from './s3/xml.ts';

export type EmbeddedS3 = {
  /** `http://127.0.0.1:<port>`: an address instead of a name makes the AWS SDK put the bucket into the path */
  readonly endpoint: string;
  readonly port: number;
  /** how many requests came, by operation (`PutObject`); what is not implemented counts as `NotImplemented` */
  readonly requests: Readonly<Record<string, number>>;
  /** Ends open connections and waits until no request works on the folder any more. */
  stop(): Promise<void>;
};

const operations: Readonly<Record<Operation, (call: Call) => Promise<Answer>>> = {
  ListBuckets: listBuckets,
  CreateBucket: createBucket,
  HeadBucket: headBucket,
  ListObjectsV2: listObjects,
  DeleteObjects: deleteObjects,
  PutObject: putObject,
  GetObject: getObject,
  HeadObject: headObject,
  CopyObject: copyObject,
  DeleteObject: deleteObject,
  CreateMultipartUpload: createMultipartUpload,
  UploadPart: uploadPart,
  ListParts: listParts,
  CompleteMultipartUpload: completeMultipartUpload,
  AbortMultipartUpload: abortMultipartUpload,
  ListMultipartUploads: listMultipartUploads,
};

const formatVersion = 1;

/**
 * Amazon S3 on this machine: what Tidemark asks of S3, answered from plain files `<folder>/<bucket>/<key>`, which
 * other programs may read. It may be killed at any moment: an object is there whole, with its metadata, or not at
 * all, and nothing that was acknowledged is lost (sidecar.ts says how; power loss is not covered).
 *
 * Signatures are not checked, so it listens on 127.0.0.1 only. One process at a time may own the folder.
 *
 * It differs from S3 so: the ETag of a write that brings its SHA-256 is the first half of it, of others their MD5 (in S3
 * an ETag is no MD5 either as soon as KMS encrypts); no default checksum is made where none was sent; owner, region,
 * storage class, ACL and encryption headers are read over; a request that is not implemented is answered 501; keys
 * that cannot be paths are refused.
 *
 * @param options.port 0 or nothing: any free one
 * @throws TidemarkError CloudBusy (the port is taken), CloudBroken (the folder cannot be used), FormatTooNew
 */
export async function startS3(options: {
  readonly folder: string;
  readonly port?: number;
}): Promise<EmbeddedS3> {
  const requests: Record<string, number> = {};
  const working = new Set<Promise<void>>();
  let store: Store | undefined;
  const server = http.createServer((request, response) => {
    if (store === undefined) return void request.destroy();
    const work = serve(store, request, response, requests);
    working.add(work);
    void work.finally(() => working.delete(work));
  });
  // The SDK keeps connections open; closing idle ones early would meet its next request half-way.
  server.keepAliveTimeout = 10 * 60 * 1000;
  server.headersTimeout = server.keepAliveTimeout + 1000;
  // A stopped process may take long over its upload; it harms nobody.
  server.requestTimeout = 0;
  const port = await listen(server, options.port ?? 0);
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await Promise.all(working);
  };
  try {
    // after the port: who finds it taken must not sweep the folder of the process that has it
    store = openFolder(options.folder);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint: `http://127.0.0.1:${port}`, port, requests, stop };
}

function listen(server: http.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const taken = errnoOf(error) === 'EADDRINUSE';
      reject(
        taken
          ? new TidemarkError('CloudBusy', `Port ${port} on 127.0.0.1, for the embedded S3, is taken.`, {
              cause: error,
            })
          : new TidemarkError(
              'CloudBroken',
              `The embedded S3 cannot listen on 127.0.0.1:${port} (${error.message}).`,
              { cause: error },
            ),
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function openFolder(folder: string): Store {
  try {
    requireFormat(path.join(folder, '.meta'));
    return openStore(folder);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TidemarkError('CloudBroken', `The embedded S3 cannot use the folder ${folder} (${reason}).`, {
      cause: error,
    });
  }
}

/** The metadata's format stands in one file, so that a newer one is refused before anything is touched. */
function requireFormat(meta: string): void {
  const file = path.join(meta, 'format.json');
  if (!fs.existsSync(file)) {
    fs.mkdirSync(meta, { recursive: true });
    fs.writeFileSync(`${file}.new`, `${JSON.stringify({ format: formatVersion })}\n`);
    fs.renameSync(`${file}.new`, file);
    return;
  }
  const { format } = JSON.parse(fs.readFileSync(file, 'utf8')) as { format: number };
  if (format > formatVersion) {
    throw new TidemarkError(
      'FormatTooNew',
      `${file} says format ${format}; this Tidemark knows up to ${formatVersion}.`,
    );
  }
}

async function serve(
  store: Store,
  request: IncomingMessage,
  response: ServerResponse,
  requests: Record<string, number>,
): Promise<void> {
  const id = randomUUID();
  const method = request.method ?? '';
  let answer: Answer;
  try {
    answer = await operate(store, request, requests);
  } catch (error) {
    answer = faultAnswer(faultOf(error, store.folder), request, id);
    // what is left of the body, so that the connection can carry the next request
    request.resume();
  }
  try {
    await send(response, answer, method, id);
  } catch {
    // the client went away, or the file did not give what it promised: an ended connection says so
    response.destroy();
  }
}

/** Finds the operation, counts it and does it. @throws whatever goes wrong; see faultOf */
function operate(store: Store, request: IncomingMessage, requests: Record<string, number>): Promise<Answer> {
  let operation: Operation | 'NotImplemented' = 'NotImplemented';
  try {
    const target = targetOf(request.url ?? '');
    operation = operationOf(request.method ?? '', target, request.headers);
    return operations[operation]({ store, request, headers: request.headers, target });
  } finally {
    requests[operation] = (requests[operation] ?? 0) + 1;
  }
}

function faultAnswer(fault: S3Fault, request: IncomingMessage, id: string): Answer {
  if (fault.code === 'NotModified') return { status: 304, headers: { etag: `"${fault.details.ETag}"` } };
  const { Status: _, ...details } = fault.details;
  const body = xmlDocument(
    'Error',
    leaf('Code', fault.code),
    leaf('Message', fault.message),
    ...Object.entries(details).map(([name, value]) => leaf(name, value)),
    leaf('Resource', request.url?.split('?', 1)[0]),
    leaf('RequestId', id),
  );
  return { status: fault.status, body };
}

async function send(response: ServerResponse, answer: Answer, method: string, id: string): Promise<void> {
  const { status, body, headers } = answer;
  const common = { 'x-amz-request-id': id, server: 'Tidemark' };
  if (typeof body === 'object') {
    try {
      response.writeHead(status, { ...common, ...headers });
    } catch (error) {
      fs.closeSync(body.fd);
      throw error;
    }
    if (body.bytes === 0) {
      fs.closeSync(body.fd);
      response.end();
      return;
    }
    const stream = fs.createReadStream('', {
      fd: body.fd,
      start: body.start,
      end: body.start + body.bytes - 1,
      highWaterMark: 512 * 1024,
    });
    await pipeline(stream, response);
    // another program cut the file meanwhile: the client must not wait for the rest, nor take it for whole
    if (stream.bytesRead < body.bytes) response.req.socket.destroy();
    return;
  }
  const xml = body === undefined ? {} : { 'content-type': 'application/xml' };
  const length =
    status === 204 || status === 304 || method === 'HEAD'
      ? {}
      : { 'content-length': Buffer.byteLength(body ?? '') };
  response.writeHead(status, { ...common, ...xml, ...length, ...headers });
  response.end(method === 'HEAD' ? undefined : body);
}
