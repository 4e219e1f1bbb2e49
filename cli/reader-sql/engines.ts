import { athena } from './athena.ts';
import { clickhouse } from './clickhouse.ts';
import { duckdb } from './duckdb.ts';
import type { LakeTable, ReaderSql } from './lake-table.ts';
import { redshift } from './redshift.ts';
import { snowflake } from './snowflake.ts';
import { spark } from './spark.ts';
import { trino } from './trino.ts';

/** What opens a table, by engine. */
export const engines = {
  athena,
  duckdb,
  spark,
  trino,
  snowflake,
  redshift,
  clickhouse,
} as const satisfies Record<string, (table: LakeTable) => ReaderSql>;

export type EngineName = keyof typeof engines;

export const engineNames = Object.keys(engines) as EngineName[];

export const isEngineName = (name: string): name is EngineName => Object.hasOwn(engines, name);
