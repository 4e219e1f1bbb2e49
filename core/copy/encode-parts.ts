import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Format } from '../formats/format.ts';
import type { PartitionField } from '../formats/partition/partition.ts';
import { wholeBytesMax } from '../sources/in-one-piece.ts';
import type { KeyRange, ReadLimits, Source, TableDescription } from '../sources/source.ts';
import { type EncodedPartFile, partEncoder } from './part-encoder.ts';

/** A part that has been read and encoded, and is nowhere but in memory. */
export type EncodedPart = {
  /** the rows with `from` < key ≤ `to` */
  readonly from: string | null;
  readonly to: string | null;
  /** the range ends with it */
  readonly last: boolean;
  readonly rows: number;
  /** none: no rows */
  readonly files: readonly (EncodedPartFile & { readonly firstKey: string; readonly lastKey: string })[];
};

export type PartLimits = {
  readonly partRows: number;
  readonly partBytes: number;
  readonly partSeconds: number;
};

/**
 * Reads a range and cuts it into parts. A part is closed by rows, by the size of its files or by time, always between
 * two batches, so that its last key is known; it never exceeds its rows unless a single batch does. Where its files'
 * partitions would be too many with the next batch, it is closed before.
 *
 * A table that is read in no order becomes one part, whatever the limits: behind any other offset nobody could go on.
 *
 * Where `isTimeUp` says so, the part at hand is closed after its batch and nothing more is read: the range is then
 * not finished, no part says `last`.
 *
 * @throws TidemarkError KeyMissing where such a table does not fit one part, and what the source says
 * @param keyValues for the file of part number `n` (from 0, within this call)
 */
export async function* encodeParts(
  source: Source,
  description: TableDescription,
  partition: readonly PartitionField[],
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
  let encoder = partEncoder(format, description, partition, keyValues(n));
  let keys = null as { firstKey: string; lastKey: string } | null;

  function close(last: boolean): EncodedPart {
    const { rows } = encoder;
    const to = last ? range.upTo : keys!.lastKey;
    const files = keys === null ? [] : encoder.finish().map((file) => ({ ...file, ...keys! }));
    const part = { from, to, last, rows, files };
    n++;
    from = to;
    startedMs = nowMs();
    encoder = partEncoder(format, description, partition, keyValues(n));
    keys = null;
    return part;
  }

  const isWhole = description.key.by === 'nothing';
  const tooLarge = (why: string) =>
    new TidemarkError(
      'KeyMissing',
      `${formatTableName(description)} has no key, so that it is copied in one piece, and ${why}`,
      {
        next: 'Give the table a primary key, or NOT NULL columns with a unique index, then start over with `tidemark run --fresh`.',
      },
    );
  for await (const batch of source.read(description, range, limits)) {
    if (isWhole) {
      if (isTimeUp()) throw tooLarge('that takes longer than one invocation of its function has time');
      if (encoder.bytes > wholeBytesMax)
        throw tooLarge(`its file has more than ${wholeBytesMax / 2 ** 20} MiB`);
      if (keys && !encoder.fits(batch)) throw tooLarge('it has more partitions than a part may have');
      encoder.write(batch);
      keys = { firstKey: '', lastKey: '' };
      continue;
    }
    const isFull = encoder.rows + batch.rows > limits.partRows || !encoder.fits(batch);
    if (keys && isFull) yield close(false);
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
