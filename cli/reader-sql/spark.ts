import { type LakeTable, locationOf, type ReaderSql, readsOnlyS3 } from './lake-table.ts';
import { backQuoted, escapedLiteral } from './quoting.ts';

const iceberg = 'org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0';
const hadoopS3 = 'org.apache.hadoop:hadoop-aws:3.4.2';
const icebergAws = 'org.apache.iceberg:iceberg-aws-bundle:1.12.0';

/** As one word of a shell. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function command(packages: readonly string[], settings: Readonly<Record<string, string>>): string {
  const lines = [
    `spark-sql --packages ${packages.join(',')}`,
    ...Object.entries(settings).map(([name, value]) => `  --conf ${shellWord(`${name}=${value}`)}`),
  ];
  return lines.join(' \\\n');
}

const versionsNote =
  'The packages are those for Spark 4.1 (with Hadoop 3.4.2); others: iceberg-spark-runtime-<Spark>_<Scala>, hadoop-aws as in its jars folder.';

/** A command that starts Spark SQL, and what is typed there. Its source: https://iceberg.apache.org/docs/latest/spark-configuration/ */
export function spark(table: LakeTable): ReaderSql {
  if (table.bucketsFolder !== null) return readsOnlyS3('Spark', table);
  const { catalog, lakeName } = table;
  if (catalog.type === 'ledger') {
    return {
      statements: [
        command([iceberg, hadoopS3], {
          'spark.hadoop.fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
        }),
        `CREATE OR REPLACE TEMPORARY VIEW ${backQuoted(lakeName)} USING iceberg OPTIONS (path ${escapedLiteral(locationOf(table))});`,
        `SELECT * FROM ${backQuoted(lakeName)} LIMIT 10;`,
      ],
      notes: [
        versionsNote,
        'In a program: `spark.read.format("iceberg").load(…)` with the same path. The path is read only: nothing but Tidemark may commit to it.',
      ],
    };
  }
  const prefix = 'spark.sql.catalog.lake';
  const namespace = catalog.type === 'glue' ? catalog.database : catalog.namespace;
  const ofCatalog: Readonly<Record<string, string>> =
    catalog.type === 'glue'
      ? { [`${prefix}.type`]: 'glue', [`${prefix}.warehouse`]: `s3://${table.bucket}` }
      : {
          [`${prefix}.type`]: 'rest',
          [`${prefix}.uri`]: catalog.uri,
          ...(catalog.warehouse && { [`${prefix}.warehouse`]: catalog.warehouse }),
          ...(catalog.sign && {
            [`${prefix}.rest.sigv4-enabled`]: 'true',
            [`${prefix}.rest.signing-name`]: catalog.sign.service,
            [`${prefix}.rest.signing-region`]: catalog.sign.region,
          }),
          ...(catalog.token && { [`${prefix}.token`]: '<token>' }),
        };
  return {
    statements: [
      command([iceberg, icebergAws], {
        [prefix]: 'org.apache.iceberg.spark.SparkCatalog',
        ...ofCatalog,
        [`${prefix}.io-impl`]: 'org.apache.iceberg.aws.s3.S3FileIO',
      }),
      `SELECT * FROM lake.${backQuoted(namespace)}.${backQuoted(lakeName)} LIMIT 10;`,
    ],
    notes: [
      versionsNote,
      ...(catalog.type === 'rest' && catalog.token
        ? ['<token> is that of target.catalog.token: it is not printed.']
        : []),
    ],
  };
}
