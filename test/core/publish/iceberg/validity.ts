/**
 * What the specification (version 2) asks of any table, whatever was done to it: held field by field against what stands
 * there, read by code that is not ours. https://iceberg.apache.org/spec
 */
import { isDeepStrictEqual } from 'node:util';
import type { AvroRecord, IcebergReader, ReadMetadata } from '../../../support/iceberg-reader.ts';
import {
  fieldsOf,
  manifestEntryFields,
  manifestFileFields,
  type SpecifiedFields,
} from './specified-fields.ts';

type Json = Readonly<Record<string, unknown>>;
type Field = {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: string;
};

const listOf = (value: unknown): readonly Json[] => (value ?? []) as readonly Json[];
const sum = (numbers: readonly unknown[]): number =>
  numbers.reduce<number>((all, one) => all + Number(one), 0);
const isUnique = (values: readonly unknown[]): boolean => new Set(values.map(String)).size === values.length;
const isOrdered = (values: readonly unknown[]): boolean =>
  values.every((value, at) => at === 0 || Number(values[at - 1]) <= Number(value));

/** Fields of partitions have the names that the table gives them. */
const withoutPartition = (fields: SpecifiedFields): SpecifiedFields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !name.startsWith('data_file.partition.')));

/** @returns what is not as the specification wants it */
export async function problemsOf(reader: IcebergReader, read: ReadMetadata): Promise<string[]> {
  const metadata = read as unknown as Json;
  const problems: string[] = [];
  const must = (holds: boolean, what: string): void => void (holds || problems.push(what));
  const same = (found: unknown, wanted: unknown, what: string): void =>
    must(
      isDeepStrictEqual(found, wanted),
      `${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
    );

  ofMetadata(metadata, must, same);
  for (const snapshot of listOf(metadata.snapshots)) {
    const id = Number(snapshot['snapshot-id']);
    const where = `snapshot ${snapshot['sequence-number']}`;
    const list = await reader.manifestList(read, id);
    same(fieldsOf(list.header['avro.schema']), manifestFileFields, `${where}: fields of its list`);
    const live: AvroRecord[] = [];
    for (const manifest of list.records) {
      const file = await reader.manifest(String(manifest.manifest_path));
      const place = `${where}, ${String(manifest.manifest_path).split('/').at(-1)}`;
      same(withoutPartition(fieldsOf(file.header['avro.schema'])), manifestEntryFields, `${place}: fields`);
      ofManifest(manifest, file.records, Number(snapshot['sequence-number']), metadata, place, must, same);
      live.push(
        ...file.records.filter(({ status }) => status !== 2).map(({ data_file }) => data_file as AvroRecord),
      );
    }
    const summary = snapshot.summary as Readonly<Record<string, string>>;
    same(Number(summary['total-data-files']), live.length, `${where}: total-data-files`);
    same(
      Number(summary['total-records']),
      sum(live.map((file) => file.record_count)),
      `${where}: total-records`,
    );
    same(
      Number(summary['total-files-size']),
      sum(live.map((file) => file.file_size_in_bytes)),
      `${where}: total-files-size`,
    );
    must(isUnique(live.map((file) => file.file_path)), `${where}: a file stands there twice`);
    must(
      ['append', 'overwrite', 'replace', 'delete'].includes(summary.operation!),
      `${where}: its operation`,
    );
  }
  return problems;
}

type Must = (holds: boolean, what: string) => void;
type Same = (found: unknown, wanted: unknown, what: string) => void;

function ofMetadata(metadata: Json, must: Must, same: Same): void {
  const schemas = listOf(metadata.schemas);
  const specs = listOf(metadata['partition-specs']);
  const orders = listOf(metadata['sort-orders']);
  const snapshots = [...listOf(metadata.snapshots)].sort(
    (a, b) => Number(a['sequence-number']) - Number(b['sequence-number']),
  );
  const ids = snapshots.map((snapshot) => snapshot['snapshot-id']);
  same(metadata['format-version'], 2, 'format-version');
  must(/^[0-9a-f-]{36}$/.test(String(metadata['table-uuid'])), 'table-uuid');
  must(isUnique(schemas.map((schema) => schema['schema-id'])), 'schema ids');
  must(
    schemas.some((schema) => schema['schema-id'] === metadata['current-schema-id']),
    'current-schema-id',
  );
  must(isUnique(specs.map((spec) => spec['spec-id'])), 'spec ids');
  must(
    specs.some((spec) => spec['spec-id'] === metadata['default-spec-id']),
    'default-spec-id',
  );
  must(isUnique(orders.map((order) => order['order-id'])), 'order ids');
  must(
    orders.some((order) => order['order-id'] === metadata['default-sort-order-id']),
    'default-sort-order-id',
  );
  for (const { 'order-id': id, fields } of orders)
    same(Number(id) === 0, listOf(fields).length === 0, `order ${id}: 0 is the one without fields`);
  const types = new Map<number, string>();
  for (const schema of schemas) {
    const fields = schema.fields as readonly Field[];
    must(isUnique(fields.map(({ id }) => id)), `schema ${schema['schema-id']}: ids of fields`);
    must(isUnique(fields.map(({ name }) => name)), `schema ${schema['schema-id']}: names of fields`);
    for (const { id, type } of fields) {
      must(id <= Number(metadata['last-column-id']), `last-column-id is below field ${id}`);
      const promoted: readonly string[] = ['int long', 'float double'];
      const before = types.get(id) ?? type;
      const isDecimal = before.startsWith('decimal') && type.startsWith('decimal');
      must(
        before === type || isDecimal || promoted.includes(`${before} ${type}`),
        `field ${id} was ${before}, is ${type}`,
      );
      types.set(id, type);
    }
  }
  for (const spec of specs)
    for (const field of listOf(spec.fields)) {
      must(types.has(Number(field['source-id'])), `spec ${spec['spec-id']}: source ${field['source-id']}`);
      must(Number(field['field-id']) >= 1000, `spec ${spec['spec-id']}: field id ${field['field-id']}`);
      must(Number(field['field-id']) <= Number(metadata['last-partition-id']), 'last-partition-id');
    }
  must(isUnique(ids), 'snapshot ids');
  must(isUnique(snapshots.map((snapshot) => snapshot['sequence-number'])), 'sequence numbers');
  must(isOrdered(snapshots.map((snapshot) => snapshot['timestamp-ms'])), 'times of snapshots');
  for (const snapshot of snapshots) {
    must(
      Number(snapshot['sequence-number']) <= Number(metadata['last-sequence-number']),
      'last-sequence-number',
    );
    must(
      schemas.some((schema) => schema['schema-id'] === snapshot['schema-id']),
      'schema of a snapshot',
    );
    must(Number(snapshot['timestamp-ms']) <= Number(metadata['last-updated-ms']), 'last-updated-ms');
  }
  const refs = metadata.refs as Readonly<Record<string, Json>>;
  for (const [name, ref] of Object.entries(refs)) must(ids.includes(ref['snapshot-id']), `ref ${name}`);
  if (ids.length > 0) same(refs.main?.['snapshot-id'], metadata['current-snapshot-id'], 'main');
  const log = listOf(metadata['snapshot-log']);
  must(isOrdered(log.map((entry) => entry['timestamp-ms'])), 'times in the snapshot log');
  for (const entry of log) must(ids.includes(entry['snapshot-id']), 'snapshot log');
  if (ids.length > 0)
    same(log.at(-1)?.['snapshot-id'], metadata['current-snapshot-id'], 'end of the snapshot log');
  must(isOrdered(listOf(metadata['metadata-log']).map((entry) => entry['timestamp-ms'])), 'metadata log');
}

function ofManifest(
  manifest: AvroRecord,
  entries: readonly AvroRecord[],
  sequenceNumber: number,
  metadata: Json,
  place: string,
  must: Must,
  same: Same,
): void {
  for (const [status, name] of ['existing', 'added', 'deleted'].entries()) {
    const files = entries.filter((entry) => entry.status === status);
    same(Number(manifest[`${name}_files_count`]), files.length, `${place}: ${name} files`);
    const rows = sum(files.map(({ data_file }) => (data_file as AvroRecord).record_count));
    same(Number(manifest[`${name}_rows_count`]), rows, `${place}: ${name} rows`);
  }
  must(Number(manifest.sequence_number) <= sequenceNumber, `${place}: it is of a later snapshot`);
  const specs = listOf(metadata['partition-specs']);
  must(
    specs.some((spec) => spec['spec-id'] === manifest.partition_spec_id),
    `${place}: its spec`,
  );
  const numbers = entries
    .filter(({ status }) => status !== 2)
    .map(({ sequence_number }) => Number(sequence_number ?? manifest.sequence_number));
  if (numbers.length > 0)
    same(Number(manifest.min_sequence_number), Math.min(...numbers), `${place}: min_sequence_number`);
  for (const { status, snapshot_id, sequence_number, file_sequence_number } of entries) {
    if (status === 1) {
      same(
        Number(snapshot_id ?? manifest.added_snapshot_id),
        Number(manifest.added_snapshot_id),
        `${place}: ADDED by`,
      );
      continue;
    }
    // what is inherited from a manifest is the wrong one's for what an older one has added
    for (const value of [snapshot_id, sequence_number, file_sequence_number])
      must((value ?? null) !== null, `${place}: an entry that is not new inherits`);
  }
}
