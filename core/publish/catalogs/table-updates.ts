/**
 * What becomes of a table's metadata in the words of Iceberg's REST protocol: the server holds the requirements against
 * the table as it is, makes the updates itself and writes the metadata file.
 * Source: open-api/rest-catalog-open-api.yaml of apache/iceberg (TableRequirement, TableUpdate)
 */
import type { Long } from '../iceberg/avro.ts';
import {
  jsonText,
  type PartitionSpec,
  type Reference,
  type Snapshot,
  type SortOrder,
  type TableMetadata,
} from '../iceberg/metadata.ts';
import type { IcebergSchema } from '../iceberg/schema.ts';
import { mainBranch } from '../iceberg/table.ts';

export type TableRequirement =
  | { readonly type: 'assert-create' }
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  /** null: there is no such branch or tag */
  | { readonly type: 'assert-ref-snapshot-id'; readonly ref: string; readonly 'snapshot-id': Long | null }
  | { readonly type: 'assert-last-assigned-field-id'; readonly 'last-assigned-field-id': number }
  | { readonly type: 'assert-current-schema-id'; readonly 'current-schema-id': number }
  | { readonly type: 'assert-last-assigned-partition-id'; readonly 'last-assigned-partition-id': number }
  | { readonly type: 'assert-default-spec-id'; readonly 'default-spec-id': number }
  | { readonly type: 'assert-default-sort-order-id'; readonly 'default-sort-order-id': number };

export type TableUpdate =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'add-schema'; readonly schema: IcebergSchema; readonly 'last-column-id': number }
  | { readonly action: 'set-current-schema'; readonly 'schema-id': number }
  | { readonly action: 'add-spec'; readonly spec: PartitionSpec }
  | { readonly action: 'set-default-spec'; readonly 'spec-id': number }
  | { readonly action: 'add-sort-order'; readonly 'sort-order': SortOrder }
  | { readonly action: 'set-default-sort-order'; readonly 'sort-order-id': number }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
  | { readonly action: 'add-snapshot'; readonly snapshot: Snapshot }
  | ({ readonly action: 'set-snapshot-ref'; readonly 'ref-name': string } & Reference)
  | { readonly action: 'remove-snapshot-ref'; readonly 'ref-name': string }
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly Long[] };

export type Commit = {
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
};

/** @param before null: the table is made by this commit */
export function updatesBetween(before: TableMetadata | null, next: TableMetadata): Commit {
  return {
    requirements: before ? requirementsOf(before, next) : [{ type: 'assert-create' }],
    updates: [
      ...tableUpdates(before, next),
      ...schemaUpdates(before, next),
      ...specUpdates(before, next),
      ...orderUpdates(before, next),
      ...propertyUpdates(before?.properties ?? {}, next.properties ?? {}),
      ...snapshotUpdates(before, next),
    ],
  };
}

/**
 * All of the table that the protocol lets us ask for, changed by us or not: `next` was made from the table as it was
 * seen. The protocol has no word for the whole of it. What it cannot ask for, and others may do in between without our
 * being told: change a property, add a schema that is not the current one, add a branch or a tag.
 */
function requirementsOf(before: TableMetadata, next: TableMetadata): TableRequirement[] {
  const names = new Set([mainBranch, ...Object.keys(before.refs ?? {}), ...Object.keys(next.refs ?? {})]);
  return [
    { type: 'assert-table-uuid', uuid: before['table-uuid'] },
    ...[...names].map(
      (ref): TableRequirement => ({
        type: 'assert-ref-snapshot-id',
        ref,
        'snapshot-id': before.refs?.[ref]?.['snapshot-id'] ?? null,
      }),
    ),
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': before['last-column-id'] },
    { type: 'assert-current-schema-id', 'current-schema-id': before['current-schema-id'] },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': before['last-partition-id'] },
    { type: 'assert-default-spec-id', 'default-spec-id': before['default-spec-id'] },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': before['default-sort-order-id'] },
  ];
}

function* tableUpdates(before: TableMetadata | null, next: TableMetadata): Generator<TableUpdate> {
  if (!before) yield { action: 'assign-uuid', uuid: next['table-uuid'] };
  if (before?.['format-version'] !== next['format-version'])
    yield { action: 'upgrade-format-version', 'format-version': next['format-version'] };
  if (before?.location !== next.location) yield { action: 'set-location', location: next.location };
}

/** The server's word for what the same commit has added last. */
const addedLast = -1;

/**
 * What is new in a list of numbered things of which one is the current one.
 * @returns the current one's number, as an update names it: null where it stays
 */
function additions<T>(
  before: readonly T[] | undefined,
  next: readonly T[],
  idOf: (one: T) => number,
  current: { readonly before: number | undefined; readonly next: number },
): { added: T[]; select: number | null } {
  const known = new Set(before?.map(idOf));
  const added = next.filter((one) => !known.has(idOf(one)));
  if (before && current.before === current.next) return { added, select: null };
  const last = added.at(-1);
  return { added, select: last && idOf(last) === current.next ? addedLast : current.next };
}

function* schemaUpdates(before: TableMetadata | null, next: TableMetadata): Generator<TableUpdate> {
  const { added, select } = additions(before?.schemas, next.schemas, (schema) => schema['schema-id'], {
    before: before?.['current-schema-id'],
    next: next['current-schema-id'],
  });
  for (const schema of added)
    yield { action: 'add-schema', schema, 'last-column-id': next['last-column-id'] };
  if (select !== null) yield { action: 'set-current-schema', 'schema-id': select };
}

function* specUpdates(before: TableMetadata | null, next: TableMetadata): Generator<TableUpdate> {
  const specs = [before?.['partition-specs'], next['partition-specs']] as const;
  const { added, select } = additions(...specs, (spec) => spec['spec-id'], {
    before: before?.['default-spec-id'],
    next: next['default-spec-id'],
  });
  for (const spec of added) yield { action: 'add-spec', spec };
  if (select !== null) yield { action: 'set-default-spec', 'spec-id': select };
}

function* orderUpdates(before: TableMetadata | null, next: TableMetadata): Generator<TableUpdate> {
  const orders = [before?.['sort-orders'], next['sort-orders']] as const;
  const { added, select } = additions(...orders, (order) => order['order-id'], {
    before: before?.['default-sort-order-id'],
    next: next['default-sort-order-id'],
  });
  for (const order of added) yield { action: 'add-sort-order', 'sort-order': order };
  if (select !== null) yield { action: 'set-default-sort-order', 'sort-order-id': select };
}

type Properties = Readonly<Record<string, string>>;

function* propertyUpdates(before: Properties, next: Properties): Generator<TableUpdate> {
  const set = Object.entries(next).filter(([name, value]) => before[name] !== value);
  if (set.length > 0) yield { action: 'set-properties', updates: Object.fromEntries(set) };
  const removals = Object.keys(before).filter((name) => !Object.hasOwn(next, name));
  if (removals.length > 0) yield { action: 'remove-properties', removals };
}

/** Snapshots come before what refers to them, and go after it. */
function* snapshotUpdates(before: TableMetadata | null, next: TableMetadata): Generator<TableUpdate> {
  const idsOf = (metadata: TableMetadata | null) =>
    new Set(metadata?.snapshots?.map((snapshot) => snapshot['snapshot-id']));
  const [known, kept] = [idsOf(before), idsOf(next)];
  for (const snapshot of next.snapshots ?? [])
    if (!known.has(snapshot['snapshot-id'])) yield { action: 'add-snapshot', snapshot };
  for (const [name, reference] of Object.entries(next.refs ?? {}))
    if (jsonText(before?.refs?.[name]) !== jsonText(reference))
      yield { action: 'set-snapshot-ref', 'ref-name': name, ...reference };
  for (const name of Object.keys(before?.refs ?? {}))
    if (!Object.hasOwn(next.refs ?? {}, name)) yield { action: 'remove-snapshot-ref', 'ref-name': name };
  const gone = [...known].filter((id) => !kept.has(id));
  if (gone.length > 0) yield { action: 'remove-snapshots', 'snapshot-ids': gone };
}
