/** The source's password, from Secrets Manager or signed with the function's role. No other file knows these clients. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Signer } from '@aws-sdk/rds-signer';
import { isDenial, nameOfError } from '../core/aws-denials.ts';
import { TidemarkError } from '../core/errors.ts';
import * as mysql from '../core/sources/mysql/address.ts';
import * as postgres from '../core/sources/postgres/address.ts';

type Login = { readonly host: string; readonly port: number; readonly user: string };

/**
 * How a kind of database is written. TLS verifies, where nothing else is said: a secret is not sent to whoever
 * answers. Lambda verifies RDS by NODE_EXTRA_CA_CERTS=/var/runtime/ca-cert.pem.
 */
type Dialect<Address extends Login> = {
  readonly scheme: RegExp;
  /** of a URL that is made of RDS's JSON */
  readonly made: string;
  readonly engine: RegExp;
  readonly engines: string;
  readonly port: string;
  /** where nobody names one; null: somebody has to */
  readonly database: string | null;
  /** the parameter of a URL that says which TLS, also a field of the JSON */
  readonly tls: string;
  /** @param name who says so; null: source.url */
  parse(url: string, name: string | null): Address;
};

const postgresDialect: Dialect<postgres.Address> = {
  ...{ scheme: /^postgres(ql)?:\/\//, made: 'postgres:', engine: /postgres/i, engines: 'postgres' },
  ...{ port: '5432', database: 'postgres', tls: 'sslmode' },
  parse: (url, name) =>
    postgres.parseAddress(url, {
      ...(name === null ? postgres.sourceUrlOrigin : { name, code: 'SecretInvalid' }),
      sslMode: 'verify-full',
    }),
};

const mysqlDialect: Dialect<mysql.Address> = {
  ...{ scheme: /^(mysql|mariadb):\/\//, made: 'mysql:', engine: /mysql|mariadb|^aurora$/i },
  ...{ engines: 'mysql, mariadb', port: String(mysql.defaultPort), database: null, tls: 'ssl-mode' },
  parse: (url, name) =>
    mysql.parseAddress(url, {
      ...(name === null ? mysql.sourceUrlOrigin : { name, code: 'SecretInvalid' }),
      sslMode: 'VERIFY_IDENTITY',
    }),
};

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

const allowedShapes = ({ made }: Pick<Dialect<Login>, 'made'>): string =>
  `allowed: ${made}//user:password@host:port/database, or JSON as RDS writes it: {"username", "password", "host", "port", "dbname"}`;

type Fields = Readonly<Record<string, unknown>>;

function addressFromFields<Address extends Login>(
  dialect: Dialect<Address>,
  fields: Fields,
  sourceUrl: string | undefined,
  name: string,
): Address {
  const invalid = (what: string) => new TidemarkError('SecretInvalid', `${name}: ${what}`);
  const shapes = allowedShapes(dialect);
  /** A field's text; null where it is missing or empty. Numbers are as good as their digits. */
  const take = (field: string, form = /./s): string | null => {
    const value = fields[field];
    if (value === undefined || value === null || value === '') return null;
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text === 'string' && form.test(text)) return text;
    throw invalid(`its ${field} is of another form; ${shapes}`);
  };
  const engine = take('engine');
  if (engine !== null && !dialect.engine.test(engine))
    throw invalid(`its engine is another database; allowed: ${dialect.engines}`);
  const username = take('username');
  const password = take('password');
  if (username === null || password === null)
    throw invalid(`it has no ${username === null ? 'username' : 'password'}; ${shapes}`);

  const host = take('host', /^[\w.:-]+$/);
  const beside = sourceUrl !== undefined && URL.canParse(sourceUrl) ? new URL(sourceUrl) : null;
  if (host === null && (beside === null || beside.hostname === ''))
    throw invalid(
      'it has no host, and source.url gives none (what it asks of the environment is not known to deployed functions); allowed: "host" in the secret, or a source.url without variables but for the password',
    );
  const port = take('port', /^\d{1,5}$/) ?? (beside?.port || dialect.port);
  const database =
    take('dbname') ?? (decodeURIComponent(beside?.pathname.slice(1) ?? '') || dialect.database);
  if (database === null)
    throw invalid(
      'it has no dbname, and source.url names no database (what it asks of the environment is not known to deployed functions); allowed: "dbname" in the secret, or a source.url without variables but for the password',
    );
  const where =
    host === null ? `${beside!.hostname}` : host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const whole = new URL(`${dialect.made}//${where}:${port}/${encodeURIComponent(database)}`);
  // parameters belong to the host: those of source.url count only for the host that stands there
  if (host === null) whole.search = beside!.search;
  const mode = take(dialect.tls);
  if (mode !== null) whole.searchParams.set(dialect.tls, mode);
  whole.username = encodeURIComponent(username);
  whole.password = encodeURIComponent(password);
  return dialect.parse(whole.href, name);
}

async function addressInSecret<Address extends Login>(
  dialect: Dialect<Address>,
  arn: string,
  sourceUrl: string | undefined,
): Promise<Address> {
  const text = (await secretText(arn)).trim();
  const name = `the secret ${arn}`;
  if (dialect.scheme.test(text)) return dialect.parse(text, name);
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // its message quotes the text
  }
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields))
    throw new TidemarkError('SecretInvalid', `${name} is of another form; ${allowedShapes(dialect)}`);
  return addressFromFields(dialect, fields as Fields, sourceUrl, name);
}

const regionOfHost = /\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$/;

async function addressByIam<Address extends Login>(
  dialect: Dialect<Address>,
  sourceUrl: string,
): Promise<Address> {
  const address = dialect.parse(sourceUrl, null);
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

const credentialsOf = <Address extends Login>(dialect: Dialect<Address>) => ({
  /**
   * Where the database is and how to log in, as the secret says it now.
   * @param arn of the secret: a URL, or RDS's JSON
   * @param sourceUrl gives what RDS's JSON lacks of host, port and database
   * @throws TidemarkError SecretDenied, SecretInvalid, SourceUnavailable; none holds anything of the secret
   */
  secretAddress: (arn: string, sourceUrl: string | undefined): Promise<Address> =>
    addressInSecret(dialect, arn, sourceUrl),
  /**
   * The address of source.url with a password that the function's role signs for it; good for 15 minutes.
   * @throws TidemarkError DefinitionInvalid, SourceRefused where the function has no credentials to sign with
   */
  iamAddress: (sourceUrl: string): Promise<Address> => addressByIam(dialect, sourceUrl),
});

export const postgresCredentials = credentialsOf(postgresDialect);
export const mysqlCredentials = credentialsOf(mysqlDialect);
