/** A table as PostgreSQL's catalog knows it → `TableDescription`, plus what reading it takes. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { Key, TableDescription, TableName, TableWishes } from '../source.ts';
import { checkWishes, wantedColumns } from '../table-wishes.ts';
import { type Collation, readCollation } from './collation.ts';
import { addedColumn, type CatalogColumn, readColumns } from './columns.ts';
import type { Session } from './connect.ts';
import { identifier, qualified } from './literals.ts';
import { placeState } from './place-state.ts';
import { findRelation, type Relation } from './relation.ts';
import { type ChosenKey, chooseKey, noteOf } from './table-key.ts';
import { type KeyWire, keyWires } from './type-map.ts';
import { builtInOperators, type Operators, readUniqueIndexes } from './unique-indexes.ts';

/** A column that ranges compare and order by. */
export type CatalogKeyColumn = {
  readonly name: string;
  /** of pg_attribute */
  readonly number: number;
  /** the column as an input column: `ORDER BY "id"` alone would mean the output column, which may be cast to text */
  readonly sql: string;
  /** what a constant is cast to: the comparison keeps the column's collation and uses its index */
  readonly castType: string;
  readonly operators: Operators;
  /** its place among the fields of a row, and how it comes */
  readonly at: number;
  readonly wire: KeyWire;
  /** null: the key is no text */
  readonly collation: Collation | null;
};

export type CatalogTable = {
  readonly description: TableDescription;
  readonly columns: readonly CatalogColumn[];
  /** none: the table is read in no order */
  readonly key: readonly CatalogKeyColumn[];
  /** selected behind the columns, for the key alone */
  readonly keyTexts: readonly string[];
  readonly tableId: number;
  readonly kind: Relation['kind'];
  /** a guess from the last ANALYZE, with TOAST; null: unknown */
  readonly rowBytes: number | null;
};

/**
 * @param planned by what a run that is under way reads the table; its columns may have gone since
 * @throws TidemarkError TableMissing, TableDenied, TableUnsupported, KeyMissing, KeyUnsupported, DefinitionInvalid
 */
export async function readCatalog(
  session: Session,
  database: string,
  name: TableName,
  wishes: TableWishes,
  planned: Key['by'] | null,
): Promise<CatalogTable> {
  const where = formatTableName(name);
  const relation = await findRelation(session, name);
  const { columns: all, notes, denied } = await readColumns(session, relation.id, where, wishes);
  if (planned === null) checkWishes(where, all, wishes);
  const indexes = await readUniqueIndexes(session, relation.id, where);
  const { serverVersion: version, isReplica } = session;
  const keyed = {
    ...{ where, kind: relation.kind, columns: all, indexes },
    server: { version: versionNumber(version), isReplica },
  };
  const chosen = chooseKey(keyed, wishes.key, planned);
  const keyNames = chosen.by === 'columns' ? chosen.columns.map(({ column }) => column.name) : [];
  const columns = [
    ...(planned === null ? wantedColumns(where, all, wishes, keyNames) : all),
    ...(wishes.constant === null ? [] : [addedColumn(wishes.constant)]),
  ];
  const closed = columns.filter((column) => denied.has(column.name)).map((column) => column.name);
  // of a run that is under way, the statements themselves are refused, if it still concerns them
  if (planned === null && closed.length > 0)
    throw new TidemarkError('TableDenied', `${where}: no SELECT right on ${closed.join(', ')}`);
  if (planned === null && wishes.where !== null)
    await checkWhere(
      session,
      where,
      `${relation.kind === 'table' ? 'ONLY ' : ''}${qualified(name.schema, name.table)} AS t`,
      wishes.where,
    );

  const { key, keyTexts } = await keyColumns(session, where, relation.id, columns, chosen);
  const wanted = new Set(columns.map((column) => column.name));
  const descriptionNotes = notes.filter(({ column }) => wanted.has(column)).map(({ text }) => text);
  if (relation.children > 0)
    descriptionNotes.push(
      `the rows of its ${relation.children} inheritance children are not copied with it; list the children as tables`,
    );
  if (chosen.by !== 'columns') descriptionNotes.push(noteOf(keyed, chosen.by));
  else if (!chosen.known)
    descriptionNotes.push(
      `that ${keyNames.join(', ')} ${keyNames.length === 1 ? 'is' : 'are together'} unique is the definition’s word: the database does not know it of a ${relation.kind}`,
    );
  return {
    description: {
      schema: name.schema,
      table: name.table,
      identity: `${database}/${relation.id}`,
      columns: columns.map(({ wire, typeId, modifier, castType, collated, isEnum, ...column }) => column),
      key: await describedKey(session, where, relation, chosen, key, planned),
      ...(wishes.where !== null && { where: wishes.where }),
      notes: descriptionNotes,
    },
    ...{ columns, key, keyTexts, tableId: relation.id, kind: relation.kind },
    rowBytes: relation.rows > 0 && relation.bytes > 0 ? relation.bytes / relation.rows : null,
  };
}

/**
 * The condition has to be one expression: closed brackets or a UNION in it would change the meaning of what stands
 * around it. In one of these two places, both are errors.
 * @param table as FROM names it
 * @throws TidemarkError DefinitionInvalid
 */
async function checkWhere(session: Session, where: string, table: string, condition: string): Promise<void> {
  for (const sql of [
    `SELECT 1 FROM (SELECT 1 FROM ${table} WHERE ${condition}\n) AS fitting LIMIT 0`,
    `SELECT coalesce(${condition}\n, false) FROM ${table} LIMIT 0`,
  ]) {
    await session.query(where, sql).catch((error) => {
      if (!(error instanceof TidemarkError) || error.kind === 'transient') throw error;
      throw new TidemarkError(
        'DefinitionInvalid',
        `where of ${error.message}; allowed: one condition over its columns, with the schema before every function that is not PostgreSQL’s own`,
      );
    });
  }
}

/** `17.9 (Debian …)` → 170009, as server_version_num. */
const versionNumber = (version: string): number => {
  const [major = 0, minor = 0] = version.split(/[. ]/).map(Number);
  return major * 10_000 + (Number.isNaN(minor) ? 0 : minor);
};

async function keyColumns(
  session: Session,
  where: string,
  tableId: number,
  columns: readonly CatalogColumn[],
  chosen: ChosenKey,
): Promise<Pick<CatalogTable, 'key' | 'keyTexts'>> {
  if (chosen.by === 'nothing') return { key: [], keyTexts: [] };
  if (chosen.by === 'place') {
    const ctid = { name: 'ctid', number: -1, sql: 't.ctid', castType: 'pg_catalog.tid' };
    const form = { operators: builtInOperators, at: columns.length, wire: 'tid', collation: null } as const;
    return { key: [{ ...ctid, ...form }], keyTexts: ['t.ctid'] };
  }
  const key: CatalogKeyColumn[] = [];
  const keyTexts: string[] = [];
  for (const { column, operators } of chosen.columns) {
    const sql = `t.${identifier(column.name)}`;
    const wire = column.transfer === 'text' ? 'text' : keyWires.get(column.typeId);
    if (wire === undefined) keyTexts.push(`(${sql})::text`);
    key.push({
      ...{ name: column.name, number: column.id, sql, castType: column.castType, operators },
      at: wire === undefined ? columns.length + keyTexts.length - 1 : columns.indexOf(column),
      wire: wire ?? 'text',
      collation: column.collated ? await readCollation(session, where, tableId, column.id) : null,
    });
  }
  return { key, keyTexts };
}

async function describedKey(
  session: Session,
  where: string,
  relation: Relation,
  chosen: ChosenKey,
  key: readonly CatalogKeyColumn[],
  planned: Key['by'] | null,
): Promise<Key> {
  if (chosen.by === 'nothing') return { by: 'nothing' };
  // of a run that is under way the plan has it, and whoever reads asks for today's
  if (chosen.by === 'place' && planned !== null) return { by: 'place', state: '' };
  if (chosen.by === 'place')
    return { by: 'place', state: JSON.stringify(await placeState(session, where, relation.id)) };
  return {
    by: 'columns',
    columns: chosen.columns.map(({ column }, i) => ({
      column: column.name,
      sourceType: column.sourceType,
      ...(key[i]?.collation && { collation: key[i].collation.description }),
    })),
  };
}
