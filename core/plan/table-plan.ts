import { TidemarkError } from '../errors.ts';
import { checkFormat } from '../format-version.ts';
import type { PartitionField } from '../formats/partition/partition.ts';
import type { Keys } from '../objects/keys.ts';
import { putText } from '../objects/put-text.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { TableDescription } from '../sources/source.ts';
import type { PlannedChunk } from './chunks.ts';
import type { Member } from './members.ts';
import { asToday } from './older-description.ts';

const formatVersion = 3;

/** How a table is copied in a run: frozen when it is first written, read by whoever works on the run later. */
export type TablePlan = {
  readonly description: TableDescription;
  /** the tables that become this one; absent: it is one itself */
  readonly members?: readonly Member[];
  /** absent: overwrite */
  readonly mode?: 'append';
  /** by what its files are divided; empty: by nothing */
  readonly partition: readonly PartitionField[];
  /** estimates */
  readonly rows: number;
  readonly bytes: number;
  readonly min: string | null;
  readonly max: string | null;
  readonly chunks: readonly PlannedChunk[];
};

/** One JSON document a line: the table, then its chunks in key order. */
function serialize(plan: TablePlan): string {
  const { chunks, partition, ...rest } = plan;
  const lines = [{ format: formatVersion, ...rest, partition, chunks: chunks.length }, ...chunks];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function parse(body: Buffer, place: string): TablePlan {
  const [header, ...chunks] = body
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  checkFormat(place, header?.format, formatVersion);
  const { format: _format, ...table } = header;
  if (table.chunks !== chunks.length) {
    throw new TidemarkError(
      'ProtocolViolation',
      `${place} names ${table.chunks} chunks and holds ${chunks.length}`,
    );
  }
  return { partition: [], ...table, description: asToday(table.description), chunks };
}

/** @returns null where the table has no plan yet */
export async function readTablePlan(
  store: ObjectStore,
  keys: Keys,
  run: string,
  table: number,
): Promise<TablePlan | null> {
  const key = keys.tablePlan(run, table);
  const found = await store.get(key);
  return found && parse(found.body, `s3://${store.bucket}/${key}`);
}

/** Writes a table's plan, unless there is one: the first one written is the plan. Gives the one that counts. */
export async function settleTablePlan(
  store: ObjectStore,
  keys: Keys,
  run: string,
  table: number,
  plan: TablePlan,
): Promise<TablePlan> {
  const result = await putText(store, keys.tablePlan(run, table), serialize(plan), {
    mediaType: 'application/x-ndjson',
    condition: { absent: true },
  });
  if (result.outcome === 'written') return plan;
  const first = await readTablePlan(store, keys, run, table);
  if (first) return first;
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${keys.tablePlan(run, table)} is being written`,
  );
}
