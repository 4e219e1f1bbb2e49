/**
 * The CDK app of test:deployed: the sync as this project deploys it, and beside it a queue that hears the notices.
 *
 * With the context value `dying`, the sandboxes that copy are killed a few seconds after their start, by a wrapper
 * around their runtime ($AWS_LAMBDA_EXEC_WRAPPER, in a layer). No API of Lambda kills a sandbox that works: a reserved
 * concurrency of 0 only keeps new ones from starting, and our functions heed a time limit before it strikes.
 */
import { fileURLToPath } from 'node:url';
import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { pipelineStackName } from '../../infra/names.ts';
import { SyncPipeline } from '../../infra/sync-pipeline.ts';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { sync, topicName, watchStackName } from './settings.ts';

const account = process.env.CDK_DEFAULT_ACCOUNT;
const region = process.env.CDK_DEFAULT_REGION;
const definitionFile = process.env.DEPLOYED_DEFINITION;
if (!account || !region || !definitionFile) {
  throw new Error(
    'test/deployed/app.ts is called by test/deployed/cdk.ts, through the CDK, with credentials',
  );
}
const env = { account, region };
const app = new App();

const watch = new Stack(app, watchStackName, {
  env,
  description: 'Tidemark test:deployed: hears the notices',
});
const topic = new Topic(watch, 'Notices', { topicName });
topic.grantPublish(new ServicePrincipal('events.amazonaws.com'));
const queue = new Queue(watch, 'Heard');
topic.addSubscription(new SqsSubscription(queue, { rawMessageDelivery: true }));
new CfnOutput(watch, 'QueueUrl', { value: queue.queueUrl });

// the name is the topic's by ARN: the definition refers to it, and the stacks to each other by nothing
const topicArn = `arn:${region.startsWith('cn-') ? 'aws-cn' : 'aws'}:sns:${region}:${account}:${topicName}`;
syncStacks(app, [definitionFile], { ...process.env, NOTICES_TOPIC: topicArn }, { env });
new CfnOutput(watch, 'TopicArn', { value: topicArn });

if (app.node.tryGetContext('dying')) {
  const stack = app.node.findChild(pipelineStackName(sync)) as Stack;
  const pipeline = stack.node.children.find((child) => child instanceof SyncPipeline)!;
  const copyChunk = pipeline.functions['copy-chunk'].function;
  if (!(copyChunk instanceof LambdaFunction)) throw new Error('copy-chunk is no function of this stack');
  const folder = fileURLToPath(new URL('layer', import.meta.url));
  copyChunk.addLayers(new LayerVersion(stack, 'DieSoon', { code: Code.fromAsset(folder) }));
  copyChunk.addEnvironment('AWS_LAMBDA_EXEC_WRAPPER', '/opt/die-soon');
}
app.synth();
