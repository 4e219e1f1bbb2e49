import { readFile } from 'node:fs/promises';
import type { TidemarkError } from '../errors.ts';

/** What TLS is made with, in PEM. */
export type TlsFiles = { ca?: string; cert?: string; key?: string };

/**
 * @param paths `system` as `ca`: the authorities that Node knows
 * @param optionNames what the address calls each of them
 */
export async function readTlsFiles(
  paths: Readonly<TlsFiles>,
  optionNames: Readonly<Record<keyof TlsFiles, string>>,
  invalid: (what: string) => TidemarkError,
): Promise<TlsFiles> {
  const read: TlsFiles = {};
  for (const [use, path] of Object.entries(paths) as [keyof TlsFiles, string][]) {
    if (use === 'ca' && path === 'system') continue;
    read[use] = await readFile(path, 'utf8').catch((cause) => {
      const why = (cause as NodeJS.ErrnoException).code;
      return Promise.reject(invalid(`${optionNames[use]}: ${path} cannot be read (${why})`));
    });
  }
  return read;
}
