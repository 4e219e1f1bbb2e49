/** How a sync is deployed to AWS. Nothing here changes what a run copies. */
import { z } from 'zod';
import {
  availabilityZone,
  checkedText,
  keyArn,
  mailOrTopic,
  routeTableId,
  securityGroupId,
  subnetId,
  vpcId,
} from './aws-names.ts';
import { alarmHoursMax, scheduleProblem, timeZoneProblem } from './schedule.ts';

export const schedule = z
  .preprocess(
    (value) => (typeof value === 'string' ? { expression: value } : value),
    z.strictObject({
      expression: checkedText(scheduleProblem, true).describe(
        '`rate(15 minutes)`, or `cron(minutes hours day-of-month month day-of-week year)`, of which one of both days is `?`: `cron(0 3 * * ? *)` is every night at three.',
      ),
      time_zone: checkedText(timeZoneProblem, true)
        .default('UTC')
        .describe('For `cron(…)`: a name such as `Europe/Berlin`.'),
    }),
  )
  .optional()
  .describe(
    'When the deployed sync runs, as EventBridge Scheduler takes it. May be written as the expression alone: `schedule: rate(15 minutes)`. A start while a run is at work is skipped. Without it, runs are started by hand.',
  );

/** What CloudWatch Logs takes as a retention, in days. */
const logDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const each = <Item extends z.ZodType<unknown, unknown>>(item: Item, max: number) =>
  z
    .array(item)
    .max(max)
    .superRefine((items, context) => {
      items.forEach((one, index) => {
        if (items.indexOf(one) < index)
          context.addIssue({ code: 'custom', path: [index], message: 'each one once' });
      });
    });

const vpc = z
  .strictObject({
    id: vpcId.describe('The VPC.'),
    subnets: each(subnetId, 16)
      .min(1)
      .describe('Private subnets; from them the database, Step Functions and Secrets Manager are reached.'),
    availability_zones: z
      .array(availabilityZone)
      .min(1)
      .describe('The zone of each subnet, in the same order: `eu-central-1a`.'),
    security_groups: each(securityGroupId, 5)
      .default([])
      .describe('Of the functions; the database lets them in. Default: one is made, which may go out only.'),
    route_tables: each(routeTableId, 200)
      .default([])
      .describe(
        'Of the subnets: gateway endpoints for S3 and DynamoDB are made in them. Left out: the VPC has them, or a NAT gateway.',
      ),
    interface_endpoints: z
      .boolean()
      .default(false)
      .describe(
        'Make interface endpoints for Step Functions, with `source.secret` for Secrets Manager, and with the catalog `glue` for Glue: for subnets without a NAT gateway, where the VPC has none. AWS charges for each by the hour and zone.',
      ),
  })
  .optional()
  .describe('Where the functions run to reach a database that is not public.');

export const deploy = z
  .strictObject({
    bucket: z
      .enum(['existing', 'create'])
      .default('existing')
      .describe('Whether the bucket of `target.url` is there already, or made (private, encrypted, kept).'),
    bucket_key: keyArn
      .optional()
      .describe(
        'The KMS key that the bucket’s objects are encrypted with: the functions may use it. Default: S3’s own keys.',
      ),
    versioned: z
      .boolean()
      .optional()
      .describe(
        'Whether a bucket that is made keeps old versions of its objects. Default: no; only with `bucket: create`.',
      ),
    log_days: z
      .literal(logDays)
      .default(30)
      .describe('How long the functions’ logs are kept: the days that CloudWatch Logs knows.'),
    memory_mebibytes: z
      .int()
      .min(512)
      .max(10_240)
      .default(1769)
      .describe('Of the function that copies. 1769 is one whole CPU; new accounts may allow 3008 at most.'),
    timeout_minutes: z
      .int()
      .min(1)
      .max(15)
      .default(15)
      .describe('Of each invocation; a chunk that takes longer goes on in the next one.'),
    notify: each(mailOrTopic, 20)
      .default([])
      .describe('Who is told of failed runs and of the alarm: e-mail addresses, ARNs of SNS topics.'),
    alarm_after_hours: z
      .int()
      .min(1)
      .max(alarmHoursMax)
      .optional()
      .describe(
        'The alarm rings after so many hours without a published run. Default: twice the longest time between two firings of the schedule, and an hour, up to the 168 that CloudWatch looks back; no alarm without a schedule, or with one that rests for a week.',
      ),
    vpc,
  })
  .prefault({})
  .describe('How the sync is deployed to AWS; the laptop does not look at it.');
