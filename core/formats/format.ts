import type { Batch, Column } from './column.ts';
import type { FileStatistics } from './file-statistics.ts';

/** A finished file of one part, whole in memory: it is staged by one PutObject, which can be repeated. */
export type EncodedFile = {
  /** the file's bytes in order; not concatenated, so that nothing is copied twice */
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly rows: number;
  readonly statistics: FileStatistics;
};

/** Takes batches of one part and makes one file of them. Memory grows with the encoded file, not with its rows. */
export interface FileEncoder {
  /** Encodes the batch at once; does not keep its buffers. */
  write(batch: Batch): void;
  /** Bytes that the file would have if it were finished now: what is encoded, plus a bound on what is pending. */
  readonly bytes: number;
  readonly rows: number;
  /** Ends the file. The encoder is spent afterwards. */
  finish(): EncodedFile;
}

/** A way to store columns in files. */
export interface Format {
  /** of a file's name, without the dot */
  readonly extension: string;
  readonly mediaType: string;
  /**
   * @param columns the columns of every batch that will be written, in order
   * @param keyValues small texts kept in the file's own metadata (which sync, run, chunk and part it is)
   * @param memoryShare how much of the memory for dictionaries the file may take, where several are written at once
   */
  encoder(
    columns: readonly Column[],
    keyValues: Readonly<Record<string, string>>,
    memoryShare?: number,
  ): FileEncoder;
}
