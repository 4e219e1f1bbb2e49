import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyDocument, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  type Architecture,
  Code,
  type IFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import {
  type Bundles,
  bundleFunctionsSync,
  type FunctionName,
  functionEnvironment,
} from '../functions/bundling.ts';
import { functionName } from './names.ts';
import type { Network } from './network.ts';
import {
  copyChunkPermissions,
  logPermissions,
  planPermissions,
  publishPermissions,
  type Territory,
  vpcPermissions,
} from './permissions.ts';
import { acknowledgeWildcards, withoutResource } from './wildcards.ts';

export type SyncFunctionsProps = {
  readonly sync: string;
  readonly definitionFile: string;
  readonly territory: Territory;
  /** what the functions' environment holds for this sync */
  readonly environment: Readonly<Record<string, string>>;
  /** of the functions that read from the source; null: outside of any VPC */
  readonly network: Network | null;
  readonly memoryMebibytes: Readonly<Record<FunctionName, number>>;
  readonly timeout: Duration;
  readonly architecture: Architecture;
  readonly logRetention: RetentionDays;
};

export type SyncFunctions = Readonly<
  Record<FunctionName, { readonly function: IFunction; readonly logGroup: LogGroup }>
>;

const permissionsOf: Readonly<Record<FunctionName, (territory: Territory) => PolicyStatement[]>> = {
  plan: planPermissions,
  'copy-chunk': copyChunkPermissions,
  publish: publishPermissions,
};

const readsSource: Readonly<Record<FunctionName, boolean>> = {
  plan: true,
  'copy-chunk': true,
  publish: false,
};

/** In Lambda's Node runtimes these are the authorities of RDS too, which Node by itself does not know. */
const certificateAuthorities = '/var/runtime/ca-cert.pem';

/**
 * The functions of a sync: the very bundles that the laptop runs, each with the definition beside the code, a role
 * and a log group of its own.
 */
export function syncFunctions(scope: Construct, props: SyncFunctionsProps): SyncFunctions {
  return withBundles(scope, props.definitionFile, (bundles) => {
    const make = (name: FunctionName) => syncFunction(scope, name, bundles[name].folder, props);
    return { plan: make('plan'), 'copy-chunk': make('copy-chunk'), publish: make('publish') };
  });
}

function syncFunction(scope: Construct, name: FunctionName, folder: string, props: SyncFunctionsProps) {
  const id = name.replace(/(^|-)(\w)/g, (_, _hyphen, letter: string) => letter.toUpperCase());
  const deployedName = functionName(props.sync, name);
  const stack = Stack.of(scope);
  const network = readsSource[name] ? props.network : null;
  const logGroup = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${deployedName}`,
    retention: props.logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const arn = stack.formatArn({ service: 'lambda', resource: `function:${deployedName}` });
  const statements = [
    ...permissionsOf[name](props.territory),
    logPermissions(logGroup.logGroupArn),
    ...(network ? vpcPermissions(arn) : []),
  ];
  const role = new Role(scope, `${id}Role`, {
    description: `What the function ${name} of Tidemark sync ${props.sync} may do`,
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { calls: new PolicyDocument({ statements }) },
  });
  acknowledgeWildcards(role, statements, [withoutResource.xray, ...(network ? [withoutResource.vpc] : [])]);
  const lambda = new NodejsFunction(scope, id, {
    functionName: deployedName,
    description: `Tidemark sync ${props.sync}: ${name}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: props.architecture,
    // bundled already, by the same call for laptop and cloud; it needs neither a lock file nor Docker
    code: Code.fromAsset(folder),
    handler: 'index.handler',
    role,
    memorySize: props.memoryMebibytes[name],
    timeout: props.timeout,
    environment: {
      ...functionEnvironment,
      NODE_EXTRA_CA_CERTS: certificateAuthorities,
      ...props.environment,
    },
    tracing: Tracing.ACTIVE,
    loggingFormat: LoggingFormat.TEXT,
    logGroup,
    ...(network && {
      vpc: network.vpc,
      vpcSubnets: network.vpcSubnets,
      securityGroups: network.securityGroups,
    }),
  });
  return { function: lambda, logGroup };
}

/** Bundles into a folder that is there until the assets are staged: `make` must have made them when it returns. */
function withBundles<Made>(scope: Construct, definitionFile: string, make: (bundles: Bundles) => Made): Made {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'));
  try {
    return make(bundleFunctionsSync({ outDir: folder, definitionFile }));
  } finally {
    // `cdk --no-staging`: the template names this very folder
    const isStaged = !scope.node.tryGetContext('aws:cdk:disable-asset-staging');
    if (isStaged) rmSync(folder, { recursive: true, force: true });
  }
}
