/** What decoding a column is to any source: which rows have a value, and values of any length. */
import type { ColumnDecoder, Fail, FieldRun } from './row-decoder.ts';
import { type GrowingVector, reserveBytes } from './vectors.ts';

/**
 * Notes which rows have a value and makes room for them.
 * @param wireBytes how long each value must be; null: any length
 * @param width bytes that a value takes in the vector
 */
export function begin(
  vector: GrowingVector,
  fail: Fail,
  run: FieldRun,
  wireBytes: number | null,
  width: number,
): void {
  const { offsets, lengths, end } = run;
  reserveBytes(vector, (end - run.first) * width);
  const { present } = vector;
  let row = run.row;
  let values = 0;
  for (let i = run.first; i < end; i++) {
    const there = (offsets[i] as number) >= 0 ? 1 : 0;
    present[row++] = there;
    values += there;
    if (there === 1 && wireBytes !== null && lengths[i] !== wireBytes)
      fail('a value came in another form than its type has', 'TableChanged');
  }
  vector.values += values;
}

/** Where memory's own copy is worth its call. */
const longBytes = 48;

/** @param skip bytes before each value that are not its own: 1 for jsonb, its version */
export function binary(vector: GrowingVector, fail: Fail, skip: 0 | 1): ColumnDecoder {
  return (run) => {
    begin(vector, fail, run, null, 4);
    const { view, bytes, offsets, lengths, end } = run;
    let total = 0;
    for (let i = run.first; i < end; i++)
      if ((offsets[i] as number) >= 0) total += 4 + (lengths[i] as number);
    reserveBytes(vector, total);
    const { data, view: target } = vector;
    let to = vector.bytes;
    for (let i = run.first; i < end; i++) {
      let at = offsets[i] as number;
      if (at < 0) continue;
      if (skip === 1 && bytes[at] !== 1) fail('unknown version of jsonb', 'ProtocolViolation');
      at += skip;
      const length = (lengths[i] as number) - skip;
      target.setInt32(to, length, true);
      to += 4;
      if (length >= longBytes) {
        data.set(bytes.subarray(at, at + length), to);
        to += length;
        continue;
      }
      const stop = to + length;
      for (; to + 4 <= stop; to += 4, at += 4) target.setInt32(to, view.getInt32(at));
      while (to < stop) data[to++] = bytes[at++] as number;
    }
    vector.bytes = to;
  };
}
