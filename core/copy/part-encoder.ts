import { formatTableName } from '../definition/table-name.ts';
import type { Batch } from '../formats/column.ts';
import type { EncodedFile, Format } from '../formats/format.ts';
import type { PartitionField, PartitionTuple } from '../formats/partition/partition.ts';
import { partitionedEncoder } from '../formats/partition/partitioned-encoder.ts';
import type { TableDescription } from '../sources/source.ts';

export type EncodedPartFile = EncodedFile & {
  /** null: the table has no partitions */
  readonly partition: PartitionTuple | null;
};

/** Takes the batches of one part and makes its files of them: one, or one for each partition. */
export type PartEncoder = {
  /** Whether there is room for this batch beside those before it, whatever their rows and bytes. */
  fits(batch: Batch): boolean;
  write(batch: Batch): void;
  /** of all files, if they were finished now */
  readonly bytes: number;
  readonly rows: number;
  finish(): EncodedPartFile[];
};

/** @param partition by what the part's rows are divided; empty: by nothing */
export function partEncoder(
  format: Format,
  description: TableDescription,
  partition: readonly PartitionField[],
  keyValues: Readonly<Record<string, string>>,
): PartEncoder {
  const { columns } = description;
  if (partition.length > 0)
    return partitionedEncoder(format, columns, partition, keyValues, formatTableName(description));
  const encoder = format.encoder(columns, keyValues);
  return {
    fits: () => true,
    write: (batch) => encoder.write(batch),
    get bytes() {
      return encoder.bytes;
    },
    get rows() {
      return encoder.rows;
    },
    finish: () => [{ ...encoder.finish(), partition: null }],
  };
}
