/**
 * One bucket of S3 in memory, as the `requestHandler` of an SDK client: no socket, no file, no clock, and every
 * request is answered in one step. PutObject, CopyObject, GetObject, HeadObject, DeleteObjects and ListObjectsV2, as
 * far as Tidemark uses them; a test holds it against the embedded S3.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** What the SDK hands to a handler. */
export type SdkRequest = {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export type SdkResponse = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | Readable;
};

export type MemoryObject = {
  readonly body: Buffer;
  /** without quotes */
  readonly etag: string;
  /** base64, as the writer gave it or asked for it */
  readonly sha256: string | undefined;
  readonly contentType: string;
  /** names in lower case, with their prefix `x-amz-meta-` */
  readonly metadata: Readonly<Record<string, string>>;
};

export type MemoryS3 = {
  readonly bucket: string;
  readonly objects: ReadonlyMap<string, MemoryObject>;
  /** Grows with every object that is written or deleted. */
  readonly changes: () => number;
  answer(request: SdkRequest): SdkResponse;
};

export type MemoryS3Options = {
  readonly bucket: string;
  /** of-bytes: the same for the same bytes, as the embedded S3 makes them. unique: another one with each write, as a bucket with KMS keys */
  readonly etags?: 'of-bytes' | 'unique';
  /** keys a page of ListObjectsV2, at most */
  readonly pageKeys?: number;
  /** what is there from the beginning */
  readonly objects?: ReadonlyMap<string, MemoryObject>;
};

const bytes = new WeakMap<object, Buffer>();

/** The body of a response, if a bucket in memory gave it, and nobody has changed it since. */
export const bytesIn = (response: object): Buffer | undefined => bytes.get(response);

class Fault extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

const notFound = (): Fault => new Fault(404, 'NoSuchKey');
const conditionFailed = (): Fault => new Fault(412, 'PreconditionFailed');

const escaped: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
const escapeXml = (text: string): string => text.replace(/[<>&"]/g, (character) => escaped[character]!);
const unescapeXml = (text: string): string =>
  text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) =>
    name === 'lt' ? '<' : name === 'gt' ? '>' : name === 'quot' ? '"' : name === 'apos' ? "'" : '&',
  );
const leaf = (name: string, value: string | number | boolean): string =>
  `<${name}>${escapeXml(String(value))}</${name}>`;
const xml = (root: string, ...content: readonly string[]): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content.join('')}</${root}>`,
  );

/** An error's answer, as S3 words it. Also good for a Copy that answers 200 with an error inside. */
export function s3Error(status: number, code: string): SdkResponse {
  const body = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${leaf('Code', code)}${leaf('Message', `${code} (in memory)`)}</Error>`,
  );
  return { statusCode: status, headers: { 'content-type': 'application/xml' }, body };
}

const unquoted = (etag: string): string => etag.replace(/^"(.*)"$/, '$1');
const sha256Of = (body: Uint8Array): string => createHash('sha256').update(body).digest('base64');
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const fixedTime = 'Thu, 01 Jan 2026 00:00:00 GMT';

function bytesOf(body: unknown): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body === undefined || body === null) return Buffer.alloc(0);
  throw new Fault(501, 'NotImplemented');
}

/** The bucket `bucket`; any other one does not exist. */
export function memoryS3(options: MemoryS3Options): MemoryS3 {
  const { bucket, etags = 'of-bytes', pageKeys = 1000 } = options;
  const objects = new Map<string, MemoryObject>(options.objects);
  let changes = 0;

  const etagOf = ({ body, sha256 }: Pick<MemoryObject, 'body' | 'sha256'>): string => {
    const hash = createHash(sha256 === undefined ? 'md5' : 'sha256').update(body);
    if (etags === 'unique') hash.update(String(changes));
    return hash.digest('hex').slice(0, 32);
  };

  function mustFind(key: string): MemoryObject {
    const found = objects.get(key);
    if (!found) throw notFound();
    return found;
  }

  function requireConditions(key: string, headers: SdkRequest['headers']): void {
    const ifMatch = headers['if-match'];
    if (ifMatch !== undefined && mustFind(key).etag !== unquoted(ifMatch)) throw conditionFailed();
    if (headers['if-none-match'] !== undefined && objects.has(key)) throw conditionFailed();
  }

  /** @param from the object that this is a copy of */
  function write(key: string, object: Omit<MemoryObject, 'etag'>, from?: MemoryObject): MemoryObject {
    changes++;
    const written = { ...object, etag: from && etags === 'of-bytes' ? from.etag : etagOf(object) };
    objects.set(key, written);
    return written;
  }

  function putObject(key: string, { headers, body: sent }: SdkRequest): SdkResponse {
    const body = bytesOf(sent);
    const signed = headers['x-amz-content-sha256'] ?? '';
    const isHash = /^[0-9a-f]{64}$/.test(signed);
    if (isHash && Buffer.from(signed, 'hex').toString('base64') !== sha256Of(body)) {
      throw new Fault(400, 'XAmzContentSHA256Mismatch');
    }
    const sha256 = headers['x-amz-checksum-sha256'];
    if (sha256 !== undefined && sha256 !== sha256Of(body)) throw new Fault(400, 'BadDigest');
    requireConditions(key, headers);
    const { etag } = write(key, {
      body,
      sha256,
      contentType: headers['content-type'] ?? 'binary/octet-stream',
      metadata: Object.fromEntries(
        Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-')),
      ),
    });
    return {
      statusCode: 200,
      headers: { etag: `"${etag}"`, ...(sha256 && { 'x-amz-checksum-sha256': sha256 }) },
      body: Buffer.alloc(0),
    };
  }

  function copyObject(key: string, { headers }: SdkRequest): SdkResponse {
    const source = decodeURIComponent(headers['x-amz-copy-source']!).replace(/^\//, '');
    if (!source.startsWith(`${bucket}/`)) throw new Fault(404, 'NoSuchBucket');
    const from = mustFind(source.slice(bucket.length + 1));
    const ifMatch = headers['x-amz-copy-source-if-match'];
    if (ifMatch !== undefined && from.etag !== unquoted(ifMatch)) throw conditionFailed();
    requireConditions(key, headers);
    const asked = headers['x-amz-checksum-algorithm'] === 'SHA256';
    const sha256 = asked ? sha256Of(from.body) : from.sha256;
    const { etag } = write(key, { ...from, sha256 }, from);
    const body = xml(
      'CopyObjectResult',
      leaf('LastModified', '2026-01-01T00:00:00.000Z'),
      leaf('ETag', `"${etag}"`),
      ...(sha256 ? [leaf('ChecksumSHA256', sha256), leaf('ChecksumType', 'FULL_OBJECT')] : []),
    );
    return { statusCode: 200, headers: { 'content-type': 'application/xml' }, body };
  }

  function readObject(key: string, { method, headers: asked }: SdkRequest): SdkResponse {
    const { body, etag, sha256, contentType, metadata } = mustFind(key);
    const checksum = sha256 && asked['x-amz-checksum-mode'] === 'ENABLED';
    const headers = {
      ...metadata,
      'content-type': contentType,
      'content-length': String(body.length),
      etag: `"${etag}"`,
      'last-modified': fixedTime,
      ...(checksum && { 'x-amz-checksum-sha256': sha256, 'x-amz-checksum-type': 'FULL_OBJECT' }),
    };
    if (method === 'HEAD') return { statusCode: 200, headers, body: Buffer.alloc(0) };
    const response = {
      statusCode: 200,
      headers,
      // a stream is dear: it is made for those who look at it
      get body() {
        return Readable.from([body], { objectMode: false });
      },
    };
    bytes.set(response, body);
    return response;
  }

  function deleteObjects({ body }: SdkRequest): SdkResponse {
    const keys = [
      ...bytesOf(body)
        .toString('utf8')
        .matchAll(/<Key>([^<]*)<\/Key>/g),
    ];
    if (keys.length === 0 || keys.length > 1000) throw new Fault(400, 'MalformedXML');
    for (const [, key] of keys) if (objects.delete(unescapeXml(key!))) changes++;
    return { statusCode: 200, headers: { 'content-type': 'application/xml' }, body: xml('DeleteResult') };
  }

  /** A continuation token is the last key or common prefix of the page before. */
  function listObjects(parameter: (name: string) => string): SdkResponse {
    const prefix = parameter('prefix');
    const delimiter = parameter('delimiter');
    const after = parameter('continuation-token') || parameter('start-after');
    const max = Math.min(Number(parameter('max-keys') || pageKeys), pageKeys);
    const contents: string[] = [];
    const prefixes: string[] = [];
    let last = '';
    let truncated = false;
    for (const key of [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes)) {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const entry = end < 0 ? key : key.slice(0, end + delimiter.length);
      if (entry === last || (after !== '' && byBytes(entry, after) <= 0)) continue;
      if (contents.length + prefixes.length === max) {
        truncated = true;
        break;
      }
      last = entry;
      if (entry !== key || end >= 0) {
        prefixes.push(`<CommonPrefixes>${leaf('Prefix', entry)}</CommonPrefixes>`);
      } else {
        const { body, etag } = objects.get(key)!;
        contents.push(
          `<Contents>${leaf('Key', key)}${leaf('Size', body.length)}${leaf('ETag', `"${etag}"`)}</Contents>`,
        );
      }
    }
    const body = xml(
      'ListBucketResult',
      leaf('Name', bucket),
      leaf('Prefix', prefix),
      leaf('KeyCount', contents.length + prefixes.length),
      leaf('IsTruncated', truncated),
      ...(truncated ? [leaf('NextContinuationToken', last)] : []),
      ...contents,
      ...prefixes,
    );
    return { statusCode: 200, headers: { 'content-type': 'application/xml' }, body };
  }

  function route(request: SdkRequest): SdkResponse {
    const [, inPath = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decodeURIComponent(request.path))!;
    if (inPath !== bucket) throw new Fault(404, 'NoSuchBucket');
    const parameter = (name: string): string => {
      const value = request.query?.[name];
      return typeof value === 'string' ? value : '';
    };
    const isCopy = request.headers['x-amz-copy-source'] !== undefined;
    if (key !== '' && request.method === 'PUT')
      return isCopy ? copyObject(key, request) : putObject(key, request);
    if (key !== '' && ['GET', 'HEAD'].includes(request.method)) return readObject(key, request);
    if (key === '' && request.method === 'POST' && 'delete' in (request.query ?? {}))
      return deleteObjects(request);
    if (key === '' && request.method === 'GET' && parameter('list-type') === '2')
      return listObjects(parameter);
    throw new Fault(501, 'NotImplemented');
  }

  return {
    bucket,
    objects,
    changes: () => changes,
    answer(request) {
      try {
        const response = route(request);
        if (response.body instanceof Buffer) bytes.set(response, response.body);
        return response;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // an answer to HEAD has no body
        if (request.method === 'HEAD') {
          return { statusCode: error.status, headers: {}, body: Buffer.alloc(0) };
        }
        return s3Error(error.status, error.code);
      }
    },
  };
}

/** Those that a bucket in memory goes by. */
export const headersThatCount =
  /^(content-type|if-(none-)?match|x-amz-(meta-.*|copy-source.*|content-sha256|checksum-(sha256|algorithm|mode)))$/;

/** The configuration of a client whose requests a function takes in. No signature is made, nobody else is asked. */
export function storeConfigVia(
  take: (
    request: SdkRequest,
    options: unknown,
  ) => Promise<Omit<SdkResponse, 'body'> & { readonly body?: unknown }>,
): S3ClientConfig {
  const requestHandler = {
    handle: async (request: SdkRequest, options: unknown) => ({ response: await take(request, options) }),
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
    destroy: () => {},
  };
  return {
    endpoint: 'http://127.0.0.1',
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'memory', secretAccessKey: 'memory' },
    requestHandler: requestHandler as unknown as NonNullable<S3ClientConfig['requestHandler']>,
    signer: { sign: async (request: unknown) => request } as unknown as NonNullable<S3ClientConfig['signer']>,
  };
}
