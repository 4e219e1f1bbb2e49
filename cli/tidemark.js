#!/usr/bin/env node
// The command `tidemark`. Plain JavaScript that any Node since 12 can read, so that an old one gets a sentence, not a trace.
import { existsSync } from 'node:fs';
import process from 'node:process';

const oldest = 20;
const found = process.versions.node;

if (Number(found.split('.')[0]) < oldest) {
  process.stderr.write(
    `tidemark needs Node.js ${oldest} or newer; this is ${found}.\n  next: install a current one from https://nodejs.org, then try again.\n`,
  );
  process.exitCode = 2;
} else {
  // a clone has the TypeScript, an installed package what `npm run build` made of it
  const load = existsSync(new URL('main.ts', import.meta.url))
    ? // tsconfig: false, for the user's own tsconfig.json must not change how this program is read
      import('tsx/esm/api')
        .then(({ register }) => register({ tsconfig: false }))
        .then(() => import('./main.ts'))
    : import('../dist/cli/main.js');
  load
    .then(({ tidemark }) => tidemark())
    .catch((error) => {
      process.stderr.write(`${error?.stack ?? error}\n  next: please report this.\n`);
      process.exitCode = 1;
    });
}
