/** HTTP requests of the AWS SDK, as IAM sees them: which actions on which resources they need. */
import { accountId, region } from '../../local/account.ts';
import type { Ask } from './iam.ts';

export type Seen = {
  /** who asked: the access key id of its signature */
  readonly who: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** of the answer */
  readonly status: number;
};

const s3Action = (action: string, bucket: string, key: string): Ask => ({
  action: `s3:${action}`,
  resource: `arn:aws:s3:::${bucket}/${key}`,
  context: {},
});

const seeing = (bucket: string, prefix: string): Ask => ({
  action: 's3:ListBucket',
  resource: `arn:aws:s3:::${bucket}`,
  context: { 's3:prefix': [prefix] },
});

function s3Asks({ method, url, headers, body, status }: Seen): Ask[] {
  const { pathname, searchParams: query } = new URL(url, 'http://s3');
  const [, bucket, rawKey] = /^\/([^/]+)\/?(.*)$/.exec(pathname)!;
  const key = decodeURIComponent(rawKey!);
  if (query.get('list-type') === '2') return [seeing(bucket!, query.get('prefix') ?? '')];
  if (query.has('delete')) {
    const keys = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1]!);
    return keys.map((each) => s3Action('DeleteObject', bucket!, each));
  }
  // whoever may not list learns 403 of a missing object, and Tidemark would take that for a denial
  const missing = (which: string) => (status === 404 ? [seeing(bucket!, which)] : []);
  const source = headers['x-amz-copy-source'];
  const isPlain = [...query.keys()].every((name) => name === 'x-id');
  if (method === 'PUT' && typeof source === 'string' && isPlain) {
    const from = decodeURIComponent(source).replace(/^\/?[^/]+\//, '');
    return [s3Action('GetObject', bucket!, from), s3Action('PutObject', bucket!, key), ...missing(from)];
  }
  if (method === 'PUT' && isPlain) {
    return [
      s3Action('PutObject', bucket!, key),
      ...(headers['if-match'] ? [s3Action('GetObject', bucket!, key)] : []),
    ];
  }
  if ((method === 'GET' || method === 'HEAD') && key !== '' && isPlain) {
    return [s3Action('GetObject', bucket!, key), ...missing(key)];
  }
  throw new Error(`what IAM asks for ${method} ${url} is not known here`);
}

type Attribute = { readonly S: string };

function dynamodbAsks(operation: string, body: string): Ask[] {
  const input = JSON.parse(body) as {
    TableName: string;
    Key?: { pk: Attribute };
    Item?: { pk: Attribute };
    ExpressionAttributeValues?: { ':pk'?: Attribute };
  };
  const partition = (input.Key ?? input.Item)?.pk.S ?? input.ExpressionAttributeValues?.[':pk']?.S;
  if (partition === undefined) throw new Error(`dynamodb:${operation} has no partition key`);
  return [
    {
      action: `dynamodb:${operation}`,
      resource: `arn:aws:dynamodb:${region}:${accountId}:table/${input.TableName}`,
      context: { 'dynamodb:LeadingKeys': [partition] },
    },
  ];
}

/** What a request needs. A request of another form is an error: nothing goes by unseen. */
export function asksOf(seen: Seen): Ask[] {
  const target = seen.headers['x-amz-target'];
  if (typeof target !== 'string') return s3Asks(seen);
  const [service, operation] = target.split('.') as [string, string];
  if (service.startsWith('DynamoDB_')) return dynamodbAsks(operation, seen.body);
  if (service === 'AWSStepFunctions') {
    const { executionArn } = JSON.parse(seen.body) as { executionArn: string };
    return [{ action: `states:${operation}`, resource: executionArn, context: {} }];
  }
  if (service === 'secretsmanager') {
    const { SecretId: resource } = JSON.parse(seen.body) as { SecretId: string };
    return [{ action: `secretsmanager:${operation}`, resource, context: {} }];
  }
  throw new Error(`${target} is not known here`);
}
