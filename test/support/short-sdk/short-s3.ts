/** A short client of S3 under the product's store; see short-client.ts. */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { s3Client } from '../../../core/objects/s3.ts';
import { bytesIn, headersThatCount, type SdkRequest, storeConfigVia } from '../memory-s3.ts';
import { type Carry, type HttpAnswer, type Language, shortClient } from './short-client.ts';

type Input = {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body?: Uint8Array;
  readonly ContentLength?: number;
  readonly ContentType?: string;
  readonly ChecksumSHA256?: string;
  readonly Metadata?: Readonly<Record<string, string>>;
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
  readonly CopySource?: string;
  readonly CopySourceIfMatch?: string;
  readonly ChecksumAlgorithm?: string;
  readonly ChecksumMode?: string;
  readonly Delete?: { readonly Objects: readonly { readonly Key: string }[]; readonly Quiet?: boolean };
  readonly Prefix?: string;
  readonly Delimiter?: string;
  readonly ContinuationToken?: string;
};

type Fields = Readonly<Record<string, string | undefined>>;

const present = (fields: Fields): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined),
  );

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  "'": '&apos;',
  '"': '&quot;',
  '<': '&lt;',
  '>': '&gt;',
};
const escaped = (text: string): string => text.replace(/[&'"<>]/g, (mark) => entities[mark]!);
const unescaped = (text: string): string =>
  Object.entries(entities).reduceRight((so, [mark, entity]) => so.replaceAll(entity, mark), text);

const onKey = (method: string, { Bucket, Key }: Input, headers: Fields, query: Fields = {}): SdkRequest => ({
  method,
  path: `/${Bucket}/${Key.split('/').map(encoded).join('/')}`,
  query: present(query),
  headers: present(headers),
});

const onBucket = (method: string, { Bucket }: Input, query: Fields): SdkRequest => ({
  method,
  path: `/${Bucket}`,
  query: present(query),
  headers: {},
});

/** An input with another field than these is for the client itself. */
const known: Readonly<Record<string, readonly (keyof Input)[]>> = {
  PutObject: [
    ...(['Bucket', 'Key', 'Body', 'ContentLength', 'ContentType', 'ChecksumSHA256', 'Metadata'] as const),
    ...(['IfNoneMatch', 'IfMatch'] as const),
  ],
  CopyObject: ['Bucket', 'Key', 'CopySource', 'ChecksumAlgorithm', 'IfNoneMatch', 'CopySourceIfMatch'],
  GetObject: ['Bucket', 'Key'],
  HeadObject: ['Bucket', 'Key', 'ChecksumMode'],
  DeleteObjects: ['Bucket', 'Delete'],
  ListObjectsV2: ['Bucket', 'Prefix', 'Delimiter', 'ContinuationToken'],
};

const isKnown = (command: string, input: object): input is Input =>
  Object.keys(input).every((field) => known[command]?.includes(field as keyof Input));

const requests: Readonly<Record<string, (input: Input) => SdkRequest | null>> = {
  PutObject(input) {
    const { Body: body, ContentLength, Metadata = {} } = input;
    // what goes out in pieces has only the first one here
    if (!(body instanceof Uint8Array) || body.byteLength !== ContentLength) return null;
    const metadata = Object.entries(Metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
    const headers = {
      'content-type': input.ContentType,
      'x-amz-checksum-sha256': input.ChecksumSHA256,
      // as core/objects/s3.ts has it
      'x-amz-content-sha256':
        input.ChecksumSHA256 && Buffer.from(input.ChecksumSHA256, 'base64').toString('hex'),
      'if-none-match': input.IfNoneMatch,
      'if-match': input.IfMatch,
      ...Object.fromEntries(metadata),
    };
    return { ...onKey('PUT', input, headers, { 'x-id': 'PutObject' }), body };
  },
  CopyObject: (input) =>
    onKey(
      'PUT',
      input,
      {
        'x-amz-copy-source': input.CopySource,
        'x-amz-checksum-algorithm': input.ChecksumAlgorithm,
        'if-none-match': input.IfNoneMatch,
        'x-amz-copy-source-if-match': input.CopySourceIfMatch,
      },
      { 'x-id': 'CopyObject' },
    ),
  // the client checks what it reads against the checksum, where there is one
  GetObject: (input) => onKey('GET', input, { 'x-amz-checksum-mode': 'ENABLED' }, { 'x-id': 'GetObject' }),
  HeadObject: (input) => onKey('HEAD', input, { 'x-amz-checksum-mode': input.ChecksumMode }),
  DeleteObjects(input) {
    const objects = input.Delete!.Objects.map(({ Key }) => `<Object><Key>${escaped(Key)}</Key></Object>`);
    const body = `<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${objects.join('')}<Quiet>${input.Delete!.Quiet}</Quiet></Delete>`;
    return {
      ...onBucket('POST', input, { delete: '' }),
      headers: { 'content-type': 'application/xml' },
      body,
    };
  },
  ListObjectsV2: (input) =>
    onBucket('GET', input, {
      'list-type': '2',
      prefix: input.Prefix,
      delimiter: input.Delimiter,
      'continuation-token': input.ContinuationToken,
    }),
};

const metadataIn = (headers: HttpAnswer['headers']) =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('x-amz-meta-') ? [[name.slice('x-amz-meta-'.length), value]] : [],
    ),
  );

const leaf = (text: string, name: string): string | undefined => {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  return found === undefined ? undefined : unescaped(found);
};

const elements = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(([, inside]) => inside!);

/** What is looked at beside these fields would be missing without a word. */
const only = <T extends object>(fields: T): T =>
  new Proxy(fields, {
    get(target, name) {
      // whoever awaits it asks for `then`
      if (name in target || name === 'then') return Reflect.get(target, name);
      throw new Error(`a short client of S3 gives no ${String(name)}: have it do so`);
    },
  });

type Read = (headers: HttpAnswer['headers'], body: Buffer) => object;

/** The fields that the product's store looks at. */
const outputs: Readonly<Record<string, Read>> = {
  PutObject: (headers) => ({ ETag: headers.etag }),
  CopyObject: (_headers, body) => ({
    CopyObjectResult: only({ ChecksumSHA256: leaf(body.toString('utf8'), 'ChecksumSHA256') }),
  }),
  GetObject: (headers, body) => ({
    ETag: headers.etag,
    Body: only({ transformToByteArray: async () => new Uint8Array(body) }),
  }),
  HeadObject: (headers) => ({
    ContentLength: Number(headers['content-length']),
    ETag: headers.etag,
    Metadata: metadataIn(headers),
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
  }),
  DeleteObjects: () => ({ Errors: undefined }),
  ListObjectsV2(_headers, body) {
    const text = body.toString('utf8');
    return {
      Contents: elements(text, 'Contents').map((inside) =>
        only({ Key: leaf(inside, 'Key'), Size: Number(leaf(inside, 'Size')) }),
      ),
      CommonPrefixes: elements(text, 'CommonPrefixes').map((inside) =>
        only({ Prefix: leaf(inside, 'Prefix') }),
      ),
      IsTruncated: leaf(text, 'IsTruncated') === 'true',
      NextContinuationToken: leaf(text, 'NextContinuationToken'),
    };
  },
};

/** As far as it says what is asked. */
const essence = ({ method, path, query = {}, headers, body }: SdkRequest): string =>
  JSON.stringify([
    method,
    path.replace(/\/$/, ''),
    Object.entries(query).sort(),
    Object.entries(headers)
      .filter(([name]) => headersThatCount.test(name))
      .sort(),
    body instanceof Uint8Array
      ? Buffer.from(body).toString('latin1')
      : Buffer.from(String(body ?? '')).toString('latin1'),
  ]);

const language: Language<SdkRequest> = {
  service: 's3',
  requestOf(command, input) {
    const request = isKnown(command, input) ? requests[command]!(input) : null;
    return request && { request, call: { service: 's3', command, input: { ...input } } };
  },
  outputOf(command, answer) {
    const body = bytesIn(answer);
    if (!body || answer.statusCode !== 200) return null;
    return only(outputs[command]!(answer.headers, body));
  },
  difference(own, ours) {
    const [theirs, mine] = [essence(own), essence(ours)];
    return theirs === mine ? null : `${theirs}, not ${mine}`;
  },
};

type Send = (this: S3Client, command: { readonly input: object }, options?: object) => Promise<object>;

/** A client for `s3Store`. */
export function shortS3(carry: Carry<SdkRequest>, config: S3ClientConfig = {}): S3Client {
  const made = shortClient(language, carry);
  const client = s3Client({ ...storeConfigVia(made.handle), ...config });
  const realSend = client.send as Send;
  const send: Send = (command) => made.send(command, (own) => realSend.call(client, command, own));
  return Object.assign(client, { send });
}
