/**
 * What a commit of very many files takes: manifests, their list and the metadata on an S3 of another process, and the head.
 * The second commit overwrites the first one's files, the third appends to it; each has a process of its own.
 *
 *     npm run bench:commit -- [files = 10000]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Column, ColumnType } from '../core/formats/column.ts';
import type { FileStatistics } from '../core/formats/file-statistics.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import { keysOf } from '../core/objects/keys.ts';
import { s3Client, s3Store } from '../core/objects/s3.ts';
import { ledgerCatalog } from '../core/publish/catalogs/ledger-catalog.ts';
import { type Addition, withAddition } from '../core/publish/iceberg/commit.ts';
import { dataFile } from '../core/publish/iceberg/data-file.ts';
import { icebergFields } from '../core/publish/iceberg/schema.ts';
import { startEmbedded } from '../test/support/embedded.ts';

const table = { schema: 'public', table: 'lineitem' };
const sync = 'bench';
const runs = ['20261120T000000Z-0001', '20261120T000001Z-0002', '20261120T000002Z-0003'] as const;

/** As lineitem has them: keys, decimals, dates, short and long text. */
const types: readonly ColumnType[] = [
  ...Array(4).fill({ kind: 'int', bits: 64 }),
  ...Array(4).fill({ kind: 'decimal', precision: 15, scale: 2 }),
  ...Array(3).fill({ kind: 'date' }),
  ...Array(5).fill({ kind: 'string' }),
];
const columns = types.map((type, at): Column => ({ id: at + 1, name: `c${at}`, type, nullable: at > 0 }));

const boundBytes: Partial<Record<ColumnType['kind'], number>> = { int: 8, decimal: 8, date: 4, string: 24 };

const statistics = (file: number): FileStatistics => ({
  splits: [4],
  columns: columns.map(({ id, type }) => {
    const min = Buffer.alloc(boundBytes[type.kind]!, file % 251);
    return { id, bytes: 1_000_000 + file, nulls: file % 7, nans: null, min, max: min };
  }),
});

type Told = {
  readonly endpoints: { readonly s3: string; readonly dynamodb: string };
  readonly ledger: string;
  readonly files: number;
  /** which of the commits: from 0 */
  readonly at: number;
};

async function commit({ endpoints, ledger: ledgerTable, files: count, at }: Told): Promise<void> {
  const account = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  const ledger = dynamodbLedger(dynamodbClient({ ...account, endpoint: endpoints.dynamodb }), ledgerTable);
  const store = s3Store(s3Client({ ...account, endpoint: endpoints.s3 }), 'lake');
  const keys = keysOf({ bucket: 'lake', prefix: 'bench/' }, sync);
  const catalog = ledgerCatalog(ledger, store, keys, sync);
  const run = runs[at]!;
  await ledger.claimTable(sync, 'public.lineitem', run);
  const startedMs = performance.now();
  const files = Array.from({ length: count }, (_, file) => {
    const path = `s3://lake/${keys.final(table, run, file, 0, 'parquet')}`;
    const [rows, bytes] = [100_000, 64_000_000];
    return {
      ...{ rows, bytes },
      dataFile: () => dataFile({ path, format: 'PARQUET', rows, bytes }, columns, statistics(file)),
    };
  });
  const operation: Addition['operation'] = at === 2 ? 'append' : 'overwrite';
  const seen = await catalog.load(table, await ledger.tableHead(sync, 'public.lineitem'));
  const addition = {
    ...{ sync, run, table, sort: null, files, operation, keep: { snapshots: 10, days: 0 } },
    fields: icebergFields(columns),
  };
  const next = await withAddition({ store, keys }, seen, addition, Date.now());
  const snapshot = { run, publishedAt: '', rows: 0, bytes: 0, files: count, schema: columns };
  await catalog.commit(table, seen, next, { kind: 'publish', snapshot });
  const seconds = (performance.now() - startedMs) / 1000;
  const what = at === 0 ? 'the first' : operation === 'append' ? 'an append' : 'an overwrite of as many';
  const peakMB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${what}: ${count} files in ${seconds.toFixed(2)} s, peak RSS ${peakMB} MB\n`);
  process.exit();
}

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
if (process.send) {
  process.once('message', (told: Told) => void commit(told));
} else {
  const embedded = await startEmbedded();
  try {
    const { protocol, hostname, port } = await embedded.s3.config.endpoint!();
    const dynamodb = await embedded.dynamodb.config.endpoint!();
    for (const at of runs.keys()) {
      const child = fork(fileURLToPath(import.meta.url), { execArgv: process.execArgv });
      child.send({
        endpoints: {
          s3: `${protocol}//${hostname}:${port}`,
          dynamodb: `${dynamodb.protocol}//${dynamodb.hostname}:${dynamodb.port}`,
        },
        ledger: embedded.tableName,
        files: Number(process.argv[2] ?? 10_000),
        at,
      } satisfies Told);
      await once(child, 'exit');
    }
  } finally {
    await embedded.close();
  }
}
