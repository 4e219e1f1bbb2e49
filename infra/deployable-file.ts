import { readFileSync } from 'node:fs';
import { basename, isAbsolute, relative, resolve } from 'node:path';
import { type Deployable, readToDeploy } from '../core/definition/deployable.ts';
import type { Credentials } from '../core/definition/deployed-source.ts';
import { TidemarkError } from '../core/errors.ts';

export type DeployableFile = Deployable & {
  /** absolute */
  readonly file: string;
};

/**
 * Reads a definition in order to deploy it.
 *
 * @param file relative to the working directory, or absolute
 * @param environment where the values of its references are found
 * @param given what the app has of its own to log in with, whatever the definition says
 * @throws TidemarkError DefinitionMissing, DefinitionInvalid, EnvironmentMissing
 */
export function readDeployableFile(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
  given?: Credentials,
): DeployableFile {
  const absolute = resolve(file);
  return { ...readToDeploy(textOf(absolute), nameOf(absolute), environment, given), file: absolute };
}

/** As messages name it: short where it lies below the working directory. */
export function nameOf(absolute: string): string {
  const short = relative(process.cwd(), absolute);
  return short.startsWith('..') ? absolute : short;
}

/** What a command of Tidemark needs beside it to work on this sync; a file elsewhere by its last name only. */
export function withConfig(absolute: string): string {
  const short = nameOf(absolute);
  const name = isAbsolute(short) ? basename(short) : short;
  return name === 'tidemark.yaml' ? '' : ` --config ${name}`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EISDIR') throw error;
    const what = code === 'ENOENT' ? 'There is no definition' : 'A folder, not a definition, is';
    throw new TidemarkError('DefinitionMissing', `${what} at ${nameOf(file)}.`, {
      next: 'Write the file, or name another: with `-c definitions=<files>`; in an app of your own as definitionFile.',
    });
  }
}
