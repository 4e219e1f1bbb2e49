/** What the definition says of a table: of what names it, and of every pattern that matches it. */
import type { TableName } from '../sources/source.ts';
import type { Definition, TableEntry } from './options.ts';
import { parsePartitionField } from './partition-field.ts';
import { formatTableName } from './table-name.ts';
import { parseTablePattern, type TablePattern } from './table-pattern.ts';

/** An option that nobody has given is what its description calls the default. */
export type TableOptions = Required<
  Pick<TableEntry, 'as_text' | 'exclude_columns' | 'mask' | 'mode' | 'partition'>
> &
  Pick<TableEntry, 'key' | 'columns' | 'where' | 'group' | 'as' | 'from' | 'source_column'>;

export type DefinedEntry = {
  readonly entry: TableEntry;
  readonly pattern: TablePattern;
};

export type DefinedTables = {
  /** in their order; a name that is none has been refused by then */
  readonly entries: readonly DefinedEntry[];
  readonly excluded: readonly TablePattern[];
};

const parsed = new WeakMap<Definition, DefinedTables>();

const patternOf = (text: string): TablePattern => parseTablePattern(text)!;

export function definedTables(definition: Definition): DefinedTables {
  const known = parsed.get(definition);
  if (known) return known;
  const defined = {
    entries: definition.tables.map((entry) => ({ entry, pattern: patternOf(entry.name) })),
    excluded: definition.exclude.map(patternOf),
  };
  parsed.set(definition, defined);
  return defined;
}

/** Whether which tables there are is up to the source. */
export const hasPatterns = (definition: Definition): boolean =>
  definedTables(definition).entries.some(({ pattern }) => pattern.exact === null);

/** Whether an entry takes a table: names it, or matches it, and nothing excludes it. */
export function takes({ excluded }: DefinedTables, { pattern }: DefinedEntry, name: TableName): boolean {
  if (!pattern.matches(name)) return false;
  return pattern.exact !== null || !excluded.some(({ matches }) => matches(name));
}

/** Whether a table of this name would be the definition's: it is named, or a pattern takes it. */
export function isDefined(definition: Definition, name: TableName): boolean {
  const defined = definedTables(definition);
  return defined.entries.some((entry) => takes(defined, entry, name));
}

/** The columns that a pattern's options name: they need not be in all tables that it matches. */
export const columnsOf = ({ as_text, columns, exclude_columns, mask, partition }: TableEntry): string[] => [
  ...new Set([
    ...(as_text ?? []),
    ...(columns ?? []),
    ...(exclude_columns ?? []),
    ...Object.keys(mask ?? {}),
    ...(partition ?? []).map((field) => parsePartitionField(field)!.column),
  ]),
];

/** What is left of a pattern's options in a table that has only some of the columns. */
function narrowed(entry: TableEntry, has: (column: string) => boolean): TableEntry {
  const partition = entry.partition?.filter((field) => has(parsePartitionField(field)!.column));
  return {
    ...entry,
    as_text: entry.as_text?.filter(has),
    columns: entry.columns?.filter(has),
    exclude_columns: entry.exclude_columns?.filter(has),
    mask: entry.mask && Object.fromEntries(Object.entries(entry.mask).filter(([column]) => has(column))),
    // by columns that the table does not have, it says nothing of the table
    partition: partition?.length === 0 && entry.partition!.length > 0 ? undefined : partition,
  };
}

const both = (some: readonly string[] = [], more: readonly string[] = []): string[] => [
  ...new Set([...some, ...more]),
];

/**
 * What counts for one table. Each option is taken from the entry that names the table, else from the last pattern that
 * gives it. What protects values adds up, so that an entry for one table takes no mask away that stands with a pattern:
 * masks, columns that are left out, columns as text.
 *
 * @param has whether the table has a column, for what stands with patterns; left out: every column that they name
 */
export function tableOptions(
  definition: Definition,
  name: TableName,
  has: (column: string) => boolean = () => true,
): TableOptions {
  const spelled = formatTableName(name);
  const fitting = definedTables(definition).entries.filter(({ pattern }) => pattern.matches(name));
  const isNamed = ({ pattern }: DefinedEntry): boolean =>
    pattern.exact !== null && formatTableName(pattern.exact) === spelled;
  const given = [
    ...fitting.filter((one) => !isNamed(one)).map(({ entry }) => narrowed(entry, has)),
    ...fitting.filter(isNamed).map(({ entry }) => entry),
  ];
  return given.reduce<TableOptions>(
    (before, entry) => ({
      as_text: both(before.as_text, entry.as_text),
      exclude_columns: both(before.exclude_columns, entry.exclude_columns),
      mask: { ...before.mask, ...entry.mask },
      mode: entry.mode ?? before.mode,
      partition: entry.partition ?? before.partition,
      key: entry.key ?? before.key,
      columns: entry.columns ?? before.columns,
      where: entry.where ?? before.where,
      group: entry.group ?? before.group,
      as: entry.as ?? before.as,
      from: entry.from ?? before.from,
      source_column: entry.source_column ?? before.source_column,
    }),
    {
      ...{ as_text: [], exclude_columns: [], mask: {}, mode: 'overwrite', partition: [] },
      ...{ key: undefined, columns: undefined, where: undefined, group: undefined, as: undefined },
      ...{ from: undefined, source_column: undefined },
    },
  );
}
