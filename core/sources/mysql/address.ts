/** `mysql://…` in MySQL’s own words: where a server is, as whom, and with which TLS. */
import { isIP } from 'node:net';
import { TidemarkError } from '../../errors.ts';
import type { TlsFiles } from '../tls-files.ts';

const sslModes = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
export type SslMode = (typeof sslModes)[number];
const parameters = ['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key', 'connect-timeout'];

/** Who says where the database is, as messages name it, and the code of what is wrong with what they say. */
export type AddressOrigin = {
  readonly name: string;
  readonly code: 'DefinitionInvalid' | 'SecretInvalid';
  /** where the URL has no ssl-mode */
  readonly sslMode: SslMode;
};

export const sourceUrlOrigin: AddressOrigin = {
  name: 'source.url',
  code: 'DefinitionInvalid',
  sslMode: 'PREFERRED',
};

export type Address = {
  readonly origin: AddressOrigin;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly sslMode: SslMode;
  readonly sslFiles: Readonly<TlsFiles>;
  readonly connectMs: number;
};

export const defaultPort = 3306;

export const invalidAddress = ({ name, code }: AddressOrigin, what: string): TidemarkError =>
  new TidemarkError(code, `${name}: ${what}`);

/**
 * `mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem` (or `mariadb://`), with the words
 * of MySQL's own clients, in capitals or not: ssl-mode `DISABLED`, `PREFERRED` (default: TLS if the server has it,
 * unverified), `REQUIRED` (unverified, unless ssl-ca is given), `VERIFY_CA`, `VERIFY_IDENTITY`; ssl-ca, ssl-cert and
 * ssl-key name files; connect-timeout in seconds. Throws the origin’s code, without the URL: it holds the password.
 */
export function parseAddress(url: string, origin: AddressOrigin = sourceUrlOrigin): Address {
  const invalid = (what: string): TidemarkError => invalidAddress(origin, what);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid(
      'not a URL; write mysql://user:password@host:3306/database (percent-encode @ : / ? # in it)',
    );
  }
  if (!/^(mysql|mariadb):$/.test(parsed.protocol))
    throw invalid(`begins with ${parsed.protocol}//, must begin with mysql:// or mariadb://`);
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid('has a % that is not followed by two hexadecimal digits');
    }
  };
  const given = new Map<string, string>();
  for (const [name, value] of parsed.searchParams) {
    if (!parameters.includes(name.toLowerCase()))
      throw invalid(`does not know the parameter ${name}; known are ${parameters.join(', ')}`);
    given.set(name.toLowerCase(), value);
  }
  const host = decode(parsed.hostname).replace(/^\[(.*)\]$/, '$1');
  const user = decode(parsed.username);
  const database = decode(parsed.pathname.slice(1));
  const missing = host === '' ? 'host' : user === '' ? 'user' : database === '' ? 'database' : null;
  if (missing !== null) throw invalid(`names no ${missing}; write mysql://user:password@host:3306/database`);
  const sslMode = (given.get('ssl-mode') ?? origin.sslMode).toUpperCase() as SslMode;
  if (!sslModes.includes(sslMode))
    throw invalid(`ssl-mode is ${given.get('ssl-mode')}, must be one of ${sslModes.join(', ')}`);
  if (sslMode === 'VERIFY_IDENTITY' && isIP(host) !== 0)
    throw invalid(
      'ssl-mode VERIFY_IDENTITY wants the name that stands in the server’s certificate, and the host is an IP address; allowed: the host’s name, or ssl-mode=VERIFY_CA',
    );
  const seconds = Number(given.get('connect-timeout') ?? 10);
  if (!(seconds > 0)) throw invalid('connect-timeout must be a number of seconds above 0');
  const file = (use: keyof TlsFiles): TlsFiles =>
    given.has(`ssl-${use}`) ? { [use]: given.get(`ssl-${use}`) as string } : {};
  return {
    ...{ origin, host, user, database, sslMode },
    port: parsed.port === '' ? defaultPort : Number(parsed.port),
    password: parsed.password === '' ? undefined : decode(parsed.password),
    sslFiles: { ...file('ca'), ...file('cert'), ...file('key') },
    connectMs: seconds * 1000,
  };
}

export const placeOf = (address: Pick<Address, 'host' | 'port' | 'database'>): string =>
  `the database ${address.database} at ${address.host}:${address.port}`;
