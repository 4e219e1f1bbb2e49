import {
  type LakeTable,
  locationOf,
  metadataFileName,
  metadataNotes,
  type ReaderSql,
  readsOnlyS3,
} from './lake-table.ts';
import { doubleQuoted, literal } from './quoting.ts';

function createCatalog(properties: Readonly<Record<string, string>>): string {
  const lines = Object.entries(properties).map(
    ([name, value]) => `  ${doubleQuoted(name)} = ${literal(value)}`,
  );
  return `CREATE CATALOG lake USING iceberg WITH (\n${lines.join(',\n')}\n);`;
}

const propertiesNote =
  'Where catalogs are not made by SQL (catalog.management=dynamic), the same properties go into etc/catalog/lake.properties.';

/** The statements for Trino. Its source: https://trino.io/docs/current/connector/iceberg.html */
export function trino(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return readsOnlyS3('Trino', table);
  const { catalog, lakeName, syncName } = table;
  if (catalog.type === 'ledger') return byRegistration(table, `lake.${doubleQuoted(syncName)}`);
  if (catalog.type === 'glue') {
    return {
      statements: [
        createCatalog({
          'iceberg.catalog.type': 'glue',
          'hive.metastore.glue.region': '<region>',
          'fs.native-s3.enabled': 'true',
          's3.region': '<region>',
        }),
        `SELECT * FROM lake.${doubleQuoted(catalog.database)}.${doubleQuoted(lakeName)} LIMIT 10;`,
      ],
      notes: [propertiesNote],
    };
  }
  const { sign } = catalog;
  return {
    statements: [
      createCatalog({
        'iceberg.catalog.type': 'rest',
        'iceberg.rest-catalog.uri': catalog.uri,
        ...(catalog.warehouse && { 'iceberg.rest-catalog.warehouse': catalog.warehouse }),
        ...(sign && {
          'iceberg.rest-catalog.security': 'SIGV4',
          'iceberg.rest-catalog.signing-name': sign.service,
        }),
        ...(catalog.token && {
          'iceberg.rest-catalog.security': 'OAUTH2',
          'iceberg.rest-catalog.oauth2.token': '<token>',
        }),
        'fs.native-s3.enabled': 'true',
        's3.region': sign?.region ?? '<region>',
      }),
      `SELECT * FROM lake.${doubleQuoted(catalog.namespace)}.${doubleQuoted(lakeName)} LIMIT 10;`,
    ],
    notes: [
      propertiesNote,
      ...(sign
        ? [
            'Up to Trino 476 the line of iceberg.rest-catalog.security is iceberg.rest-catalog.sigv4-enabled=true.',
          ]
        : []),
      ...(catalog.token ? ['<token> is that of target.catalog.token: it is not printed.'] : []),
    ],
  };
}

/** A table that no catalog knows of is entered into one of Trino's own, as it is at that moment. */
function byRegistration(table: LakeTable, schema: string): ReaderSql {
  const { lakeName, syncName } = table;
  const named = `schema_name => ${literal(syncName)}, table_name => ${literal(lakeName)}`;
  return {
    statements: [
      `CREATE SCHEMA IF NOT EXISTS ${schema};`,
      `CALL lake.system.register_table(${named}, table_location => ${literal(locationOf(table))}, metadata_file_name => ${literal(metadataFileName(table))});`,
      `SELECT * FROM ${schema}.${doubleQuoted(lakeName)} LIMIT 10;`,
    ],
    notes: [
      'lake is an Iceberg catalog of your Trino (a Hive metastore, Glue, JDBC) with iceberg.register-table-procedure.enabled=true.',
      `It stays the snapshot that it was. After a run: CALL lake.system.unregister_table(${named}), then register_table with the new number. Never DROP TABLE: that deletes the files.`,
      'Without metadata_file_name Trino takes the file with the highest number, which may be one that was never committed.',
      ...metadataNotes(table),
      'target.catalog glue or rest makes Trino follow every run by itself.',
    ],
  };
}
