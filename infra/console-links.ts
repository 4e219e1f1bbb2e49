/** Pages of the console of Step Functions, in the region of the stack. */
import { Aws } from 'aws-cdk-lib';

const states = `https://${Aws.REGION}.console.aws.amazon.com/states/home?region=${Aws.REGION}#`;

export const machineLink = (stateMachineArn: string): string =>
  `${states}/statemachines/view/${stateMachineArn}`;

export const executionLink = (executionArn: string): string =>
  `${states}/v2/executions/details/${executionArn}`;
