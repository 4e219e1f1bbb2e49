/** The CDK's command line, as test:deployed uses it. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dataStackName, pipelineStackName } from '../../infra/names.ts';
import { definitionOptions } from '../scenario/scenario-definition.ts';
import { type Settings, sync, watchStackName } from './settings.ts';

/** What of the deployment the scenario changes between its steps. */
export type Mode = {
  /** fires every minute */
  readonly scheduled: boolean;
  /** copying sandboxes are killed a few seconds after their start */
  readonly dying: boolean;
};

/** Of the stack that hears notices. */
export type Outputs = { readonly queueUrl: string; readonly topicArn: string };

export type Cdk = {
  readonly definitionFile: string;
  deploy(mode: Mode): Promise<Outputs>;
  /** All but the stack with the ledger, which is kept. */
  destroy(): Promise<void>;
};

const project = fileURLToPath(new URL('../..', import.meta.url));

export const definitionOf = (settings: Settings, { scheduled }: Pick<Mode, 'scheduled'>): object => ({
  name: sync,
  source: {
    type: 'postgres',
    url: '${DEPLOYED_SOURCE_URL}',
    secret: settings.sourceSecret,
  },
  target: { url: `s3://${settings.bucket}/tidemark-${sync}` },
  ...(scheduled && { schedule: 'rate(1 minute)' }),
  deploy: { notify: ['${NOTICES_TOPIC}'], ...(settings.vpc && { vpc: settings.vpc }) },
  ...definitionOptions,
});

/** The arguments of `cdk`. @param folder gets cdk.out and outputs.json */
export function cdkArguments(
  folder: string,
  command: 'synth' | 'deploy' | 'destroy',
  { dying }: Pick<Mode, 'dying'>,
): string[] {
  const stacks = [watchStackName, pipelineStackName(sync)];
  return [
    command,
    '--app',
    'node --import tsx test/deployed/app.ts',
    '--output',
    join(folder, 'cdk.out'),
    ...(dying ? ['--context', 'dying=true'] : []),
    ...(command === 'synth' ? ['--quiet'] : []),
    ...(command === 'deploy'
      ? [watchStackName, dataStackName(sync), pipelineStackName(sync), '--require-approval', 'never']
      : []),
    ...(command === 'deploy' ? ['--outputs-file', join(folder, 'outputs.json')] : []),
    ...(command === 'destroy' ? [...stacks, '--exclusively', '--force'] : []),
  ];
}

/** Runs the CDK that package.json pins, with this process's terminal. @throws Error where it fails */
export function runCdk(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const child = spawn('npx', ['cdk', ...args], {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`cdk ${args[0]} ended with exit code ${code}`));
    });
  });
}

/** @param folder of this run's own */
export function cdkOf(settings: Settings, folder: string): Cdk {
  const definitionFile = join(folder, 'tidemark.yaml');
  const environment = { DEPLOYED_DEFINITION: definitionFile };
  // JSON is YAML
  const define = (mode: Pick<Mode, 'scheduled'>) =>
    writeFileSync(definitionFile, JSON.stringify(definitionOf(settings, mode), null, 2));
  define({ scheduled: false });
  return {
    definitionFile,
    async deploy(mode) {
      define(mode);
      await runCdk(cdkArguments(folder, 'deploy', mode), environment);
      const outputs = JSON.parse(readFileSync(join(folder, 'outputs.json'), 'utf8'))[watchStackName];
      return { queueUrl: outputs.QueueUrl, topicArn: outputs.TopicArn };
    },
    destroy: () => runCdk(cdkArguments(folder, 'destroy', { dying: false }), environment),
  };
}
