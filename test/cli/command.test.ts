import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../support/scratch-folder.ts';

const command = fileURLToPath(new URL('../../cli/tidemark.js', import.meta.url));

function run(args: readonly string[], before: readonly string[] = [], cwd = tmpdir()) {
  const child = spawn(process.execPath, [...before, command, ...args], { cwd });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('the command itself', () => {
  it('works from any folder, whatever tsconfig.json lies there', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'tsconfig.json'), '{ this is no JSON');
    expect(await run(['status', '--json'], [], cwd)).toEqual({
      code: 2,
      stderr: '',
      stdout: expect.stringContaining('"message": "the definition tidemark.yaml: there is no such file"'),
    });
  });

  it('says so on a Node that is too old', async () => {
    const old = join(scratchFolder(), 'old.cjs');
    writeFileSync(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.4' });`);
    expect(await run(['--help'], ['--require', old])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'tidemark needs Node.js 20 or newer; this is 18.20.4.\n  next: install a current one from https://nodejs.org, then try again.\n',
    });
  });
});
