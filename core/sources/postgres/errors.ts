/**
 * What went wrong at the database → `TidemarkError`. PostgreSQL's DETAIL, CONTEXT and the text of errors about
 * values (class 22) may quote rows: they never go on.
 */
import { type ErrorCode, TidemarkError } from '../../errors.ts';

/** What an ErrorResponse says, without what may quote rows. */
export type ServerError = { readonly sqlState: string; readonly message: string };

const bySqlState: Readonly<Record<string, ErrorCode>> = {
  '57014': 'SourceTimeout', // statement_timeout, or somebody cancelled it
  '55P03': 'SourceTimeout', // lock_timeout
  '57P01': 'SourceUnavailable', // the administrator ends the session
  '57P02': 'SourceUnavailable', // another backend crashed
  '57P03': 'SourceUnavailable', // starting up, shutting down
  '57P05': 'SourceUnavailable', // idle_session_timeout
  '25P03': 'SourceUnavailable', // idle_in_transaction_session_timeout
  '40001': 'SourceUnavailable', // on a replica: conflict with recovery
  '40P01': 'SourceUnavailable',
  '58030': 'SourceUnavailable',
  '42P01': 'TableMissing',
  '3F000': 'TableMissing',
  '42703': 'TableChanged',
  '42501': 'TableDenied',
  '3D000': 'SourceRefused', // no such database
  // the session asks for UTF-8, and the server checks what it sends
  '22021': 'ValueNotRepresentable',
  '22P05': 'ValueNotRepresentable',
};
const byClass: Readonly<Record<string, ErrorCode>> = {
  '08': 'SourceUnavailable',
  '53': 'SourceUnavailable', // too many connections, out of memory, disk full
  '28': 'SourceRefused',
};

const tlsRefusals =
  /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;
const notOffered = /does not support SSL connections|^SASL|password must be a string|unsupported auth/i;

/** @param where `public.orders` or `the database at db.example:5432`; begins the message */
export function serverFailure(where: string, { sqlState, message }: ServerError): TidemarkError {
  const code = bySqlState[sqlState] ?? byClass[sqlState.slice(0, 2)] ?? 'SourceFailed';
  let words = message;
  // class 22 is about values, and names them
  if (sqlState.startsWith('22'))
    words = code === 'ValueNotRepresentable' ? 'a text is not valid UTF-8' : 'a value could not be converted';
  return new TidemarkError(code, `${where}: ${words} (SQLSTATE ${sqlState})`);
}

/** Any error of `pg`, of the socket or of TLS. TidemarkErrors pass. */
export function sourceFailure(where: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { code, message, severity } = error as { code?: unknown; message?: string; severity?: unknown };
  const words = message === undefined || message === '' ? String(code ?? 'no reason given') : message;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined)
    return serverFailure(where, { sqlState: code, message: words });
  // neither the database's own error object (it holds DETAIL) nor anything with the password goes on as cause
  const refused = (typeof code === 'string' && tlsRefusals.test(code)) || notOffered.test(words);
  if (refused) return new TidemarkError('SourceRefused', `${where}: ${words}`);
  return new TidemarkError('SourceUnavailable', `${where}: ${words}`);
}

const sqlStateAtTheEnd = /\(SQLSTATE (\w{5})\)$/;

/** Whether the server did not let the user in (class 28). `password`: by a wrong password. */
export function loginFailure(error: unknown): 'password' | 'other' | null {
  const [, sqlState] =
    (error instanceof TidemarkError &&
      error.code === 'SourceRefused' &&
      sqlStateAtTheEnd.exec(error.message)) ||
    [];
  if (!sqlState?.startsWith('28')) return null;
  return sqlState === '28P01' ? 'password' : 'other';
}
