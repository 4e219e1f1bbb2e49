import { type LakeTable, locationOf, type ReaderSql, type RestCatalog } from './lake-table.ts';
import { doubleQuoted, literal } from './quoting.ts';

const extension = 'INSTALL iceberg; LOAD iceberg;';

const s3Secret = 'CREATE SECRET (TYPE s3, PROVIDER credential_chain);';

const inCatalog = (namespace: string, { lakeName }: LakeTable): string =>
  `SELECT * FROM lake.${doubleQuoted(namespace)}.${doubleQuoted(lakeName)} LIMIT 10;`;

/** The statements for DuckDB, from 1.4 on. Its source: https://duckdb.org/docs/stable/core_extensions/iceberg/overview */
export function duckdb(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return inFolder(table, table.bucketsFolder);
  const { catalog } = table;
  if (catalog.type === 'ledger') {
    return {
      statements: [
        extension,
        s3Secret,
        `SELECT * FROM iceberg_scan(${literal(locationOf(table))}) LIMIT 10;`,
      ],
      notes: ['Each statement looks at metadata/version-hint.text, and so at the newest snapshot.'],
    };
  }
  if (catalog.type === 'glue') {
    return {
      statements: [
        extension,
        s3Secret,
        "ATTACH '<account id>' AS lake (TYPE iceberg, ENDPOINT_TYPE glue);",
        inCatalog(catalog.database, table),
      ],
      notes: ['<account id> is the number of the AWS account whose Data Catalog it is.'],
    };
  }
  return throughRest(table, catalog);
}

function throughRest(table: LakeTable, catalog: RestCatalog): ReaderSql {
  const warehouse = literal(catalog.warehouse ?? '');
  const endpoint = `ENDPOINT ${literal(catalog.uri)}`;
  if (catalog.sign) {
    const place = catalog.sign.service === 's3tables' ? 'ENDPOINT_TYPE s3_tables' : endpoint;
    const signed = catalog.sign.service === 's3tables' ? '' : ", AUTHORIZATION_TYPE 'sigv4'";
    return {
      statements: [
        extension,
        `CREATE SECRET (TYPE s3, PROVIDER credential_chain, REGION ${literal(catalog.sign.region)});`,
        `ATTACH ${warehouse} AS lake (TYPE iceberg, ${place}${signed});`,
        inCatalog(catalog.namespace, table),
      ],
      notes:
        catalog.sign.service === 'execute-api'
          ? [
              'DuckDB takes what to sign for from the host: it must be <id>.execute-api.<region>.amazonaws.com, not a name of your own.',
            ]
          : [],
    };
  }
  const secret = catalog.token ? ["CREATE SECRET lake_token (TYPE iceberg, TOKEN '<token>');"] : [];
  const access = catalog.token ? 'SECRET lake_token' : "AUTHORIZATION_TYPE 'none'";
  return {
    statements: [
      extension,
      s3Secret,
      ...secret,
      `ATTACH ${warehouse} AS lake (TYPE iceberg, ${endpoint}, ${access});`,
      inCatalog(catalog.namespace, table),
    ],
    notes: catalog.token ? ['<token> is that of target.catalog.token: it is not printed.'] : [],
  };
}

/** Paths in the metadata are s3://…; with allow_moved_paths they are taken for the table's own folder. */
const inFolder = ({ bucket, path }: LakeTable, folder: string): ReaderSql => ({
  statements: [
    extension,
    `SELECT * FROM iceberg_scan(${literal(`${folder}/${bucket}/${path}`)}, allow_moved_paths = true) LIMIT 10;`,
  ],
  notes: [],
});
