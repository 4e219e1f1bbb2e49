/** The source's password, from Secrets Manager or signed with the function's role. No other file knows these clients. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Signer } from '@aws-sdk/rds-signer';
import { isDenial, nameOfError } from '../core/aws-denials.ts';
import { TidemarkError } from '../core/errors.ts';
import {
  type Address,
  type AddressOrigin,
  parseAddress,
  sourceUrlOrigin,
} from '../core/sources/postgres/address.ts';

/**
 * TLS that verifies, where nothing else is said: a secret is not sent to whoever answers. Lambda verifies RDS by
 * NODE_EXTRA_CA_CERTS=/var/runtime/ca-cert.pem.
 */
const sslMode = 'verify-full';

/** One a region: a secret may lie in another one than the function. */
const clients = new Map<string, SecretsManagerClient>();

function clientFor(arn: string): SecretsManagerClient {
  const region = arn.split(':')[3]!;
  const client =
    clients.get(region) ??
    new SecretsManagerClient({
      region,
      maxAttempts: 5,
      // in a VPC without a way out, nothing ever answers
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
    });
  clients.set(region, client);
  return client;
}

async function secretText(arn: string): Promise<string> {
  const place = `secretsmanager:GetSecretValue on ${arn}`;
  try {
    const { SecretString: text } = await clientFor(arn).send(new GetSecretValueCommand({ SecretId: arn }));
    if (text !== undefined) return text;
  } catch (error) {
    const name = nameOfError(error);
    const said = error instanceof Error ? error.message : '';
    if (isDenial(name) && /kms/i.test(said))
      throw new TidemarkError(
        'SecretDenied',
        `kms:Decrypt on the key of ${arn}, which secretsmanager:GetSecretValue needs, was denied (${name})`,
        { cause: error },
      );
    if (isDenial(name))
      throw new TidemarkError('SecretDenied', `${place} was denied (${name})`, { cause: error });
    if (name === 'DecryptionFailure')
      throw new TidemarkError(
        'SecretDenied',
        `${place} failed (${name}): the role may lack kms:Decrypt on the secret’s key, or the key is disabled`,
        { cause: error },
      );
    if (name === 'ResourceNotFoundException')
      throw new TidemarkError('SecretDenied', `${place}: there is no such secret, or it has no value yet`, {
        cause: error,
      });
    if (name === 'InvalidRequestException' || name === 'InvalidParameterException')
      throw new TidemarkError('SecretDenied', `${place} was refused (${name}): ${said}`, { cause: error });
    throw new TidemarkError(
      'SourceUnavailable',
      `${place} failed (${name}); a function in a VPC reaches Secrets Manager by an interface endpoint or a NAT gateway`,
      { cause: error },
    );
  }
  throw new TidemarkError('SecretInvalid', `the secret ${arn} is binary; allowed: a text`);
}

const allowedShapes =
  'allowed: postgres://user:password@host:port/database, or JSON as RDS writes it: {"username", "password", "host", "port", "dbname"}';

type Fields = Readonly<Record<string, unknown>>;

/** A field's text; null where it is missing or empty. Numbers are as good as their digits. */
function field(fields: Fields, name: string, form: RegExp, invalid: (what: string) => TidemarkError) {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return null;
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && form.test(text)) return text;
  throw invalid(`its ${name} is of another form; ${allowedShapes}`);
}

function addressFromFields(fields: Fields, sourceUrl: string | undefined, origin: AddressOrigin): Address {
  const invalid = (what: string) => new TidemarkError('SecretInvalid', `${origin.name}: ${what}`);
  const take = (name: string, form = /./s) => field(fields, name, form, invalid);
  const engine = take('engine');
  if (engine !== null && !/postgres/i.test(engine))
    throw invalid('its engine is another database; allowed: postgres');
  const username = take('username');
  const password = take('password');
  if (username === null || password === null)
    throw invalid(`it has no ${username === null ? 'username' : 'password'}; ${allowedShapes}`);

  const host = take('host', /^[\w.:-]+$/);
  const beside = sourceUrl !== undefined && URL.canParse(sourceUrl) ? new URL(sourceUrl) : null;
  if (host === null && (beside === null || beside.hostname === ''))
    throw invalid(
      'it has no host, and source.url gives none (what it asks of the environment is not known to deployed functions); allowed: "host" in the secret, or a source.url without variables but for the password',
    );
  const port = take('port', /^\d{1,5}$/) ?? (beside?.port || '5432');
  const database = take('dbname') ?? (decodeURIComponent(beside?.pathname.slice(1) ?? '') || 'postgres');
  const where =
    host === null ? `${beside!.hostname}` : host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const whole = new URL(`postgres://${where}:${port}/${encodeURIComponent(database)}`);
  // parameters belong to the host: those of source.url count only for the host that stands there
  if (host === null) whole.search = beside!.search;
  const mode = take('sslmode');
  if (mode !== null) whole.searchParams.set('sslmode', mode);
  whole.username = encodeURIComponent(username);
  whole.password = encodeURIComponent(password);
  return parseAddress(whole.href, origin);
}

/**
 * Where the database is and how to log in, as the secret says it now.
 * @param arn of the secret: a URL, or RDS's JSON
 * @param sourceUrl gives what RDS's JSON lacks of host, port and database
 * @throws TidemarkError SecretDenied, SecretInvalid, SourceUnavailable; none holds anything of the secret
 */
export async function secretAddress(arn: string, sourceUrl: string | undefined): Promise<Address> {
  const text = (await secretText(arn)).trim();
  const origin: AddressOrigin = { name: `the secret ${arn}`, code: 'SecretInvalid', sslMode };
  if (/^postgres(ql)?:\/\//.test(text)) return parseAddress(text, origin);
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // its message quotes the text
  }
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields))
    throw new TidemarkError('SecretInvalid', `${origin.name} is of another form; ${allowedShapes}`);
  return addressFromFields(fields as Fields, sourceUrl, origin);
}

const regionOfHost = /\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$/;

/**
 * The address of source.url with a password that the function's role signs for it; good for 15 minutes.
 * @throws TidemarkError DefinitionInvalid, SourceRefused where the function has no credentials to sign with
 */
export async function iamAddress(sourceUrl: string): Promise<Address> {
  const address = parseAddress(sourceUrl, { ...sourceUrlOrigin, sslMode });
  const { host: hostname, port, user: username } = address;
  const [, region] = regionOfHost.exec(hostname) ?? [];
  try {
    const signer = new Signer({ hostname, port, username, ...(region !== undefined && { region }) });
    return { ...address, password: await signer.getAuthToken() };
  } catch (error) {
    throw new TidemarkError(
      'SourceRefused',
      `a token of IAM for ${username} at ${hostname}:${port} cannot be signed (${nameOfError(error)})`,
      { cause: error },
    );
  }
}
