import { CfnOutput } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { machineLink } from './console-links.ts';
import { withConfig } from './deployable-file.ts';

export type Deployed = {
  /** the definition's, absolute */
  readonly file: string;
  readonly stateMachineArn: string;
  readonly ledgerName: string;
  readonly bucketName: string;
  readonly logGroupNames: readonly string[];
  readonly topicArn: string | null;
  readonly missedStartsUrl: string | null;
  readonly securityGroupIds: readonly string[];
};

/** What one needs next, as outputs of the stack. */
export function outputs(scope: Construct, deployed: Deployed): void {
  const group = new Construct(scope, 'Outputs');
  const output = (id: string, description: string, value: string | null) => {
    if (value !== null) new CfnOutput(group, id, { description, value });
  };
  output('StateMachineArn', 'The state machine: one execution works on one run', deployed.stateMachineArn);
  output(
    'Console',
    'The runs of this sync in the console of Step Functions',
    machineLink(deployed.stateMachineArn),
  );
  output(
    'Next',
    'Starts a run and follows it; then: status, runs, show',
    `npx tidemark run --cloud aws${withConfig(deployed.file)}`,
  );
  output('LedgerTable', 'The ledger, which outlives the stacks', deployed.ledgerName);
  output('LakeBucket', 'The bucket of the lake', deployed.bucketName);
  output('LogGroups', 'Logs of the functions and the state machine', deployed.logGroupNames.join(' '));
  output('NoticesTopic', 'Each e-mail address must confirm its subscription once', deployed.topicArn);
  output('MissedStarts', 'Where starts lie that the schedule could not make', deployed.missedStartsUrl);
  if (deployed.securityGroupIds.length > 0) {
    output('FunctionSecurityGroups', 'The database lets these in', deployed.securityGroupIds.join(' '));
  }
}
