/** How one table of a run is to be copied. */
import type { Definition } from '../definition/options.ts';
import { formatTableName } from '../definition/table-name.ts';
import { type TableOptions, tableOptions } from '../definition/table-options.ts';
import { TidemarkError } from '../errors.ts';
import type { ListedTable, Source, TableDescription, TableName, TableWishes } from '../sources/source.ts';
import { planChunks } from './chunks.ts';
import { withDistinctNames } from './distinct-names.ts';
import { type Member, memberTables, mergedTable } from './members.ts';
import { partitionOf } from './partition.ts';
import type { TablePlan } from './table-plan.ts';

/** Keys to sample from a table: for up to some hundred chunks, each is within a few percent of its size. */
const sampleKeys = 30_000;

/** Where tables come from. */
export type PlanSources = {
  readonly source: Source;
  /** One of the definition's `sources`; absent where it has none. Whoever made this closes it. */
  readonly other?: (name: string) => Promise<Source>;
};

/**
 * How a table is to be copied; reads the catalog and a sample, writes nothing.
 * @param listed what there is in the source: of the columns that patterns name, those that the table has
 */
export async function planTable(
  sources: PlanSources,
  definition: Definition,
  name: TableName,
  listed: readonly ListedTable[],
): Promise<TablePlan> {
  const there = listed.find(({ schema, table }) => schema === name.schema && table === name.table);
  const options = tableOptions(definition, name, there && ((column) => there.columns.includes(column)));
  const { described, statistics } = await (options.from === undefined
    ? planOne(sources, definition, name, options)
    : planSeveral(sources, definition, name, options));
  const { mode } = options;
  return {
    description: described.description,
    ...(described.members !== undefined && { members: described.members }),
    ...(mode === 'append' && { mode }),
    partition: partitionOf(described.description, options.partition),
    ...statistics,
  };
}

type Described = Pick<TablePlan, 'description' | 'members'>;
type Measured = Pick<TablePlan, 'rows' | 'bytes' | 'min' | 'max' | 'chunks'>;

async function planOne(
  { source }: PlanSources,
  definition: Definition,
  name: TableName,
  options: TableOptions,
): Promise<{ described: Described; statistics: Measured }> {
  const found = await source.describe(name, wishesFor(options));
  checkHasColumns(name, options, found);
  checkProtected(tableOptions(definition, name), found);
  const description = withDistinctNames(found, definition.target.catalog.type);
  return { described: { description }, statistics: await measured(source, definition, description) };
}

async function measured(
  source: Source,
  definition: Definition,
  description: TableDescription,
): Promise<Measured> {
  const statistics = await source.measure(description, sampleKeys, definition.chunk.rows);
  const { rows, bytes, min, max } = statistics;
  return { rows, bytes, min, max, chunks: planChunks(statistics, definition.chunk.rows) };
}

/** Of tables that become one, each keeps its own chunks. */
async function planSeveral(
  { source, other }: PlanSources,
  definition: Definition,
  name: TableName,
  options: TableOptions,
): Promise<{ described: Described; statistics: Measured }> {
  const sourceOf = async (named: string | null): Promise<Source> => (named === null ? source : other!(named));
  const tables = await memberTables(name, options.from!, async (named) => (await sourceOf(named)).list([]));
  const wishes = wishesFor(options);
  const found: Member[] = [];
  for (const { source: named, name: table, label } of tables) {
    const constant = { column: options.source_column ?? '_source', text: label };
    const description = await (await sourceOf(named)).describe(table, { ...wishes, constant });
    checkHasColumns(table, options, description);
    checkProtected(options, description);
    found.push({ source: named, description });
  }
  const { description, members } = mergedTable(name, found);
  const described = { description: withDistinctNames(description, definition.target.catalog.type), members };
  const statistics: Measured[] = [];
  for (const member of members)
    statistics.push(await measured(await sourceOf(member.source), definition, member.description));
  const sum = (of: (one: Measured) => number): number => statistics.reduce((all, one) => all + of(one), 0);
  return {
    described,
    statistics: {
      ...{ rows: sum(({ rows }) => rows), bytes: sum(({ bytes }) => bytes), min: null, max: null },
      chunks: statistics.flatMap(({ chunks }, member) => chunks.map((chunk) => ({ ...chunk, member }))),
    },
  };
}

const wishesFor = (options: TableOptions): Omit<TableWishes, 'constant'> => ({
  key: options.key ?? null,
  asText: options.as_text,
  columns: options.columns ?? null,
  excludeColumns: options.exclude_columns,
  where: options.where ?? null,
  mask: options.mask,
});

/**
 * Between the listing and the description a table may have got a column that a pattern masks, or leaves out.
 * @throws TidemarkError TableChanged
 */
function checkProtected(
  { mask, exclude_columns }: Pick<TableOptions, 'mask' | 'exclude_columns'>,
  described: TableDescription,
): void {
  const open = described.columns.find(
    (column) =>
      exclude_columns.includes(column.name) ||
      (Object.hasOwn(mask, column.name) && column.mask === undefined),
  );
  if (open === undefined) return;
  throw new TidemarkError(
    'TableChanged',
    `${formatTableName(described)}: it got the column ${open.name} while the run was planned, which the definition masks or leaves out`,
  );
}

/** @throws TidemarkError TableUnsupported where nothing of the table is left */
function checkHasColumns(name: TableName, options: TableOptions, { columns }: TableDescription): void {
  if (columns.some(({ constant }) => constant === undefined)) return;
  const why =
    options.columns || options.exclude_columns.length > 0
      ? 'columns and exclude_columns leave none of its columns'
      : 'it has no columns';
  throw new TidemarkError('TableUnsupported', `${formatTableName(name)}: ${why}`);
}
