import { App, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SyncPipeline } from 'tidemark';

const app = new App();
const stack = new Stack(app, 'Web', { env: { account: '111122223333', region: 'eu-central-1' } });
new SyncPipeline(stack, 'Sync', {
  definitionFile: 'tidemark.yaml',
  // a topic that the app has already: its policy lets EventBridge and CloudWatch publish
  topics: [Topic.fromTopicArn(stack, 'OnCall', 'arn:aws:sns:eu-central-1:111122223333:on-call')],
});
