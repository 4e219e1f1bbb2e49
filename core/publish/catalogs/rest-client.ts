/** Requests to a server that speaks Iceberg's REST protocol, and what its answers mean. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDenial, nameOfError } from '../../aws-denials.ts';
import { TidemarkError } from '../../errors.ts';
import { jsonText, parseJson } from '../iceberg/metadata.ts';
import type { Authorize } from './signed-requests.ts';

/** A network that swallows requests is an error after this, not silence. */
const timeoutMs = 30_000;
const triesMax = 5;
const firstPauseMs = 200;
/** A server that asks for more is asked again by the next try of the whole function. */
const pauseMaxMs = 10_000;
/** Of the server's words, so many characters are shown. */
const saidMax = 500;

export type Answer = {
  readonly status: number;
  /** undefined: it is no JSON */
  readonly value: unknown;
  /** the server's name of an error: `NoSuchTableException`; '' where it gives none */
  readonly type: string;
  /** how a message tells it: `409 CommitFailedException: its words` */
  readonly said: string;
  /** what was asked for: `POST https://…` */
  readonly place: string;
};

export type Ask = {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly body?: unknown;
};

/**
 * Asks, and asks again where the server says that it is busy, or the connection breaks. That is safe for every request
 * that is made here: each carries the condition under which it takes effect, so it does so once, and a repetition is
 * told of a conflict.
 *
 * @throws TidemarkError CatalogUnavailable, CatalogDenied: there is no answer
 */
export type RestClient = (ask: Ask) => Promise<Answer>;

export function restClient(authorize: Authorize, fetch: typeof globalThis.fetch): RestClient {
  async function once({ method, url, body }: Ask): Promise<Answer & { waitMs: number | null }> {
    const text = body === undefined ? undefined : jsonText(body);
    const headers = { accept: 'application/json', ...(text && { 'content-type': 'application/json' }) };
    const sent = await authorize({ method, url, headers, body: text });
    const answer = await fetch(url, {
      method,
      headers: sent,
      ...(text && { body: text }),
      // neither a signature nor a token is for another place
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const read = await readAnswer(`${method} ${withoutQuery(url)}`, answer);
    return { ...read, said: withoutSecrets(read.said, sent) };
  }

  return async (ask) => {
    for (let tries = 1; ; tries++) {
      const pauseMs = firstPauseMs * 2 ** (tries - 1) * (0.5 + Math.random());
      try {
        const { waitMs, ...answer } = await once(ask);
        const longMs = Math.max(waitMs ?? 0, pauseMs);
        if (!isBusy(answer) || tries === triesMax || longMs > pauseMaxMs) return answer;
        await sleep(longMs);
      } catch (error) {
        const failure = withoutAnswer(error, ask);
        if (!isBroken(error) || tries === triesMax) throw failure;
        await sleep(pauseMs);
      }
    }
  };
}

/** A server may repeat the token that it does not like. */
const withoutSecrets = (said: string, { authorization, ...sent }: Readonly<Record<string, string>>): string =>
  [authorization?.split(' ').at(-1), sent['x-amz-security-token']].reduce<string>(
    (words, secret) => (secret ? words.replaceAll(secret, '…') : words),
    said,
  );

const withoutQuery = (url: URL): string => `${url.origin}${url.pathname}`;

async function readAnswer(place: string, answer: Response): Promise<Answer & { waitMs: number | null }> {
  const text = await answer.text();
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // not JSON: what the status says counts
  }
  const { type, words } = errorIn(value, answer.headers.get('x-amzn-errortype'));
  const form = value === undefined && text !== '' ? `no JSON but ${mediaTypeOf(answer)}` : '';
  // a signature that does not fit is told with all that was signed, from the second line on
  const said = [answer.status, [type, (words || form).split('\n')[0]].filter(Boolean).join(': ')];
  return {
    status: answer.status,
    ...{ value, type, place },
    said: said.filter(Boolean).join(' ').slice(0, saidMax),
    waitMs: waitOf(answer.headers.get('retry-after')),
  };
}

const mediaTypeOf = (answer: Response): string =>
  answer.headers.get('content-type')?.split(';')[0] ?? 'something without a type';

/** Iceberg's form, `{error: {message, type, code}}`, or that of an AWS gateway before it. */
function errorIn(value: unknown, header: string | null): { type: string; words: string } {
  const body = recordOf(value);
  const error = recordOf(body.error);
  const [type, words] = [error.type ?? body.__type ?? header, error.message ?? body.message ?? body.Message];
  return {
    // com.amazonaws…#ThrottlingException, ThrottlingException:http://…
    type: typeof type === 'string' ? type.replace(/^.*#/, '').replace(/:.*$/, '') : '',
    words: typeof words === 'string' ? words : '',
  };
}

/** An object's fields; of anything else none. */
export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** Retry-After: seconds, or a date. */
function waitOf(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? ms : null;
}

const isBusy = ({ status, type }: Answer): boolean =>
  status === 429 || status === 503 || (status === 400 && /^Throttl/.test(type));

/** The connection was refused or broke. A time-out is no such thing: it has taken long enough. */
const isBroken = (error: unknown): boolean => error instanceof TypeError && error.message === 'fetch failed';

function withoutAnswer(error: unknown, { method, url }: Ask): TidemarkError {
  const place = `${method} ${withoutQuery(url)}`;
  const name = nameOfError(error);
  if (isDenial(name)) {
    const words = error instanceof Error ? `: ${error.message}` : '';
    return new TidemarkError('CatalogDenied', `${place}: it could not be signed (${name})${words}`, {
      cause: error,
    });
  }
  if (name === 'TimeoutError')
    return new TidemarkError('CatalogUnavailable', `${place}: no answer within ${timeoutMs / 1000} seconds`, {
      cause: error,
    });
  const cause = error instanceof Error ? recordOf(error.cause).code : undefined;
  const why = typeof cause === 'string' ? cause : error instanceof Error ? error.message : name;
  return new TidemarkError('CatalogUnavailable', `${place}: no answer (${why})`, { cause: error });
}

/**
 * What an answer means that is not the one hoped for.
 *
 * 500, 502 and 504 to a commit leave open whether it has taken effect (CommitStateUnknown). They pass like any other
 * failure: the whole publish is tried again, loads the table, and finds its snapshot in there if it has.
 */
export function refusal(answer: Answer): TidemarkError {
  const { status, value, said, place } = answer;
  const told = `${place} answered ${said}`;
  if (status === 401 || status === 403 || status === 419) return new TidemarkError('CatalogDenied', told);
  if (isBusy(answer) || status >= 500 || status === 408) return new TidemarkError('CatalogUnavailable', told);
  if (status < 400 || value === undefined)
    return new TidemarkError(
      'DefinitionInvalid',
      `target.catalog.uri: ${told}; allowed is the address of a catalog that speaks Iceberg's REST protocol`,
    );
  return new TidemarkError('CatalogRefused', told);
}
