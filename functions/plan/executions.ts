import { DescribeExecutionCommand, ExecutionDoesNotExist, SFNClient } from '@aws-sdk/client-sfn';
import { TidemarkError } from '../../core/errors.ts';

const over = new Set<string | undefined>(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']);

let client: SFNClient | null = null;

/**
 * Whether an execution has ended. Step Functions forgets executions 90 days after their end: one that it does not
 * know is over. One that waits for its redrive to begin is not.
 *
 * @throws TidemarkError LedgerDenied without states:DescribeExecution, LedgerUnavailable
 */
export async function isOver(executionArn: string): Promise<boolean> {
  client ??= new SFNClient({ maxAttempts: 5 });
  try {
    const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
    return over.has(status);
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return true;
    const name = error instanceof Error ? error.name : String(error);
    throw new TidemarkError(
      name === 'AccessDeniedException' ? 'LedgerDenied' : 'LedgerUnavailable',
      `states:DescribeExecution on ${executionArn} failed (${name})`,
      { cause: error },
    );
  }
}
