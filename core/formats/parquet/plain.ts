import { TidemarkError } from '../../errors.ts';

/** Views of PLAIN bytes for the loops over values, wherever in memory the source has put them. */

/** The first `bytes` bytes as 32-bit words. A copy if they do not lie at a multiple of 4. */
export function wordsOf(data: Uint8Array, bytes: number): Int32Array {
  if ((data.byteOffset & 3) === 0) return new Int32Array(data.buffer, data.byteOffset, bytes >>> 2);
  const aligned = new Uint8Array(bytes);
  aligned.set(data.subarray(0, bytes));
  return new Int32Array(aligned.buffer);
}

export const viewOf = (data: Uint8Array, bytes: number): DataView =>
  new DataView(data.buffer, data.byteOffset, bytes);

/** A vector of the source does not add up: writing it would make a file that lies. */
export const malformed = (what: string): TidemarkError =>
  new TidemarkError(
    'ProtocolViolation',
    `The source handed a malformed batch to the Parquet encoder: ${what}.`,
  );
