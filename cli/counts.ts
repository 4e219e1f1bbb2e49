import type { Definition } from '../core/definition/options.ts';
import { parseTableName } from '../core/definition/table-name.ts';
import { tableOptions } from '../core/definition/table-options.ts';
import { TidemarkError } from '../core/errors.ts';
import type { Run } from '../core/ledger/ledger.ts';
import type { PlanSources } from '../core/plan/plan-table.ts';
import { readTablePlan } from '../core/plan/table-plan.ts';
import type { Pointer } from '../core/publish/pointer.ts';
import type { TableName } from '../core/sources/source.ts';
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
  sources: PlanSources,
  counter: FileCounter,
  definition: Definition,
  { run, tables }: Pick<Run, 'run' | 'tables'>,
): Promise<TableCount[]> {
  const counts: TableCount[] = [];
  for (const [index, table] of tables.entries()) {
    const name = parseTableName(table)!;
    const found = await cloud.store.get(cloud.keys.pointer(name));
    const pointer: Pointer | null = found && JSON.parse(found.body.toString('utf8'));
    counts.push({
      table,
      source: await countSource(cloud, sources, definition, run, index, name),
      files: await counter.count((pointer?.files ?? []).map(({ key }) => cloud.place(key))),
    });
  }
  return counts;
}

/** Of tables that become one, all of them: as the run's plan has them. */
async function countSource(
  { store, keys }: Cloud,
  { source, other }: PlanSources,
  definition: Definition,
  run: string,
  index: number,
  name: TableName,
): Promise<number> {
  const { where, from } = tableOptions(definition, name);
  if (from === undefined) return source.count(name, where);
  const plan = await readTablePlan(store, keys, run, index);
  let rows = 0;
  for (const member of plan?.members ?? []) {
    const there = member.source === null ? source : await other!(member.source);
    rows += await there.count(member.description, where);
  }
  return rows;
}

export const agree = (counts: readonly TableCount[]): boolean =>
  counts.every(({ source, files }) => source === files);
