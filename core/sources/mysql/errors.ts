/**
 * What went wrong at the database → `TidemarkError`. Messages about values quote them, and those about syntax quote the
 * statement, in which keys stand: they never go on.
 */
import { type ErrorCode, TidemarkError } from '../../errors.ts';

/** What an error packet says. */
export type ServerError = { readonly number: number; readonly sqlState: string; readonly message: string };

const byNumber: Readonly<Record<number, ErrorCode>> = {
  1021: 'SourceUnavailable', // disk full
  1037: 'SourceUnavailable', // out of memory
  1038: 'SourceUnavailable', // out of sort memory
  1040: 'SourceUnavailable', // too many connections
  1041: 'SourceUnavailable', // out of memory
  1044: 'SourceRefused', // no right on the database
  1045: 'SourceRefused', // wrong password, or no such user
  1049: 'TableMissing', // no such database
  1053: 'SourceUnavailable', // shutting down
  1054: 'TableChanged', // no such column
  1077: 'SourceUnavailable',
  1079: 'SourceUnavailable',
  1080: 'SourceUnavailable', // forcing the connection to close
  1109: 'TableMissing',
  1129: 'SourceUnavailable', // the host is blocked, for too many failed connections
  1130: 'SourceRefused', // the host may not connect
  1142: 'TableDenied',
  1143: 'TableDenied',
  1146: 'TableMissing',
  1152: 'SourceUnavailable', // aborted connection
  1158: 'SourceUnavailable', // the network: 1158 to 1161
  1159: 'SourceUnavailable',
  1160: 'SourceUnavailable',
  1161: 'SourceUnavailable',
  1176: 'TableChanged', // the key's index is gone
  1203: 'SourceUnavailable', // too many connections of this user
  1205: 'SourceTimeout', // lock_wait_timeout
  1213: 'SourceUnavailable', // deadlock
  1226: 'SourceUnavailable', // max_user_connections, or another resource of the user
  1251: 'SourceRefused', // the way to log in
  1317: 'SourceTimeout', // somebody killed the statement
  1412: 'SourceUnavailable', // the table's definition has just changed
  1615: 'SourceUnavailable', // prepare again
  1698: 'SourceRefused', // no password is wanted, but another way to log in
  1820: 'SourceRefused', // the password has expired
  1862: 'SourceRefused',
  1927: 'SourceUnavailable', // MariaDB: the connection was killed
  1969: 'SourceTimeout', // MariaDB: max_statement_time
  3024: 'SourceTimeout', // MySQL: max_execution_time
  3118: 'SourceRefused', // MySQL: the account is locked
  3159: 'SourceRefused', // MySQL: connections have to be encrypted
  3169: 'SourceUnavailable', // MySQL: the session was killed
  3170: 'SourceUnavailable', // MySQL: out of memory for the ranges
  4031: 'SourceUnavailable', // MySQL: idle for too long
  4151: 'SourceRefused', // MariaDB: the account is locked
};

/** Their texts name a value. */
const aboutValues: ReadonlySet<number> = new Set([
  ...[1062, 1231, 1264, 1265, 1292, 1300, 1366, 1367, 1406, 1411, 1416, 1425, 1525, 1582, 1586, 1690],
  ...[1977, 3140, 3141, 3143, 3144, 3146, 3147, 3156, 3157, 3158, 3685, 3854, 4079, 4025],
]);
/** Their texts quote the statement. */
const aboutSyntax: ReadonlySet<number> = new Set([1064, 1149]);

const wordsOf = ({ number, message }: ServerError, quotesKeys: boolean): string => {
  if (aboutValues.has(number)) return 'a value does not fit what it is asked as';
  if (quotesKeys && aboutSyntax.has(number)) return 'the statement was not understood';
  return message;
};

/**
 * @param where `shop.orders` or `the database shop at db.example:3306`; begins the message
 * @param quotesKeys whether keys stand in the statement
 */
export function serverFailure(where: string, error: ServerError, quotesKeys: boolean): TidemarkError {
  const { number, sqlState } = error;
  const code =
    byNumber[number] ?? (sqlState.startsWith('08') ? 'SourceUnavailable' : ('SourceFailed' as const));
  return new TidemarkError(
    code,
    `${where}: ${wordsOf(error, quotesKeys)} (error ${number}, SQLSTATE ${sqlState})`,
  );
}

const tlsRefusals =
  /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|HANDSHAKE_|AUTH_SWITCH|MYSQL_CLEAR)/;

/** The message of what is meant for those who write programs with `mysql2` ends before it. */
const advice = /; ?see .*|\. To enable it.*|(?<=unknown plugin [\w-]+)\. See .*/is;

/**
 * Any error of `mysql2`, of the socket or of TLS. TidemarkErrors pass.
 * @param isLogin the connection is being made
 */
export function sourceFailure(where: string, error: unknown, isLogin = false): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { code, errno, sqlState, sqlMessage, message } = error as {
    code?: unknown;
    errno?: unknown;
    sqlState?: unknown;
    sqlMessage?: unknown;
    message?: string;
  };
  if (typeof errno === 'number' && errno >= 1000 && typeof sqlMessage === 'string') {
    const state = typeof sqlState === 'string' && sqlState !== '' ? sqlState : 'HY000';
    const failure = serverFailure(where, { number: errno, sqlState: state, message: sqlMessage }, false);
    if (isLogin && errno === 1049) return new TidemarkError('SourceRefused', failure.message);
    return failure;
  }
  const words = message === undefined || message === '' ? String(code ?? 'no reason given') : message;
  // nothing with the password goes on as cause
  const refused = typeof code === 'string' && tlsRefusals.test(code);
  return new TidemarkError(
    refused ? 'SourceRefused' : 'SourceUnavailable',
    `${where}: ${words.replace(advice, '')}`,
  );
}

const numberAtTheEnd = /\(error (\d+), SQLSTATE \w{5}\)$/;

/** Whether the server did not let the user in. `password`: by a wrong password. */
export function loginFailure(error: unknown): 'password' | 'other' | null {
  if (!(error instanceof TidemarkError) || error.code !== 'SourceRefused') return null;
  const number = Number(numberAtTheEnd.exec(error.message)?.[1] ?? 0);
  if (number === 0) return null;
  return number === 1045 ? 'password' : 'other';
}
