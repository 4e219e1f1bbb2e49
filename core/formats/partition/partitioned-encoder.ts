/** Rows of a part → a file for each partition that is among them. */
import { TidemarkError } from '../../errors.ts';
import { type Batch, batchBytesMax, batchRowsMax, type Column } from '../column.ts';
import type { EncodedFile, FileEncoder, Format } from '../format.ts';
import { assigner } from './assign.ts';
import { fieldText, type PartitionField, type PartitionTuple } from './partition.ts';
import { type PendingRows, type Positions, pendingRows, positionsOf } from './pending.ts';

export type PartitionFile = EncodedFile & { readonly partition: PartitionTuple };

export type PartitionedEncoder = {
  /** Whether the part has room for the partitions of this batch, too. */
  fits(batch: Batch): boolean;
  /** @throws TidemarkError DefinitionInvalid where the batch alone has too many partitions */
  write(batch: Batch): void;
  /** of all files, and of the rows that wait */
  readonly bytes: number;
  readonly rows: number;
  /** In the order in which the partitions came. */
  finish(): PartitionFile[];
};

/**
 * A part's files are one item of the ledger, 400 KB at most: a hundred fit (the sum is in core/ledger/part-item.ts) …
 */
const partitionsMax = 100;
/**
 * … and each column of each file has a dictionary's tables of 8 to 24 KiB from the start: 8,000 are below 200 MiB.
 * Tables of up to 80 columns have all hundred, one of 1,600 (PostgreSQL's limit) has five.
 */
const columnsMax = 8_000;

/** Of all rows that wait; a part's memory is this and what is encoded. With a hundred partitions 160 KiB each. */
const pendingBytesMax = 16 * 1024 * 1024;

/**
 * What the files' dictionaries may take of the memory that those of one file may: the first file 1/7, the next two
 * half of that each, the next four a quarter … 127 files have all of it, and few are not cut as short as many.
 */
const memoryShare = (file: number): number => 1 / (7 * 2 ** Math.floor(Math.log2(file + 1)));

type Open = {
  readonly tuple: PartitionTuple;
  readonly encoder: FileEncoder;
  readonly pending: PendingRows;
};

/** @param table for messages */
export function partitionedEncoder(
  format: Format,
  columns: readonly Column[],
  fields: readonly PartitionField[],
  keyValues: Readonly<Record<string, string>>,
  table: string,
): PartitionedEncoder {
  const openMax = Math.min(partitionsMax, Math.floor(columnsMax / columns.length));
  const assign = assigner(columns, fields, table);
  const partitionOf = new Int32Array(batchRowsMax);
  const positions = columns.map(
    (): Positions => ({ starts: new Int32Array(batchRowsMax), ends: new Int32Array(batchRowsMax) }),
  );
  const open: Open[] = [];
  /** the batch that `partitionOf` tells of */
  let assigned: Batch | null = null;
  let rows = 0;
  /** the partitions up to and with the batch that was assigned last */
  let count = 0;

  const assignOnce = (batch: Batch): void => {
    if (assigned === batch) return;
    count = assign.assign(batch, partitionOf);
    assigned = batch;
  };

  const flush = ({ encoder, pending }: Open): void => {
    if (pending.rows > 0) encoder.write(pending.flush());
  };

  function openUpTo(partitions: number): void {
    while (open.length < partitions) {
      const at = open.length;
      const encoder = format.encoder(columns, keyValues, memoryShare(at));
      open.push({ tuple: assign.tuple(at), encoder, pending: pendingRows(columns) });
    }
  }

  function scatter(batch: Batch): void {
    columns.forEach((column, at) => {
      positionsOf(column, batch.columns[at]!, batch.rows, positions[at]!);
    });
    for (const [partition, picked] of rowsByPartition(partitionOf, batch.rows, open.length)) {
      const { pending } = open[partition]!;
      if (pending.rows + picked.length > batchRowsMax) flush(open[partition]!);
      pending.take(batch, positions, picked);
      if (pending.bytes >= batchBytesMax) flush(open[partition]!);
    }
    const waiting = open.reduce((sum, { pending }) => sum + pending.bytes, 0);
    if (waiting > pendingBytesMax) for (const one of open) flush(one);
  }

  return {
    fits(batch) {
      assignOnce(batch);
      return count <= openMax;
    },
    write(batch) {
      if (batch.rows === 0) return;
      assignOnce(batch);
      if (count > openMax) throw tooMany(batch.rows, rows === 0 ? count : null);
      openUpTo(count);
      const first = partitionOf[0]!;
      // where the key follows the partitions, most batches are of one: they are encoded as they are
      if (isAll(partitionOf, batch.rows, first)) {
        flush(open[first]!);
        open[first]!.encoder.write(batch);
      } else scatter(batch);
      rows += batch.rows;
      assigned = null;
    },
    get bytes() {
      return open.reduce((sum, { encoder, pending }) => sum + encoder.bytes + pending.bytes, 0);
    },
    get rows() {
      return rows;
    },
    finish: () =>
      open.map((one) => {
        flush(one);
        return { ...one.encoder.finish(), partition: one.tuple };
      }),
  };

  function tooMany(batchRows: number, found: number | null): TidemarkError {
    const spelled = fields.map(fieldText);
    return new TidemarkError(
      'DefinitionInvalid',
      `table ${table}: ${batchRows} rows that follow each other have ${found ?? `more than ${openMax}`} values of ${spelled.join(', ')}; allowed: up to ${openMax}, so a coarser transform, or a key along which these values change slowly`,
    );
  }
}

function isAll(partitionOf: Int32Array, rows: number, only: number): boolean {
  for (let row = 1; row < rows; row++) if (partitionOf[row] !== only) return false;
  return true;
}

/** The rows of each partition that has some, in order. */
function* rowsByPartition(
  partitionOf: Int32Array,
  rows: number,
  partitions: number,
): Generator<[partition: number, rows: Int32Array]> {
  const ends = new Int32Array(partitions);
  for (let row = 0; row < rows; row++) ends[partitionOf[row]!]!++;
  for (let partition = 1; partition < partitions; partition++) ends[partition]! += ends[partition - 1]!;
  const begins = Int32Array.from(ends, (_, partition) => (partition === 0 ? 0 : ends[partition - 1]!));
  const sorted = new Int32Array(rows);
  const next = Int32Array.from(begins);
  for (let row = 0; row < rows; row++) sorted[next[partitionOf[row]!]!++] = row;
  for (let partition = 0; partition < partitions; partition++)
    if (ends[partition]! > begins[partition]!)
      yield [partition, sorted.subarray(begins[partition]!, ends[partition]!)];
}
