/** What to say of a table that is not there. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { likelyMeant } from '../likely-meant.ts';
import type { TableName } from '../source.ts';
import type { Session } from './connect.ts';

/** At most this many names are looked through. */
const namesMax = 5_000;

export async function missingTable(session: Session, wanted: TableName): Promise<TidemarkError> {
  const rows = await session.query(
    formatTableName(wanted),
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       AND has_schema_privilege(n.oid, 'USAGE') LIMIT $1`,
    [namesMax],
  );
  const meant = likelyMeant(
    wanted,
    rows.map(([schema, table]) => ({ schema: schema ?? '', table: table ?? '' })),
  );
  const hint = meant === null ? '' : `; there is ${formatTableName(meant)}`;
  return new TidemarkError(
    'TableMissing',
    `There is no table ${formatTableName(wanted)} in the database${hint}`,
  );
}
