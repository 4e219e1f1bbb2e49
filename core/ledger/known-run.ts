import { TidemarkError } from '../errors.ts';
import type { Ledger, Run } from './ledger.ts';

/**
 * A run that must be in the ledger.
 * @throws TidemarkError ProtocolViolation where it is not: the ledger was lost, which is no good end of anything
 */
export async function knownRun(ledger: Ledger, sync: string, run: string): Promise<Run> {
  const found = await ledger.run(sync, run);
  if (found) return found;
  throw new TidemarkError(
    'ProtocolViolation',
    `the ledger has no run ${run} of ${sync}: it was deleted, or replaced`,
  );
}
