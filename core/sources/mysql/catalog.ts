/** A table as a server's information_schema knows it → `TableDescription`, plus what reading it takes. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { Key, TableDescription, TableName, TableWishes } from '../source.ts';
import { checkWishes, wantedColumns } from '../table-wishes.ts';
import { addedColumn, type CatalogColumn, readColumns } from './columns.ts';
import type { Server, Session } from './connect.ts';
import { identifier, qualified } from './literals.ts';
import { findRelation, type Relation } from './relation.ts';
import { type ChosenKey, chooseKey, noteOf } from './table-key.ts';
import { type KeyForm, keyFormOf, type Wire } from './type-map.ts';
import { readUniqueIndexes } from './unique-indexes.ts';

/** A column that ranges compare and order by. */
export type CatalogKeyColumn = {
  readonly name: string;
  readonly sql: string;
  readonly form: KeyForm;
  /** digits after the point */
  readonly scale: number;
  /** of a text: what a constant is made to be, so that the column's order counts and its index is used */
  readonly text: CatalogColumn['text'];
  /** its place among the fields of a row, and how it comes */
  readonly at: number;
  readonly wire: Wire;
};

export type CatalogTable = {
  readonly description: TableDescription;
  readonly columns: readonly CatalogColumn[];
  /** none: the table is read in no order */
  readonly key: readonly CatalogKeyColumn[];
  /** that statements are made to walk; null: the optimizer's choice */
  readonly index: string | null;
  readonly relation: Relation;
};

/**
 * @param planned by what a run that is under way reads the table; its columns may have gone since
 * @throws TidemarkError TableMissing, TableDenied, TableUnsupported, KeyMissing, KeyUnsupported, DefinitionInvalid
 */
export async function readCatalog(
  session: Session,
  name: TableName,
  wishes: TableWishes,
  planned: Key['by'] | null,
): Promise<CatalogTable> {
  const where = formatTableName(name);
  const relation = await findRelation(session, name);
  const { columns: all, notes, denied } = await readColumns(session, name, where, wishes);
  if (all.length === 0)
    throw new TidemarkError('TableDenied', `${where}: this user may see the table, and none of its columns`);
  if (planned === null) checkWishes(where, all, wishes);
  const indexes = await readUniqueIndexes(session, name);
  const keyed = { where, relation, columns: all, indexes };
  const chosen = chooseKey(keyed, wishes.key, planned);
  const keyNames = chosen.by === 'columns' ? chosen.columns.map((column) => column.name) : [];
  const columns = [
    ...(planned === null ? wantedColumns(where, all, wishes, keyNames) : all),
    ...(wishes.constant === null ? [] : [addedColumn(wishes.constant)]),
  ];
  const closed = columns.filter((column) => denied.has(column.name)).map((column) => column.name);
  // of a run that is under way, the statements themselves are refused, if it still concerns them
  if (planned === null && closed.length > 0)
    throw new TidemarkError('TableDenied', `${where}: no SELECT right on ${closed.join(', ')}`);
  if (planned === null && wishes.columns === null) await checkAllSeen(session, name, all, denied);
  if (planned === null && wishes.where !== null) await checkWhere(session, name, wishes.where);

  const wanted = new Set(columns.map((column) => column.name));
  const descriptionNotes = notes.filter(({ column }) => wanted.has(column)).map(({ text }) => text);
  if (chosen.by === 'nothing') descriptionNotes.push(noteOf(keyed));
  else if (chosen.index === null)
    descriptionNotes.push(
      `that ${keyNames.join(', ')} ${keyNames.length === 1 ? 'is' : 'are together'} unique is the definition’s word: the database does not know it of a view`,
    );
  return {
    description: {
      schema: name.schema,
      table: name.table,
      identity: tableIdentity(name, relation),
      columns: columns.map(({ wire, catalogType, text, ...column }) => column),
      key: describedKey(session.server, chosen),
      ...(wishes.where !== null && { where: wishes.where }),
      notes: descriptionNotes,
    },
    columns,
    key:
      chosen.by === 'nothing'
        ? []
        : chosen.columns.map((column) => ({
            name: column.name,
            sql: `t.${identifier(column.name)}`,
            form: keyFormOf(column.catalogType) as KeyForm,
            scale: column.catalogType.scale,
            text: column.text,
            at: columns.indexOf(column),
            wire: column.wire,
          })),
    index: chosen.by === 'columns' ? chosen.index : null,
    relation,
  };
}

/**
 * A server knows a table by its name, and when it was made. Every ALTER moves that time, as do DROP with CREATE and
 * RENAME; TRUNCATE does not. Of a view, and where the server does not say it, only the name is left.
 */
export const tableIdentity = ({ schema, table }: TableName, { created }: Pick<Relation, 'created'>): string =>
  `${formatTableName({ schema, table })}${created === null ? '' : `, of ${created}`}`;

/**
 * The server hides columns on which a user has no right at all: without this they would be left out silently.
 * @throws TidemarkError TableDenied
 */
async function checkAllSeen(
  session: Session,
  name: TableName,
  seen: readonly CatalogColumn[],
  denied: ReadonlySet<string>,
): Promise<void> {
  // one that is seen, and may not be read, is named by itself
  if (denied.size > 0) return;
  const where = formatTableName(name);
  const sql = `SELECT * FROM ${qualified(name.schema, name.table)} LIMIT 0`;
  await session.query(where, sql).catch((error) => {
    if (!(error instanceof TidemarkError) || error.code !== 'TableDenied') throw error;
    throw new TidemarkError(
      'TableDenied',
      `${where}: it has columns that this user may not see, besides ${seen.map((column) => column.name).join(', ')}; to copy just these, name them under \`columns:\``,
    );
  });
}

/**
 * The condition has to be one expression: closed brackets or a UNION in it would change the meaning of what stands
 * around it. In one of these two places, both are errors.
 * @throws TidemarkError DefinitionInvalid
 */
async function checkWhere(session: Session, name: TableName, condition: string): Promise<void> {
  const table = `${qualified(name.schema, name.table)} AS t`;
  for (const sql of [
    `SELECT 1 FROM (SELECT 1 FROM ${table} WHERE ${condition}\n) AS fitting LIMIT 0`,
    `SELECT COALESCE(${condition}\n, 0) FROM ${table} LIMIT 0`,
  ]) {
    await session.query(formatTableName(name), sql).catch((error) => {
      if (!(error instanceof TidemarkError) || error.kind === 'transient') throw error;
      throw new TidemarkError(
        'DefinitionInvalid',
        `where of ${error.message}; allowed: one condition over its columns`,
      );
    });
  }
}

/** A collation has no version: the server that compares stands for it. */
export function describedKey({ family, version }: Server, chosen: ChosenKey): Key {
  if (chosen.by === 'nothing') return { by: 'nothing' };
  const [major = ''] = version.split('.');
  return {
    by: 'columns',
    columns: chosen.columns.map(({ name, sourceType, text }) => ({
      column: name,
      sourceType,
      ...(text !== null && { collation: `${text.collation}, of ${family} ${major}` }),
    })),
  };
}
