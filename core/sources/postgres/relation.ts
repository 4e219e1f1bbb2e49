/** What a name stands for in PostgreSQL's catalog. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { TableName } from '../source.ts';
import type { Session } from './connect.ts';
import { missingTable } from './missing-table.ts';

export type Relation = {
  readonly id: number;
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';
  readonly children: number;
  /** of the last ANALYZE; below 0: there was none */
  readonly rows: number;
  /** with TOAST */
  readonly bytes: number;
};

export const kinds: Readonly<Record<string, Relation['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

const otherKinds: Readonly<Record<string, string>> = {
  S: 'a sequence',
  i: 'an index',
  I: 'a partitioned index',
  c: 'a composite type',
  t: 'a TOAST table',
};

/** Throws `TableMissing`, `TableDenied`, `TableUnsupported`. */
export async function findRelation(session: Session, name: TableName): Promise<Relation> {
  const where = formatTableName(name);
  const [row] = await session.query(
    where,
    `SELECT c.oid, c.relkind, has_schema_privilege(n.oid, 'USAGE'), row_security_active(c.oid), c.reltuples,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END,
       CASE WHEN c.relkind = 'r' THEN (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = c.oid) ELSE 0 END
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [name.schema, name.table],
  );
  if (row === undefined) throw await missingTable(session, name);
  const [id, letter, usage, rowSecurity, rows, bytes, children] = row;
  const kind = kinds[letter ?? ''];
  if (kind === undefined)
    throw new TidemarkError(
      'TableUnsupported',
      `${where} is ${otherKinds[letter ?? ''] ?? 'no table'}; tables, partitioned and foreign tables, views and materialized views are copied`,
    );
  if (usage !== 't')
    throw new TidemarkError('TableMissing', `${where}: the user has no USAGE right on schema ${name.schema}`);
  if (rowSecurity === 't')
    throw new TidemarkError(
      'TableDenied',
      `${where}: row-level security would hide rows from this user; use the table's owner or a role with BYPASSRLS`,
    );
  return {
    id: Number(id),
    kind,
    children: Number(children),
    rows: Number(rows),
    bytes: Number(bytes),
  };
}
