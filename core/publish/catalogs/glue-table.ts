/**
 * What the Glue Data Catalog shows of an Iceberg table: its columns, its place, and which metadata file is its current
 * one. Only the last counts; the rest is for people, and for programs that look before they open the file.
 *
 * As Iceberg's own GlueCatalog writes it (org.apache.iceberg.aws.glue.IcebergToGlueConverter).
 */
import type { TableMetadata } from '../iceberg/metadata.ts';
import type { IcebergField } from '../iceberg/schema.ts';

export type GlueColumn = {
  readonly Name: string;
  readonly Type: string;
  readonly Comment?: string;
  readonly Parameters?: Readonly<Record<string, string>>;
};

/** Of a table in Glue, what is read and written here. */
export type GlueTable = {
  readonly Description?: string | undefined;
  readonly Owner?: string | undefined;
  readonly Parameters?: Readonly<Record<string, string>> | undefined;
  readonly StorageDescriptor?: { readonly Columns?: readonly Partial<GlueColumn>[] | undefined } | undefined;
};

const names: Readonly<Record<string, string>> = {
  long: 'bigint',
  timestamptz: 'timestamp',
  time: 'string',
  uuid: 'string',
};

type Nested = {
  readonly type?: unknown;
  readonly fields?: readonly { readonly name: string; readonly type: unknown }[];
  readonly element?: unknown;
  readonly key?: unknown;
  readonly value?: unknown;
};

/** @param type as it stands in a schema's JSON: a name, or a nested type, which other writers' schemas may have */
export function glueType(type: unknown): string {
  if (typeof type === 'string') {
    if (type.startsWith('fixed[')) return 'binary';
    return names[type] ?? type.replaceAll(/\s/g, '');
  }
  const { type: kind, fields = [], element, key, value } = (type ?? {}) as Nested;
  if (kind === 'list') return `array<${glueType(element)}>`;
  if (kind === 'map') return `map<${glueType(key)},${glueType(value)}>`;
  return `struct<${fields.map((field) => `${field.name}:${glueType(field.type)}`).join(',')}>`;
}

/** Glue takes no longer comment of a column. */
const commentCharacters = 255;

/** @param comment what a person has written in Glue; the schema's own goes before it */
function column({ id, name, required, type, doc }: IcebergField, isCurrent: boolean, comment?: string) {
  const said = doc ?? comment;
  return {
    Name: name,
    Type: glueType(type),
    ...(said && { Comment: said.slice(0, commentCharacters) }),
    Parameters: {
      'iceberg.field.id': String(id),
      'iceberg.field.optional': String(!required),
      'iceberg.field.current': String(isCurrent),
    },
  };
}

/** The current schema's columns, then those that only older ones have. */
function columnsOf(metadata: TableMetadata, before: GlueTable | null): GlueColumn[] {
  const comments = new Map(
    before?.StorageDescriptor?.Columns?.map(({ Name, Comment }) => [Name, Comment] as const),
  );
  const current = metadata['current-schema-id'];
  const schemas = [...metadata.schemas].sort(
    (a, b) => Number(b['schema-id'] === current) - Number(a['schema-id'] === current),
  );
  const columns = new Map<string, GlueColumn>();
  for (const schema of schemas) {
    for (const field of schema.fields) {
      if (columns.has(field.name)) continue;
      const isCurrent = schema['schema-id'] === current;
      columns.set(field.name, column(field, isCurrent, comments.get(field.name)));
    }
  }
  return [...columns.values()];
}

/**
 * A table as CreateTable and UpdateTable take it. An update replaces all that stood there, so what others have written
 * there, which is none of ours, is written again.
 *
 * @param file s3://… of the metadata file that becomes the current one
 * @param before the table as Glue has it; null: there is none yet
 */
export function tableInput(
  name: string,
  metadata: TableMetadata,
  file: string,
  before: (GlueTable & { readonly file: string }) | null,
) {
  return {
    Name: name,
    TableType: 'EXTERNAL_TABLE',
    ...(before?.Description && { Description: before.Description }),
    ...(before?.Owner && { Owner: before.Owner }),
    Parameters: {
      ...before?.Parameters,
      table_type: 'ICEBERG',
      metadata_location: file,
      ...(before && { previous_metadata_location: before.file }),
    },
    StorageDescriptor: { Location: metadata.location, Columns: columnsOf(metadata, before) },
  };
}
