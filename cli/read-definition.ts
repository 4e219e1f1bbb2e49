import { readFileSync } from 'node:fs';
import { loadDefinition } from '../core/definition/load.ts';
import type { Definition } from '../core/definition/options.ts';
import { sourceUrl } from '../core/definition/source-url.ts';
import { TidemarkError } from '../core/errors.ts';
import { checkSourceUrl } from '../core/sources/open-source.ts';
import type { Context } from './context.ts';

/** @throws TidemarkError DefinitionMissing */
export function definitionText({ definitionFile }: Pick<Context, 'definitionFile'>): string {
  try {
    return readFileSync(definitionFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new TidemarkError('DefinitionMissing', `the definition ${definitionFile}: ${why}`, {
      cause: error,
    });
  }
}

/** @throws TidemarkError DefinitionMissing, DefinitionInvalid, EnvironmentMissing */
export const readDefinition = (context: Context): Definition =>
  loadDefinition(definitionText(context), context.definitionFile, context.surroundings.environment);

/**
 * For commands that start something: also an address that none can be reached by is found before anything is started.
 * What is deployed has an address of its own: there, this file's need not be known here.
 *
 * @throws TidemarkError as `readDefinition`
 */
export async function readDefinitionToRun(context: Context): Promise<Definition> {
  if (context.cloud === 'aws') return readDefinitionToLook(context);
  const definition = readDefinition(context);
  try {
    await checkSourceUrl(definition.source.type, sourceUrl(definition));
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    throw new TidemarkError(error.code, `${context.definitionFile}: ${error.message}`);
  }
  return definition;
}

/**
 * For commands that only look at what is stored: the source's address may be missing from the environment, the name
 * and the target may not.
 *
 * @throws TidemarkError as `readDefinition`
 */
export function readDefinitionToLook(context: Context): Definition {
  try {
    return readDefinition(context);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'EnvironmentMissing') throw error;
    const definition = loadDefinition(definitionText(context), context.definitionFile, null);
    if (`${definition.name}${definition.target.url}`.includes('${')) throw error;
    return definition;
  }
}
