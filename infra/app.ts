/**
 * The app of this project: `npx cdk deploy --all` deploys the sync of `tidemark.yaml`, or those of the files that the
 * context names: `-c definitions=shop.yaml,erp/tidemark.yaml`.
 */
import { App } from 'aws-cdk-lib';
import { TidemarkError } from '../core/errors.ts';
import { syncStacks } from './sync-stacks.ts';

const app = new App();
try {
  const account = process.env.CDK_DEFAULT_ACCOUNT;
  const region = process.env.CDK_DEFAULT_REGION;
  syncStacks(app, definitionFiles(), process.env, account && region ? { env: { account, region } } : {});
  app.synth();
} catch (error) {
  if (!(error instanceof TidemarkError)) throw error;
  console.error(`\n${error.code}: ${error.message}\n\n${error.next}\n`);
  // 2: wrong use or definition, as everywhere in Tidemark
  process.exitCode = 2;
}

/** Relative to the folder in which cdk is called. */
function definitionFiles(): string[] {
  const next = 'Name the files with `-c definitions=<files>`, or leave it out for tidemark.yaml.';
  if (app.node.tryGetContext('definition') !== undefined) {
    throw new TidemarkError(
      'UsageWrong',
      'The context has a value definition, which nothing reads; did you mean definitions?',
      { next },
    );
  }
  const named: unknown = app.node.tryGetContext('definitions');
  if (named === undefined) return ['tidemark.yaml'];
  const files = String(named)
    .split(',')
    .map((file) => file.trim())
    .filter(Boolean);
  if (files.length > 0) return files;
  throw new TidemarkError(
    'UsageWrong',
    'The context value definitions is empty; allowed: paths of definitions, with commas between them.',
    { next },
  );
}
