/** What a newer Tidemark has written into the engine's folder is not touched. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createMachine, ended, startExecution, startWorld, type World } from './world.ts';

let world: World | undefined;
afterEach(() => world?.stop());

it.each([
  { file: 'execution.ndjson', what: 'the journal of an execution' },
  { file: 'refused.json', what: 'a state machine' },
])('$what of a newer format: the engine does not start', async ({ file }) => {
  world = await startWorld({ plan: () => ({ status: 'skipped' }) });
  await ended(world.sfn, await startExecution(world.sfn, await createMachine(world.sfn, 'refused')));
  const folder = join(world.folder, 'sfn');
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith(file),
  );
  const path = join(folder, found!);
  const before = readFileSync(path, 'utf8');
  const newer = before.replace('"format":1', '"format":2');
  expect(newer).not.toBe(before);
  writeFileSync(path, newer);
  await expect(world.restart()).rejects.toMatchObject({ code: 'FormatTooNew' });
  expect(readFileSync(path, 'utf8')).toBe(newer);
});
