import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bySignature } from '../../../../core/publish/catalogs/signed-requests.ts';
import { startRestCatalog } from '../../../support/rest-catalog-server.ts';
import { signatureProblem } from '../../../support/sigv4-check.ts';
import { a, catalogAt, empty, plus } from './rest-fixture.ts';

/** Of AWS's published test suite for Signature Version 4. */
const example = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
  service: 'service',
};
const exampleTime = '20150830T123600Z';
const exampleDate = new Date('2015-08-30T12:36:00Z');

describe('the check that these tests use', () => {
  test.each([
    ['get-vanilla', 'GET', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '/', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
  ])('finds the signature that AWS publishes for %s', (_, method, target, signature) => {
    const headers = {
      host: 'example.amazonaws.com',
      'x-amz-date': exampleTime,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    };
    expect(signatureProblem({ method, target, headers, body: '' }, example)).toBeNull();
    expect(signatureProblem({ method, target: `${target}x`, headers, body: '' }, example)).toBe(
      'another signature',
    );
  });
});

describe('a signed request', () => {
  const { region, service, ...credentials } = example;
  const sign = bySignature({ region, service }, credentials, () => exampleDate);

  test.each([
    ['GET', 'https://example.amazonaws.com/', undefined],
    [
      'GET',
      'https://example.amazonaws.com/iceberg/v1/config?warehouse=arn%3Aaws%3As3tables%2Fx%20y*',
      undefined,
    ],
    ['POST', 'https://example.amazonaws.com:8443/v1/arn%3Aaws%2Fb/namespaces/a%1Fb/tables/t', '{"ü":1}'],
  ])('%s %s', async (method, text, body) => {
    const url = new URL(text);
    const headers = await sign({ method, url, headers: { accept: 'application/json' }, body });
    expect(headers.host).toBeUndefined();
    const received = {
      ...{ method, target: `${url.pathname}${url.search}`, body: body ?? '' },
      headers: { ...headers, host: url.host },
    };
    expect(signatureProblem(received, example)).toBeNull();
    expect(signatureProblem({ ...received, body: 'other' }, example)).toBe('another signature');
  });

  test('carries the token of credentials that last for a while, signed', async () => {
    const lasting = bySignature({ region, service }, { ...credentials, sessionToken: 'session' });
    const headers = await lasting({
      method: 'GET',
      url: new URL('https://h/'),
      headers: {},
      body: undefined,
    });
    expect(headers['x-amz-security-token']).toBe('session');
    expect(headers.authorization).toContain('x-amz-security-token');
  });
});

describe('a catalog that asks for signatures', () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE } = process.env;
  beforeEach(() => {
    process.env.AWS_ACCESS_KEY_ID = example.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = example.secretAccessKey;
    delete process.env.AWS_SESSION_TOKEN;
    delete process.env.AWS_PROFILE;
  });
  afterEach(() => {
    const before = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE };
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test('takes each of ours; those of others it denies, and a message holds the first line of why', async () => {
    const server = await startRestCatalog({
      prefix: 'catalogs/arn%3Aaws',
      sign: { ...example, service: 'glue' },
    });
    const sign = { service: 'glue', region: 'us-east-1' } as const;
    const catalog = catalogAt({ uri: server.uri, sign, warehouse: 'a b:c/d' });
    expect(await catalog.commit(a, null, plus(empty(), 1))).toBe('committed');
    const seen = (await catalog.load(a))!;
    expect(await catalog.commit(a, seen, plus(seen.metadata, 2))).toBe('committed');
    await expect(
      catalogAt({ uri: server.uri, sign: { ...sign, region: 'eu-west-1' } }).load(a),
    ).rejects.toMatchObject({
      code: 'CatalogDenied',
      message: `GET ${server.uri}/v1/config answered 403 ForbiddenException: signed by AKIDEXAMPLE for glue in eu-west-1`,
    });
    await server.close();
  });
});
