/** A table's partition specs: pure functions from one version of its metadata to the next. */
import type { Column } from '../../formats/column.ts';
import { type PartitionField, sourceOf } from '../../formats/partition/partition.ts';
import type { PartitionSpec, PartitionField as SpecField, TableMetadata } from './metadata.ts';

/** `bucket[16]`, `truncate[10]`, `month`: as Iceberg spells it. */
export const transformText = ({ transform, argument }: PartitionField): string =>
  argument === null ? transform : `${transform}[${argument}]`;

/** What a field is, whatever its id and its name. */
type Division = { readonly 'source-id': number; readonly transform: string };

const isSame = (known: Division, wanted: Division): boolean =>
  known['source-id'] === wanted['source-id'] && known.transform === wanted.transform;

/**
 * Makes these fields the default spec: one that divides alike is used again, else it is a new one. A field that was in any
 * spec before keeps its id and its name, so that manifests of both tell of the same field.
 */
export function withPartition(
  metadata: TableMetadata,
  fields: readonly PartitionField[],
  columns: readonly Column[],
): TableMetadata {
  const specs = metadata['partition-specs'];
  const wanted = fields.map((field) => ({
    field,
    division: { 'source-id': sourceOf(columns, field).id, transform: transformText(field) },
  }));
  const found = specs.find(
    (spec) =>
      spec.fields.length === wanted.length &&
      spec.fields.every((known, at) => isSame(known, wanted[at]!.division)),
  );
  if (found) return { ...metadata, 'default-spec-id': found['spec-id'] };
  const before = specs.flatMap((spec) => spec.fields);
  // Iceberg's own ids of such fields begin above this
  let lastId = Math.max(999, metadata['last-partition-id']);
  const taken: SpecField[] = [];
  for (const { field, division } of wanted) {
    const known = before.find((one) => isSame(one, division));
    const name = freeName(field, [...before, ...taken]);
    taken.push(known ?? { ...division, 'field-id': ++lastId, name });
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

/** Readers put the fields of all specs side by side, by their names: `id_bucket_32` comes after `id_bucket` of 16. */
function freeName({ name, argument }: PartitionField, others: readonly SpecField[]): string {
  const isTaken = (candidate: string): boolean => others.some((other) => other.name === candidate);
  const longer = argument === null ? name : `${name}_${argument}`;
  let candidate = isTaken(name) ? longer : name;
  for (let number = 2; isTaken(candidate); number++) candidate = `${longer}_${number}`;
  return candidate;
}

export const specOf = (metadata: TableMetadata, id: number): PartitionSpec | undefined =>
  metadata['partition-specs'].find((spec) => spec['spec-id'] === id);
