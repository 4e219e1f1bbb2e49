import type { ColumnType } from '../../core/formats/column.ts';
import {
  isGlues,
  type LakeTable,
  locationOf,
  type ReaderSql,
  readsOnlyS3,
  tableBucketOf,
} from './lake-table.ts';
import { doubleQuoted, literal } from './quoting.ts';

/** The statements for Redshift. Its source: https://docs.aws.amazon.com/redshift/latest/dg/querying-iceberg.html */
export function redshift(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return readsOnlyS3('Redshift', table);
  const { catalog } = table;
  if (catalog.type === 'glue') return throughSpectrum(table, catalog.database);
  if (catalog.type === 'rest' && isGlues(catalog)) return throughSpectrum(table, catalog.namespace);
  if (table.manifests.includes('redshift')) return byCopy(table);
  if (catalog.type === 'rest' && tableBucketOf(catalog))
    return {
      statements: [],
      notes: [
        'Redshift reads table buckets through their integration with the Glue Data Catalog: https://docs.aws.amazon.com/redshift/latest/dg/querying-s3Tables.html',
      ],
    };
  const why = catalog.type === 'ledger' ? 'Iceberg tables by their path' : 'a REST catalog other than Glue’s';
  return {
    statements: [],
    notes: [
      `Redshift cannot open ${why}. Set \`target.catalog: {type: glue, database: …}\`; or \`target.manifests: [redshift]\`, then a run, to load the files of the newest snapshot with COPY.`,
    ],
  };
}

const throughSpectrum = ({ lakeName }: LakeTable, database: string): ReaderSql => ({
  statements: [
    `CREATE EXTERNAL SCHEMA IF NOT EXISTS ${doubleQuoted(database)} FROM DATA CATALOG DATABASE ${literal(database)} IAM_ROLE default;`,
    `SELECT * FROM ${doubleQuoted(database)}.${doubleQuoted(lakeName)} LIMIT 10;`,
  ],
  notes: ['The cluster’s default role needs the rights to read the Data Catalog and the bucket.'],
});

function redshiftType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int':
      return type.bits === 64 ? 'BIGINT' : type.bits === 32 ? 'INTEGER' : 'SMALLINT';
    case 'float':
      return type.bits === 64 ? 'DOUBLE PRECISION' : 'REAL';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME';
    case 'timestamp':
      return type.utc ? 'TIMESTAMPTZ' : 'TIMESTAMP';
    case 'uuid':
      return 'VARBYTE(16)';
    case 'bytes':
      return 'VARBYTE(1048576)';
    case 'string':
    case 'json':
      return 'VARCHAR(65535)';
  }
}

/** COPY takes columns by their place, so that the table is made from the snapshot's. */
function byCopy(table: LakeTable): ReaderSql {
  const { columns, lakeName } = table;
  const name = doubleQuoted(lakeName);
  const listed = columns?.map(
    (column) =>
      `  ${doubleQuoted(column.name)} ${redshiftType(column.type)}${column.nullable ? '' : ' NOT NULL'}`,
  );
  return {
    statements: [
      `CREATE TABLE ${name} (\n${listed?.join(',\n') ?? '  <columns>'}\n);`,
      `COPY ${name} FROM ${literal(`${locationOf(table)}/redshift.manifest`)} IAM_ROLE default FORMAT AS PARQUET MANIFEST;`,
      `SELECT * FROM ${name} LIMIT 10;`,
    ],
    notes: [
      'COPY adds the whole snapshot: for a newer one, TRUNCATE the table first (which commits), or load another and rename it.',
      ...(columns ? [] : ['<columns> are printed once the table is published.']),
      'Texts longer than 65,535 bytes fail, as Redshift has no longer ones; the bucket must be in the cluster’s region.',
    ],
  };
}
