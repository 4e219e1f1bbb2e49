import type { ColumnType } from '../../core/formats/column.ts';
import {
  isGlues,
  type LakeTable,
  locationOf,
  type ReaderSql,
  readsOnlyS3,
  tableBucketOf,
} from './lake-table.ts';
import { backQuoted, doubleQuoted, escapedLiteral } from './quoting.ts';

const select = (catalog: string, database: string, table: string): string =>
  `SELECT * FROM ${[catalog, database, table].map(doubleQuoted).join('.')} LIMIT 10;`;

/** The statements for Athena, engine version 3. Its source: https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg.html */
export function athena(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return readsOnlyS3('Athena', table);
  const { catalog, lakeName } = table;
  if (catalog.type === 'glue') {
    return { statements: [select('AwsDataCatalog', catalog.database, lakeName)], notes: [] };
  }
  if (catalog.type === 'rest') {
    if (isGlues(catalog))
      return { statements: [select('AwsDataCatalog', catalog.namespace, lakeName)], notes: [] };
    const tableBucket = tableBucketOf(catalog);
    if (tableBucket)
      return {
        statements: [select(`s3tablescatalog/${tableBucket.name}`, catalog.namespace, lakeName)],
        notes: ['The table bucket must be integrated with the Glue Data Catalog.'],
      };
  }
  if (table.manifests.includes('hive')) return bySymlinks(table);
  const why =
    catalog.type === 'ledger' ? 'a table by its path' : 'a catalog other than the Glue Data Catalog';
  return {
    statements: [],
    notes: [
      `Athena cannot open ${why}. Set \`target.catalog: {type: glue, database: …}\`; or \`target.manifests: [hive]\`, then a run, for an external table over the files of the newest snapshot.`,
    ],
  };
}

/** What Hive calls a type that Parquet holds so. Times have no type there: microseconds since midnight. */
function hiveType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return type.bits === 64 ? 'bigint' : 'int';
    case 'float':
      return type.bits === 64 ? 'double' : 'float';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'date':
      return 'date';
    case 'time':
      return 'bigint';
    case 'timestamp':
      return 'timestamp';
    case 'uuid':
    case 'bytes':
      return 'binary';
    case 'string':
    case 'json':
      return 'string';
  }
}

/** Its source: https://hive.apache.org, SymlinkTextInputFormat; Athena takes the same words. */
function bySymlinks(table: LakeTable): ReaderSql {
  const { columns, lakeName, syncName } = table;
  const listed = columns?.map(({ name, type }) => `  ${backQuoted(name.toLowerCase())} ${hiveType(type)}`);
  const odd = columns?.some(({ type }) => ['time', 'uuid'].includes(type.kind));
  return {
    statements: [
      `CREATE EXTERNAL TABLE ${backQuoted(syncName)}.${backQuoted(lakeName)} (\n${listed?.join(',\n') ?? '  <columns>'}\n)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION ${escapedLiteral(`${locationOf(table)}/_symlink/`)};`,
      select('AwsDataCatalog', syncName, lakeName),
    ],
    notes: [
      `${syncName} is a database of your Glue Data Catalog: CREATE DATABASE IF NOT EXISTS ${backQuoted(syncName)}.`,
      'It follows every run by itself: Tidemark replaces the list of files in one step. A query that began before reads the files that it was given; they stay as long as `target.keep` keeps their snapshot.',
      ...(columns ? [] : ['<columns> are printed once the table is published.']),
      ...(odd
        ? ['Hive has no times of day (microseconds since midnight here) and no UUIDs (16 bytes here).']
        : []),
      'A source column that is added later needs ALTER TABLE … ADD COLUMNS. target.catalog glue needs none of this.',
    ],
  };
}
