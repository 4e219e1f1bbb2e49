import { App, Stack } from 'aws-cdk-lib';
import { SyncPipeline } from 'tidemark';

const app = new App();
const stack = new Stack(app, 'Crm');
new SyncPipeline(stack, 'Sync', { definitionFile: 'tidemark.yaml' });
