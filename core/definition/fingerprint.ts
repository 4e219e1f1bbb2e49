import { createHash } from 'node:crypto';
import type { Definition } from './options.ts';
import { parsePartitionField } from './partition-field.ts';

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
    tables: definition.tables.map(({ name, key, as_text, partition }) => ({
      name,
      key: key ?? null,
      as_text: [...as_text].sort(),
      // not where there is none: a run that an older version left unfinished goes on
      ...(partition.length > 0 && { partition: partition.map(parsePartitionField) }),
    })),
    target: { url: definition.target.url },
  };
  return createHash('sha256').update(JSON.stringify(counted)).digest('hex').slice(0, 16);
}
