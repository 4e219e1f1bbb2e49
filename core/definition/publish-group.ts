import type { TableName } from '../sources/source.ts';
import type { Definition } from './options.ts';
import { tableOptions } from './table-options.ts';

/** With which others a table is published; null: by itself. */
export const publishGroup = (definition: Definition, name: TableName): string | null =>
  definition.publish === 'together' ? 'all' : (tableOptions(definition, name).group ?? null);
