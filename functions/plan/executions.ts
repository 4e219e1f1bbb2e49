import { DescribeExecutionCommand, ExecutionDoesNotExist, SFNClient } from '@aws-sdk/client-sfn';
import { nameOfError } from '../../core/aws-denials.ts';
import { TidemarkError } from '../../core/errors.ts';

const over = new Set<string | undefined>(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']);

const denying = new Set(['AccessDeniedException', 'UnrecognizedClientException', 'CredentialsProviderError']);

let client: SFNClient | null = null;

/**
 * Whether an execution has ended. Step Functions forgets executions 90 days after their end: one that it does not
 * know is over. One that waits for its redrive to begin is not.
 *
 * @throws TidemarkError LedgerDenied without states:DescribeExecution, LedgerUnavailable
 */
export async function isOver(executionArn: string): Promise<boolean> {
  // in a VPC without a way out, nothing ever answers
  const requestHandler = { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true };
  client ??= new SFNClient({ maxAttempts: 5, requestHandler });
  try {
    const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
    return over.has(status);
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return true;
    const name = nameOfError(error);
    const place = `states:DescribeExecution on ${executionArn}`;
    if (denying.has(name))
      throw new TidemarkError('LedgerDenied', `${place} was denied (${name})`, { cause: error });
    const wayOut =
      name === 'TimeoutError'
        ? '; a function in a VPC reaches Step Functions by an interface endpoint or a NAT gateway'
        : '';
    throw new TidemarkError('LedgerUnavailable', `${place} failed (${name})${wayOut}`, { cause: error });
  }
}
