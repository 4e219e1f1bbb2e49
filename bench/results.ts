/** What a benchmark found, as it is written to a file, and as a table for people. */
import type { Summary } from './measure.ts';

export type Results = {
  /** ISO 8601 */
  readonly at: string;
  readonly node: string;
  readonly compression: string;
  readonly machine: { readonly processor: string; readonly cores: number; readonly memoryGB: number };
  readonly rounds: number;
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    readonly contestants: readonly Summary[];
  }[];
};

export const descriptionOf: Readonly<Record<string, string>> = {
  'read and discarded': 'reading the rows and discarding them: **the limit**',
  'read lazily and discarded': 'the same, reading less often: the strict limit',
  'one chunk': '**one chunk function**, to Parquet on S3',
  'one chunk, other checkout': 'one chunk function of the other checkout',
  'two chunks at once': '**two chunk functions** at once, half of the table each',
  'the embedded cloud': '`tidemark run`, from the command to its end',
  'row objects': 'row objects by a cursor, into hyparquet-writer (a tenth of the rows)',
};

/** In Markdown. */
export function table(
  { node, compression, rounds }: Results,
  { name, rows, contestants }: Results['tables'][number],
): string {
  const orNone = (value: number | null, digits: number, unit: string): string =>
    value === null ? '–' : `${value.toFixed(digits)}${unit}`;
  const lines = contestants.map((one) =>
    [
      descriptionOf[one.name] ?? one.name,
      Math.round(one.rowsPerSecond).toLocaleString('en'),
      one.ofLimit.toFixed(2),
      one.cpuSecondsPerMillionRows.toFixed(2),
      orNone(one.peakMB, 0, ' MB'),
      orNone(one.bytesPerRow, 1, ''),
    ].join(' | '),
  );
  return [
    `${name}, ${rows.toLocaleString('en')} rows, Node ${node.slice(1)}, ${compression}, median of ${rounds} rounds:`,
    '',
    '| | rows/s | of the limit | CPU-s / M rows | peak RSS | bytes / row |',
    '|---|---|---|---|---|---|',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}
