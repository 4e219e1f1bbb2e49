import { Aws, Duration, Stack, TimeZone, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Definition } from '../core/definition/options.ts';
import { scheduleName } from './names.ts';

/**
 * Starts the sync's state machine by the clock. Scheduler delivers at least once and repeats what fails, for an hour:
 * of two starts one ends as Skipped. A start that could not be made lies in the dead-letter queue.
 */
export function syncSchedule(
  scope: Construct,
  sync: string,
  { expression, time_zone }: NonNullable<Definition['schedule']>,
  machine: IStateMachine,
): Queue {
  const missed = new Queue(scope, 'MissedStarts', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  Validations.of(missed).acknowledge({
    id: 'AwsSolutions-SQS3',
    reason: 'This queue is itself the dead-letter queue, of an EventBridge Scheduler schedule.',
  });
  const role = new Role(scope, 'ScheduleRole', {
    description: `What the schedule of Tidemark sync ${sync} may do`,
    // of this account, and of the group in which the schedule is: not of anybody else's who names this role
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': Aws.ACCOUNT_ID,
          'aws:SourceArn': Stack.of(scope).formatArn({
            service: 'scheduler',
            resource: 'schedule-group',
            resourceName: 'default',
          }),
        },
      },
    }),
  });
  new Schedule(scope, 'Schedule', {
    scheduleName: scheduleName(sync),
    description: `Starts Tidemark sync ${sync}`,
    schedule: ScheduleExpression.expression(expression, TimeZone.of(time_zone)),
    timeWindow: TimeWindow.off(),
    target: new StepFunctionsStartExecution(machine, {
      role,
      input: ScheduleTargetInput.fromObject({}),
      deadLetterQueue: missed,
      maxEventAge: Duration.hours(1),
    }),
  });
  return missed;
}
