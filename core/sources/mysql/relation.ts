/** What a name stands for in a server's information_schema. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { likelyMeant } from '../likely-meant.ts';
import type { TableName } from '../source.ts';
import type { Session } from './connect.ts';
import { literal } from './literals.ts';

export type Relation = {
  readonly kind: 'table' | 'view';
  /** when the definition of the table was last changed, or its files were; null: the server does not say */
  readonly created: string | null;
  /** the storage engine's estimates; 0: it does not say */
  readonly rows: number;
  readonly bytes: number;
};

/** At most this many names are looked through for one that is meant. */
const namesMax = 5_000;

/** Throws `TableMissing`, `TableUnsupported`. */
export async function findRelation(session: Session, name: TableName): Promise<Relation> {
  const where = formatTableName(name);
  const [row] = await session.query(
    where,
    `SELECT table_type, CAST(create_time AS CHAR), CAST(COALESCE(table_rows, 0) AS CHAR),
       CAST(COALESCE(data_length, 0) AS CHAR)
     FROM information_schema.tables
     WHERE table_schema = ${literal(name.schema)} AND table_name = ${literal(name.table)}`,
  );
  if (row === undefined) throw await missingTable(session, name);
  const [type, created = null, rows, bytes] = row;
  if (type !== 'BASE TABLE' && type !== 'SYSTEM VERSIONED' && type !== 'VIEW')
    throw new TidemarkError(
      'TableUnsupported',
      `${where} is a ${type?.toLowerCase()}; tables and views are copied`,
    );
  const kind = type === 'VIEW' ? 'view' : 'table';
  return { kind, created, rows: Number(rows), bytes: Number(bytes) };
}

async function missingTable(session: Session, wanted: TableName): Promise<TidemarkError> {
  const rows = await session.query(
    formatTableName(wanted),
    `SELECT table_schema, table_name FROM information_schema.tables
     WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') LIMIT ${namesMax}`,
  );
  const known = rows.map(([schema, table]) => ({ schema: schema ?? '', table: table ?? '' }));
  const meant = likelyMeant(wanted, known);
  const hint = meant === null ? '' : `; there is ${formatTableName(meant)}`;
  return new TidemarkError(
    'TableMissing',
    `There is no table ${formatTableName(wanted)} that this user may see${hint}`,
  );
}
