/** A table's partition specs: pure functions from one version of its metadata to the next. */
import type { PartitionField } from '../../formats/partition/partition.ts';
import type { PartitionField as SpecField, PartitionSpec, TableMetadata } from './metadata.ts';

/** `bucket[16]`, `truncate[10]`, `month`: as Iceberg spells it. */
export const transformText = ({ transform, argument }: PartitionField): string =>
  argument === null ? transform : `${transform}[${argument}]`;

const isSame = (known: SpecField, field: PartitionField): boolean =>
  known['source-id'] === field.source && known.transform === transformText(field);

/**
 * Makes these fields the default spec: one that divides alike is used again, else it is a new one. A field that was in any
 * spec before keeps its id and its name, so that manifests of both tell of the same field.
 */
export function withPartition(metadata: TableMetadata, fields: readonly PartitionField[]): TableMetadata {
  const specs = metadata['partition-specs'];
  const found = specs.find(
    (spec) =>
      spec.fields.length === fields.length && spec.fields.every((known, at) => isSame(known, fields[at]!)),
  );
  if (found) return { ...metadata, 'default-spec-id': found['spec-id'] };
  const before = specs.flatMap((spec) => spec.fields);
  let lastId = Math.max(999, metadata['last-partition-id']);
  const taken: SpecField[] = [];
  for (const field of fields) {
    const known = before.find((one) => isSame(one, field));
    taken.push(
      known ?? {
        ...{ 'source-id': field.source, 'field-id': ++lastId },
        ...{ name: freeName(field, [...before, ...taken]), transform: transformText(field) },
      },
    );
  }
  const id = 1 + Math.max(...specs.map((spec) => spec['spec-id']));
  const spec: PartitionSpec = { 'spec-id': id, fields: taken };
  return {
    ...metadata,
    'partition-specs': [...specs, spec],
    'default-spec-id': id,
    'last-partition-id': lastId,
  };
}

/** The tables of partitions that readers show put the fields of all specs side by side, by their names. */
function freeName({ name, argument }: PartitionField, others: readonly SpecField[]): string {
  const isTaken = (candidate: string): boolean => others.some((other) => other.name === candidate);
  if (!isTaken(name)) return name;
  const base = argument === null ? name : `${name}_${argument}`;
  let candidate = base;
  for (let number = 2; isTaken(candidate) || candidate === name; number++) candidate = `${base}_${number}`;
  return candidate;
}
