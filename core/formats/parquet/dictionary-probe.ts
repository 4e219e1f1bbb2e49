import type { Dictionary, DictionaryLimits } from './dictionary.ts';
import { bitWidthOf } from './rle.ts';

/** The first values of a column chunk decide whether it gets a dictionary. */
export const probeValuesMax = 4096;

/** A dictionary must save at least this part of the PLAIN bytes: compression finds repetitions, too. */
const savedMin = 0.25;

/**
 * Looks at the first values of a column chunk. Afterwards the dictionary holds those values.
 * @param expectedValues how many values the chunk will have, more or less
 * @param scratch room for `probeValuesMax` indexes
 */
export function isDictionaryWorthwhile(
  dictionary: Dictionary,
  limits: DictionaryLimits,
  data: Uint8Array,
  bytes: number,
  count: number,
  expectedValues: number,
  scratch: Int32Array,
): boolean {
  const probed = Math.min(count, probeValuesMax);
  const half = probed >>> 1;
  if (!dictionary.index(data, bytes, half, scratch)) return false;
  const inFirstHalf = dictionary.entries;
  if (!dictionary.index(data, bytes, probed, scratch)) return false;
  const distinct = expectedDistinct(probed, inFirstHalf, dictionary.entries - inFirstHalf, expectedValues);
  if (distinct > limits.entries) return false;
  const entryBytes = dictionary.bytes / dictionary.entries;
  if (distinct * entryBytes > limits.bytes) return false;
  const plainBytes = (bytes / count) * expectedValues;
  const indexBytes = (bitWidthOf(Math.ceil(distinct)) / 8) * expectedValues;
  return distinct * entryBytes + indexBytes <= plainBytes * (1 - savedMin);
}

/**
 * How many distinct values the whole chunk has, judged by a sample. The smaller of two estimates: new values
 * keep coming at the same rate (a key, a clock); or values are drawn evenly from D, when each half of the sample
 * of size h finds e^(−h/D) times as many new ones as the half before.
 */
export function expectedDistinct(
  probed: number,
  newInFirstHalf: number,
  newInSecondHalf: number,
  expectedValues: number,
): number {
  const found = newInFirstHalf + newInSecondHalf;
  const steady = (found / Math.max(probed, 1)) * Math.max(expectedValues, probed);
  if (newInSecondHalf >= newInFirstHalf) return steady;
  if (newInSecondHalf === 0) return found;
  const drawn = (probed - (probed >>> 1)) / Math.log(newInFirstHalf / newInSecondHalf);
  return Math.max(found, Math.min(steady, drawn));
}
