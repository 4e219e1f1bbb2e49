/** Several tables of the same shape that become one in the lake: shards, one for each tenant or month. */
import { createHash } from 'node:crypto';
import type { TableEntry } from '../definition/options.ts';
import { formatTableName } from '../definition/table-name.ts';
import { parseTablePattern } from '../definition/table-pattern.ts';
import { TidemarkError } from '../errors.ts';
import type { ListedTable, SourceColumn, TableDescription, TableName } from '../sources/source.ts';

/** One of them, before it is described. */
export type MemberTable = {
  /** of the definition's `sources`; null: `source` */
  readonly source: string | null;
  readonly name: TableName;
  /** what is said of its rows in the lake */
  readonly label: string;
};

export type Member = { readonly source: string | null; readonly description: TableDescription };

/** By which name people know it. */
export const memberName = ({ source, name }: Pick<MemberTable, 'source' | 'name'>): string =>
  `${source === null ? '' : `${source}:`}${formatTableName(name)}`;

/**
 * The tables that `from` means, each once, in its order; those of a pattern by schema and name.
 * @param listed what there is in one of the sources; asked for patterns only
 * @throws TidemarkError DefinitionInvalid where a pattern means none, or two rows would say that they are from the same
 */
export async function memberTables(
  table: TableName,
  from: NonNullable<TableEntry['from']>,
  listed: (source: string | null) => Promise<readonly ListedTable[]>,
): Promise<readonly MemberTable[]> {
  const where = formatTableName(table);
  const members = new Map<string, MemberTable>();
  for (const [at, { table: text, source: named, as }] of from.entries()) {
    const source = named ?? null;
    const { exact, matches } = parseTablePattern(text)!;
    const names = exact ? [exact] : (await listed(source)).filter((one) => one.byPattern && matches(one));
    if (names.length === 0)
      throw new TidemarkError(
        'DefinitionInvalid',
        `${where}, from[${at}]: the pattern ${text} takes no table${source === null ? '' : ` of the source ${source}`}; allowed: patterns that take one at least`,
      );
    for (const { schema, table: name } of names) {
      const member = { source, name: { schema, table: name } };
      const known = memberName(member);
      if (!members.has(known)) members.set(known, { ...member, label: as ?? known });
    }
  }
  const labels = new Map<string, string>();
  for (const [known, { label }] of members) {
    const before = labels.get(label);
    if (before !== undefined)
      throw new TidemarkError(
        'DefinitionInvalid',
        `${where}: rows of ${before} and of ${known} would both say that they are from ${label}; allowed: an \`as:\` of its own for each`,
      );
    labels.set(label, known);
  }
  return [...members.values()];
}

/**
 * The one table that they become: with the columns of the first, in its order. Each of the others is brought into that
 * order.
 * @throws TidemarkError TableUnsupported where they are of different shapes
 */
export function mergedTable(
  table: TableName,
  members: readonly Member[],
): { readonly description: TableDescription; readonly members: readonly Member[] } {
  const [first] = members as [Member, ...Member[]];
  const differences = members.flatMap((member) => {
    const found = differencesOf(first.description.columns, member.description.columns);
    return found.length === 0 ? [] : [`${nameOf(member)} ${found.join(', ')}`];
  });
  if (differences.length > 0)
    throw new TidemarkError(
      'TableUnsupported',
      `${formatTableName(table)}: its tables are of different shapes: ${differences.slice(0, shownMax).join('; ')}${differences.length > shownMax ? `; and ${differences.length - shownMax} more` : ''}; allowed: the same columns and types as ${nameOf(first)}, by \`columns\`, \`exclude_columns\` or \`as_text\``,
    );
  const columns = first.description.columns.map((column) => ({
    ...column,
    nullable: members.some(({ description }) => columnOf(description, column.name).nullable),
  }));
  const ordered = members.map((member) => ({
    ...member,
    description: {
      ...member.description,
      columns: columns.map(({ name, nullable }) => ({ ...columnOf(member.description, name), nullable })),
    },
  }));
  const identities = members.map((member) => `${nameOf(member)}=${member.description.identity}`);
  const keys = new Set(members.map(({ description }) => JSON.stringify(description.key)));
  return {
    description: {
      ...{ schema: table.schema, table: table.table, columns },
      identity: `several/${createHash('sha256').update(identities.join('\n')).digest('hex').slice(0, 16)}`,
      key: keys.size === 1 ? first.description.key : { by: 'nothing' },
      notes: [
        ...new Set(members.flatMap(({ description }) => description.notes)),
        `${members.length} tables become this one: ${members.slice(0, shownMax).map(nameOf).join(', ')}${members.length > shownMax ? ` and ${members.length - shownMax} more` : ''}`,
      ],
    },
    members: ordered,
  };
}

const shownMax = 5;

const columnOf = ({ columns }: TableDescription, name: string): SourceColumn =>
  columns.find((column) => column.name === name)!;

const nameOf = ({ source, description }: Member): string => memberName({ source, name: description });

function differencesOf(columns: readonly SourceColumn[], others: readonly SourceColumn[]): string[] {
  const more = others.filter(({ name }) => !columns.some((column) => column.name === name));
  return [
    ...columns.flatMap((column) => {
      const other = others.find(({ name }) => name === column.name);
      if (other === undefined) return [`lacks ${column.name}`];
      const isSame = JSON.stringify(other.type) === JSON.stringify(column.type);
      return isSame ? [] : [`has ${column.name} ${other.sourceType}, not ${column.sourceType}`];
    }),
    ...more.map(({ name }) => `also has ${name}`),
  ];
}

/** With the ids that the columns have in the lake. */
export const withIdsOf = ({ columns }: TableDescription, member: Member): Member => ({
  ...member,
  description: {
    ...member.description,
    columns: member.description.columns.map((column, i) => ({
      ...column,
      id: columns[i]!.id,
      number: column.number ?? column.id,
    })),
  },
});
