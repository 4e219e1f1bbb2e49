import { App, Stack } from 'aws-cdk-lib';
import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { SyncPipeline } from 'tidemark';

const app = new App();
const stack = new Stack(app, 'Erp');
const sync = new SyncPipeline(stack, 'Sync', { definitionFile: 'tidemark.yaml' });

// the database lets the functions in
const database = SecurityGroup.fromSecurityGroupId(stack, 'Database', 'sg-0123456789abcdef0');
for (const { securityGroupId } of sync.securityGroups) {
  database.addIngressRule(Peer.securityGroupId(securityGroupId), Port.tcp(5432), 'Tidemark sync erp');
}
