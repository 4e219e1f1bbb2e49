import type { EncodedFile, Format } from '../formats/format.ts';
import type { KeyRange, ReadLimits, Source, TableDescription } from '../sources/source.ts';

/** A part that has been read and encoded, and is nowhere but in memory. */
export type EncodedPart = {
  /** the rows with `from` < key ≤ `to` */
  readonly from: string | null;
  readonly to: string | null;
  /** the range ends with it */
  readonly last: boolean;
  readonly rows: number;
  /** null: no rows, no file */
  readonly file: (EncodedFile & { readonly firstKey: string; readonly lastKey: string }) | null;
};

export type PartLimits = {
  readonly partRows: number;
  readonly partBytes: number;
  readonly partSeconds: number;
};

/**
 * Reads a range and cuts it into parts. A part is closed by rows, by the size of its file or by time, always between
 * two batches, so that its last key is known; it never exceeds its rows unless a single batch does.
 *
 * Where `isTimeUp` says so, the part at hand is closed after its batch and nothing more is read: the range is then
 * not finished, no part says `last`.
 *
 * @param keyValues for the file of part number `n` (from 0, within this call)
 */
export async function* encodeParts(
  source: Source,
  description: TableDescription,
  range: KeyRange,
  limits: PartLimits & ReadLimits,
  format: Format,
  keyValues: (n: number) => Readonly<Record<string, string>>,
  isTimeUp: () => boolean,
  nowMs: () => number,
): AsyncGenerator<EncodedPart> {
  let n = 0;
  let from = range.after;
  let startedMs = nowMs();
  let encoder = format.encoder(description.columns, keyValues(n));
  let keys = null as { firstKey: string; lastKey: string } | null;

  function close(last: boolean): EncodedPart {
    const { rows } = encoder;
    const to = last ? range.upTo : keys!.lastKey;
    const part = { from, to, last, rows, file: keys && { ...encoder.finish(), ...keys } };
    n++;
    from = to;
    startedMs = nowMs();
    encoder = format.encoder(description.columns, keyValues(n));
    keys = null;
    return part;
  }

  for await (const batch of source.read(description, range, limits)) {
    if (keys && encoder.rows + batch.rows > limits.partRows) yield close(false);
    encoder.write(batch);
    keys = { firstKey: keys?.firstKey ?? batch.firstKey, lastKey: batch.lastKey };
    if (isTimeUp()) {
      yield close(false);
      return;
    }
    if (encoder.bytes >= limits.partBytes || nowMs() - startedMs >= limits.partSeconds * 1000) {
      yield close(false);
    }
  }
  yield close(true);
}
