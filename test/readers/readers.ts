/** Readers of Iceberg that are not ours, as run.sh has installed them. Each gives rows as read.py describes. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';

export type Texts = readonly (string | null)[];

export type Place = {
  /** of an S3 that has the tables' bucket */
  readonly endpoint: string;
  /** in which buckets are folders */
  readonly folder: string;
};

export type Reader = (place: Place, location: string, snapshot?: string) => Promise<Texts[]>;

const tools = process.env.TIDEMARK_READERS ?? '';
const here = fileURLToPath(new URL('.', import.meta.url));

async function linesOf(program: string, args: readonly string[]): Promise<Texts[]> {
  const { stdout } = await promisify(execFile)(program, [...args], { maxBuffer: 2 ** 30 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** The folder of Python's packages, which names Python's version. */
function packages(): string {
  const lib = join(tools, 'python/lib');
  return join(lib, readdirSync(lib).find((name) => name.startsWith('python'))!, 'site-packages');
}

const given = (snapshot: string | undefined): string[] => (snapshot === undefined ? [] : [snapshot]);

export const pyiceberg: Reader = ({ endpoint }, location, snapshot) =>
  linesOf(join(tools, 'python/bin/python'), [join(here, 'read.py'), endpoint, location, ...given(snapshot)]);

/** Read.java, compiled into `classes`. */
export async function compileIcebergJava(classes: string): Promise<Reader> {
  const jars = join(tools, 'jars/*');
  await promisify(execFile)('javac', ['-cp', jars, '-d', classes, join(here, 'Read.java')]);
  return ({ folder }, location, snapshot) =>
    linesOf('java', ['-cp', `${jars}:${classes}`, 'Read', folder, location, ...given(snapshot)]);
}

/** DuckDB with its extensions as packages bring them, under `scratch`; statement after statement, the last one's rows. */
export async function duckdbRows(statements: readonly string[], scratch: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:', { extension_directory: scratch });
  const connection = await instance.connect();
  try {
    const [[version, platform]] = (
      await connection.runAndReadAll('SELECT version(), platform FROM pragma_platform()')
    ).getRows() as [[string, string]];
    const folder = join(scratch, version, platform);
    mkdirSync(folder, { recursive: true });
    for (const name of ['avro', 'httpfs', 'iceberg']) {
      const file = `${name}.duckdb_extension`;
      cpSync(join(packages(), `duckdb_extension_${name}/extensions`, version, file), join(folder, file));
    }
    for (const statement of statements.slice(0, -1)) await connection.run(statement);
    return (await connection.runAndReadAll(statements.at(-1)!)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
