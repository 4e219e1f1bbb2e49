/** A copy of the product's source with one change in it, made by text: what the tests find out about it tells what they are worth. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What the simulation is made of. */
const copied = ['core', 'test/support', 'test/crash/random', 'package.json', 'tsconfig.json'];

export type Patch = {
  readonly file: string;
  /** stands in the file exactly once … */
  readonly take: string;
  /** … and this is put in its place */
  readonly put: string;
};

export type PatchedCopy = {
  readonly folder: string;
  remove(): void;
};

/** @throws Error where the patch does not fit any more: mend it, so that it does again what it is named after */
export function applyPatch(text: string, { file, take, put }: Patch): string {
  const places = text.split(take).length - 1;
  if (places === 1) return text.replace(take, () => put);
  throw new Error(`the sabotage no longer fits: its text stands ${places} times in ${file}, not once`);
}

/** @param patch null: an honest copy */
export function patchedCopy(patch: Patch | null): PatchedCopy {
  const patched = patch && applyPatch(readFileSync(join(root, patch.file), 'utf8'), patch);
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-sabotage-'));
  for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  if (patch) writeFileSync(join(folder, patch.file), patched!);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
