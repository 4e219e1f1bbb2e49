/**
 * What a deployed function makes of `source.url`. A password never travels into its code or its environment: where
 * `source.secret` or `source.iam` says how to log in, the URL is read without its password, and the references that
 * stood in it are not asked for.
 */
import { valueAt } from './document.ts';

/** What the source is logged in to with. The laptop: always `url`. */
export type Credentials = 'url' | 'secret' | 'iam';

const withoutPassword = (url: string): string =>
  // user info ends at the last @ before the path; references may hold neither / nor @
  url.replace(/^((?:postgres(?:ql)?|mysql|mariadb):\/\/[^/@:]*):[^/]*@/, '$1@');

/**
 * The definition's values as a function with these credentials sees them, references not yet replaced. Beside a
 * secret, a URL that still needs the environment is left out: the secret says where the database is.
 */
export function asDeployed(raw: unknown, credentials: Credentials): unknown {
  const written = valueAt(raw, ['source', 'url']);
  if (credentials === 'url' || typeof written !== 'string') return raw;
  const { source } = raw as { readonly source: Readonly<Record<string, unknown>> };
  const { url: _, ...rest } = source;
  const url = withoutPassword(written);
  const dropped = credentials === 'secret' && url.includes('${');
  return { ...(raw as object), source: dropped ? rest : { ...source, url } };
}
