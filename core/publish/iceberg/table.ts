/** What becomes of a table's metadata: pure functions from one version to the next. */
import type { Long } from './avro.ts';
import {
  currentSchema,
  type Operation,
  type Reference,
  type Snapshot,
  type SortField,
  snapshotOf,
  type TableMetadata,
} from './metadata.ts';
import { type IcebergField, sameFields } from './schema.ts';

/** The branch that readers see. */
export const mainBranch = 'main';

/** Metadata files before the current one that are kept, and named in its log. */
export const previousMax = 10;

/**
 * Under which names a snapshot's summary says whose it is, and a table's properties whose the table is and which run was
 * published last: a repeated commit finds itself by them, also after its snapshot has expired. `manifests` saves an
 * overwrite the look into the list of what it replaces.
 */
export const ours = {
  sync: 'tidemark.sync',
  run: 'tidemark.run',
  manifests: 'tidemark.manifests',
  /** how many snapshots the commit has let expire: what only they named may be swept */
  expired: 'tidemark.expired',
} as const;

/** Iceberg keeps this id for files without an order. */
const unsorted = 0;

/** A table without a snapshot, whose files have no order. */
export function newTable(
  table: { readonly uuid: string; readonly location: string; readonly properties: Record<string, string> },
  fields: readonly IcebergField[],
  nowMs: number,
): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': table.uuid,
    location: table.location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': lastId(fields, 0),
    schemas: [{ type: 'struct', 'schema-id': 0, fields }],
    'current-schema-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: [] }],
    'default-spec-id': 0,
    // the ids of partition fields begin above this
    'last-partition-id': 999,
    'sort-orders': [{ 'order-id': unsorted, fields: [] }],
    'default-sort-order-id': unsorted,
    properties: table.properties,
    snapshots: [],
    refs: {},
    'snapshot-log': [],
    'metadata-log': [],
  };
}

const lastId = (fields: readonly IcebergField[], before: number): number =>
  fields.reduce((last, { id }) => Math.max(last, id), before);

/**
 * Makes these fields the current schema. Snapshots before it keep theirs. A field that is new to a table, or has once been
 * optional, is optional: files that are there may lack it.
 */
export function withFields(metadata: TableMetadata, wanted: readonly IcebergField[]): TableMetadata {
  const current = new Map(currentSchema(metadata)?.fields.map((field) => [field.id, field]));
  const isFirst = (metadata.snapshots ?? []).length === 0;
  const fields = wanted.map((field) =>
    isFirst || current.get(field.id)?.required ? field : { ...field, required: false },
  );
  const known = metadata.schemas.find((schema) => sameFields(schema.fields, fields));
  if (known && known === currentSchema(metadata)) return metadata;
  const id = known?.['schema-id'] ?? 1 + Math.max(...metadata.schemas.map((schema) => schema['schema-id']));
  return {
    ...metadata,
    schemas: known ? metadata.schemas : [...metadata.schemas, { type: 'struct', 'schema-id': id, fields }],
    'current-schema-id': id,
    'last-column-id': lastId(fields, metadata['last-column-id']),
  };
}

/** By what they say: others write the same in another sequence. */
const sameSort = (a: readonly SortField[], b: readonly SortField[]): boolean =>
  a.length === b.length &&
  a.every((field, at) => {
    const other = b[at]!;
    return (
      field['source-id'] === other['source-id'] &&
      field.transform === other.transform &&
      field.direction === other.direction &&
      field['null-order'] === other['null-order']
    );
  });

/** Makes this the order of the rows in every file that comes. @param sort null: none that Iceberg could name */
export function withSort(metadata: TableMetadata, sort: SortField | null): TableMetadata {
  const orders = metadata['sort-orders'];
  const fields = sort ? [sort] : [];
  const found = orders.find((order) => sameSort(order.fields, fields))?.['order-id'];
  // where another program has made the table, not even that of no order need be there
  const next = sort ? 1 + Math.max(unsorted, ...orders.map((order) => order['order-id'])) : unsorted;
  const id = found ?? next;
  return {
    ...metadata,
    'sort-orders': found === undefined ? [...orders, { 'order-id': id, fields }] : orders,
    'default-sort-order-id': id,
  };
}

/** What a snapshot adds up to, as its summary tells it. */
export type Counts = { readonly files: number; readonly rows: number; readonly bytes: number };

export const countsOf = (snapshot: Snapshot | undefined): Counts => {
  const number = (name: string): number => Number(snapshot?.summary[name] ?? 0);
  return {
    files: number('total-data-files'),
    rows: number('total-records'),
    bytes: number('total-files-size'),
  };
};

/** The summary of a snapshot that adds these files, and takes away those of its parent where it overwrites. */
export function summaryOf(
  parent: Snapshot | undefined,
  operation: Operation,
  added: Counts,
  more: Readonly<Record<string, string>>,
): Snapshot['summary'] {
  const before = countsOf(parent);
  const replaces = operation === 'overwrite';
  const total = (of: keyof Counts): string => String(added[of] + (replaces ? 0 : before[of]));
  return {
    operation,
    ...more,
    'added-data-files': String(added.files),
    'added-records': String(added.rows),
    'added-files-size': String(added.bytes),
    ...(replaces && {
      'deleted-data-files': String(before.files),
      'deleted-records': String(before.rows),
      'removed-files-size': String(before.bytes),
    }),
    'total-data-files': total('files'),
    'total-records': total('rows'),
    'total-files-size': total('bytes'),
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
  };
}

/** Adds a snapshot, as the one that readers see. */
export const withSnapshot = (metadata: TableMetadata, snapshot: Snapshot): TableMetadata =>
  withCurrent(
    {
      ...metadata,
      'last-sequence-number': snapshot['sequence-number'],
      snapshots: [...(metadata.snapshots ?? []), snapshot],
    },
    snapshot['snapshot-id'],
    snapshot['timestamp-ms'],
  );

/** Makes a snapshot of the table the one that readers see. */
export const withCurrent = (metadata: TableMetadata, id: Long, atMs: number): TableMetadata => ({
  ...metadata,
  'last-updated-ms': atMs,
  'current-snapshot-id': id,
  // how long it keeps snapshots is the branch's own business
  refs: {
    ...metadata.refs,
    [mainBranch]: { ...metadata.refs?.[mainBranch], 'snapshot-id': id, type: 'branch' },
  },
  'snapshot-log': [...(metadata['snapshot-log'] ?? []), { 'timestamp-ms': atMs, 'snapshot-id': id }],
});

export const withProperties = (
  metadata: TableMetadata,
  properties: Readonly<Record<string, string>>,
): TableMetadata => ({ ...metadata, properties: { ...metadata.properties, ...properties } });

/** Notes the metadata file that the next one follows on. */
export function withPrevious(metadata: TableMetadata, file: string, updatedMs: number): TableMetadata {
  const log = [...(metadata['metadata-log'] ?? []), { 'timestamp-ms': updatedMs, 'metadata-file': file }];
  return { ...metadata, 'metadata-log': log.slice(-previousMax) };
}

/** The time of the next change: later than all before it, whatever this machine's clock says. */
export const nextTime = (metadata: TableMetadata, nowMs: number): number =>
  Math.max(nowMs, metadata['last-updated-ms'] + 1);

// --- retention ---------------------------------------------------------------------------------------------------

/** At least so many of the newest snapshots are kept, and all that were the current one within so many days. */
export type Keep = { readonly snapshots: number; readonly days: number };

const dayMs = 24 * 60 * 60 * 1000;

/** When each snapshot was the current one last; Infinity: it still is. As far as the log says it, else by what came after it. */
function lastCurrent(metadata: TableMetadata): ReadonlyMap<Long, number> {
  const until = new Map<Long, number>();
  const note = (id: Long | null | undefined, atMs: number): void => {
    if (id !== null && id !== undefined) until.set(id, Math.max(until.get(id) ?? 0, atMs));
  };
  for (const snapshot of metadata.snapshots ?? []) {
    note(snapshot['snapshot-id'], snapshot['timestamp-ms']);
    note(snapshot['parent-snapshot-id'], snapshot['timestamp-ms']);
  }
  const log = metadata['snapshot-log'] ?? [];
  for (const [at, entry] of log.entries())
    note(entry['snapshot-id'], log[at + 1]?.['timestamp-ms'] ?? entry['timestamp-ms']);
  note(metadata['current-snapshot-id'], Number.POSITIVE_INFINITY);
  return until;
}

function ancestorsOf(metadata: TableMetadata, id: Long): Snapshot[] {
  const found: Snapshot[] = [];
  for (let one = snapshotOf(metadata, id); one; one = snapshotOf(metadata, one['parent-snapshot-id']))
    found.push(one);
  return found;
}

/** What a branch has shown, the latest first: on main also what was gone back from. */
function shownOn(
  metadata: TableMetadata,
  name: string,
  reference: Reference,
  until: ReadonlyMap<Long, number>,
): Snapshot[] {
  const ancestors = ancestorsOf(metadata, reference['snapshot-id']);
  if (name !== mainBranch) return ancestors;
  const logged = (metadata['snapshot-log'] ?? []).flatMap(
    (entry) => snapshotOf(metadata, entry['snapshot-id']) ?? [],
  );
  const endOf = (snapshot: Snapshot): number => until.get(snapshot['snapshot-id'])!;
  // ancestors come first, and stay before others that ended with them
  return [...new Set([...ancestors, ...logged.reverse()])].sort((one, other) =>
    endOf(one) === endOf(other) ? 0 : endOf(other) - endOf(one),
  );
}

/** The snapshots that readers can still come to: the branches' newest, those shown a while ago, and what a tag keeps. */
export function liveSnapshots(metadata: TableMetadata, keep: Keep, nowMs: number): ReadonlySet<Long> {
  const live = new Set<Long>();
  const until = lastCurrent(metadata);
  // by a clock that runs late, snapshots would come from the future, and be young for ever
  const now = Math.max(nowMs, metadata['last-updated-ms']);
  for (const [name, reference] of Object.entries(metadata.refs ?? {})) {
    if (snapshotOf(metadata, reference['snapshot-id'])) live.add(reference['snapshot-id']);
    if (reference.type === 'tag') continue;
    // what another program asked to keep is kept, too
    const youngMs = Math.max(keep.days * dayMs, reference['max-snapshot-age-ms'] ?? 0);
    const least = Math.max(keep.snapshots, reference['min-snapshots-to-keep'] ?? 0);
    for (const [at, { 'snapshot-id': id }] of shownOn(metadata, name, reference, until).entries())
      if (at < least || now - until.get(id)! < youngMs) live.add(id);
  }
  return live;
}

/** Forgets all other snapshots. */
export function withoutExpired(metadata: TableMetadata, live: ReadonlySet<Long>): TableMetadata {
  const snapshots = (metadata.snapshots ?? []).filter((one) => live.has(one['snapshot-id']));
  if (snapshots.length === metadata.snapshots?.length) return metadata;
  const log = metadata['snapshot-log'] ?? [];
  // the log has no gaps: what is before a snapshot that is gone goes, too
  const begin = 1 + log.findLastIndex((entry) => !live.has(entry['snapshot-id']));
  return { ...metadata, snapshots, 'snapshot-log': log.slice(begin) };
}
