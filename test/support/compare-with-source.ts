import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';

export type Difference = {
  readonly sourceRows: number;
  readonly lakeRows: number;
  /** rows of the source that the lake lacks, and rows of the lake that the source lacks; counted with repetitions */
  readonly lost: number;
  readonly alien: number;
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Compares every row of a table with every row of Parquet files, column by column as text: the database writes its
 * own, DuckDB reads the files. The server must run on this machine and let us write files (superuser).
 */
export async function compareWithSource(
  url: string,
  table: string,
  files: readonly string[],
): Promise<Difference> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-compare-'));
  const client = new pg.Client({ connectionString: url });
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  const one = async (sql: string): Promise<number> =>
    Number((await duckdb.runAndReadAll(sql)).getRows()[0]![0]);
  try {
    await chmod(folder, 0o777); // the server may run as another user
    await client.connect();
    await client.query("set timezone = 'UTC'");
    const lake = `read_parquet([${files.map(literal).join(', ')}])`;
    await duckdb.run("set TimeZone = 'UTC'");
    const described = await duckdb.runAndReadAll(`describe select * from ${lake}`);
    const columns = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
    const csv = join(folder, 'source.csv');
    const asText = columns.map(({ name }) => `${quoted(name)}::text`).join(', ');
    await client.query(
      `copy (select ${asText} from ${table}) to ${literal(csv)} (format csv, null '\\N', force_quote *)`,
    );

    const named = columns.map(({ name }) => `${literal(name)}: 'VARCHAR'`).join(', ');
    await duckdb.run(
      `create table source as select ${columns
        .map(({ name, type }) =>
          /^(DOUBLE|FLOAT)$/.test(type)
            ? `cast(${quoted(name)} as ${type}) as ${quoted(name)}`
            : quoted(name),
        )
        .join(
          ', ',
        )} from read_csv(${literal(csv)}, header = false, columns = {${named}}, nullstr = '\\N', allow_quoted_nulls = false, delim = ',', quote = '"', escape = '"', strict_mode = false, parallel = false, max_line_size = 20000000)`,
    );
    await duckdb.run(
      `create table lake as select ${columns
        .map(({ name, type }) => {
          if (/^(DOUBLE|FLOAT)$/.test(type)) return quoted(name);
          if (type === 'BLOB') return `'\\x' || lower(hex(${quoted(name)})) as ${quoted(name)}`;
          return `cast(${quoted(name)} as varchar) as ${quoted(name)}`;
        })
        .join(', ')} from ${lake}`,
    );
    return {
      sourceRows: await one('select count(*) from source'),
      lakeRows: await one('select count(*) from lake'),
      lost: await one('select count(*) from (select * from source except all select * from lake)'),
      alien: await one('select count(*) from (select * from lake except all select * from source)'),
    };
  } finally {
    duckdb.closeSync();
    instance.closeSync();
    await client.end();
    await rm(folder, { recursive: true, force: true });
  }
}
