import { App, Stack } from 'aws-cdk-lib';
import { SyncPipeline } from '../../infra/index.ts';

const app = new App();
const stack = new Stack(app, 'Shop');
new SyncPipeline(stack, 'Sync', { definitionFile: 'tidemark.yaml' });
