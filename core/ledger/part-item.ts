/**
 * A part as the ledger's item: of a table without partitions it has one file, or none, and is as it has always been; the
 * others have a list of files, which an older Tidemark would take for an empty part, and so refuses by its format.
 */
import { parseStatistics, statisticsText } from '../formats/file-statistics.ts';
import { formatVersion, type Item, partKey, without } from './items.ts';
import type { Part, PartFile } from './ledger.ts';

export const partitionedFormatVersion = 2;

/**
 * An item has 400 KiB at most. Of a part with a hundred files, in the worst case: names 2 × 1,024 bytes each (S3's
 * limit) are 200 KiB, values of five partition fields 5 × 256 bytes each are 125 KiB, sizes, checksum and ETag 30 KiB;
 * the part's four keys (2,704 bytes at most: they stand in an index of PostgreSQL) 11 KiB. What is left of 390 KiB
 * is divided among the files' statistics …
 */
const itemBytesMax = 390 * 1024;
/**
 * … and of that not more than this: a write costs by the kilobyte, and Publish holds the items of all parts. Of a hundred
 * files it is 1.3 KiB each, which are the bounds of some 25 columns; of ten files 13.
 */
const statisticsBytesMax = 128 * 1024;

/** Of a file in an item of format 1. */
type FileItem = Omit<PartFile, 'statistics' | 'rows' | 'partition'> & { readonly statistics?: string | null };
/** In one of format 2: the keys stand once beside the files, as they are the part's. */
type PartitionFileItem = Omit<PartFile, 'statistics' | 'firstKey' | 'lastKey'> & {
  readonly statistics: string | null;
};
type PartOf<Files> = Omit<Part, 'files'> & Files;

export function partItem({ files, ...part }: Part): Item {
  const key = partKey(part, part.n);
  const first = files[0];
  if (first?.partition)
    return { ...key, format: partitionedFormatVersion, ...partitioned(part, files, first) };
  if (!first) return { ...key, format: formatVersion, ...part, file: null };
  const { statistics, rows: _rows, partition: _partition, ...file } = first;
  return {
    ...{ ...key, format: formatVersion, ...part },
    file: { ...file, statistics: statistics && statisticsText(statistics) },
  };
}

function partitioned(part: Omit<Part, 'files'>, files: readonly PartFile[], first: PartFile) {
  const { firstKey, lastKey } = first;
  const bare = files.map(({ statistics, firstKey: _first, lastKey: _last, ...file }) => file);
  const whole = { ...part, firstKey, lastKey };
  const left = itemBytesMax - Buffer.byteLength(JSON.stringify({ ...whole, files: bare }));
  const each = Math.floor(Math.min(left, statisticsBytesMax) / files.length);
  return {
    ...whole,
    files: bare.map((file, at): PartitionFileItem => {
      const { statistics } = files[at]!;
      return { ...file, statistics: statistics && statisticsText(statistics, each) };
    }),
  };
}

const statisticsOf = (text: string | null | undefined) => (text ? parseStatistics(text) : null);

export function toPart(item: Item): Part {
  const found = without(item, partitionedFormatVersion);
  if (item.format === partitionedFormatVersion) {
    const { files, firstKey, lastKey, ...part } = found as PartOf<{
      readonly files: readonly PartitionFileItem[];
      readonly firstKey: string;
      readonly lastKey: string;
    }>;
    return {
      ...part,
      files: files.map((file) => ({
        ...{ ...file, firstKey, lastKey },
        statistics: statisticsOf(file.statistics),
      })),
    };
  }
  const { file, ...part } = found as PartOf<{ readonly file: FileItem | null }>;
  if (!file) return { ...part, files: [] };
  const { statistics, ...rest } = file;
  const { rows } = part;
  return { ...part, files: [{ ...rest, rows, partition: null, statistics: statisticsOf(statistics) }] };
}
