import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyDocument, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Definition } from '../core/definition/options.ts';
import { stateMachineName } from './names.ts';
import { stateMachinePermissions, type Territory } from './permissions.ts';
import { stateMachineDefinition } from './state-machine.ts';
import type { SyncFunctions } from './sync-functions.ts';
import { acknowledgeWildcards, withoutResource } from './wildcards.ts';

export type SyncMachineProps = {
  readonly definition: Definition;
  readonly functions: SyncFunctions;
  readonly territory: Territory;
  /** of a function's invocation */
  readonly functionTimeout: Duration;
  readonly logRetention: RetentionDays;
};

/** By then a function's own time limit has struck and named itself. */
const graceSeconds = 60;

/** The state machine of a sync: what the laptop runs too, with this account's functions filled in. */
export function syncMachine(
  scope: Construct,
  props: SyncMachineProps,
): { machine: StateMachine; logGroup: LogGroup } {
  const { definition, functions } = props;
  const { name: sync, retry } = definition;
  const arns = Object.values(functions).map((each) => each.function.functionArn);
  const logGroup = new LogGroup(scope, 'MachineLogs', {
    // under this prefix one policy of CloudWatch Logs serves any number of state machines
    logGroupName: `/aws/vendedlogs/states/${stateMachineName(sync)}`,
    retention: props.logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const statements = stateMachinePermissions(props.territory, arns);
  const role = new Role(scope, 'MachineRole', {
    description: `What the state machine of Tidemark sync ${sync} may do`,
    assumedBy: new ServicePrincipal('states.amazonaws.com'),
    inlinePolicies: { calls: new PolicyDocument({ statements }) },
  });
  acknowledgeWildcards(role, statements, [withoutResource.xray, withoutResource.logDelivery]);
  const machine = new StateMachine(scope, 'Machine', {
    stateMachineName: stateMachineName(sync),
    comment: `Tidemark sync ${sync}`,
    definitionBody: DefinitionBody.fromString(
      Stack.of(scope).toJsonString(
        stateMachineDefinition({
          partition: Stack.of(scope).partition,
          planFunction: functions.plan.function.functionArn,
          copyChunkFunction: functions['copy-chunk'].function.functionArn,
          publishFunction: functions.publish.function.functionArn,
          retry: {
            kind: retry.kind,
            intervalSeconds: retry.interval_seconds,
            maxAttempts: retry.attempts,
            maxDelaySeconds: retry.max_interval_seconds,
          },
          maxConcurrency: definition.concurrency,
          taskTimeoutSeconds: props.functionTimeout.toSeconds() + graceSeconds,
        }),
      ),
    ),
    role,
    tracingEnabled: true,
    // every event, but no state: a chunk's bounds are keys of rows
    logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
  });
  return { machine, logGroup };
}
