/** Who asks a REST catalog: a bearer token, or AWS's Signature Version 4. What comes back is never logged. */
import { createHash, createHmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';

export type OutgoingRequest = {
  readonly method: string;
  readonly url: URL;
  /** names in lower case */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

/** @returns the headers to send in place of the request's */
export type Authorize = (request: OutgoingRequest) => Promise<Record<string, string>>;

export const byToken =
  (token: string): Authorize =>
  async ({ headers }) => ({ ...headers, authorization: `Bearer ${token}` });

export const byNobody: Authorize = async ({ headers }) => ({ ...headers });

export type SigningName = { readonly service: string; readonly region: string };

type Secret = string | ArrayBuffer | ArrayBufferView;

const bytesOf = (data: Secret): Uint8Array =>
  typeof data === 'string'
    ? Buffer.from(data, 'utf8')
    : ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);

/** SHA-256, or with a secret HMAC-SHA-256, in the form that the signer takes. */
class Sha256 {
  readonly #secret: Secret | undefined;
  #data: Uint8Array[] = [];

  constructor(secret?: Secret) {
    this.#secret = secret;
  }

  update(data: Uint8Array): void {
    this.#data.push(data);
  }

  async digest(): Promise<Uint8Array> {
    const hash =
      this.#secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(this.#secret));
    for (const data of this.#data) hash.update(data);
    return hash.digest();
  }

  reset(): void {
    this.#data = [];
  }
}

type SignatureInit = ConstructorParameters<typeof SignatureV4>[0];

/**
 * Signs with the credentials of the machine (a function's role, a profile, the environment).
 * @param now when it is signed
 */
export function bySignature(
  { service, region }: SigningName,
  credentials: SignatureInit['credentials'] = defaultProvider(),
  now: () => Date = () => new Date(),
): Authorize {
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  return async ({ method, url, headers, body }) => {
    const signed = await signer.sign(
      {
        ...{ method, body, protocol: url.protocol, hostname: url.hostname, path: url.pathname },
        query: Object.fromEntries(url.searchParams),
        headers: { ...headers, host: url.host },
      },
      { signingDate: now() },
    );
    const { host: _, ...rest } = signed.headers;
    return rest;
  };
}
