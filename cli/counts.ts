import type { Definition } from '../core/definition/options.ts';
import { parseTableName } from '../core/definition/table-name.ts';
import { tableOptions } from '../core/definition/table-options.ts';
import { TidemarkError } from '../core/errors.ts';
import type { Pointer } from '../core/publish/pointer.ts';
import type { Source } from '../core/sources/source.ts';
import type { Cloud } from './cloud.ts';

/** The database's own count(*) of a table against what an independent reader finds in its published files. */
export type TableCount = {
  readonly table: string;
  readonly source: number;
  readonly files: number;
};

export type FileCounter = {
  /** Rows in Parquet files, by their paths. */
  count(paths: readonly string[]): Promise<number>;
  close(): void;
};

/**
 * DuckDB reads the files: nothing of Tidemark's own takes part in it.
 * @throws TidemarkError UsageWrong where it is not installed
 */
export async function openFileCounter(): Promise<FileCounter> {
  const duckdb = await import('@duckdb/node-api').catch((error: unknown) => {
    throw new TidemarkError(
      'UsageWrong',
      '--count reads the files with DuckDB, which is not installed: npm install @duckdb/node-api',
      { cause: error },
    );
  });
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  return {
    async count(paths) {
      if (paths.length === 0) return 0;
      const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ');
      const result = await connection.runAndReadAll(`SELECT count(*) FROM read_parquet([${list}])`);
      return Number(result.getRows()[0]![0]);
    },
    close: () => connection.closeSync(),
  };
}

/** Counts each table in both places. The tables may have been written since they were copied. */
export async function countTables(
  cloud: Cloud,
  source: Source,
  counter: FileCounter,
  definition: Definition,
  tables: readonly string[],
): Promise<TableCount[]> {
  const counts: TableCount[] = [];
  for (const table of tables) {
    const name = parseTableName(table)!;
    const found = await cloud.store.get(cloud.keys.pointer(name));
    const pointer: Pointer | null = found && JSON.parse(found.body.toString('utf8'));
    counts.push({
      table,
      source: await source.count(name, tableOptions(definition, name).where),
      files: await counter.count((pointer?.files ?? []).map(({ key }) => cloud.place(key))),
    });
  }
  return counts;
}

export const agree = (counts: readonly TableCount[]): boolean =>
  counts.every(({ source, files }) => source === files);
