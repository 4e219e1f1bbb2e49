import { region } from '../account.ts';
import { type Answer, type Call, isoTime, numberIn, quoted } from './answer.ts';
import { receiveText } from './body.ts';
import { S3Fault } from './fault.ts';
import { listPage, placeOf, tokenOf } from './listing.ts';
import { childrenOf, childText, group, leaf, parseXmlAs, requiredText, xmlDocument } from './xml.ts';

/** The embedded S3 knows one owner and no regions; clients want to see something in their places. */
const owner = (): string => group('Owner', leaf('ID', 'tidemark'));

export async function listBuckets({ store }: Call): Promise<Answer> {
  const buckets = store
    .buckets()
    .map(({ name, created }) =>
      group('Bucket', leaf('Name', name), leaf('CreationDate', created.toISOString())),
    );
  return { status: 200, body: xmlDocument('ListAllMyBucketsResult', owner(), group('Buckets', ...buckets)) };
}

/** Where the bucket shall live is read over. */
export async function createBucket({ store, target: { bucket } }: Call): Promise<Answer> {
  store.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

export async function headBucket({ store, target: { bucket } }: Call): Promise<Answer> {
  store.requireBucket(bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': region } };
}

const keysMax = 1000;

/** How `encoding-type=url` writes a key: each byte but letters, digits and `-_.*~/` as %XX. */
const urlEncoded = (text: string): string =>
  encodeURIComponent(text)
    .replace(/%2F/g, '/')
    .replace(/[!'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** @throws S3Fault InvalidArgument for an encoding that S3 does not know */
export function keyEncoder(query: URLSearchParams): (text: string) => string {
  const encoding = query.get('encoding-type');
  if (encoding === null) return (text) => text;
  if (encoding === 'url') return urlEncoded;
  throw new S3Fault('InvalidArgument', 'Invalid Encoding Method specified in Request', {
    ArgumentName: 'encoding-type',
    ArgumentValue: encoding,
  });
}

/** The number of a parameter such as max-keys. @throws S3Fault InvalidArgument */
export function limitIn(query: URLSearchParams, name: string, max: number): number {
  const limit = query.has(name) ? numberIn(query.get(name), max) : max;
  if (limit !== undefined) return limit;
  throw new S3Fault('InvalidArgument', `Provided ${name} not an integer or within integer range`, {
    ArgumentName: name,
    ArgumentValue: query.get(name) ?? '',
  });
}

/** Lets other requests in between while a page's objects are looked at, this many at a time. */
const looksAtOnce = 100;

export async function listObjects({ store, target: { bucket, query } }: Call): Promise<Answer> {
  const folder = store.requireBucket(bucket);
  const encode = keyEncoder(query);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const startAfter = query.get('start-after');
  const token = query.get('continuation-token');
  const max = limitIn(query, 'max-keys', keysMax);
  const place = token === null ? { after: startAfter ?? '', skip: '' } : placeOf(token);
  if (place === undefined) {
    throw new S3Fault('InvalidArgument', 'The continuation token provided is incorrect', {
      ArgumentName: 'continuation-token',
    });
  }
  const page = listPage(folder, { prefix, delimiter, max, ...place });
  const withOwner = query.get('fetch-owner') === 'true' ? owner() : '';
  const contents: string[] = [];
  for (const [index, key] of page.keys.entries()) {
    if (index % looksAtOnce === looksAtOnce - 1) await new Promise(setImmediate);
    const object = store.look(bucket, key);
    if (object === undefined) continue;
    contents.push(
      group(
        'Contents',
        leaf('Key', encode(key)),
        leaf('LastModified', isoTime(object.modified)),
        leaf('ETag', quoted(object.etag)),
        leaf('ChecksumAlgorithm', object.checksum?.algorithm),
        leaf('ChecksumType', object.checksum?.type),
        leaf('Size', object.size),
        withOwner,
        leaf('StorageClass', 'STANDARD'),
      ),
    );
  }
  const prefixes = page.commonPrefixes.map((common) =>
    group('CommonPrefixes', leaf('Prefix', encode(common))),
  );
  return {
    status: 200,
    body: xmlDocument(
      'ListBucketResult',
      leaf('Name', bucket),
      leaf('Prefix', encode(prefix)),
      delimiter === '' ? '' : leaf('Delimiter', encode(delimiter)),
      leaf('MaxKeys', max),
      leaf('EncodingType', query.get('encoding-type') ?? undefined),
      leaf('KeyCount', contents.length + prefixes.length),
      leaf('StartAfter', startAfter === null ? undefined : encode(startAfter)),
      leaf('ContinuationToken', token ?? undefined),
      leaf('NextContinuationToken', page.next && tokenOf(page.next)),
      leaf('IsTruncated', page.next !== undefined),
      ...contents,
      ...prefixes,
    ),
  };
}

/** 1,000 keys of 1,024 bytes, each byte escaped, and what stands around them. */
const deleteBytesMax = 8 * 1024 * 1024;

export async function deleteObjects({ store, request, headers, target: { bucket } }: Call): Promise<Answer> {
  store.requireBucket(bucket);
  const checked = Object.keys(headers).some(
    (name) => name === 'content-md5' || name.startsWith('x-amz-checksum-'),
  );
  if (!checked && headers['x-amz-trailer'] === undefined) {
    throw new S3Fault(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
  const document = parseXmlAs('Delete', await receiveText(request, deleteBytesMax));
  const quiet = childText(document, 'Quiet')?.trim() === 'true';
  const objects = childrenOf(document, 'Object').map((element) => ({
    key: requiredText(element, 'Key'),
    etag: childText(element, 'ETag'),
    version: childText(element, 'VersionId'),
  }));
  if (objects.length === 0 || objects.length > keysMax) {
    throw new S3Fault(
      'MalformedXML',
      `A Delete names between 1 and ${keysMax} objects; this one ${objects.length}.`,
    );
  }
  const results: string[] = [];
  for (const { key, etag, version } of objects) {
    try {
      if (version !== undefined && version !== 'null') {
        throw new S3Fault('NotImplemented', "Versions are not implemented in Tidemark's embedded S3.");
      }
      await store.remove(bucket, key, etag);
      if (!quiet) results.push(group('Deleted', leaf('Key', key)));
    } catch (error) {
      if (!(error instanceof S3Fault)) throw error;
      results.push(
        group('Error', leaf('Key', key), leaf('Code', error.code), leaf('Message', error.message)),
      );
    }
  }
  return { status: 200, body: xmlDocument('DeleteResult', ...results) };
}
