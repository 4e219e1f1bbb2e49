/** Rows of a data file as CSV for PostgreSQL, made by DuckDB. */
import { readFileSync } from 'node:fs';
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

/** An installed tidemark does not bring them: only this sample needs them, and they are large. */
const packages = ['vega-datasets', '@duckdb/node-api'] as const;

const { resolve } = createRequire(import.meta.url);

/**
 * Whether the packages that hold and read the data are installed, without loading them.
 * @throws CloudBroken
 */
export function checkSamplePackages(find: (name: string) => unknown = resolve): void {
  try {
    for (const name of packages) find(name);
  } catch (cause) {
    throw packagesMissing(cause);
  }
}

function packagesMissing(cause: unknown): TidemarkError {
  const { devDependencies } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const exact = packages.map((name) => `${name}@${devDependencies[name]}`).join(' ');
  const [reason] = (cause as Error).message.split('\n');
  const message = `the sample database needs the npm packages ${packages.join(' and ')}: ${reason}`;
  return new TidemarkError('CloudBroken', message, {
    cause,
    next: `Install them beside tidemark: \`npm i ${exact}\`. Or take a clone of the repository, and \`npm ci\` there.`,
  });
}

async function loadPackages() {
  try {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    return { DuckDBInstance, folder: join(dirname(resolve('vega-datasets')), '..', 'data') };
  } catch (cause) {
    throw packagesMissing(cause);
  }
}
