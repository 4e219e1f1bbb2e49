/**
 * The fields of manifests and manifest lists as the specification numbers and types them, with whether a writer of
 * version 2 must write them: https://iceberg.apache.org/spec/#manifests and #manifest-lists. Copied from its tables,
 * not from what we write.
 */

type SpecifiedField = { readonly id: number; readonly type: string; readonly required: boolean };
export type SpecifiedFields = Readonly<Record<string, SpecifiedField>>;

const required = (id: number, type: string): SpecifiedField => ({ id, type, required: true });
const optional = (id: number, type: string): SpecifiedField => ({ id, type, required: false });

export const manifestFileFields: SpecifiedFields = {
  manifest_path: required(500, 'string'),
  manifest_length: required(501, 'long'),
  partition_spec_id: required(502, 'int'),
  content: required(517, 'int'),
  sequence_number: required(515, 'long'),
  min_sequence_number: required(516, 'long'),
  added_snapshot_id: required(503, 'long'),
  added_files_count: required(504, 'int'),
  existing_files_count: required(505, 'int'),
  deleted_files_count: required(506, 'int'),
  added_rows_count: required(512, 'long'),
  existing_rows_count: required(513, 'long'),
  deleted_rows_count: required(514, 'long'),
  partitions: optional(507, 'list<508: struct>'),
  'partitions.contains_null': required(509, 'boolean'),
  'partitions.contains_nan': optional(518, 'boolean'),
  'partitions.lower_bound': optional(510, 'bytes'),
  'partitions.upper_bound': optional(511, 'bytes'),
  key_metadata: optional(519, 'bytes'),
};

export const manifestEntryFields: SpecifiedFields = {
  status: required(0, 'int'),
  snapshot_id: optional(1, 'long'),
  sequence_number: optional(3, 'long'),
  file_sequence_number: optional(4, 'long'),
  data_file: required(2, 'struct'),
  'data_file.content': required(134, 'int'),
  'data_file.file_path': required(100, 'string'),
  'data_file.file_format': required(101, 'string'),
  'data_file.partition': required(102, 'struct'),
  'data_file.record_count': required(103, 'long'),
  'data_file.file_size_in_bytes': required(104, 'long'),
  'data_file.column_sizes': optional(108, 'map<117: int, 118: long>'),
  'data_file.value_counts': optional(109, 'map<119: int, 120: long>'),
  'data_file.null_value_counts': optional(110, 'map<121: int, 122: long>'),
  'data_file.nan_value_counts': optional(137, 'map<138: int, 139: long>'),
  'data_file.lower_bounds': optional(125, 'map<126: int, 127: bytes>'),
  'data_file.upper_bounds': optional(128, 'map<129: int, 130: bytes>'),
  'data_file.split_offsets': optional(132, 'list<133: long>'),
  'data_file.sort_order_id': optional(140, 'int'),
};

type AvroField = { name: string; type: unknown; 'field-id'?: number; default?: unknown };
type AvroType = {
  type: string;
  fields?: AvroField[];
  items?: unknown;
  logicalType?: string;
  'element-id'?: number;
};

/**
 * The fields of an Avro schema in the specification's words. Throws where something is not as Appendix A wants it: ids
 * missing, an optional field that is no union of null and one type with the default null, names given twice.
 */
export function fieldsOf(schema: unknown): SpecifiedFields {
  const found: Record<string, SpecifiedField> = {};
  const names = new Set<string>();
  const wrong = (where: string, what: string) => new Error(`${where}: ${what}`);

  const record = (type: AvroType & { name?: string }, path: string): void => {
    if (!type.name || names.has(type.name))
      throw wrong(path, `the name ${type.name} is missing or not unique`);
    names.add(type.name);
    for (const field of type.fields!) {
      const where = path + field.name;
      const id = field['field-id'];
      if (typeof id !== 'number') throw wrong(where, 'no field-id');
      const isOptional = Array.isArray(field.type);
      if (isOptional && (field.type as unknown[])[0] !== 'null')
        throw wrong(where, 'null does not come first');
      if (isOptional && (field.type as unknown[]).length !== 2)
        throw wrong(where, 'a union of more than one type');
      if (isOptional && field.default !== null) throw wrong(where, 'its default is not null');
      const inner = isOptional ? (field.type as unknown[])[1] : field.type;
      found[where] = { id, required: !isOptional, type: nameOf(inner, where) };
    }
  };

  const nameOf = (type: unknown, where: string): string => {
    if (typeof type === 'string') return type;
    const complex = type as AvroType;
    if (complex.type === 'record') {
      record(complex, `${where}.`);
      return 'struct';
    }
    if (complex.type !== 'array') throw wrong(where, `unexpected ${complex.type}`);
    const items = complex.items as AvroType & { name?: string };
    if (complex.logicalType === 'map') {
      if (!items.name || names.has(items.name))
        throw wrong(where, `the name ${items.name} is missing or not unique`);
      names.add(items.name);
      const [key, value] = items.fields!;
      if (key!.name !== 'key' || value!.name !== 'value') throw wrong(where, 'no map of key and value');
      return `map<${key!['field-id']}: ${key!.type}, ${value!['field-id']}: ${value!.type}>`;
    }
    if (complex['element-id'] === undefined) throw wrong(where, 'no element-id');
    return `list<${complex['element-id']}: ${nameOf(complex.items, where)}>`;
  };

  record(schema as AvroType, '');
  return found;
}
