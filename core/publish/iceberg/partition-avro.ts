/**
 * Partition values in manifests: their Avro types, the record of a file, and what a manifest list says of all files.
 * Source: https://iceberg.apache.org/spec (Manifests, Appendix A and D)
 */
import { type Column, type ColumnType, layoutOf } from '../../formats/column.ts';
import {
  type PartitionField,
  type PartitionTuple,
  type PartitionValue,
  resultType,
  sourceOf,
} from '../../formats/partition/partition.ts';
import { shortestFrom } from '../../formats/partition/truncated-numbers.ts';
import { toLong } from './avro.ts';
import type { AvroField, FieldSummary, ManifestEntry, Partitioning } from './manifest.ts';
import type { PartitionSpec } from './metadata.ts';

type AvroType = {
  readonly type: string;
  readonly size?: number;
  readonly logicalType?: string;
} & Readonly<Record<string, unknown>>;

/** Bytes that hold every unscaled number of so many digits. */
export function decimalBytes(precision: number): number {
  const most = 10n ** BigInt(precision) - 1n;
  let bytes = 1;
  while (BigInt.asIntN(8 * bytes, most) !== most) bytes++;
  return bytes;
}

function avroType(type: ColumnType, id: number): AvroType | string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return type.bits === 64 ? 'long' : 'int';
    case 'float':
      return type.bits === 64 ? 'double' : 'float';
    case 'decimal': {
      const { precision, scale } = type;
      const size = decimalBytes(precision);
      return { type: 'fixed', name: `decimal_${id}`, size, logicalType: 'decimal', precision, scale };
    }
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'time':
      return { type: 'long', logicalType: 'time-micros' };
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': type.utc };
    case 'uuid':
      return { type: 'fixed', name: `uuid_${id}`, size: 16, logicalType: 'uuid' };
    case 'string':
    case 'json':
      return 'string';
    case 'bytes':
      return 'bytes';
  }
}

/** Avro's names have letters, digits and _ only; readers go by the field's id. */
const avroName = (name: string): string =>
  [...name]
    .map((character, at) => {
      if (/[A-Za-z_]/.test(character) || (at > 0 && /[0-9]/.test(character))) return character;
      if (/[0-9]/.test(character)) return `_${character}`;
      return `_x${character.codePointAt(0)!.toString(16).toUpperCase()}`;
    })
    .join('');

/** How a spec's values stand in manifests. @param fields that it was made of, in order */
export const partitioningOf = (
  spec: PartitionSpec,
  fields: readonly PartitionField[],
  columns: readonly Column[],
): Partitioning => ({
  specId: spec['spec-id'],
  fields: spec.fields.map(({ name, 'field-id': id }, at): AvroField => {
    const field = fields[at]!;
    const written = avroName(name);
    return {
      name: written,
      ...(written !== name && { 'iceberg-field-name': name }),
      'field-id': id,
      type: ['null', avroType(resultType(field, sourceOf(columns, field).type), id)],
      default: null,
    };
  }),
});

export type PartitionRecord = Readonly<Record<string, unknown>>;

/** A file's values, by the names that the plan gave the fields. @param tuple null: there are no partitions */
export const partitionRecord = (
  fields: readonly PartitionField[],
  columns: readonly Column[],
  tuple: PartitionTuple | null,
): PartitionRecord =>
  Object.fromEntries(
    fields.map((field, at) => [
      field.name,
      avroValue(resultType(field, sourceOf(columns, field).type), tuple?.[at] ?? null),
    ]),
  );

/** The same by the names that they have in manifests. */
export const asWritten = (
  record: PartitionRecord,
  fields: readonly PartitionField[],
  partitioning: Partitioning,
): PartitionRecord =>
  Object.fromEntries(partitioning.fields.map(({ name }, at) => [name, record[fields[at]!.name]]));

/** @param type of the field's result */
function avroValue(type: ColumnType, value: PartitionValue): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'decimal':
      return bigEndian(BigInt(value), decimalBytes(type.precision));
    case 'uuid':
      return Buffer.from(String(value).replaceAll('-', ''), 'hex');
    case 'bytes':
      return Buffer.from(String(value), 'base64');
    default:
      return layoutOf(type).of === 'int64' ? toLong(BigInt(value)) : value;
  }
}

function bigEndian(value: bigint, size: number): Buffer {
  const digits = BigInt.asUintN(8 * size, value).toString(16);
  return Buffer.from(digits.padStart(2 * size, '0'), 'hex');
}

// --- what a list says of a manifest's files ---------------------------------------------------------------------

const typeIn = (field: AvroField): AvroType => {
  const type = Array.isArray(field.type) ? field.type.find((one) => one !== 'null') : field.type;
  return typeof type === 'string' ? { type } : type;
};

const bytesOf = (size: number, write: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
};

/** In Iceberg's binary form (Appendix D). */
function binaryOf({ type, logicalType }: AvroType, value: unknown): Buffer {
  switch (type) {
    case 'boolean':
      return Buffer.of(value ? 1 : 0);
    case 'int':
      return bytesOf(4, (bytes) => bytes.writeInt32LE(value as number));
    case 'long':
      return bytesOf(8, (bytes) => bytes.writeBigInt64LE(BigInt(value as number | bigint)));
    case 'float':
      return bytesOf(4, (bytes) => bytes.writeFloatLE(value as number));
    case 'double':
      return bytesOf(8, (bytes) => bytes.writeDoubleLE(value as number));
    case 'string':
      return Buffer.from(String(value), 'utf8');
    default: {
      const bytes = Buffer.from(value as Uint8Array);
      return logicalType === 'decimal' ? bytes.subarray(shortestFrom(bytes, 0, bytes.length)) : bytes;
    }
  }
}

/** Bytes as they are compared: text as UTF-8, decimals by their sign first. */
const sortable = ({ type, logicalType }: AvroType, value: unknown): Buffer | null => {
  if (type === 'string') return Buffer.from(String(value), 'utf8');
  if (!(value instanceof Uint8Array)) return null;
  const bytes = Buffer.from(value);
  if (logicalType === 'decimal') bytes[0]! ^= 0x80;
  return bytes;
};

function isBefore(type: AvroType, one: unknown, other: unknown): boolean {
  const left = sortable(type, one);
  const right = sortable(type, other);
  if (left && right) return left.compare(right) < 0;
  return (one as number | bigint | boolean) < (other as number | bigint | boolean);
}

/** Of each field: whether there are NULLs, and the least and the greatest value. */
export const fieldSummaries = (
  fields: readonly AvroField[],
  records: readonly PartitionRecord[],
): FieldSummary[] =>
  fields.map((field) => {
    const type = typeIn(field);
    let containsNull = false;
    let containsNan = false;
    let least: unknown = null;
    let greatest: unknown = null;
    for (const record of records) {
      const value = record[field.name] ?? null;
      if (value === null) containsNull = true;
      else if (Number.isNaN(value)) containsNan = true;
      else {
        if (least === null || isBefore(type, value, least)) least = value;
        if (greatest === null || isBefore(type, greatest, value)) greatest = value;
      }
    }
    return {
      contains_null: containsNull,
      contains_nan: containsNan,
      lower_bound: least === null ? null : binaryOf(type, least),
      upper_bound: greatest === null ? null : binaryOf(type, greatest),
    };
  });

/** The partition of each entry, as text: entries of one partition have the same. */
export const partitionTexts = (entries: readonly ManifestEntry[]): string[] =>
  entries.map(({ partitioning: { specId, fields }, data_file }) =>
    JSON.stringify([
      specId,
      ...fields.map((field) => {
        const value = data_file.partition[field.name] ?? null;
        return value === null ? null : binaryOf(typeIn(field), value).toString('base64');
      }),
    ]),
  );
