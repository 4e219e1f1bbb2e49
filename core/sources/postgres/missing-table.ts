/** What to say of a table that is not there. */
import { formatTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import { nearestWord } from '../../nearest.ts';
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

/** A typo in the table's name, in the schema's, or in both. */
function likelyMeant(wanted: TableName, known: readonly TableName[]): TableName | null {
  const inSchema = known.filter(({ schema }) => schema === wanted.schema);
  for (const tables of [inSchema, known]) {
    const near = nearestWord(
      wanted.table,
      tables.map(({ table }) => table),
    );
    const alike = tables.filter(({ table }) => table === near);
    const schema = nearestWord(
      wanted.schema,
      alike.map((one) => one.schema),
    );
    const meant = alike.find((one) => one.schema === schema) ?? alike[0];
    if (meant !== undefined) return meant;
  }
  return null;
}
