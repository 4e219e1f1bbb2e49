import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { lakeName } from '../core/definition/lake-name.ts';
import type { Definition } from '../core/definition/options.ts';
import { alarmAfterHours } from '../core/definition/schedule.ts';
import { definedTables } from '../core/definition/table-options.ts';
import { TidemarkError } from '../core/errors.ts';
import { parseTarget } from '../core/objects/keys.ts';
import { nameOf, readDeployableFile } from './deployable-file.ts';
import { bucketKeyOf, bucketOf } from './lake-bucket.ts';
import { ledgerTable } from './ledger.ts';
import { stateMachineName } from './names.ts';
import { interfaceEndpoints, networkOf } from './network.ts';
import { notices } from './notices.ts';
import { outputs } from './outputs.ts';
import { type GlueTables, type Territory, tablePatterns } from './permissions.ts';
import { syncSchedule } from './schedule.ts';
import { sourceAccess, sourceEnvironment, sourcePermissions } from './source-access.ts';
import { refuseForeign, warnOfExamples } from './stated-arns.ts';
import { refuseSharedTables } from './sync-conflicts.ts';
import { type SyncFunctions, syncFunctions } from './sync-functions.ts';
import { syncMachine } from './sync-machine.ts';

/** What an app may set; the definition says everything else. */
export type SyncPipelineProps = {
  /** the path of the sync's definition (`tidemark.yaml`): absolute, or relative to the working directory */
  readonly definitionFile: string;
  /** where the `${NAME}`s of the definition are looked up. Default: `process.env` */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /**
   * The ledger: a table with the keys `pk` and `sk`, both texts. Default: one is made, `tidemark-<sync>`, which is
   * kept when the stack is deleted.
   */
  readonly ledger?: ITable;
  /**
   * The bucket of `target.url`. Default: as `deploy.bucket` says, the one of that name, or one that is made and kept.
   * Its name must be the one in `target.url`, which also the laptop reads.
   */
  readonly bucket?: IBucket;
  /** The key that the bucket's objects are encrypted with. Default: `bucket.encryptionKey`, `deploy.bucket_key`. */
  readonly bucketKey?: IKey;
  /** Where a bucket that is made writes its access logs. Default: they are off. */
  readonly accessLogs?: IBucket;
  /** The secret to log in to the source with, in place of the one that `source.secret` names. */
  readonly sourceSecret?: ISecret;
  /** The key of that secret, where it is one of your own. Default: `sourceSecret.encryptionKey`, `source.secret_key`. */
  readonly sourceSecretKey?: IKey;
  /** Where the functions run that read from the source. Default: `deploy.vpc`, else outside of any VPC. */
  readonly vpc?: IVpc;
  /** Of `vpc`. Default: its private subnets. */
  readonly vpcSubnets?: SubnetSelection;
  /** Of those functions; the database lets them in. Default: one is made, which lets nobody in. */
  readonly securityGroups?: readonly ISecurityGroup[];
  /**
   * Make interface endpoints for Step Functions (and Secrets Manager, and Glue), for subnets without a way to the internet.
   * Default: `deploy.vpc.interface_endpoints`, which is false.
   */
  readonly interfaceEndpoints?: boolean;
  /** Topics that are told of failed runs and of the alarm, beside `deploy.notify`. */
  readonly topics?: readonly ITopic[];
  /** Of the logs. Default: `deploy.log_days`. */
  readonly logRetention?: RetentionDays;
  /** Of the function that copies, in MiB. Default: `deploy.memory_mebibytes`. */
  readonly memorySize?: number;
  /** Of an invocation, 15 minutes at most. Default: `deploy.timeout_minutes`. */
  readonly timeout?: Duration;
  /** Default: arm64. */
  readonly architecture?: Architecture;
};

/** Of the functions that do not copy. */
const memoryMebibytes = { plan: 1024, publish: 1024 } as const;

/**
 * A sync, deployed: the state machine and the functions that the laptop runs too, a role for each with just what it
 * needs, its schedule, and those who are told when it fails.
 *
 * ```ts
 * const app = new App();
 * const stack = new Stack(app, 'shop');
 * new SyncPipeline(stack, 'Sync', { definitionFile: 'tidemark.yaml' });
 * ```
 *
 * What is deployed has names made of the sync's: an account and region have a sync once.
 *
 * @throws TidemarkError DefinitionMissing, DefinitionInvalid (with the place in the file, and what is allowed there),
 *   EnvironmentMissing
 */
export class SyncPipeline extends Construct {
  /** The definition, with its defaults. */
  readonly definition: Definition;
  /** absolute */
  readonly definitionFile: string;
  readonly stateMachine: StateMachine;
  readonly functions: SyncFunctions;
  readonly ledger: ITable;
  readonly bucket: IBucket;
  /** of the functions that read from the source; empty outside of a VPC */
  readonly securityGroups: readonly ISecurityGroup[];

  constructor(scope: Construct, id: string, props: SyncPipelineProps) {
    super(scope, id);
    try {
      const stack = Stack.of(this);
      const deployable = readDeployableFile(
        props.definitionFile,
        props.environment ?? process.env,
        props.sourceSecret && 'secret',
      );
      const { definition, file } = deployable;
      const { name: sync, deploy } = definition;
      const logRetention: RetentionDays = props.logRetention ?? deploy.log_days;
      const timeout = props.timeout ?? Duration.minutes(deploy.timeout_minutes);

      this.definition = definition;
      this.definitionFile = file;
      refuseTwin(this);
      refuseForeign(stack, definition, file, props);
      warnOfExamples(stack, definition, file);
      this.ledger = props.ledger ?? ledgerTable(this, 'Ledger', sync);
      this.bucket = bucketOf(this, definition, props);
      const access = sourceAccess(deployable, props);
      const network = networkOf(this, definition, props);
      this.securityGroups = network?.securityGroups ?? [];
      if (network && (props.interfaceEndpoints ?? deploy.vpc?.interface_endpoints)) {
        interfaceEndpoints(this, sync, network, {
          secret: access.kind === 'secret',
          glue: glueTables(stack, definition) !== null,
        });
      }

      const target = parseTarget(definition.target.url);
      const ground = {
        sync,
        target,
        ledgerArn: this.ledger.tableArn,
        bucketArn: this.bucket.bucketArn,
        bucketKeyArn: bucketKeyOf(definition, props),
        // by their names: machine and functions need each other's
        stateMachineArn: statesArn(stack, 'stateMachine', stateMachineName(sync)),
        executionsArn: statesArn(stack, 'execution', `${stateMachineName(sync)}:*`),
        glue: glueTables(stack, definition),
        manifests: definition.target.manifests,
        source: sourcePermissions(stack, access),
      };
      const tables = definedTables(definition).entries.map(({ pattern }) => pattern);
      const territory: Territory = { ...ground, patterns: tablePatterns(ground, tables) };
      this.functions = syncFunctions(this, {
        sync,
        definitionFile: file,
        territory,
        environment: {
          ...deployable.environment,
          TIDEMARK_LEDGER: this.ledger.tableName,
          // Publish has it too, without the permission: it says how the definition is to be read
          ...sourceEnvironment(access),
        },
        network,
        memoryMebibytes: { ...memoryMebibytes, 'copy-chunk': props.memorySize ?? deploy.memory_mebibytes },
        timeout,
        architecture: props.architecture ?? Architecture.ARM_64,
        logRetention,
      });
      const { machine, logGroup } = syncMachine(this, {
        definition,
        functions: this.functions,
        territory,
        functionTimeout: timeout,
        logRetention,
      });
      this.stateMachine = machine;
      const missed = definition.schedule ? syncSchedule(this, sync, definition.schedule, machine) : null;
      const topic = notices(this, {
        sync,
        file,
        machine,
        notify: deploy.notify,
        topics: props.topics ?? [],
        alarmAfterHours: alarmAfterHours(definition),
      });
      outputs(this, {
        file,
        stateMachineArn: machine.stateMachineArn,
        ledgerName: this.ledger.tableName,
        bucketName: this.bucket.bucketName,
        logGroupNames: [...Object.values(this.functions).map((each) => each.logGroup), logGroup].map(
          (group) => group.logGroupName,
        ),
        topicArn: topic?.topicArn ?? null,
        missedStartsUrl: missed?.queueUrl ?? null,
        securityGroupIds: this.securityGroups.map((group) => group.securityGroupId),
      });
    } catch (error) {
      throw error instanceof TidemarkError ? readable(error) : error;
    }
  }
}

/**
 * Node shows the stack, and the fields, of an error that an app does not catch: here what to do, in place of calls
 * within CDK.
 */
function readable(error: TidemarkError): TidemarkError {
  error.stack = `${error.code}: ${error.message}\n\n${error.next}\n`;
  for (const field of ['code', 'next']) Object.defineProperty(error, field, { enumerable: false });
  return error;
}

/**
 * Two syncs of one name would fight for the names of all that is deployed, and for each other's runs; two that write
 * the same tables, for what readers see.
 */
function refuseTwin(pipeline: SyncPipeline): void {
  const { account, region } = Stack.of(pipeline);
  const neighbours = pipeline.node.root.node
    .findAll()
    .filter(
      (other): other is SyncPipeline =>
        other instanceof SyncPipeline &&
        other !== pipeline &&
        other.definition !== undefined &&
        Stack.of(other).account === account &&
        Stack.of(other).region === region,
    );
  const twin = neighbours.find(({ definition }) => definition.name === pipeline.definition.name);
  if (twin) throw sameName(pipeline.definition.name, twin.definitionFile, pipeline.definitionFile);
  refuseSharedTables(
    [...neighbours, pipeline].map(({ definition, definitionFile: file }) => ({ definition, file })),
  );
}

export const sameName = (sync: string, first: string, second: string): TidemarkError =>
  new TidemarkError(
    'DefinitionInvalid',
    `${nameOf(second)}: name: the sync ${sync} is also what ${nameOf(first)} defines; allowed: each name once in an account and region`,
  );

/** null: the catalog is another one */
function glueTables(stack: Stack, definition: Definition): GlueTables | null {
  const { catalog } = definition.target;
  const isEndpoint = catalog.type === 'rest' && catalog.sign?.service === 'glue';
  if (catalog.type !== 'glue' && !isEndpoint) return null;
  return {
    catalogArn: stack.formatArn({ service: 'glue', resource: 'catalog' }),
    database: catalog.type === 'glue' ? catalog.database : catalog.namespace,
    isEndpoint,
    names: definedTables(definition).entries.flatMap(({ entry, pattern }) =>
      pattern.exact ? [lakeName(pattern.exact, entry.as)] : [],
    ),
  };
}

const statesArn = (stack: Stack, resource: string, resourceName: string): string =>
  stack.formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
