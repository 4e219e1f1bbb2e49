/** A table as PostgreSQL's catalog knows it → `TableDescription`, plus what reading it takes. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { SourceColumn, TableDescription, TableName } from '../source.ts';
import { type Collation, readCollation } from './collation.ts';
import type { Session } from './connect.ts';
import { missingTable } from './missing-table.ts';
import { chooseKey, type UniqueIndex } from './table-key.ts';
import { type KeyWire, keyTypes, mapType, type Wire } from './type-map.ts';

/** A column with what its values look like on the wire. */
export type CatalogColumn = SourceColumn & {
  readonly wire: Wire;
  /** base type (domains resolved) and modifier, as RowDescription tells them */
  readonly typeId: number;
  readonly modifier: number;
};

export type CatalogTable = {
  readonly description: TableDescription;
  readonly columns: readonly CatalogColumn[];
  readonly tableId: number;
  /** `ONLY` for a plain table: an inheritance parent's key says nothing about its children */
  readonly only: 'ONLY ' | '';
  readonly partitioned: boolean;
  /** position of the key among the columns */
  readonly keyAt: number;
  readonly keyCast: string;
  /** how the key's column comes: as text where the user wants it so */
  readonly keyWire: KeyWire;
  /** null: the key is no text */
  readonly keyCollation: Collation | null;
  /** a guess from the last ANALYZE, with TOAST; null: unknown */
  readonly rowBytes: number | null;
};

type Relation = {
  readonly id: number;
  readonly kind: string;
  readonly usage: boolean;
  readonly rowSecurity: boolean;
  readonly children: number;
  readonly rows: number;
  readonly bytes: number;
};

const otherKinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  I: 'a partitioned index',
  c: 'a composite type',
  t: 'a TOAST table',
};

/** Throws `TableMissing`, `TableDenied`, `TableUnsupported`, `KeyMissing`, `KeyUnsupported`, `DefinitionInvalid`. */
export async function readCatalog(
  session: Session,
  database: string,
  name: TableName,
  asText: readonly string[],
  key: string | null,
): Promise<CatalogTable> {
  const where = formatTableName(name);
  const relation = await findRelation(session, name);
  if (relation === null) throw await missingTable(session, name);
  if (relation.kind !== 'r' && relation.kind !== 'p')
    throw new TidemarkError(
      'TableUnsupported',
      `${where} is ${otherKinds[relation.kind] ?? 'no table'}; only ordinary and partitioned tables are copied`,
    );
  if (!relation.usage)
    throw new TidemarkError('TableMissing', `${where}: the user has no USAGE right on schema ${name.schema}`);
  if (relation.rowSecurity)
    throw new TidemarkError(
      'TableDenied',
      `${where}: row-level security would hide rows from this user; use the table's owner or a role with BYPASSRLS`,
    );
  const { columns, notes, denied } = await readColumns(session, relation.id, where, asText);
  if (denied.length > 0)
    throw new TidemarkError('TableDenied', `${where}: no SELECT right on ${denied.join(', ')}`);
  const indexes = await readUniqueIndexes(session, relation.id, where);
  const keyColumn = chooseKey(where, columns, indexes, key);
  const keyType = keyTypes.get(keyColumn.typeId);
  if (keyType === undefined)
    throw new TidemarkError('ProtocolViolation', `${where}: key type not in the map`);
  const keyCollation =
    keyType.cast === 'text' ? await readCollation(session, where, relation.id, keyColumn.id) : null;
  if (relation.children > 0)
    notes.push(
      `the rows of its ${relation.children} inheritance children are not copied with it; list the children as tables`,
    );
  return {
    description: {
      schema: name.schema,
      table: name.table,
      identity: `${database}/${relation.id}`,
      columns: columns.map(({ wire, typeId, modifier, ...column }) => column),
      key: {
        column: keyColumn.name,
        sourceType: keyColumn.sourceType,
        ...(keyCollation !== null && { collation: keyCollation.description }),
      },
      notes,
    },
    columns,
    tableId: relation.id,
    only: relation.kind === 'r' ? 'ONLY ' : '',
    partitioned: relation.kind === 'p',
    keyAt: columns.indexOf(keyColumn),
    keyCast: keyType.cast,
    keyWire: keyColumn.transfer === 'text' ? 'text' : keyType.wire,
    keyCollation,
    rowBytes: relation.rows > 0 && relation.bytes > 0 ? relation.bytes / relation.rows : null,
  };
}

async function findRelation(session: Session, name: TableName): Promise<Relation | null> {
  const [row] = await session.query(
    formatTableName(name),
    `SELECT c.oid, c.relkind, has_schema_privilege(n.oid, 'USAGE'), row_security_active(c.oid), c.reltuples,
       CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END,
       CASE WHEN c.relkind = 'r' THEN (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = c.oid) ELSE 0 END
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [name.schema, name.table],
  );
  if (row === undefined) return null;
  const [id, kind, usage, rowSecurity, rows, bytes, children] = row;
  return {
    id: Number(id),
    kind: kind ?? '',
    usage: usage === 't',
    rowSecurity: rowSecurity === 't',
    rows: Number(rows),
    bytes: Number(bytes),
    children: Number(children),
  };
}

type Columns = { readonly columns: CatalogColumn[]; readonly notes: string[]; readonly denied: string[] };

async function readColumns(
  session: Session,
  tableId: number,
  where: string,
  asText: readonly string[],
): Promise<Columns> {
  // A domain over a domain …: its modifier may come from any level. Its NOT NULL does not count: PostgreSQL
  // itself lets NULLs into such columns. Nor does one that is NOT VALID (since PostgreSQL 18).
  const rows = await session.query(
    where,
    `WITH RECURSIVE resolved AS (
       SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier
       FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT r.attnum, t.typbasetype, CASE WHEN r.modifier = -1 THEN t.typtypmod ELSE r.modifier END
       FROM resolved r JOIN pg_type t ON t.oid = r.type AND t.typtype = 'd')
     SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), r.type, r.modifier, t.typtype,
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = $1 AND n.contype = 'n'
         AND NOT n.convalidated AND a.attnum = ANY (n.conkey)),
       has_column_privilege($1::oid, a.attnum, 'SELECT')
     FROM resolved r JOIN pg_type t ON t.oid = r.type AND t.typtype <> 'd'
       JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = r.attnum
     ORDER BY a.attnum`,
    [tableId],
  );
  const columns: CatalogColumn[] = [];
  const notes: string[] = [];
  const denied: string[] = [];
  for (const row of rows) {
    const [id, name, sourceType, typeId, modifier, typtype, notNull, allowed] = row as string[];
    const base = { id: Number(typeId), typtype: typtype as string, modifier: Number(modifier) };
    const mapping = mapType(base, sourceType as string, asText.includes(name as string));
    if (mapping.note !== null) notes.push(`column ${name} is copied as text: ${mapping.note}`);
    if (allowed !== 't') denied.push(name as string);
    columns.push({
      id: Number(id),
      name: name as string,
      type: mapping.type,
      nullable: notNull !== 't',
      sourceType: sourceType as string,
      transfer: mapping.transfer,
      wire: mapping.wire,
      typeId: base.id,
      modifier: base.modifier,
    });
  }
  const unknown = asText.filter((name) => !columns.some((column) => column.name === name));
  if (unknown.length > 0)
    throw new TidemarkError(
      'DefinitionInvalid',
      `as_text of ${where} names ${unknown.join(', ')}; its columns are ${columns.map(({ name }) => name).join(', ')}`,
    );
  return { columns, notes, denied };
}

async function readUniqueIndexes(session: Session, tableId: number, where: string): Promise<UniqueIndex[]> {
  const rows = await session.query(
    where,
    `SELECT c.relname, i.indisprimary, i.indisvalid AND i.indisready, i.indpred IS NOT NULL, i.indexprs IS NOT NULL,
       (SELECT array_to_json(array_agg(a.attname ORDER BY k.n))
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE k.n <= i.indnkeyatts),
       (SELECT o.opcdefault FROM pg_opclass o WHERE o.oid = i.indclass[0])
         AND coalesce((SELECT a.attcollation FROM pg_attribute a
           WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) = i.indcollation[0], true)
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1 AND i.indisunique ORDER BY i.indisprimary DESC, c.relname`,
    [tableId],
  );
  return rows.map(([name, primary, valid, partial, expression, columns, ordered]) => ({
    name: name ?? '',
    primary: primary === 't',
    valid: valid === 't',
    partial: partial === 't',
    expression: expression === 't',
    columns: JSON.parse(columns ?? '[]') as string[],
    ordered: ordered === 't',
  }));
}
