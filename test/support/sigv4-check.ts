/**
 * Signature Version 4, computed from what came over the wire and nothing else.
 * Source: AWS, IAM User Guide, "Create a signed AWS API request"
 */
import { createHash, createHmac } from 'node:crypto';

export type ReceivedRequest = {
  readonly method: string;
  /** path and query, as they were sent */
  readonly target: string;
  /** names in lower case */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** @returns what is wrong with the signature; null: nothing */
export function signatureProblem(
  { method, target, headers, body }: ReceivedRequest,
  expected: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly service: string;
    readonly region: string;
  },
): string | null {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, id, day, region, service, names, signature] = form.exec(headers.authorization ?? '') ?? [];
  if (!id || !day || !names) return 'no signature';
  if (id !== expected.accessKeyId || region !== expected.region || service !== expected.service)
    return `signed by ${id} for ${service} in ${region}`;
  const signed = names.split(';');
  for (const name of ['host', 'x-amz-date']) if (!signed.includes(name)) return `${name} is not signed`;
  const time = headers['x-amz-date'] ?? '';
  if (!time.startsWith(day)) return 'another day';
  const [path = '', query = ''] = target.split('?');
  // services other than S3 take the path encoded once more
  const canonicalPath = path.split('/').map(encoded).join('/');
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => pair.split('=').map((part) => encoded(decodeURIComponent(part))))
    .map(([name, value = '']) => `${name}=${value}`)
    .sort();
  const canonical = [
    method,
    canonicalPath,
    pairs.join('&'),
    ...signed.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce(
    (before, part) => hmac(before, part),
    hmac(`AWS4${expected.secretAccessKey}`, day),
  );
  return hmac(key, toSign).toString('hex') === signature ? null : 'another signature';
}
