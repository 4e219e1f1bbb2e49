/** The reader who looks after every step sees what is wrong, and calls it by its name. */
import { beforeAll, expect, test } from 'vitest';
import type { Format } from '../../../core/formats/format.ts';
import { parquetFormat } from '../../../core/formats/parquet/parquet.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { batchOf } from '../../support/batches.ts';
import { memoryS3 } from '../../support/memory-s3.ts';
import { describeTable } from '../../support/memory-source.ts';
import { diceOf } from './dice.ts';
import { lakeView } from './lake-view.ts';
import type { LedgerView, SeenPart } from './ledger-view.ts';
import { database, readOf } from './source.ts';

let format: Format;
beforeAll(async () => {
  format = await parquetFormat({ compression: 'none' });
});

const run = '20260101T000000Z-0001';
const final = `p/public.a/data/${run}/000000-000000.parquet`;

type Rows = readonly (readonly [number, string])[];

function fileOf(rows: Rows): Buffer {
  const { columns } = describeTable('a');
  const encoder = format.encoder(columns, {});
  encoder.write(
    batchOf(
      columns,
      rows.map(([id, note]) => [BigInt(id), note]),
    ),
  );
  return Buffer.concat(encoder.finish().pieces);
}

type Changes = {
  readonly rows?: (whole: Rows) => Rows;
  readonly read?: (whole: Rows) => Rows;
  readonly committed?: 'this' | 'another' | 'nothing';
  readonly headVersion?: number;
  readonly keepsFile?: boolean;
};

/** A snapshot of one file, with something wrong about it. */
function snapshot({
  rows = (all) => all,
  read = rows,
  committed = 'this',
  headVersion = 1,
  keepsFile = true,
}: Changes) {
  const source = database(['a'], 8, diceOf(1));
  const whole: Rows = [...source.generations[0]!.get('a')!];
  const copied = rows(whole);
  const body = fileOf(copied);
  const part: SeenPart = {
    run,
    table: 0,
    chunk: 0,
    n: 0,
    from: null,
    to: '1000',
    last: true,
    rows: copied.length,
    attempt: { id: 'mine' },
    file: { staged: 'p/_staging/x', final, size: body.length, sha256: sha256Of([body]) },
  };
  const ledger: LedgerView = {
    follow: () => [],
    partsByStaged: new Map(),
    partsByFinal: new Map(committed === 'nothing' ? [] : [[final, part]]),
    heads: new Map([
      ['public.a', { table: 'a', version: headVersion, run, claimedBy: run, previousRun: null }],
    ]),
    runs: new Map([[run, 'running']]),
    run: () => run,
  };
  const s3 = memoryS3({ bucket: 'lake' });
  const put = (key: string, content: Uint8Array, metadata = {}) =>
    s3.answer({ method: 'PUT', path: `/lake/${key}`, headers: metadata, body: content });
  const attempt = committed === 'another' ? 'other' : 'mine';
  if (keepsFile) put(final, body, { 'x-amz-meta-tidemark-attempt': attempt });
  const files = [
    { key: final, rows: copied.length, bytes: body.length, checksum: `sha256:${sha256Of([body])}` },
  ];
  put(
    'p/public.a/current.json',
    Buffer.from(JSON.stringify({ version: 1, runs: [run], rows: copied.length, files })),
  );
  const reads = new Map([['mine', new Set(read(whole).map(([id, note]) => readOf('a', id, note)))]]);
  return lakeView({ s3, ledger, database: source, reads });
}

test('a whole snapshot passes, and its rows are counted', async () => {
  const view = snapshot({});
  await view.follow([]);
  expect(view.rowsCompared()).toBeGreaterThan(1);
});

test.for<readonly [string, Changes]>([
  ['row lost', { rows: (all) => all.slice(1) }],
  ['row doubled', { rows: (all) => [all[0]!, ...all] }],
  ['row changed', { rows: ([first, ...rest]) => [[first![0], 'a:0:7'], ...rest] }],
  ['row changed', { rows: (all) => [...all, [999, 'a:999:0']] }],
  ['rows of a part', { read: (all) => all.slice(1) }],
  ['final name', { committed: 'nothing' }],
  ['final name', { committed: 'another' }],
  ['pointer', { headVersion: 0 }],
  ['snapshot', { keepsFile: false }],
])('%s: %o', async ([broken, changes]) => {
  await expect(snapshot(changes).follow([])).rejects.toMatchObject({ broken });
});
