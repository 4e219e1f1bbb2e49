import { TidemarkError } from '../errors.ts';
import type { Definition } from './options.ts';

/**
 * The source's address, for whoever logs in with it: the laptop, always.
 * @throws TidemarkError DefinitionInvalid where the definition has none
 */
export function sourceUrl({ source }: Pick<Definition, 'source'>): string {
  if (source.url !== undefined) return source.url;
  throw new TidemarkError(
    'DefinitionInvalid',
    'source.url: nothing stands there; source.secret is read by deployed functions only: add url: "${DATABASE_URL}" to run here',
  );
}
