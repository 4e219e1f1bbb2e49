/** The process of a sandbox: its program, its environment, its lines, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { accountId, region } from '../account.ts';

/** Where the cloud's other services listen. */
export type Endpoints = { readonly s3?: string; readonly dynamodb?: string; readonly sfn?: string };

export const functionArn = (name: string): string => `arn:aws:lambda:${region}:${accountId}:function:${name}`;

/** TypeScript in the project, JavaScript in the package that is made of it. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Writes the sandbox's program to `file`, whole or not at all. */
export async function writeSandboxProgram(file: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`./sandbox.${extension}`, import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    write: false,
  });
  await mkdir(dirname(file), { recursive: true });
  const made = `${file}.${process.pid}`;
  await writeFile(made, outputFiles[0]?.contents ?? '');
  await rename(made, file);
}

export type SandboxSettings = {
  readonly functionName: string;
  /** the bundle's */
  readonly folder: string;
  readonly handler: string;
  readonly memoryMB: number;
  readonly endpoints: Endpoints;
  /** the function's own; wins over everything else */
  readonly environment: Readonly<Record<string, string>>;
  /** of Node */
  readonly nodePath: string;
  /** made by `writeSandboxProgram` */
  readonly program: string;
  readonly line: (line: string) => void;
};

/**
 * Starts the process of a sandbox. It stays in this process's group, so that killing the group kills it, too.
 * Lambda gives CPU in proportion to memory; here every sandbox has as much as the machine can spare. Nor is it
 * frozen between two invocations.
 */
export function spawnSandbox(settings: SandboxSettings): ChildProcess {
  const child = spawn(
    settings.nodePath,
    // as Lambda's own bootstrap: the heap ends a little below the sandbox's memory
    [`--max-old-space-size=${Math.floor(settings.memoryMB * 0.9)}`, settings.program, String(process.pid)],
    {
      cwd: settings.folder,
      env: sandboxEnvironment(settings),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', settings.line);
  }
  return child;
}

function sandboxEnvironment(settings: SandboxSettings): Record<string, string> {
  const { functionName, endpoints } = settings;
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    // a sandbox knows nothing of the AWS accounts of whoever runs it
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(settings.memoryMB),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    LAMBDA_TASK_ROOT: settings.folder,
    _HANDLER: settings.handler,
    NODE_PATH: moduleFolders,
    ...(endpoints.s3 && { AWS_ENDPOINT_URL_S3: endpoints.s3 }),
    ...(endpoints.dynamodb && { AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb }),
    ...(endpoints.sfn && { AWS_ENDPOINT_URL_SFN: endpoints.sfn }),
    ...settings.environment,
  };
}

/** Native modules lie beside a bundle in the cloud; here they are found where our own are. */
const moduleFolders = (createRequire(import.meta.url).resolve.paths('snappy') ?? [])
  .filter(existsSync)
  .join(delimiter);

/** How Lambda tells of a process that ended on its own or was killed. */
export function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) {
    return `Runtime exited with error: signal: ${signalNames[signal] ?? signal.slice(3).toLowerCase()}`;
  }
  return code === 0
    ? 'Runtime exited without providing a reason'
    : `Runtime exited with error: exit status ${code}`;
}

const signalNames: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'killed',
  SIGABRT: 'aborted',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGSEGV: 'segmentation fault',
  SIGBUS: 'bus error',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
};
