import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The example that comes with Tidemark: it names the sample's tables. */
const ownDefinition = fileURLToPath(new URL('../tidemark.yaml', import.meta.url));

/** The definition that goes with the sample, however the user's own in this folder looks. */
export function sampleDefinition(): string {
  const near = relative(process.cwd(), ownDefinition);
  return near.startsWith('..') ? ownDefinition : near;
}
