import type { IncomingHttpHeaders } from 'node:http';
import { S3Fault } from './fault.ts';

/** The operations of S3 that the embedded one has. */
export type Operation =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'ListParts'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploads';

export type Target = {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
};

/** Parameters that mean something to each operation; any other makes it another operation, which is refused. */
const parametersOf: Readonly<Record<Operation, readonly string[]>> = {
  ListBuckets: [],
  CreateBucket: [],
  HeadBucket: [],
  ListObjectsV2: [
    'list-type',
    'prefix',
    'delimiter',
    'max-keys',
    'continuation-token',
    'start-after',
    'encoding-type',
    'fetch-owner',
  ],
  DeleteObjects: ['delete'],
  PutObject: [],
  GetObject: [],
  HeadObject: [],
  CopyObject: [],
  DeleteObject: [],
  CreateMultipartUpload: ['uploads'],
  UploadPart: ['partNumber', 'uploadId'],
  ListParts: ['uploadId', 'max-parts', 'part-number-marker'],
  CompleteMultipartUpload: ['uploadId'],
  AbortMultipartUpload: ['uploadId'],
  ListMultipartUploads: [
    'uploads',
    'prefix',
    'key-marker',
    'upload-id-marker',
    'max-uploads',
    'encoding-type',
  ],
};

/** Header fields that would change what a write means; ignoring them would lose what they ask for. */
const refusedHeaders = [
  'x-amz-tagging',
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-write-offset-bytes',
  'x-amz-copy-source-range',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-if-match-last-modified-time',
  'x-amz-if-match-size',
];

/** @throws S3Fault InvalidURI. The path is taken as it was sent: `..` in it is a part of the key. */
export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  let decoded: string;
  try {
    decoded = decodeURIComponent(rawPath);
  } catch {
    throw new S3Fault('InvalidURI', "Couldn't parse the specified URI.");
  }
  if (!decoded.startsWith('/')) throw new S3Fault('InvalidURI', "Couldn't parse the specified URI.");
  const slash = decoded.indexOf('/', 1);
  return {
    bucket: slash < 0 ? decoded.slice(1) : decoded.slice(1, slash),
    key: slash < 0 ? '' : decoded.slice(slash + 1),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

/** @throws S3Fault NotImplemented, which names the operation that was asked for */
export function operationOf(method: string, target: Target, headers: IncomingHttpHeaders): Operation {
  const operation = candidate(method, target, headers);
  const parameters = [...target.query.keys()].filter(
    (name) => name !== 'x-id' && !/^x-amz-/i.test(name) && !(name === 'versionId' && isNull(target.query)),
  );
  const strange = operation && parameters.find((name) => !parametersOf[operation].includes(name));
  if (operation === undefined || strange !== undefined) {
    throw notImplemented(askedFor(method, target, parameters), strange && `parameter ${strange}`);
  }
  const header = refusedHeaders.find((name) => headers[name] !== undefined);
  if (header !== undefined) throw notImplemented(operation, `header ${header}`);
  return operation;
}

/** Without versioning every object has the version "null". */
const isNull = (query: URLSearchParams): boolean => query.get('versionId') === 'null';

function candidate(method: string, target: Target, headers: IncomingHttpHeaders): Operation | undefined {
  const { bucket, key, query } = target;
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : undefined;
  if (key === '') {
    switch (method) {
      case 'PUT':
        return 'CreateBucket';
      case 'HEAD':
        return 'HeadBucket';
      case 'GET':
        if (query.has('uploads')) return 'ListMultipartUploads';
        return query.get('list-type') === '2' ? 'ListObjectsV2' : undefined;
      case 'POST':
        return query.has('delete') ? 'DeleteObjects' : undefined;
      default:
        return undefined;
    }
  }
  const upload = query.has('uploadId');
  switch (method) {
    case 'PUT':
      if (headers['x-amz-copy-source'] !== undefined) return upload ? undefined : 'CopyObject';
      return upload ? 'UploadPart' : 'PutObject';
    case 'GET':
      return upload ? 'ListParts' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return upload ? 'CompleteMultipartUpload' : undefined;
    default:
      return undefined;
  }
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'Get',
  PUT: 'Put',
  DELETE: 'Delete',
  POST: 'Post',
  HEAD: 'Head',
};

/** What S3 calls an operation that is not here: the SDK says it in x-id; else from method and subresource. */
function askedFor(method: string, { bucket, key, query }: Target, parameters: readonly string[]): string {
  const named = query.get('x-id');
  if (named !== null && /^[A-Za-z0-9]{1,64}$/.test(named)) return named;
  if (method === 'PUT' && query.has('uploadId')) return 'UploadPartCopy';
  const scope = key === '' ? 'Bucket' : 'Object';
  const subresource = parameters.find((name) => /^[a-zA-Z-]{1,40}$/.test(name) && query.get(name) === '');
  if (subresource === undefined && method === 'GET' && bucket !== '' && key === '') return 'ListObjects';
  const words = (subresource ?? '').split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${verbs[method] ?? method}${scope}${words.join('')}`;
}

const notImplemented = (operation: string, part?: string): S3Fault =>
  new S3Fault(
    'NotImplemented',
    `${operation}${part === undefined ? '' : ` with the ${part}`} is not implemented in Tidemark's embedded S3.`,
    { Operation: operation },
  );
