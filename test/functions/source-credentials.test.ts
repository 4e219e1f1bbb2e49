import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../core/errors.ts';
import { mysqlCredentials, postgresCredentials } from '../../functions/source-credentials.ts';

const { iamAddress, secretAddress } = postgresCredentials;

const arn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf';
const secretWord = 'geheim';

type Asked = { readonly target: string | undefined; readonly authorization: string; readonly body: unknown };
type Answer = { readonly status: number; readonly body: unknown };

/** Secrets Manager as far as anybody here asks it: JSON 1.1 over HTTP. */
let server: Server;
let asked: Asked[] = [];
let answers: Answer[] = [];
const kept = { ...process.env };

const says = (text: string): Answer => ({ status: 200, body: { ARN: arn, SecretString: text } });
const fails = (status: number, type: string, message = 'no'): Answer => ({
  status,
  body: { __type: type, message },
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { 'x-amz-target': target, authorization = '' } = request.headers;
    asked.push({
      target: target === undefined ? undefined : String(target),
      authorization,
      body: JSON.parse(await textOf(request)),
    });
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0])!;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
});
afterAll(async () => {
  process.env = kept;
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});
beforeEach(() => {
  asked = [];
});

const read = (text: string, sourceUrl?: string) => {
  answers = [says(text)];
  return secretAddress(arn, sourceUrl);
};

async function refusal(answer: Answer, sourceUrl?: string): Promise<TidemarkError> {
  answers = [answer];
  const error = await secretAddress(arn, sourceUrl).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(TidemarkError);
  expect((error as Error).message).toContain(arn);
  expect(JSON.stringify([String(error), (error as Error).cause])).not.toContain(secretWord);
  return error as TidemarkError;
}

describe('a secret', () => {
  test('is asked for by its ARN, in its own region, each time', async () => {
    await read('postgres://u@h/d');
    await read('postgres://u@h/d');
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({ target: 'secretsmanager.GetSecretValue', body: { SecretId: arn } });
    expect(asked[1]!.authorization).toContain('/eu-central-1/secretsmanager/');
  });

  test('a URL, with TLS that verifies where it says nothing else', async () => {
    const url = `postgres://tide:${secretWord}%2F1@db.example:5433/shop`;
    expect(await read(`  ${url}\n`)).toMatchObject({
      host: 'db.example',
      port: 5433,
      database: 'shop',
      user: 'tide',
      password: `${secretWord}/1`,
      sslMode: 'verify-full',
    });
    expect(await read(`${url}?sslmode=require`)).toMatchObject({ sslMode: 'require' });
  });

  const login = { username: 'ti@de', password: `${secretWord}:/?#[]@%` };

  test('JSON as RDS writes it', async () => {
    const whole = { ...login, engine: 'postgres', host: 'db.example', port: 5433, dbname: 'sh op' };
    const expected = {
      host: 'db.example',
      port: 5433,
      database: 'sh op',
      user: 'ti@de',
      password: login.password,
      sslMode: 'verify-full',
    };
    // what source.url says is the laptop's
    const laptop = 'postgres://dev:dev@127.0.0.1:1/dev?sslmode=disable';
    expect(await read(JSON.stringify(whole), laptop)).toMatchObject(expected);
    const texts = {
      ...whole,
      port: '5433',
      engine: 'aurora-postgresql',
      dbClusterIdentifier: 'c',
      sslmode: 'require',
    };
    expect(await read(JSON.stringify(texts))).toMatchObject({ ...expected, sslMode: 'require' });
  });

  test('of a host alone: the port and the database that PostgreSQL has by default', async () => {
    expect(await read(JSON.stringify({ ...login, host: 'db.example' }))).toMatchObject({
      host: 'db.example',
      port: 5432,
      database: 'postgres',
    });
  });

  test('without a host, as RDS keeps its master users: host, port, database and TLS are those of source.url', async () => {
    const url = 'postgres://other@db.example:5433/shop';
    const expected = {
      host: 'db.example',
      port: 5433,
      database: 'shop',
      user: 'ti@de',
      password: login.password,
    };
    expect(await read(JSON.stringify(login), url)).toMatchObject({ ...expected, sslMode: 'verify-full' });
    expect(await read(JSON.stringify(login), `${url}?sslmode=require`)).toMatchObject({
      ...expected,
      sslMode: 'require',
    });
  });

  test.for([
    ['a password alone', secretWord, 'is of another form; allowed: postgres://'],
    ['another database’s URL', `mysql://u:${secretWord}@h/d`, 'is of another form'],
    ['half a JSON', `{"password": "${secretWord}"`, 'is of another form'],
    ['a list', `["${secretWord}"]`, 'is of another form'],
    ['a wrong URL', `postgres://u:${secretWord}@h/d?sslmod=require`, 'does not know the parameter sslmod'],
    ['no user', JSON.stringify({ password: secretWord, host: 'h' }), 'it has no username'],
    ['no password', JSON.stringify({ username: secretWord, host: 'h' }), 'it has no password'],
    [
      'an empty password',
      JSON.stringify({ username: secretWord, password: '', host: 'h' }),
      'it has no password',
    ],
    ['no host anywhere', JSON.stringify(login), 'it has no host, and source.url gives none'],
    [
      'a host that is none',
      JSON.stringify({ ...login, host: `h/${secretWord}` }),
      'its host is of another form',
    ],
    [
      'a port that is none',
      JSON.stringify({ ...login, host: 'h', port: secretWord }),
      'its port is of another form',
    ],
    ['a password that is a list', JSON.stringify({ ...login, password: [secretWord] }), 'its password is of'],
    [
      'another engine',
      JSON.stringify({ ...login, host: 'h', engine: 'mysql' }),
      'its engine is another database',
    ],
    [
      'another sslmode',
      JSON.stringify({ ...login, host: 'h', sslmode: 'on' }),
      'sslmode is on, must be one of',
    ],
  ] as const)('%s: SecretInvalid, without a word of it', async ([, text, message]) => {
    const error = await refusal(says(text));
    expect(error).toMatchObject({ code: 'SecretInvalid', message: expect.stringContaining(message) });
  });

  test('bytes', async () => {
    const error = await refusal({ status: 200, body: { ARN: arn, SecretBinary: btoa(secretWord) } });
    expect(error).toMatchObject({ code: 'SecretInvalid', message: expect.stringContaining('is binary') });
  });
});

describe('a secret that cannot be had names the action and the ARN', () => {
  test.for([
    [
      fails(400, 'AccessDeniedException'),
      'SecretDenied',
      /^secretsmanager:GetSecretValue on arn:.* was denied/,
    ],
    [
      fails(400, 'AccessDeniedException', 'Access to KMS is not allowed'),
      'SecretDenied',
      /^kms:Decrypt on the key of arn:.*secretsmanager:GetSecretValue needs, was denied/,
    ],
    [fails(400, 'DecryptionFailure'), 'SecretDenied', /^secretsmanager:GetSecretValue on arn:.*kms:Decrypt/],
    [
      fails(400, 'ResourceNotFoundException'),
      'SecretDenied',
      /there is no such secret, or it has no value yet/,
    ],
    [
      fails(400, 'InvalidRequestException', 'it was marked for deletion'),
      'SecretDenied',
      /was refused \(InvalidRequestException\): it was marked for deletion/,
    ],
    [fails(400, 'UnrecognizedClientException'), 'SecretDenied', /was denied \(UnrecognizedClientException\)/],
  ] as const)('%o', async ([answer, code, message]) => {
    expect(await refusal(answer)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(asked).toHaveLength(1);
  });

  test('what passes by itself is asked for again, and is transient in the end', async () => {
    answers = [
      fails(500, 'InternalServiceError'),
      fails(400, 'ThrottlingException'),
      says('postgres://u@h/d'),
    ];
    expect(await secretAddress(arn, undefined)).toMatchObject({ host: 'h' });
    expect(asked).toHaveLength(3);
    expect(await refusal(fails(500, 'InternalServiceError'))).toMatchObject({
      code: 'SourceUnavailable',
      message: expect.stringContaining('secretsmanager:GetSecretValue on arn:'),
    });
  });
});

describe('IAM', () => {
  const url = 'postgres://tide@shop.abc123.eu-west-1.rds.amazonaws.com:5433/shop';

  test('a token of 15 minutes for this user at this host, signed for the database’s region', async () => {
    const { password, ...address } = await iamAddress(url);
    expect(address).toMatchObject({ user: 'tide', port: 5433, database: 'shop', sslMode: 'verify-full' });
    const token = new URL(`https://${password}`);
    expect(token.host).toBe('shop.abc123.eu-west-1.rds.amazonaws.com:5433');
    expect(Object.fromEntries(token.searchParams)).toMatchObject({
      Action: 'connect',
      DBUser: 'tide',
      'X-Amz-Expires': '900',
      'X-Amz-Credential': expect.stringContaining('/eu-west-1/rds-db/'),
    });
    expect(asked).toHaveLength(0);
  });

  test('a host of one’s own naming is in the function’s region; a password of source.url counts for nothing', async () => {
    const { password } = await iamAddress('postgres://tide:laptop@db.example/shop?sslmode=require');
    expect(new URL(`https://${password}`).searchParams.get('X-Amz-Credential')).toContain(
      '/us-east-1/rds-db/',
    );
  });

  describe('without credentials', () => {
    afterEach(() => {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
    });
    test('it says so', async () => {
      delete process.env.AWS_ACCESS_KEY_ID;
      delete process.env.AWS_SECRET_ACCESS_KEY;
      Object.assign(process.env, {
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      });
      await expect(iamAddress(url)).rejects.toMatchObject({
        code: 'SourceRefused',
        message: expect.stringMatching(/^a token of IAM for tide at shop\..* cannot be signed \(Credentials/),
      });
    });
  });
});

describe('of MySQL and MariaDB', () => {
  const asked = (text: string, sourceUrl?: string) => {
    answers = [says(text)];
    return mysqlCredentials.secretAddress(arn, sourceUrl);
  };
  const login = { username: 'tide', password: `${secretWord}:/?#[]@%` };

  test('a URL, with TLS that verifies where it says nothing else', async () => {
    expect(await asked(`mysql://tide:${secretWord}@db.example/shop`)).toMatchObject({
      ...{ host: 'db.example', port: 3306, database: 'shop', user: 'tide', password: secretWord },
      sslMode: 'VERIFY_IDENTITY',
    });
    expect(await asked('mariadb://u@h:3307/d?ssl-mode=required')).toMatchObject({
      ...{ port: 3307, sslMode: 'REQUIRED' },
    });
  });

  test.each(['mysql', 'mariadb', 'aurora-mysql', 'aurora'])(
    'JSON as RDS writes it, of %s',
    async (engine) => {
      const whole = { ...login, engine, host: 'db.example', port: 3307, dbname: 'shop' };
      expect(await asked(JSON.stringify(whole))).toMatchObject({
        ...{ host: 'db.example', port: 3307, database: 'shop', password: login.password },
        sslMode: 'VERIFY_IDENTITY',
      });
    },
  );

  test('what a secret that RDS rotates lacks is taken from source.url', async () => {
    expect(
      await asked(JSON.stringify(login), 'mysql://db.example:3307/shop?ssl-mode=VERIFY_CA'),
    ).toMatchObject({
      ...{ host: 'db.example', port: 3307, database: 'shop', user: 'tide', sslMode: 'VERIFY_CA' },
    });
    await expect(asked(JSON.stringify({ ...login, host: 'db.example' }))).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('no dbname'),
    });
  });

  test('of another database: refused, without a word of it', async () => {
    const other = { ...login, engine: 'postgres', host: 'h', dbname: 'd' };
    for (const text of [JSON.stringify(other), `postgres://u:${secretWord}@h/d`]) {
      const error = await asked(text).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: 'SecretInvalid' });
      expect(String(error)).not.toContain(secretWord);
    }
  });
});
