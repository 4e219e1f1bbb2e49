import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { build } from 'esbuild';

/** Bundles a program that runs an embedded S3 on the folder named by its argument and prints the endpoint. */
export async function bundle(folder: string): Promise<string> {
  const outfile = path.join(folder, 'server.mjs');
  await build({
    stdin: {
      contents: `import { startS3 } from './local/s3.ts';
        const { endpoint } = await startS3({ folder: process.argv[2] });
        process.stdout.write(endpoint + '\\n');`,
      resolveDir: path.resolve(import.meta.dirname, '../../..'),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'error',
  });
  return outfile;
}

export type Child = {
  readonly endpoint: string;
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
};

/** @param shell a command line that runs node with "$@", to set limits before */
export async function spawnServer(program: string, folder: string, shell = 'exec "$@"'): Promise<Child> {
  const child = spawn('sh', ['-c', shell, 'sh', process.execPath, program, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim()));
    void ended.then(() => reject(new Error('the server ended before it began')));
  });
  return { endpoint, process: child, ended };
}
