import { TidemarkError } from '../errors.ts';

/** A table that is read in no order becomes one part, and a part is held in memory: more than this would not fit. */
export const wholeBytesMax = 512 * 1024 * 1024;

/** The only statement of such a table waits for whoever encodes its rows: almost an invocation long. */
export const wholeStatementMs = 840_000;

/** @param bytes of the table, about. @param hint what could be its key */
export const tooLargeWithoutKey = (where: string, bytes: number, hint = ''): TidemarkError =>
  new TidemarkError(
    'KeyMissing',
    `${where} has no key, and about ${Math.ceil(bytes / 2 ** 20)} MiB: without a key it would be read by one statement into one file, and more than ${wholeBytesMax / 2 ** 20} MiB do not fit${hint}`,
  );
