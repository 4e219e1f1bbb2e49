import { TidemarkError } from '../errors.ts';
import { checkFormat } from '../format-version.ts';
import type { PartitionField } from '../formats/partition/partition.ts';
import type { Keys } from '../objects/keys.ts';
import { putText } from '../objects/put-text.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { TableDescription } from '../sources/source.ts';
import type { Member } from './members.ts';
import { asToday } from './older-description.ts';

const formatVersion = 3;

/** What every attempt on one of a table's chunks needs, besides the chunk. */
export type FrozenTable = {
  readonly description: TableDescription;
  /** the tables that become this one; absent: it is one itself */
  readonly members?: readonly Member[];
  /** by what its files are divided; empty: by nothing */
  readonly partition: readonly PartitionField[];
};

/** Descriptions that a function keeps: the Map walks the tables one after the other, so that a few are enough. */
const keptMax = 8;

/** What was read through a store, by key, the oldest use first. A sandbox has one store for all its invocations. */
const kept = new WeakMap<ObjectStore, Map<string, FrozenTable>>();

/**
 * Puts a table's description beside its plan, in an object of its own: what every attempt on one of its chunks needs,
 * without the chunks. It is a copy out of the plan, which alone decides: whoever writes it writes the same.
 */
export async function freezeTable(
  store: ObjectStore,
  keys: Keys,
  run: string,
  table: number,
  { description, members, partition }: FrozenTable,
): Promise<void> {
  const frozen = { format: formatVersion, description, members, partition };
  const text = `${JSON.stringify(frozen)}\n`;
  await putText(store, keys.tableDescription(run, table), text, { mediaType: 'application/json' });
}

/**
 * The description that a run's plan froze. Read once a sandbox, as long as it is among the last few that were asked for.
 *
 * @throws TidemarkError ProtocolViolation where it is gone, FormatTooNew
 */
export async function readFrozenTable(
  store: ObjectStore,
  keys: Keys,
  run: string,
  table: number,
): Promise<FrozenTable> {
  const key = keys.tableDescription(run, table);
  const known = kept.get(store) ?? new Map<string, FrozenTable>();
  kept.set(store, known);
  const frozen = known.get(key) ?? (await read(store, key));
  known.delete(key);
  known.set(key, frozen);
  if (known.size > keptMax) known.delete(known.keys().next().value!);
  return frozen;
}

async function read(store: ObjectStore, key: string): Promise<FrozenTable> {
  const place = `s3://${store.bucket}/${key}`;
  const found = await store.get(key);
  if (!found) throw new TidemarkError('ProtocolViolation', `${place} is gone: somebody has deleted it`);
  const { format, description, members, partition = [] } = JSON.parse(found.body.toString('utf8'));
  checkFormat(place, format, formatVersion);
  return { description: asToday(description), ...(members && { members }), partition };
}
