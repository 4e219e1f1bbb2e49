/** Rows of a data file as CSV for PostgreSQL, made by DuckDB. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TidemarkError } from '../../core/errors.ts';
import type { SampleTable } from './tables.ts';

export type SampleData = {
  /** CSV without a header, in pieces of about 64 KiB; NULL is an empty field without quotes */
  rows(table: SampleTable): AsyncIterable<Uint8Array>;
  close(): void;
};

/** @throws CloudBroken when the packages that hold and read the data are not installed */
export async function openSampleData(): Promise<SampleData> {
  const { DuckDBInstance, folder } = await loadPackages();
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  return {
    rows: async function* (table) {
      const file = `'${join(folder, table.file).replaceAll("'", "''")}'`;
      const query = table.query.replaceAll('$file', () => file);
      const described = await connection.runAndReadAll(`DESCRIBE ${query}`);
      const columns = described.getRowsJson().map(([, type], index) => csvField(`c${index}`, String(type)));
      const names = columns.map((_, index) => `c${index}`);
      const lines = await connection.stream(
        `SELECT ${columns.join(` || ',' || `)} FROM (${query}) AS t (${names.join(', ')})`,
      );
      for (;;) {
        const chunk = await lines.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield Buffer.from(`${chunk.getColumnValues(0).join('\n')}\n`);
      }
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** An expression of DuckDB: the column as a field of CSV. */
function csvField(column: string, type: string): string {
  const plain = /^(BIGINT|INTEGER|SMALLINT|DOUBLE|DATE|TIMESTAMP)$/.test(type);
  const text = `CAST(${column} AS VARCHAR)`;
  return `coalesce(${plain ? text : `'"' || replace(${text}, '"', '""') || '"'`}, '')`;
}

async function loadPackages() {
  try {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const main = createRequire(import.meta.url).resolve('vega-datasets');
    return { DuckDBInstance, folder: join(dirname(main), '..', 'data') };
  } catch (cause) {
    const message =
      'The sample database needs the npm packages vega-datasets and @duckdb/node-api; install them with `npm ci`.';
    throw new TidemarkError('CloudBroken', message, { cause });
  }
}
