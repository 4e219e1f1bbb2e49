import type { LakeTable, ReaderSql } from './lake-table.ts';
import { backQuoted, escapedLiteral } from './quoting.ts';

const byHint = 'SETTINGS iceberg_use_version_hint = 1';

const hintNote =
  'Without iceberg_use_version_hint ClickHouse takes the metadata file with the highest number, which may be one that was never committed.';

/**
 * The statements for ClickHouse. Its sources: https://clickhouse.com/docs/sql-reference/table-functions/iceberg and
 * https://clickhouse.com/docs/engines/database-engines/datalakecatalog
 */
export function clickhouse(table: LakeTable): ReaderSql {
  const { catalog, bucket, path, bucketsFolder, lakeName } = table;
  if (catalog.type === 'ledger') {
    if (bucketsFolder !== null) {
      const folder = escapedLiteral(`${bucketsFolder}/${bucket}/${path}`);
      return {
        statements: [`SELECT * FROM icebergLocal(${folder}, ${byHint}) LIMIT 10;`],
        notes: ['For clickhouse-local (a server reads only below its user_files_path).', hintNote],
      };
    }
    const url = escapedLiteral(`https://s3.<region>.amazonaws.com/${bucket}/${path}/`);
    return {
      statements: [`SELECT * FROM icebergS3(${url}, ${byHint}) LIMIT 10;`],
      notes: [
        '<region> is the bucket’s. ClickHouse signs with the credentials of its machine (use_environment_credentials); others go after the URL: key id, secret key.',
        hintNote,
      ],
    };
  }
  if (catalog.type === 'glue') {
    return {
      statements: [
        'SET allow_experimental_database_glue_catalog = 1;',
        "CREATE DATABASE lake ENGINE = DataLakeCatalog SETTINGS catalog_type = 'glue', region = '<region>', aws_access_key_id = '<key id>', aws_secret_access_key = '<secret key>';",
        `SELECT * FROM lake.${backQuoted(`${catalog.database}.${lakeName}`)} LIMIT 10;`,
      ],
      notes: [],
    };
  }
  if (catalog.sign) {
    return {
      statements: [],
      notes: [
        `ClickHouse was not found to sign requests to a REST catalog (target.catalog.sign)${catalog.sign.service === 'glue' ? ': what is in Glue it reads with catalog_type = glue; `target.catalog: {type: glue}` prints it' : ''}.`,
      ],
    };
  }
  const settings = [
    "catalog_type = 'rest'",
    `warehouse = ${escapedLiteral(catalog.warehouse ?? '<warehouse>')}`,
    ...(catalog.token ? ["auth_header = 'Authorization: Bearer <token>'"] : []),
  ];
  return {
    statements: [
      'SET allow_experimental_database_iceberg = 1;',
      `CREATE DATABASE lake ENGINE = DataLakeCatalog(${escapedLiteral(catalog.uri)}) SETTINGS ${settings.join(', ')};`,
      `SELECT * FROM lake.${backQuoted(`${catalog.namespace}.${lakeName}`)} LIMIT 10;`,
    ],
    notes: [
      ...(catalog.warehouse
        ? []
        : ['ClickHouse asks for the name of a warehouse, also where the catalog has one only.']),
      ...(catalog.token ? ['<token> is that of target.catalog.token: it is not printed.'] : []),
    ],
  };
}
