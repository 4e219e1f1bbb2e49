/** In which schema a table is whose name has none. */
import { valueAt } from './document.ts';
import type { Definition } from './options.ts';
import { tableWords } from './table-name.ts';

/**
 * The same wherever the definition is read: of MySQL the database that its url names as it is written, whatever the
 * environment holds, and whether a secret counts before it. Null: it names none there.
 * @param name of one of `sources`; null: `source`
 */
export function defaultSchema(
  { source, sources }: Definition,
  raw: unknown,
  name: string | null = null,
): string | null {
  if ((name === null ? source : sources[name])?.type !== 'mysql') return 'public';
  const url = valueAt(raw, name === null ? ['source', 'url'] : ['sources', name, 'url']);
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
  const whole = (name: string, source: string | null = null): string => {
    const schema = defaultSchema(definition, raw, source);
    if (schema === null || schema === 'public' || tableWords(name, '')?.schema.text !== '') return name;
    // nothing in it is a pattern
    return /[".*?]/.test(schema) ? `"${schema.replaceAll('"', '""')}".${name}` : `${schema}.${name}`;
  };
  return {
    ...definition,
    tables: definition.tables.map((entry) => ({
      ...entry,
      name: whole(entry.name),
      ...(entry.from !== undefined && {
        from: entry.from.map((member) => ({ ...member, table: whole(member.table, member.source) })),
      }),
    })),
    exclude: definition.exclude.map((name) => whole(name)),
  };
}
