import { TidemarkError } from './errors.ts';

/**
 * Everything persisted carries the version of its format: older is read, newer than known is refused.
 *
 * @param place for the message: `s3://lake/…`, `ledger item …`
 * @throws TidemarkError FormatTooNew
 */
export function checkFormat(place: string, found: unknown, known: number): void {
  if (typeof found === 'number' && found <= known) return;
  throw new TidemarkError('FormatTooNew', `${place} has format ${found}; this Tidemark knows up to ${known}`);
}
