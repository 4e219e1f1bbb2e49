import { createHash } from 'node:crypto';
import type { Definition, TableEntry } from './options.ts';
import { parsePartitionField } from './partition-field.ts';
import { hasPatterns } from './table-options.ts';

/** Where a catalog keeps the tables; how it is logged in to may be mended in the middle. */
function placeOf(catalog: Definition['target']['catalog']): readonly (string | null)[] {
  switch (catalog.type) {
    case 'ledger':
      return [catalog.type];
    case 'glue':
      return [catalog.type, catalog.database];
    case 'rest':
      return [catalog.type, catalog.uri, catalog.warehouse ?? null, catalog.namespace];
  }
}

const sorted = (names: readonly string[]): readonly string[] => [...names].sort();

/**
 * What is as it was before there was a choice is left out: runs of older versions go on.
 * @param isOverriding whether a default that is written counts: it may take the place of what a pattern says
 */
function countedOf(entry: TableEntry, isOverriding: boolean): object {
  const { name, key, as_text, mode, as, partition, columns, exclude_columns, where, mask } = entry;
  const { from, source_column } = entry;
  return {
    name,
    key: key === undefined ? null : key.length === 1 ? key[0] : key,
    as_text: sorted(as_text ?? []),
    ...(mode !== undefined && (isOverriding || mode !== 'overwrite') && { mode }),
    ...(as !== undefined && { as }),
    ...(partition !== undefined &&
      (isOverriding || partition.length > 0) && { partition: partition.map(parsePartitionField) }),
    ...(columns !== undefined && { columns: sorted(columns) }),
    ...(exclude_columns?.length && { exclude_columns: sorted(exclude_columns) }),
    ...(where !== undefined && { where }),
    ...(from !== undefined && { from }),
    ...(source_column !== undefined && { source_column }),
    ...(mask !== undefined && { mask: sorted(Object.keys(mask)).map((column) => [column, mask[column]]) }),
  };
}

/**
 * Stands for what a run copies: which tables, how, and where to. A run that is unfinished goes on under a definition
 * with the same fingerprint; under another one it is abandoned. Speed, sizes of parts, retries and the source's
 * address do not count: they may be mended in the middle (another database at that address is noticed by itself,
 * see `TableDescription.identity`).
 */
export function fingerprint(definition: Definition): string {
  const counted = {
    name: definition.name,
    source: { type: definition.source.type },
    ...(Object.keys(definition.sources).length > 0 && {
      sources: Object.entries(definition.sources).map(([name, { type }]) => [name, type]),
    }),
    tables: definition.tables.map((entry) => countedOf(entry, hasPatterns(definition))),
    ...(definition.exclude.length > 0 && { exclude: sorted(definition.exclude) }),
    target: {
      url: definition.target.url,
      ...(definition.target.catalog.type !== 'ledger' && { catalog: placeOf(definition.target.catalog) }),
    },
  };
  return createHash('sha256').update(JSON.stringify(counted)).digest('hex').slice(0, 16);
}
