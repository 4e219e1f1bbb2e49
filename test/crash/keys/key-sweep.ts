/**
 * A table by some kind of key, through plan and copy with tiny parts, while attempts die and answers get lost at calls
 * that the dice choose; then every row of its files against the rows that were put into the table.
 */
import { randomBytes } from 'node:crypto';
import { parquetReadObjects } from 'hyparquet';
import { type CopyPlaces, copyChunk } from '../../../core/copy/copy-chunk.ts';
import { loadDefinition } from '../../../core/definition/load.ts';
import { parseTableName } from '../../../core/definition/table-name.ts';
import { TidemarkError } from '../../../core/errors.ts';
import { chunkOrder } from '../../../core/plan/chunk-order.ts';
import { freezeTable } from '../../../core/plan/frozen-table.ts';
import { planTable } from '../../../core/plan/plan-table.ts';
import type { Source } from '../../../core/sources/source.ts';
import { Died, faultAt, gatedPlaces, ways } from '../../support/faults.ts';
import type { Ground } from '../../support/in-memory.ts';
import { randomFrom } from '../../support/random.ts';

/** A row: its number, and its key as the database's own text, which were put into the table as columns `v` and `told`. */
export type ToldRow = readonly [string, string];

export type Swept = {
  readonly rows: readonly ToldRow[];
  readonly chunks: number;
  readonly parts: number;
  /** attempts that met a fault */
  readonly disturbed: number;
};

const run = '20260101T000000Z-0001';

/** More than this many disturbed attempts on a chunk are not made: then it is let be. */
const disturbedMax = 6;

export async function sweep(
  ground: Ground,
  source: Source,
  type: 'postgres' | 'mysql',
  table: string,
  seed: number,
): Promise<Swept> {
  const { ledger, store, format } = ground;
  const { sync, keys } = ground.freshSync();
  const definition = loadDefinition(
    JSON.stringify({
      name: sync,
      source: { type, url: `${type}://nobody@nowhere/nothing`, statement_rows: 20 },
      tables: [{ name: table }],
      target: { url: 's3://lake/sweep', compression: 'none' },
      part: { rows: 60 },
      chunk: { rows: 250 },
    }),
    'sweep.yaml',
    null,
  );
  const plan = await planTable({ source }, definition, parseTableName(table)!, []);
  await ledger.createRun({
    ...{ sync, run, status: 'running', startedAt: '2026-01-01T00:00:00.000Z', endedAt: null },
    ...{ executions: ['one'], fingerprint: 'f', tables: [table], totals: null },
  });
  await freezeTable(store, keys, run, 0, plan);
  const places = { ledger, store, keys, format, source };
  const dice = randomFrom(seed);
  let disturbed = 0;
  const ranges = plan.chunks.length > 0 ? plan.chunks : [null];
  for (const [chunk, range] of ranges.entries()) {
    const order = chunkOrder(definition, run, 0, chunk, range, plan);
    let isDone = false;
    for (let tries = 0; !isDone; tries++) {
      const isDisturbed = tries === 0 || (tries < disturbedMax && dice() < 0.8);
      const outcome = await attempt(places, order, tries, isDisturbed ? dice : null);
      if (isDisturbed) disturbed++;
      isDone = outcome === 'done';
    }
  }
  const { rows, parts } = await published(ground, sync);
  return { rows, chunks: ranges.length, parts, disturbed };
}

async function attempt(
  places: CopyPlaces,
  order: ReturnType<typeof chunkOrder>,
  tries: number,
  dice: (() => number) | null,
): Promise<string> {
  const stamp = {
    id: randomBytes(6).toString('hex'),
    startedAt: new Date(Date.UTC(2026, 0, 1) + tries * 1000).toISOString(),
    retry: tries,
  };
  const clock = { nowMs: Date.now, remainingMs: () => 900_000 };
  if (dice === null) return (await copyChunk(places, order, stamp, clock)).status;
  const fault = faultAt(Math.floor(dice() * 30), ways[Math.floor(dice() * ways.length)]!);
  try {
    return (await copyChunk(gatedPlaces(places, fault.gate), order, stamp, clock)).status;
  } catch (error) {
    const isExpected =
      error instanceof Died || (error instanceof TidemarkError && error.kind === 'transient');
    if (!isExpected) throw error;
    return 'died';
  } finally {
    await fault.land();
  }
}

/** What the log leads to, read by a reader that is not ours. */
async function published(
  { ledger, store }: Ground,
  sync: string,
): Promise<{ rows: ToldRow[]; parts: number }> {
  const rows: ToldRow[] = [];
  let parts = 0;
  for await (const part of ledger.partsOfRun(sync, run)) {
    parts++;
    for (const file of part.files) {
      const { body } = (await store.get(file.final))!;
      const objects = await parquetReadObjects({ file: new Uint8Array(body).buffer });
      for (const { v, told } of objects) rows.push([String(v), String(told)]);
    }
  }
  return { rows, parts };
}
