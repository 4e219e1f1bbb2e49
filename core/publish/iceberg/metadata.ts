/**
 * A table's metadata file, format version 2.
 * Source: https://iceberg.apache.org/spec (Table Metadata and Snapshots, Appendix C)
 */
import { parse, stringify } from 'lossless-json';
import { type Long, toLong } from './avro.ts';
import type { IcebergSchema } from './schema.ts';

export type PartitionField = {
  readonly 'source-id': number;
  readonly 'field-id': number;
  readonly name: string;
  readonly transform: string;
};
export type PartitionSpec = { readonly 'spec-id': number; readonly fields: readonly PartitionField[] };

export type SortField = {
  readonly 'source-id': number;
  readonly transform: string;
  readonly direction: 'asc' | 'desc';
  readonly 'null-order': 'nulls-first' | 'nulls-last';
};
export type SortOrder = { readonly 'order-id': number; readonly fields: readonly SortField[] };

export type Operation = 'append' | 'replace' | 'overwrite' | 'delete';

export type Snapshot = {
  readonly 'snapshot-id': Long;
  readonly 'parent-snapshot-id'?: Long;
  readonly 'sequence-number': number;
  readonly 'timestamp-ms': number;
  readonly summary: Readonly<{ operation: Operation } & Record<string, string>>;
  readonly 'manifest-list': string;
  readonly 'schema-id'?: number;
};

export type Reference = {
  readonly 'snapshot-id': Long;
  readonly type: 'branch' | 'tag';
  readonly 'max-ref-age-ms'?: number;
  readonly 'max-snapshot-age-ms'?: number;
  readonly 'min-snapshots-to-keep'?: number;
};

/** What else another writer has put in stays in. */
export type TableMetadata = {
  readonly 'format-version': number;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-sequence-number': number;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly schemas: readonly IcebergSchema[];
  readonly 'current-schema-id': number;
  readonly 'partition-specs': readonly PartitionSpec[];
  readonly 'default-spec-id': number;
  readonly 'last-partition-id': number;
  readonly 'sort-orders': readonly SortOrder[];
  readonly 'default-sort-order-id': number;
  readonly properties?: Readonly<Record<string, string>>;
  /** missing, null or -1: no snapshot yet */
  readonly 'current-snapshot-id'?: Long | null;
  readonly refs?: Readonly<Record<string, Reference>>;
  readonly snapshots?: readonly Snapshot[];
  readonly 'snapshot-log'?: readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': Long }[];
  readonly 'metadata-log'?: readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[];
};

/** Numbers of other writers' snapshots have up to 63 bits. */
const toNumber = (text: string): Long =>
  /^-?[0-9]+$/.test(text) ? toLong(BigInt(text)) : Number.parseFloat(text);

/** JSON in which whole numbers of any size are exact. @throws Error where it is none */
export const parseJson = (text: string): unknown => parse(text, null, toNumber);

/** JSON, with BigInts as plain numbers. */
export const jsonText = (value: unknown): string => stringify(value) ?? 'null';

/** @throws Error where it is no metadata of a version that is known */
export function asMetadata(value: unknown): TableMetadata {
  const metadata = value as Partial<TableMetadata> | null | undefined;
  if (!metadata || !Array.isArray(metadata.schemas)) throw new Error('it is not the metadata of a table');
  if (metadata['format-version'] !== 2)
    throw new Error(`its format version is ${metadata['format-version']}; 2 is known`);
  return metadata as TableMetadata;
}

/** @throws Error where it is no metadata file of a version that is known */
export const parseMetadata = (body: Buffer): TableMetadata => asMetadata(parseJson(body.toString('utf8')));

export const metadataText = (metadata: TableMetadata): string => `${stringify(metadata, null, 1)}\n`;

export const snapshotOf = ({ snapshots }: TableMetadata, id: Long | null | undefined): Snapshot | undefined =>
  snapshots?.find((snapshot) => snapshot['snapshot-id'] === id);

export const currentSnapshot = (metadata: TableMetadata): Snapshot | undefined =>
  snapshotOf(metadata, metadata['current-snapshot-id']);

export const currentSchema = (metadata: TableMetadata): IcebergSchema | undefined =>
  metadata.schemas.find((schema) => schema['schema-id'] === metadata['current-schema-id']);

export const defaultSpec = (metadata: TableMetadata): PartitionSpec | undefined =>
  metadata['partition-specs'].find((spec) => spec['spec-id'] === metadata['default-spec-id']);
