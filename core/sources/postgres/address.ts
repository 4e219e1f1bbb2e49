/** `postgres://…` in libpq’s words: where a database is, as whom, and with which TLS. */
import { TidemarkError } from '../../errors.ts';

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];
const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'connect_timeout', 'application_name'];

/** Who says where the database is, as messages name it, and the code of what is wrong with what they say. */
export type AddressOrigin = {
  readonly name: string;
  readonly code: 'DefinitionInvalid' | 'SecretInvalid';
  /** where the URL has no sslmode */
  readonly sslMode: SslMode;
};

export const sourceUrlOrigin: AddressOrigin = {
  name: 'source.url',
  code: 'DefinitionInvalid',
  sslMode: 'prefer',
};

export type Address = {
  readonly origin: AddressOrigin;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly sslMode: SslMode;
  readonly sslFiles: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly connectMs: number;
  readonly applicationName: string;
};

export const invalidAddress = ({ name, code }: AddressOrigin, what: string): TidemarkError =>
  new TidemarkError(code, `${name}: ${what}`);

/**
 * `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`, with libpq's words:
 * sslmode `disable`, `prefer` (default: TLS if the server has it, unverified), `require` (unverified, unless
 * sslrootcert is given), `verify-ca`, `verify-full`. Throws the origin’s code, without the URL: it holds the password.
 */
export function parseAddress(url: string, origin: AddressOrigin = sourceUrlOrigin): Address {
  const invalid = (what: string): TidemarkError => invalidAddress(origin, what);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid(
      'not a URL; write postgres://user:password@host:5432/database (percent-encode @ : / ? # in it)',
    );
  }
  if (!/^postgres(ql)?:$/.test(parsed.protocol))
    throw invalid(`begins with ${parsed.protocol}//, must begin with postgres://`);
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid('has a % that is not followed by two hexadecimal digits');
    }
  };
  const given = parsed.searchParams;
  for (const name of given.keys())
    if (!parameters.includes(name))
      throw invalid(`does not know the parameter ${name}; known are ${parameters.join(', ')}`);
  const host = decode(parsed.hostname).replace(/^\[(.*)\]$/, '$1');
  const user = decode(parsed.username);
  if (host === '' || user === '') throw invalid(`names no ${host === '' ? 'host' : 'user'}`);
  const sslMode = given.get('sslmode') ?? origin.sslMode;
  if (!sslModes.includes(sslMode as SslMode))
    throw invalid(`sslmode is ${sslMode}, must be one of ${sslModes.join(', ')}`);
  const seconds = Number(given.get('connect_timeout') ?? 10);
  if (!(seconds > 0)) throw invalid('connect_timeout must be a number of seconds above 0');
  return {
    origin,
    host,
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    database: decode(parsed.pathname.slice(1)) || user,
    user,
    password: parsed.password === '' ? undefined : decode(parsed.password),
    sslMode: sslMode as SslMode,
    sslFiles: {
      ...(given.has('sslrootcert') && { ca: given.get('sslrootcert') as string }),
      ...(given.has('sslcert') && { cert: given.get('sslcert') as string }),
      ...(given.has('sslkey') && { key: given.get('sslkey') as string }),
    },
    connectMs: seconds * 1000,
    applicationName: given.get('application_name') ?? 'tidemark',
  };
}

export const placeOf = (address: Pick<Address, 'host' | 'port' | 'database'>): string =>
  `the database ${address.database} at ${address.host}:${address.port}`;
