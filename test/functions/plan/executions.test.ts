import { DescribeExecutionCommand, ExecutionDoesNotExist, SFNClient } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { isOver } from '../../../functions/plan/executions.ts';

const stepFunctions = mockClient(SFNClient);
beforeEach(() => stepFunctions.reset());
afterAll(() => stepFunctions.restore());
process.env.AWS_REGION ??= 'us-east-1';

const arn = 'arn:aws:states:us-east-1:000000000000:execution:sync:one';

test.for([
  ['RUNNING', false],
  ['PENDING_REDRIVE', false],
  ['SUCCEEDED', true],
  ['FAILED', true],
  ['TIMED_OUT', true],
  ['ABORTED', true],
  // a state that we do not know may be alive
  ['SOMETHING_NEW', false],
] as const)('%s: over is %s', async ([status, over]) => {
  stepFunctions.on(DescribeExecutionCommand, { executionArn: arn }).resolves({ status: status as 'RUNNING' });
  expect(await isOver(arn)).toBe(over);
});

test('an execution that is forgotten is over', async () => {
  stepFunctions.onAnyCommand().rejects(new ExecutionDoesNotExist({ message: 'no', $metadata: {} }));
  expect(await isOver(arn)).toBe(true);
});

test.for([
  ['AccessDeniedException', 'LedgerDenied', 'was denied (AccessDeniedException)'],
  ['CredentialsProviderError', 'LedgerDenied', 'was denied'],
  ['ThrottlingException', 'LedgerUnavailable', 'failed (ThrottlingException)'],
  ['TimeoutError', 'LedgerUnavailable', 'by an interface endpoint or a NAT gateway'],
] as const)('%s says nothing about the execution: %s', async ([name, code, words]) => {
  stepFunctions.onAnyCommand().rejects(Object.assign(new Error('no'), { name }));
  const error = await isOver(arn).catch((failure) => failure);
  expect(error).toMatchObject({ code });
  expect(error.message).toContain(`states:DescribeExecution on ${arn} `);
  expect(error.message).toContain(words);
});
