import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
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

/** DuckDB with two tables, `source` and `lake`: all values as texts that are equal where the values are. */
export type BothSides = {
  /** of the lake, as DuckDB reports them */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
};

/** Floats by their value and sign (so that −0 is not 0), NaN being NaN. */
const floatText = (value: string): string =>
  `case when ${value} = 0 and signbit(${value}) then '-0' else cast(${value} as varchar) end`;

const sourceText = (name: string, type: string): string =>
  isFloat(type) ? `${floatText(`cast(${quoted(name)} as ${type})`)} as ${quoted(name)}` : quoted(name);

function lakeText(name: string, type: string): string {
  const column = quoted(name);
  if (isFloat(type)) return `${floatText(column)} as ${column}`;
  if (type === 'BLOB') return `'\\x' || lower(hex(${column})) as ${column}`;
  const text = `cast(${column} as varchar)`;
  // DuckDB writes .5 where a decimal has no digit before the point
  if (type.startsWith('DECIMAL')) return `regexp_replace(${text}, '^(-?)\\.', '\\10.') as ${column}`;
  // 0044-03-15 (BC) 12:00:00 is 0044-03-15 12:00:00 BC to PostgreSQL
  const era = (written: string, zone: string): string =>
    `regexp_replace(${written}, '^(\\S+) \\(BC\\)(.*)$', '\\1\\2${zone} BC')`;
  if (/^(DATE|TIMESTAMP)$/.test(type)) return `${era(text, '')} as ${column}`;
  // not by DuckDB's own text of it: that is off by a millisecond in the far future
  if (type === 'TIMESTAMP WITH TIME ZONE') {
    const utc = `cast(make_timestamp(epoch_us(${column})) as varchar)`;
    return `case when ${utc} like '%(BC)%' then ${era(utc, '+00')} else ${utc} || '+00' end as ${column}`;
  }
  return `${text} as ${column}`;
}

const isFloat = (type: string): boolean => /^(DOUBLE|FLOAT)$/.test(type);

/** How the database's texts get here: into a file of this machine (superusers only), or as an answer (kept in memory). */
export type Way = 'files' | 'answers';

async function writeCsv(client: pg.Client, query: string, csv: string, way: Way): Promise<void> {
  if (way === 'files') {
    await client.query(`copy (${query}) to ${literal(csv)} (format csv, null '\\N', force_quote *)`);
    return;
  }
  const { rows } = await client.query<(string | null)[]>({ text: query, rowMode: 'array' });
  await writeTexts(csv, rows);
}

/** Writes what a database says of these columns, as texts; \N is NULL. */
export async function writeTexts(csv: string, rows: readonly (readonly (string | null)[])[]): Promise<void> {
  const field = (value: string | null) => (value === null ? '\\N' : `"${value.replaceAll('"', '""')}"`);
  await writeFile(csv, rows.map((row) => `${row.map(field).join(',')}\n`).join(''));
}

/**
 * Reads Parquet files into DuckDB, and the texts that a database has of them.
 * @param writeSource writes the columns' values into a file, in that order (see `writeTexts`)
 */
export async function withTexts<T>(
  files: readonly string[],
  writeSource: (csv: string, columns: BothSides['columns']) => Promise<void>,
  look: (sides: BothSides) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-compare-'));
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  const rows = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRows();
  try {
    await chmod(folder, 0o777); // the server may run as another user
    await duckdb.run("set TimeZone = 'UTC'");
    const lake = `read_parquet([${files.map(literal).join(', ')}])`;
    const columns = (await rows(`describe select * from ${lake}`)).map(([name, type]) => ({
      name: String(name),
      type: String(type),
    }));
    const csv = join(folder, 'source.csv');
    await writeSource(csv, columns);
    const named = columns.map(({ name }) => `${literal(name)}: 'VARCHAR'`).join(', ');
    await duckdb.run(
      `create table source as select ${columns.map(({ name, type }) => sourceText(name, type)).join(', ')}
       from read_csv(${literal(csv)}, header = false, columns = {${named}}, nullstr = '\\N', allow_quoted_nulls = false,
         delim = ',', quote = '"', escape = '"', strict_mode = false, parallel = false, max_line_size = 20000000)`,
    );
    await duckdb.run(
      `create table lake as select ${columns.map(({ name, type }) => lakeText(name, type)).join(', ')} from ${lake}`,
    );
    return await look({ columns, rows });
  } finally {
    duckdb.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads a table and Parquet files into DuckDB: the database writes its own texts, DuckDB reads the files. */
export async function withBothSides<T>(
  url: string,
  table: string,
  files: readonly string[],
  look: (sides: BothSides) => Promise<T>,
  way: Way = 'files',
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query("set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set extra_float_digits = 3");
    // the cast would strip the blanks of char(n)
    const padded = await client.query(
      `select attname from pg_attribute where attrelid = $1::regclass and atttypid = 'bpchar'::regtype`,
      [table],
    );
    const isPadded = new Set(padded.rows.map(({ attname }) => attname));
    const writeSource = async (csv: string, columns: BothSides['columns']): Promise<void> => {
      const asText = columns.map(({ name }) => (isPadded.has(name) ? quoted(name) : `${quoted(name)}::text`));
      await writeCsv(client, `select ${asText.join(', ')} from ${table}`, csv, way);
    };
    return await withTexts(files, writeSource, look);
  } finally {
    await client.end();
  }
}

const one = async ({ rows }: BothSides, sql: string): Promise<number> => Number((await rows(sql))[0]![0]);

/** Every row of the one side with every row of the other, column by column as text. */
export async function differenceOf(sides: BothSides): Promise<Difference> {
  const sourceRows = await one(sides, 'select count(*) from source');
  const lakeRows = await one(sides, 'select count(*) from lake');
  const lost = await one(sides, 'select count(*) from (select * from source except all select * from lake)');
  // what both have is sourceRows − lost, and it is lakeRows − alien
  return { sourceRows, lakeRows, lost, alien: lakeRows - sourceRows + lost };
}

/** Compares every row of a table with every row of Parquet files. See `withBothSides`. */
export const compareWithSource = (
  url: string,
  table: string,
  files: readonly string[],
  way?: Way,
): Promise<Difference> => withBothSides(url, table, files, differenceOf, way);
