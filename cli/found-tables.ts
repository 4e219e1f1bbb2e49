/** The tables of a live database, and a definition made of them. */
import { stringify } from 'yaml';
import { formatTableName, parseTableName } from '../core/definition/table-name.ts';
import { TidemarkError } from '../core/errors.ts';
import type { ListedTable, Source } from '../core/sources/source.ts';
import { keyWords } from './key-words.ts';
import { bytes, count, counted } from './quantities.ts';

export type FoundTable = {
  readonly table: string;
  readonly kind: string;
  /** estimates; null: nobody knows */
  readonly rows: number | null;
  readonly bytes: number | null;
  /** what stands under `tables:`; null: it is commented out */
  readonly entry: string | null;
  /** how it would be copied, or why it would not */
  readonly words: readonly string[];
};

/** More are listed, and not looked at one by one. */
const describedMax = 500;

/** @param schema only what is in there; null: all of the database */
export async function findTables(source: Source, schema: string | null): Promise<readonly FoundTable[]> {
  const listed = (await source.list([])).filter((one) => schema === null || one.schema === schema);
  const found: FoundTable[] = [];
  for (const one of listed) {
    const { kind, rows, bytes: size } = one;
    const table = formatTableName(one);
    const how = await howCopied(source, one, found.length);
    if (how !== null) found.push({ table, kind, rows, bytes: size, ...how });
  }
  return found;
}

/** Null: it belongs to another table, or to an extension. */
async function howCopied(
  source: Source,
  one: ListedTable,
  before: number,
): Promise<Pick<FoundTable, 'entry' | 'words'> | null> {
  const table = formatTableName(one);
  if (!one.byPattern) {
    if (one.kind === 'table') return null;
    const words = [`a ${one.kind}: name columns that are unique together, as its key`];
    return { entry: null, words: [`{ name: ${scalar(table)}, key: [...] }`, ...words] };
  }
  if (/\$\{/.test(table)) {
    const words = 'its name holds ${, where a definition asks the environment: it cannot be named';
    return { entry: null, words: [scalar(table), words] };
  }
  if (before >= describedMax) return { entry: scalar(table), words: ['not looked at: there are many'] };
  try {
    const { key, columns, notes } = await source.describe(one);
    if (columns.length === 0) return { entry: null, words: [scalar(table), 'it has no columns'] };
    const words = `key ${keyWords(key)}; ${counted(columns.length, 'column')}`;
    return { entry: scalar(table), words: [words, ...notes] };
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.kind === 'transient') throw error;
    return { entry: null, words: [scalar(table), `${error.code}: ${error.message}`] };
  }
}

/** A name as YAML has it, on one line, and as no pattern. */
function scalar(text: string): string {
  const { schema, table } = parseTableName(text)!;
  const word = (name: string): string => (/[".*?]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
  return stringify(`${word(schema)}.${word(table)}`, { lineWidth: 0 }).trim();
}

/** Nothing of a name or of a message ends a comment. */
const comment = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** Without statistics, a size is none either. */
const sizeOf = ({ rows, bytes: size }: FoundTable): string =>
  rows === null
    ? 'size unknown until ANALYZE'
    : `about ${count(rows)} rows${size === null ? '' : `, ${bytes(size)}`}`;

function linesOf(table: FoundTable): string[] {
  const { entry, words } = table;
  if (entry === null) {
    const [instead, ...why] = words;
    return [`  # - ${comment(instead!)}`, ...why.map((line) => `  #   ${comment(line)}`)];
  }
  const [first, ...more] = words;
  return [
    `  - ${entry} # ${sizeOf(table)}; ${comment(first!)}`,
    ...more.map((line) => `    # ${comment(line)}`),
  ];
}

/** @returns YAML that `tidemark check` takes, but for target.url, which only its owner knows */
export function definitionOf(made: {
  readonly name: string;
  readonly type: string;
  /** of the environment, with the address */
  readonly variable: string;
  readonly database: string;
  readonly tables: readonly FoundTable[];
  readonly madeAt: string;
}): string {
  const copied = made.tables.some(({ entry }) => entry !== null);
  return [
    `# Made by \`tidemark init\` on ${made.madeAt}, from ${comment(made.database)}`,
    '# All options: docs/options.md. A line for all tables of a schema: "public.*"',
    `name: ${made.name}`,
    `source: { type: ${made.type}, url: "\${${made.variable}}" }`,
    copied ? 'tables:' : 'tables: # none that can be copied as it is: see below',
    ...made.tables.flatMap(linesOf),
    `target: { url: s3://lake/${made.name} } # your bucket`,
    '',
  ].join('\n');
}
