/** What has to hold of tables that become one (`from`). */
import { defaultSchema } from './default-schema.ts';
import type { Definition } from './options.ts';
import type { Breach } from './rules.ts';
import { formatTableName, tableWords } from './table-name.ts';
import { parseTablePattern } from './table-pattern.ts';

export function memberBreaches(definition: Definition, raw: unknown): Breach[] {
  return definition.tables.flatMap(({ from, source_column }, index) => {
    if (from === undefined)
      return source_column === undefined
        ? []
        : [
            {
              path: ['tables', index, 'source_column'],
              what: 'stands there, but no `from`; allowed: with several tables that become one',
            },
          ];
    const seen = new Map<string, number>();
    return from.flatMap(({ table, source, as }, at): Breach[] => {
      const path = ['tables', index, 'from', at];
      const known = Object.keys(definition.sources);
      if (source !== undefined && !known.includes(source))
        return [
          {
            path: [...path, 'source'],
            what: `${JSON.stringify(source)} is none of \`sources\`; allowed: ${known.length > 0 ? known.join(', ') : 'none stands there yet'}`,
          },
        ];
      const pattern = parseTablePattern(table);
      if (!pattern)
        return [
          {
            path,
            what: `${JSON.stringify(table)} is no table’s name; allowed: table, schema.table, or a pattern: public.events_*`,
          },
        ];
      const needsSchema = defaultSchema(definition, raw, source ?? null) === null;
      if (needsSchema && tableWords(table, '')?.schema.text === '')
        return [
          {
            path,
            what: `${JSON.stringify(table)} names no database, and the url of its source does not say which as it is written; allowed: database.table`,
          },
        ];
      if (as !== undefined && !pattern.exact)
        return [
          {
            path: [...path, 'as'],
            what: `stands with the pattern ${JSON.stringify(table)}, and would say the same of all its tables; allowed: with a table’s name`,
          },
        ];
      const name = `${source ?? ''}:${pattern.exact ? formatTableName(pattern.exact) : `pattern ${table}`}`;
      const before = seen.get(name);
      seen.set(name, at);
      if (before === undefined) return [];
      return [{ path, what: `stands already at from[${before}]; allowed: each table once` }];
    });
  });
}
