/** In which schema a table is whose name has none. */
import { valueAt } from './document.ts';
import type { Definition } from './options.ts';
import { tableWords } from './table-name.ts';

/**
 * The same wherever the definition is read: of MySQL the database that source.url names as it is written, whatever the
 * environment holds, and whether a secret counts before it. Null: it names none there.
 */
export function defaultSchema(type: Definition['source']['type'], raw: unknown): string | null {
  if (type === 'postgres') return 'public';
  const url = valueAt(raw, ['source', 'url']);
  if (typeof url !== 'string') return null;
  const [, path = ''] = /^\w+:\/\/[^/?]*\/([^/?#]*)/.exec(url) ?? [];
  if (path === '' || path.includes('${')) return null;
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** Tables by their whole names: who reads the definition on does not ask which database it is of. */
export function withSchemas(definition: Definition, raw: unknown): Definition {
  const { type } = definition.source;
  const schema = defaultSchema(type, raw);
  if (type === 'postgres' || schema === null) return definition;
  // nothing in it is a pattern
  const prefix = /[".*?]/.test(schema) ? `"${schema.replaceAll('"', '""')}".` : `${schema}.`;
  const whole = (name: string): string => (tableWords(name, '')?.schema.text === '' ? prefix + name : name);
  return {
    ...definition,
    tables: definition.tables.map((table) => ({ ...table, name: whole(table.name) })),
    exclude: definition.exclude.map(whole),
  };
}
