/** What the benchmark works on: an embedded PostgreSQL with the tables, an embedded S3 and ledger, the functions' bundles. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { fingerprint } from '../core/definition/fingerprint.ts';
import { loadDefinition } from '../core/definition/load.ts';
import { formatTableName, parseTableName } from '../core/definition/table-name.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { chunkOrder } from '../core/plan/chunk-order.ts';
import { planTable } from '../core/plan/plan-table.ts';
import { openSource } from '../core/sources/open-source.ts';
import type { KeyRange } from '../core/sources/source.ts';
import type { bundleFunctions } from '../functions/bundling.ts';
import { credentials, region } from '../local/account.ts';
import { createBucket } from '../local/bucket.ts';
import { ensureLedgerTable, startDynamodb } from '../local/dynamodb.ts';
import { startPostgres } from '../local/postgres.ts';
import { startS3 } from '../local/s3.ts';
import { testMariadb } from '../test/support/mariadb.ts';
import { createDocuments } from './documents.ts';
import { createLineitem } from './lineitem.ts';
import { createMysqlLineitem } from './mysql-lineitem.ts';

/** Both have a bigint key that counts from 1. */
export const tableKeys = { lineitem: 'l_id', documents: 'id' } as const;
export type TableName = keyof typeof tableKeys;
export const tableNames = Object.keys(tableKeys) as TableName[];

const creators = { lineitem: createLineitem, documents: createDocuments } as const;

const project = fileURLToPath(new URL('..', import.meta.url));
const ledgerTable = 'ledger';

export type Database = 'postgres' | 'mysql';

export type World = {
  readonly database: Database;
  readonly databaseUrl: string;
  /** a fresh folder for whoever needs one */
  scratch(): Promise<string>;
  /** the file that `measured/child.ts` became */
  readonly childFile: string;
  /** of a measured process */
  readonly environment: Readonly<Record<string, string>>;
  /** The definition of a sync of this table, as a file. */
  definitionFile(table: TableName): string;
  /** The folder of copy-chunk's bundle, made of this checkout or another one. */
  copyChunkOf(checkout: string, table: TableName): Promise<string>;
  /** What copy-chunk is told, for each of so many chunks of a new run. */
  orders(table: TableName, chunks: number): Promise<unknown[]>;
  /** where the chunk functions' files are */
  readonly lakeFolder: string;
  /** Forgets what the runs so far have written. */
  clearLake(): Promise<void>;
  stop(): Promise<void>;
};

export async function makeWorld(
  rows: Readonly<Record<TableName, number>>,
  say: (line: string) => void,
  database: Database = 'postgres',
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  const servers: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const server of servers.splice(0).reverse()) await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const server = database === 'postgres' ? await postgresIn(folder) : await testMariadb(mariadbSettings);
    servers.push(server);
    const { url } = server;
    const tables = tableNames.filter((table) => rows[table] > 0);
    for (const table of tables) {
      say(`loading ${rows[table].toLocaleString('en')} rows of ${table} …`);
      await (database === 'mysql' ? createMysqlLineitem : creators[table])(url, rows[table]);
    }
    const s3 = await startS3({ folder: join(folder, 's3') });
    servers.push(s3);
    const dynamodb = await startDynamodb({ folder: join(folder, 'dynamodb') });
    servers.push(dynamodb);
    await ensureLedgerTable({ endpoint: dynamodb.endpoint, tableName: ledgerTable });
    await createBucket(s3.endpoint, 'lake');

    const definitionFile = (table: TableName): string => join(folder, `${table}.yaml`);
    const source = await openSource({ type: database, url });
    const plans = new Map<TableName, Awaited<ReturnType<typeof planned>>>();
    for (const table of tables) {
      await writeFile(definitionFile(table), definitionOf(database, url, table));
      plans.set(table, await planned(table));
    }
    await source.close();
    const childFile = join(folder, 'child.cjs');
    await build({
      entryPoints: [join(project, 'bench/measured/child.ts')],
      outfile: childFile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['pg-native'],
      logLevel: 'silent',
    });

    const client = dynamodbClient({ endpoint: dynamodb.endpoint, region, credentials });
    const ledger = dynamodbLedger(client, ledgerTable);
    const lakeFolder = join(folder, 's3/lake/bench');
    let runs = 0;
    let scratches = 0;
    return {
      database,
      databaseUrl: url,
      childFile,
      environment: {
        PATH: process.env.PATH ?? '',
        DATABASE_URL: url,
        TIDEMARK_LEDGER: ledgerTable,
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        NODE_PATH: join(project, 'node_modules'),
      },
      definitionFile,
      async scratch() {
        const made = join(folder, `scratch-${++scratches}`);
        await mkdir(made);
        return made;
      },
      async copyChunkOf(checkout, table) {
        const module = pathToFileURL(join(checkout, 'functions/bundling.ts')).href;
        const bundling = (await import(module)) as { bundleFunctions: typeof bundleFunctions };
        const outDir = join(folder, `functions-${++scratches}`);
        const bundles = await bundling.bundleFunctions({ outDir, definitionFile: definitionFile(table) });
        return bundles['copy-chunk'].folder;
      },
      async orders(table, chunks) {
        const { definition, plan } = plans.get(table)!;
        const run = `20260101T000000Z-${String(++runs).padStart(4, '0')}`;
        await ledger.createRun({
          sync: definition.name,
          run,
          status: 'running',
          startedAt: new Date().toISOString(),
          endedAt: null,
          executions: [],
          fingerprint: fingerprint(definition),
          tables: definition.tables.map(({ name }) => formatTableName(parseTableName(name)!)),
          totals: null,
        });
        return rangesOf(rows[table], chunks).map((range, chunk) => ({
          ...chunkOrder(definition, run, 0, chunk, range, plan),
          // as version 1 had it, with everything inside: what every version reads
          format: 1,
          description: plan.description,
        }));
      },
      lakeFolder,
      clearLake: () => rm(lakeFolder, { recursive: true, force: true }),
      async stop() {
        client.destroy();
        await stop();
      },
    };

    async function planned(table: TableName) {
      const yaml = definitionOf(database, url, table);
      const definition = loadDefinition(yaml, definitionFile(table), { DATABASE_URL: url });
      const name = parseTableName(definition.tables[0]!.name)!;
      return { definition, plan: await planTable({ source }, definition, name, []) };
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

const definitionOf = (database: Database, url: string, table: TableName): string => {
  const schema = database === 'postgres' ? 'public' : new URL(url).pathname.slice(1);
  return `name: bench-${table}\nsource: { type: ${database}, url: "\${DATABASE_URL}" }\ntables: [${schema}.${table}]\ntarget: { url: "s3://lake/bench" }\n`;
};

const postgresIn = (folder: string) =>
  startPostgres({ folder: join(folder, 'postgres'), settings: { max_wal_size: '4GB' } });

/** As PostgreSQL's defaults: the table lies in the system's cache, not in the server's. */
const mariadbSettings = { 'innodb-buffer-pool-size': '1G', 'innodb-log-file-size': '512M' };

function rangesOf(rows: number, chunks: number): KeyRange[] {
  const bound = (index: number): string => String(Math.round((rows * index) / chunks));
  return Array.from({ length: chunks }, (_, index) => ({
    after: index === 0 ? null : bound(index),
    upTo: bound(index + 1),
  }));
}
