import { type DefinedPartitionField, parsePartitionField } from '../definition/partition-field.ts';
import { formatTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import {
  fieldText,
  type PartitionField,
  partitionName,
  sourceKinds,
} from '../formats/partition/partition.ts';
import { nearestWord } from '../nearest.ts';
import type { TableDescription } from '../sources/source.ts';

/**
 * The definition's fields on the columns that the table has.
 * @throws TidemarkError DefinitionInvalid where a column is unknown, of a type that its transform does not take, or
 *   named as a field of the partition would be
 */
export function partitionOf(description: TableDescription, texts: readonly string[]): PartitionField[] {
  const wrong = (what: string) =>
    new TidemarkError('DefinitionInvalid', `partition of ${formatTableName(description)}: ${what}`);
  const names = description.columns.map(({ name }) => name);
  return texts.map((text) => {
    const { transform, argument, column: name }: DefinedPartitionField = parsePartitionField(text)!;
    const column = description.columns.find((one) => one.name === name);
    if (!column) {
      const near = nearestWord(name, names);
      const hint = near ? `; did you mean ${near}?` : '';
      throw wrong(`there is no column ${name}; its columns are ${names.join(', ')}${hint}`);
    }
    const kinds = sourceKinds(transform);
    if (!kinds.includes(column.type.kind))
      throw wrong(
        `${transform} takes no column of type ${column.type.kind} (${name}, ${column.sourceType}); allowed: ${kinds.join(', ')}`,
      );
    const field = { column: name, transform, argument, name: partitionName(name, transform) };
    if (transform !== 'identity' && names.includes(field.name))
      throw wrong(
        `${fieldText(field)} would be called ${field.name}, as a column of the table is; Iceberg allows no two of a name`,
      );
    return field;
  });
}
