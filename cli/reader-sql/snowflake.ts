import {
  isGlues,
  type LakeTable,
  metadataFileName,
  metadataNotes,
  type ReaderSql,
  type RestCatalog,
  readsOnlyS3,
  tableBucketOf,
} from './lake-table.ts';
import { doubleQuoted, escapedLiteral } from './quoting.ts';

const lines = (head: string, options: readonly (readonly [string, string])[], end = ''): string =>
  [head, ...options.map(([name, value]) => `  ${name} = ${value}`)].join('\n') + end;

const nested = (options: readonly (readonly [string, string])[]): string =>
  `(${options.map(([name, value]) => `${name} = ${value}`).join(' ')})`;

/** Without what is optional and not there. */
const given = (...options: readonly (readonly [string, string] | null)[]): (readonly [string, string])[] =>
  options.flatMap((option) => (option ? [option] : []));

const volume = ({ bucket }: LakeTable): string =>
  lines(
    'CREATE EXTERNAL VOLUME IF NOT EXISTS tidemark_lake',
    [
      [
        'STORAGE_LOCATIONS',
        `(${nested([
          ['NAME', "'lake'"],
          ['STORAGE_PROVIDER', "'S3'"],
          ['STORAGE_BASE_URL', escapedLiteral(`s3://${bucket}/`)],
          ['STORAGE_AWS_ROLE_ARN', "'<role that reads the bucket>'"],
        ])})`,
      ],
      ['ALLOW_WRITES', 'FALSE'],
    ],
    ';',
  );

const integration = (options: readonly (readonly [string, string])[]): string =>
  lines(
    'CREATE CATALOG INTEGRATION IF NOT EXISTS tidemark_catalog',
    [...options, ['TABLE_FORMAT', 'ICEBERG'], ['ENABLED', 'TRUE']],
    ';',
  );

const onVolume = ['EXTERNAL_VOLUME', "'tidemark_lake'"] as const;

const icebergTable = ({ lakeName }: LakeTable, ...options: readonly (readonly [string, string])[]): string =>
  lines(
    `CREATE ICEBERG TABLE IF NOT EXISTS ${doubleQuoted(lakeName)}`,
    [...options, ['CATALOG', "'tidemark_catalog'"]],
    ';',
  );

/** The statements for Snowflake. Its source: https://docs.snowflake.com/en/user-guide/tables-iceberg */
export function snowflake(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return readsOnlyS3('Snowflake', table);
  const { catalog, lakeName } = table;
  const select = `SELECT * FROM ${doubleQuoted(lakeName)} LIMIT 10;`;
  const trust =
    '<role …>: ARNs of roles that trust Snowflake (DESC EXTERNAL VOLUME and DESC CATALOG INTEGRATION say whom).';
  if (catalog.type === 'ledger') {
    const file = escapedLiteral(`${table.path}/metadata/${metadataFileName(table)}`);
    return {
      statements: [
        volume(table),
        integration([['CATALOG_SOURCE', 'OBJECT_STORE']]),
        icebergTable(table, onVolume, ['METADATA_FILE_PATH', file]),
        select,
      ],
      notes: [
        trust,
        `It stays the snapshot that it was. After a run: ALTER ICEBERG TABLE ${doubleQuoted(lakeName)} REFRESH ${file} with the new number.`,
        ...metadataNotes(table),
        'target.catalog glue or rest makes Snowflake follow runs by itself (AUTO_REFRESH = TRUE).',
      ],
    };
  }
  const named = ['CATALOG_TABLE_NAME', escapedLiteral(lakeName)] as const;
  const asNamed = icebergTable(table, onVolume, named);
  const refresh = `After a run: ALTER ICEBERG TABLE ${doubleQuoted(lakeName)} REFRESH; or AUTO_REFRESH = TRUE in the table’s statement.`;
  if (catalog.type === 'glue') {
    return {
      statements: [
        volume(table),
        integration([
          ['CATALOG_SOURCE', 'GLUE'],
          ['CATALOG_NAMESPACE', escapedLiteral(catalog.database)],
          ['GLUE_AWS_ROLE_ARN', "'<role that reads the Data Catalog>'"],
          ['GLUE_CATALOG_ID', "'<account id>'"],
          ['GLUE_REGION', "'<region>'"],
        ]),
        asNamed,
        select,
      ],
      notes: [trust, refresh],
    };
  }
  if (tableBucketOf(catalog)) {
    return {
      statements: [restIntegration(catalog), icebergTable(table, named), select],
      notes: [
        trust,
        refresh,
        'The table bucket must be integrated with the Glue Data Catalog, which lends the credentials.',
      ],
    };
  }
  return {
    statements: [volume(table), restIntegration(catalog), asNamed, select],
    notes: [
      trust,
      refresh,
      ...(catalog.token ? ['<token> is that of target.catalog.token: it is not printed.'] : []),
      ...(catalog.sign || catalog.token
        ? []
        : ['Snowflake signs in to REST catalogs: fill in REST_AUTHENTICATION as yours asks for it.']),
    ],
  };
}

function restIntegration(catalog: RestCatalog): string {
  const { namespace, sign, token } = catalog;
  const authentication = sign
    ? nested([
        ['TYPE', 'SIGV4'],
        ['SIGV4_IAM_ROLE', "'<role that calls the catalog>'"],
        ['SIGV4_SIGNING_REGION', escapedLiteral(sign.region)],
      ])
    : token
      ? nested([
          ['TYPE', 'BEARER'],
          ['BEARER_TOKEN', "'<token>'"],
        ])
      : '(<as the catalog asks for it>)';
  return integration([
    ['CATALOG_SOURCE', 'ICEBERG_REST'],
    ['CATALOG_NAMESPACE', escapedLiteral(namespace)],
    ['REST_CONFIG', nested(restConfig(catalog))],
    ['REST_AUTHENTICATION', authentication],
  ]);
}

/** Table buckets are reached through Glue's endpoint. */
function restConfig(catalog: RestCatalog): (readonly [string, string])[] {
  const { uri, warehouse, sign } = catalog;
  const tableBucket = tableBucketOf(catalog);
  if (tableBucket && sign) {
    const { account, name } = tableBucket;
    return [
      ['CATALOG_URI', escapedLiteral(`https://glue.${sign.region}.amazonaws.com/iceberg`)],
      ['CATALOG_API_TYPE', 'AWS_GLUE'],
      ['CATALOG_NAME', escapedLiteral(`${account}:s3tablescatalog/${name}`)],
      ['ACCESS_DELEGATION_MODE', 'VENDED_CREDENTIALS'],
    ];
  }
  const apiType = isGlues(catalog) ? 'AWS_GLUE' : 'AWS_API_GATEWAY';
  return given(
    ['CATALOG_URI', escapedLiteral(uri)],
    sign ? ['CATALOG_API_TYPE', apiType] : null,
    warehouse ? ['CATALOG_NAME', escapedLiteral(warehouse)] : null,
  );
}
