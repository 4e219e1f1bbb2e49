/** Rows as they came over the wire, on their way to the decoder. */

/** The frames of `rows` rows, one after the other, from `start` to `end`. */
export type Segment = {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly rows: number;
  /** where the last row's frame begins */
  readonly lastRow: number;
};

/** A row is put together in memory before it is decoded, and copied there: more than this would end the process. */
export const rowBytesMax = 256 * 1024 * 1024;

/** What is wrong with a row that is longer than that. */
export const rowTooLong = (bytes: number): string =>
  `a row of ${Math.ceil(bytes / 2 ** 20)} MiB; rows of up to ${rowBytesMax / 2 ** 20} MiB are copied`;
