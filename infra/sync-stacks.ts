import { type App, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Definition } from '../core/definition/options.ts';
import { parseTarget } from '../core/objects/keys.ts';
import { readDeployableFile } from './deployable-file.ts';
import { bucketOf } from './lake-bucket.ts';
import { ledgerTable } from './ledger.ts';
import { dataStackName, ledgerName, pipelineStackName } from './names.ts';
import { refuseConflicts } from './sync-conflicts.ts';
import { SyncPipeline, sameName } from './sync-pipeline.ts';

/**
 * Two stacks for each sync: `tidemark-<sync>-data` holds what must outlive everything, `tidemark-<sync>` what can be
 * deleted and deployed again at any time. They know each other by names, not by exports, so that neither holds the
 * other back.
 *
 * @param files the syncs' definitions
 * @throws TidemarkError DefinitionMissing, DefinitionInvalid, EnvironmentMissing
 */
export function syncStacks(
  app: App,
  files: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  props: StackProps = {},
): void {
  const seen = new Map<string, string>();
  const syncs = files.map((each) => readDeployableFile(each, environment));
  for (const { definition, file } of syncs) {
    const first = seen.get(definition.name);
    if (first !== undefined) throw sameName(definition.name, first, file);
    seen.set(definition.name, file);
  }
  refuseConflicts(syncs);
  for (const { definition, file } of syncs) syncStack(app, definition, file, environment, props);
}

function syncStack(
  app: App,
  definition: Definition,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
  props: StackProps,
): void {
  const { name: sync } = definition;
  const data = new Stack(app, dataStackName(sync), {
    ...props,
    description: `Tidemark sync ${sync}: its ledger and its lake, which are kept`,
  });
  ledgerTable(data, 'Ledger', sync);
  if (definition.deploy.bucket === 'create') bucketOf(data, definition, {});

  const stack = new Stack(app, pipelineStackName(sync), {
    ...props,
    description: `Tidemark sync ${sync}: its state machine, functions, schedule and notices`,
  });
  stack.addStackDependency(data);
  new SyncPipeline(stack, 'Sync', {
    definitionFile: file,
    environment,
    ledger: Table.fromTableName(stack, 'Ledger', ledgerName(sync)),
    bucket: Bucket.fromBucketName(stack, 'Lake', parseTarget(definition.target.url).bucket),
  });
  for (const each of [data, stack]) Tags.of(each).add('tidemark:sync', sync);
}
