import { createHash } from 'node:crypto';
import type { Definition } from './options.ts';
import { parsePartitionField } from './partition-field.ts';

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
    // what is as it was before there was a choice is left out: runs of older versions go on
    tables: definition.tables.map(({ name, key, as_text, mode, as, partition }) => ({
      name,
      key: key ?? null,
      as_text: [...as_text].sort(),
      ...(mode !== 'overwrite' && { mode }),
      ...(as !== undefined && { as }),
      ...(partition.length > 0 && { partition: partition.map(parsePartitionField) }),
    })),
    target: {
      url: definition.target.url,
      ...(definition.target.catalog.type !== 'ledger' && { catalog: placeOf(definition.target.catalog) }),
    },
  };
  return createHash('sha256').update(JSON.stringify(counted)).digest('hex').slice(0, 16);
}
