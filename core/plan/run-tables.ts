/** Which tables a run has, and what keeps some of them from being copied as the definition stands. */
import { isLakeName, lakeName } from '../definition/lake-name.ts';
import type { Definition } from '../definition/options.ts';
import { formatTableName, parseTableName } from '../definition/table-name.ts';
import {
  columnsOf,
  type DefinedEntry,
  type DefinedTables,
  definedTables,
  hasPatterns,
  tableOptions,
  takes,
} from '../definition/table-options.ts';
import { TidemarkError } from '../errors.ts';
import { nearestWord } from '../nearest.ts';
import type { ListedTable, Source } from '../sources/source.ts';

/** What a run's item in the ledger has room for, beside all else that stands in it: DynamoDB takes 400 KB. */
const namesBytesMax = 300_000;

const wrong = (what: string): TidemarkError => new TidemarkError('DefinitionInvalid', what);

/** What there is in the source. Nothing where no pattern asks for it: the definition names all tables itself then. */
export async function listedFor(
  source: Pick<Source, 'list'>,
  definition: Definition,
): Promise<readonly ListedTable[]> {
  if (!hasPatterns(definition)) return [];
  const patterns = definedTables(definition).entries.filter(({ pattern }) => pattern.exact === null);
  return source.list([...new Set(patterns.flatMap(({ entry }) => columnsOf(entry)))]);
}

const takenBy = (
  defined: DefinedTables,
  entry: DefinedEntry,
  listed: readonly ListedTable[],
): readonly ListedTable[] => listed.filter((table) => table.byPattern && takes(defined, entry, table));

/** How a pattern stands among the names of a run, where it takes no table. */
const ownName = ({ entry }: DefinedEntry): string => formatTableName(parseTableName(entry.name)!);

/**
 * The names of a run's tables, each once: in the order of the definition, those of a pattern by schema and name. A
 * pattern that takes nothing stands there itself, so that it is a table that cannot be planned, and the others are not held
 * back by it.
 *
 * @throws TidemarkError DefinitionInvalid where these are more than a run can have
 */
export function tableNames(definition: Definition, listed: readonly ListedTable[]): readonly string[] {
  const defined = definedTables(definition);
  const names = new Set<string>();
  for (const entry of defined.entries) {
    const { exact } = entry.pattern;
    const found = exact ? [exact] : takenBy(defined, entry, listed);
    if (found.length === 0) names.add(ownName(entry));
    for (const table of found) names.add(formatTableName(table));
  }
  const bytes = [...names].reduce((sum, name) => sum + Buffer.byteLength(name), 0);
  if (bytes > namesBytesMax)
    throw wrong(
      `tables: ${names.size} tables, whose names have ${bytes} bytes together; a run holds names of ${namesBytesMax} bytes; allowed: narrower patterns, \`exclude:\`, or several syncs`,
    );
  return [...names];
}

/**
 * Why some of a run's tables cannot be copied as the definition stands, by their names. Whatever it is, the other tables
 * go on.
 */
export function tableProblems(
  definition: Definition,
  tables: readonly string[],
  listed: readonly ListedTable[],
): ReadonlyMap<string, TidemarkError> {
  if (!hasPatterns(definition)) return new Map();
  return new Map([...lakeNameProblems(definition, tables), ...columnProblems(definition, tables, listed)]);
}

/** What is said of the patterns that stand among a run's tables themselves, by their names there. */
export function emptyPatterns(
  definition: Definition,
  tables: readonly string[],
  listed: readonly ListedTable[],
): ReadonlyMap<string, TidemarkError> {
  const defined = definedTables(definition);
  const there = new Set(listed.map(formatTableName));
  return new Map(
    defined.entries.flatMap((entry, index): Found[] => {
      const name = ownName(entry);
      // a table may be called as a pattern is written
      if (entry.pattern.exact !== null || !tables.includes(name) || there.has(name)) return [];
      const found = takenBy(defined, entry, listed);
      const what =
        found.length === 0
          ? `takes no table: ${whyEmpty(entry, listed)}. Once there are tables, \`tidemark run --fresh\` takes them`
          : `took no table when the run began, and a run keeps the tables that it began with; \`tidemark run --fresh\` takes ${formatTableName(found[0]!)}`;
      return [[name, wrong(`tables[${index}].name: the pattern ${entry.entry.name} ${what}`)]];
    }),
  );
}

type Found = readonly [table: string, problem: TidemarkError];

/** The same in another catalog than the ledger; in the ledger's only names that were given count, as elsewhere. */
function lakeNameProblems(definition: Definition, tables: readonly string[]): Found[] {
  const byName = new Map<string, string[]>();
  const isGivenOnly = definition.target.catalog.type === 'ledger';
  for (const table of tables) {
    const name = parseTableName(table)!;
    const { as } = tableOptions(definition, name);
    if (isGivenOnly && !as) continue;
    const there = lakeName(name, as);
    byName.set(there, [...(byName.get(there) ?? []), table]);
  }
  return [...byName].flatMap(([name, alike]) =>
    alike.flatMap((table): Found[] => {
      const others = alike.filter((other) => other !== table).join(', ');
      const allowed =
        'allowed: a name of its own, by `as:` in an entry that names the table; or `exclude:` for it';
      if (others !== '')
        return [
          [table, wrong(`${table} would be ${name} in target.catalog, as ${others} would; ${allowed}`)],
        ];
      if (isLakeName(name)) return [];
      return [
        [table, wrong(`${table} would be ${JSON.stringify(name)} there, which is no name; ${allowed}`)],
      ];
    }),
  );
}

/**
 * A column that options of a pattern name, and that none of its tables has, is most likely a typo: of a mask, it would
 * let values into the lake. So none of these tables is copied.
 */
function columnProblems(
  definition: Definition,
  tables: readonly string[],
  listed: readonly ListedTable[],
): Found[] {
  const isOfRun = new Set(tables);
  const ofRun = listed.filter((table) => isOfRun.has(formatTableName(table)));
  return definedTables(definition).entries.flatMap(({ entry, pattern }, index) => {
    if (pattern.exact !== null) return [];
    const held = ofRun.filter(pattern.matches);
    const unknown = columnsOf(entry).filter(
      (column) => !held.some(({ columns }) => columns.includes(column)),
    );
    if (unknown.length === 0) return [];
    const what = `tables[${index}] (${entry.name}) says something of ${unknown.join(', ')}, which none of the tables has that it matches; allowed: columns that at least one of them has`;
    return held.map((table): Found => [formatTableName(table), wrong(`${formatTableName(table)}: ${what}`)]);
  });
}

function whyEmpty({ entry, pattern }: DefinedEntry, listed: readonly ListedTable[]): string {
  const matched = listed.filter(pattern.matches);
  const [other] = matched.filter(({ byPattern }) => !byPattern);
  if (matched.some(({ byPattern }) => byPattern)) return 'all that it matches stand under `exclude`';
  if (other)
    return `${formatTableName(other)} is ${other.kind === 'table' ? 'a part of another table, or of an extension' : `a ${other.kind}`}, and has to be named itself`;
  const written = parseTableName(entry.name)!;
  const schemas = [...new Set(listed.map(({ schema }) => schema))];
  const isOfSchema = listed.some(({ schema }) => schema === written.schema);
  const names = listed.filter(({ schema }) => schema === written.schema).map(({ table }) => table);
  const near = isOfSchema ? nearestName(written.table, names) : nearestWord(written.schema, schemas);
  if (near !== null) return `there is ${isOfSchema ? formatTableName({ ...written, table: near }) : near}`;
  return isOfSchema
    ? 'its schema has others'
    : `there is no such schema${schemas.length > 0 ? `, but ${schemas.slice(0, 10).join(', ')}` : ''}`;
}

/** The name that is likest to what stands in a pattern beside its wildcards. */
function nearestName(pattern: string, names: readonly string[]): string | null {
  const text = pattern.replaceAll(/[*?]/g, '');
  const begun = names.map((name) => name.slice(0, text.length));
  const near = nearestWord(text, begun);
  return near === null ? nearestWord(text, names) : names[begun.indexOf(near)]!;
}

/** Excludes that took nothing out of any pattern: for people who look, as a name may be misspelled. */
export function idleExcludes(definition: Definition, listed: readonly ListedTable[]): readonly string[] {
  const { entries, excluded } = definedTables(definition);
  const patterns = entries.filter(({ pattern }) => pattern.exact === null);
  const matched = listed.filter((table) => patterns.some(({ pattern }) => pattern.matches(table)));
  return definition.exclude.filter((_, index) => !matched.some(excluded[index]!.matches));
}

/** What a pattern matches, but does not take, and nobody has named or excluded: views, and the like. */
export function passedOver(definition: Definition, listed: readonly ListedTable[]): readonly ListedTable[] {
  const { entries, excluded } = definedTables(definition);
  return listed.filter(
    (table) =>
      !table.byPattern &&
      table.kind !== 'table' &&
      entries.some(({ pattern }) => pattern.exact === null && pattern.matches(table)) &&
      !entries.some(({ pattern }) => pattern.exact !== null && pattern.matches(table)) &&
      !excluded.some((pattern) => pattern.matches(table)),
  );
}
