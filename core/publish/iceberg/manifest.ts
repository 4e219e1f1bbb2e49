/**
 * Manifests: which data files a snapshot has, with what is known of each.
 * Source: https://iceberg.apache.org/spec (Manifests; the field ids are the specification's)
 */
import { type AvroSchema, type Long, readAvro, readAvroFile, writeAvro } from './avro.ts';
import type { PartitionSpec } from './metadata.ts';
import type { IcebergSchema } from './schema.ts';

export const status = { existing: 0, added: 1, deleted: 2 } as const;
export type Status = (typeof status)[keyof typeof status];

type Entries<V> = readonly { readonly key: number; readonly value: V }[];

export type DataFile = {
  /** 0: data. Files of deletions are never ours */
  readonly content: number;
  readonly file_path: string;
  readonly file_format: string;
  /** by the names of the spec's fields; empty where there is no partition */
  readonly partition: Readonly<Record<string, unknown>>;
  readonly record_count: Long;
  readonly file_size_in_bytes: Long;
  readonly column_sizes: Entries<Long> | null;
  /** of rows, NULLs and NaNs among them */
  readonly value_counts: Entries<Long> | null;
  readonly null_value_counts: Entries<Long> | null;
  readonly nan_value_counts: Entries<Long> | null;
  readonly lower_bounds: Entries<Buffer> | null;
  readonly upper_bounds: Entries<Buffer> | null;
  readonly split_offsets: readonly Long[] | null;
  readonly sort_order_id: number | null;
};

/** A field of the Avro record `partition`, with one of the types that Iceberg has for its values. */
export type AvroField = {
  readonly name: string;
  readonly 'field-id': number;
  readonly type: unknown;
  readonly default?: null;
};

/** How partition values stand in a manifest. */
export type Partitioning = { readonly specId: number; readonly fields: readonly AvroField[] };

export type ManifestEntry = {
  /** of the manifest: not a field of the entry's own */
  readonly partitioning: Partitioning;
  readonly status: Status;
  readonly snapshot_id: Long | null;
  /** null: the manifest's own, which the commit decides */
  readonly sequence_number: Long | null;
  readonly file_sequence_number: Long | null;
  readonly data_file: DataFile;
};

const optional = (type: unknown) => ({ type: ['null', type], default: null });

const map = (key: number, value: number, valueType: string) => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${key}_v${value}`,
    fields: [
      { name: 'key', type: 'int', 'field-id': key },
      { name: 'value', type: valueType, 'field-id': value },
    ],
  },
});

const list = (element: number, type: string) => ({ type: 'array', items: type, 'element-id': element });

/** @param partition the Avro fields of the spec's partition values */
const entrySchema = (partition: readonly unknown[]): AvroSchema => ({
  type: 'record',
  name: 'manifest_entry',
  fields: [
    { name: 'status', type: 'int', 'field-id': 0 },
    { name: 'snapshot_id', ...optional('long'), 'field-id': 1 },
    { name: 'sequence_number', ...optional('long'), 'field-id': 3 },
    { name: 'file_sequence_number', ...optional('long'), 'field-id': 4 },
    {
      name: 'data_file',
      'field-id': 2,
      type: {
        type: 'record',
        name: 'r2',
        fields: [
          { name: 'content', type: 'int', 'field-id': 134 },
          { name: 'file_path', type: 'string', 'field-id': 100 },
          { name: 'file_format', type: 'string', 'field-id': 101 },
          { name: 'partition', type: { type: 'record', name: 'r102', fields: partition }, 'field-id': 102 },
          { name: 'record_count', type: 'long', 'field-id': 103 },
          { name: 'file_size_in_bytes', type: 'long', 'field-id': 104 },
          { name: 'column_sizes', ...optional(map(117, 118, 'long')), 'field-id': 108 },
          { name: 'value_counts', ...optional(map(119, 120, 'long')), 'field-id': 109 },
          { name: 'null_value_counts', ...optional(map(121, 122, 'long')), 'field-id': 110 },
          { name: 'nan_value_counts', ...optional(map(138, 139, 'long')), 'field-id': 137 },
          { name: 'lower_bounds', ...optional(map(126, 127, 'bytes')), 'field-id': 125 },
          { name: 'upper_bounds', ...optional(map(129, 130, 'bytes')), 'field-id': 128 },
          { name: 'split_offsets', ...optional(list(133, 'long')), 'field-id': 132 },
          { name: 'sort_order_id', ...optional('int'), 'field-id': 140 },
        ],
      },
    },
  ],
});

/** A manifest of data files, all of one partition spec, and of the same partitioning. */
export const writeManifest = (
  entries: readonly ManifestEntry[],
  schema: IcebergSchema,
  spec: PartitionSpec,
  { fields }: Partitioning,
): Buffer =>
  writeAvro(entrySchema(fields), entries, {
    schema: JSON.stringify(schema),
    'schema-id': String(schema['schema-id']),
    'partition-spec': JSON.stringify(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  });

type RecordSchema = { readonly fields: readonly { readonly name: string; readonly type: unknown }[] };

const fieldIn = (record: unknown, name: string): unknown =>
  (record as RecordSchema).fields.find((field) => field.name === name)?.type;

/** @throws Error where it is no such file */
export function readManifest(body: Buffer): ManifestEntry[] {
  const { records, schema, metadata } = readAvroFile<Omit<ManifestEntry, 'partitioning'>>(body);
  const partition = fieldIn(fieldIn(schema, 'data_file'), 'partition') as { fields: readonly AvroField[] };
  const partitioning = { specId: Number(metadata['partition-spec-id'] ?? 0), fields: partition.fields };
  return records.map((entry) => ({ ...entry, partitioning }));
}

// --- manifest lists --------------------------------------------------------------------------------------------

export type FieldSummary = {
  readonly contains_null: boolean;
  readonly contains_nan: boolean | null;
  readonly lower_bound: Buffer | null;
  readonly upper_bound: Buffer | null;
};

export type ManifestFile = {
  readonly manifest_path: string;
  readonly manifest_length: Long;
  readonly partition_spec_id: number;
  /** 0: of data files, 1: of deletions */
  readonly content: number;
  readonly sequence_number: Long;
  readonly min_sequence_number: Long;
  readonly added_snapshot_id: Long;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: Long;
  readonly existing_rows_count: Long;
  readonly deleted_rows_count: Long;
  readonly partitions: readonly FieldSummary[] | null;
  readonly key_metadata: Buffer | null;
};

const fieldSummarySchema = {
  type: 'record',
  name: 'r508',
  fields: [
    { name: 'contains_null', type: 'boolean', 'field-id': 509 },
    { name: 'contains_nan', ...optional('boolean'), 'field-id': 518 },
    { name: 'lower_bound', ...optional('bytes'), 'field-id': 510 },
    { name: 'upper_bound', ...optional('bytes'), 'field-id': 511 },
  ],
};

const manifestFileSchema: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    { name: 'manifest_path', type: 'string', 'field-id': 500 },
    { name: 'manifest_length', type: 'long', 'field-id': 501 },
    { name: 'partition_spec_id', type: 'int', 'field-id': 502 },
    { name: 'content', type: 'int', 'field-id': 517 },
    { name: 'sequence_number', type: 'long', 'field-id': 515 },
    { name: 'min_sequence_number', type: 'long', 'field-id': 516 },
    { name: 'added_snapshot_id', type: 'long', 'field-id': 503 },
    { name: 'added_files_count', type: 'int', 'field-id': 504 },
    { name: 'existing_files_count', type: 'int', 'field-id': 505 },
    { name: 'deleted_files_count', type: 'int', 'field-id': 506 },
    { name: 'added_rows_count', type: 'long', 'field-id': 512 },
    { name: 'existing_rows_count', type: 'long', 'field-id': 513 },
    { name: 'deleted_rows_count', type: 'long', 'field-id': 514 },
    {
      name: 'partitions',
      ...optional({ type: 'array', items: fieldSummarySchema, 'element-id': 508 }),
      'field-id': 507,
    },
    { name: 'key_metadata', ...optional('bytes'), 'field-id': 519 },
  ],
};

export const writeManifestList = (
  manifests: readonly ManifestFile[],
  snapshot: { readonly id: Long; readonly parent: Long | null; readonly sequenceNumber: number },
): Buffer =>
  writeAvro(manifestFileSchema, manifests, {
    'snapshot-id': String(snapshot.id),
    'parent-snapshot-id': String(snapshot.parent),
    'sequence-number': String(snapshot.sequenceNumber),
    'format-version': '2',
  });

export const readManifestList = (body: Buffer): ManifestFile[] => readAvro<ManifestFile>(body);
