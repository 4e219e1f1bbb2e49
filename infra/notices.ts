import { Aws, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { isTopic, topicsMax } from '../core/definition/rules.ts';
import { TidemarkError } from '../core/errors.ts';
import { executionLink } from './console-links.ts';
import { withConfig } from './deployable-file.ts';
import { stateMachineName } from './names.ts';

export type NoticesProps = {
  readonly sync: string;
  /** the definition's, absolute */
  readonly file: string;
  readonly machine: IStateMachine;
  /** e-mail addresses, and ARNs of topics that are there */
  readonly notify: readonly string[];
  /** topics that the app has */
  readonly topics: readonly ITopic[];
  /** whole hours without a published run, up to 168; null: no alarm */
  readonly alarmAfterHours: number | null;
};

/**
 * Tells people of executions that failed, timed out or were aborted, and of a sync that has published nothing for too
 * long. The second is needed beside the first: events are delivered as well as can be, and a schedule that does not
 * fire has none.
 *
 * @returns the topic that was made; null: nobody is to be written to
 */
export function notices(scope: Construct, props: NoticesProps): Topic | null {
  const mails = props.notify.filter((address) => !isTopic(address));
  const made = mails.length === 0 ? null : mailTopic(scope, props.sync, mails);
  const topics = [
    ...(made ? [made] : []),
    ...props.topics,
    ...props.notify
      .filter(isTopic)
      .map((arn, index) => Topic.fromTopicArn(scope, `NotifyTopic${index}`, arn)),
  ];
  if (topics.length > topicsMax)
    throw new TidemarkError(
      'DefinitionInvalid',
      `sync ${props.sync}: ${topics.length} topics to tell (deploy.notify, where all mail addresses are one, and the construct’s topics); allowed: up to ${topicsMax}, as a rule of EventBridge and an alarm take no more; a topic may have any number of subscriptions`,
    );
  if (topics.length > 0) failureRule(scope, props, topics);
  if (props.alarmAfterHours !== null) ageAlarm(scope, props, props.alarmAfterHours, topics);
  return made;
}

/**
 * The key is one of our own: EventBridge and CloudWatch cannot use the one that AWS manages (`alias/aws/sns`), and
 * what they send would be lost without a word.
 */
function mailTopic(scope: Construct, sync: string, mails: readonly string[]): Topic {
  const key = new Key(scope, 'NoticesKey', {
    description: `Notices of Tidemark sync ${sync}`,
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const topic = new Topic(scope, 'Notices', {
    displayName: `Tidemark ${sync}`,
    masterKey: key,
    enforceSSL: true,
  });
  // for EventBridge the rule's target sees to both
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      // in a key's policy: this key
      resources: ['*'],
      // CloudWatch says for whom it acts, also to KMS; EventBridge does not, so that its statement has no condition
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  for (const mail of mails) topic.addSubscription(new EmailSubscription(mail));
  return topic;
}

/** Children of the Map have state machine ARNs of their own: only the runs of the sync are told of. */
function failureRule(
  scope: Construct,
  { sync, file, machine }: NoticesProps,
  topics: readonly ITopic[],
): void {
  const rule = new Rule(scope, 'FailedRule', {
    description: `Executions of Tidemark sync ${sync} that did not succeed`,
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { status: ['FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: [machine.stateMachineArn] },
    },
  });
  const field = (path: string) => EventField.fromPath(path);
  // what an error says is left to the console: EventBridge puts a text's quotes and line ends in as they are
  const message = RuleTargetInput.fromMultilineText(
    [
      `Tidemark sync ${sync}: execution ${field('$.detail.name')} ended as ${field('$.detail.status')}.`,
      `Why, and what to do: npx tidemark status --cloud aws${withConfig(file)}`,
      `In the console: ${executionLink(field('$.detail.executionArn'))}`,
      'What is committed stays; a redrive copies only the rest.',
    ].join('\n'),
  );
  for (const topic of topics) rule.addTarget(new SnsTopic(topic, { message }));
  Validations.of(rule).acknowledge({
    id: 'Annotation::@aws-cdk/aws-events:ruleUnresolvedEnvironment',
    reason:
      'A topic that is named by its ARN lies in the account and region of that ARN, wherever the stack goes.',
  });
}

/**
 * Rings after `hours` without a published run, in steps of an hour, and from the first deployment until the first
 * run: no data is bad news. Publish writes the metric into its log.
 */
function ageAlarm(
  scope: Construct,
  { sync, file }: NoticesProps,
  hours: number,
  topics: readonly ITopic[],
): void {
  const alarm = new Alarm(scope, 'AgeAlarm', {
    alarmName: `${stateMachineName(sync)}-published`,
    alarmDescription: `Tidemark sync ${sync} has published no run for ${hours} hours. See npx tidemark status --cloud aws${withConfig(file)}`,
    metric: new Metric({
      namespace: 'Tidemark',
      metricName: 'PublishedRuns',
      dimensionsMap: { Sync: sync },
      statistic: Stats.SUM,
      period: Duration.hours(1),
    }),
    threshold: 1,
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    evaluationPeriods: hours,
    datapointsToAlarm: hours,
    treatMissingData: TreatMissingData.BREACHING,
  });
  for (const topic of topics) {
    alarm.addAlarmAction(new SnsAction(topic));
    alarm.addOkAction(new SnsAction(topic));
  }
}
